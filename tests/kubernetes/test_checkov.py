"""checkov's judgement of the output: nothing fails but the one check that the documentation answers.

checkov pins much that Interlock's own requirements move, so it has an environment of its own:
`make .venv-checkov/.ready`, or any checkov that INTERLOCK_CHECKOV names.
"""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import render

ROOT = Path(__file__).resolve().parents[2]
CATALOGS = [
    *sorted((ROOT / "catalog").glob("*.yaml")),
    *sorted((ROOT / "tests" / "golden").glob("*/catalog.yaml")),
]
CHECKOV = Path(os.environ.get("INTERLOCK_CHECKOV", ROOT / ".venv-checkov" / "bin" / "checkov"))

pytestmark = pytest.mark.skipif(
    not CHECKOV.exists() and not os.environ.get("CI"),
    reason="checkov is not installed: make .venv-checkov/.ready, or set INTERLOCK_CHECKOV",
)

# "Prefer using secrets as files over secrets as environment variables": LiteLLM reads its keys from there.
DOCUMENTED = {"CKV_K8S_35"}
# What a catalog asks for itself. No namespace: the default one ("default namespace should not be used"). No
# image: LiteLLM's own, by its tag ("image should use digest"); which digest to trust is its user's to say.
NAMESPACE, DIGEST = "CKV_K8S_21", "CKV_K8S_43"

Check = dict[str, Any]


def judged(folder: Path, home: Path) -> dict[str, Any]:
    """checkov's report on every YAML file of a folder, without an account, a home or the network."""
    command = [str(CHECKOV), "--framework", "kubernetes", "--directory", str(folder), "--skip-download"]
    quiet = ["--output", "json", "--compact", "--quiet", "--soft-fail"]
    env = {"HOME": str(home), "PATH": os.defpath}
    ran = subprocess.run(
        [*command, *quiet], env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr
    report: dict[str, Any] = json.loads(ran.stdout)
    return report


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file of every catalog, and a broken one, in one folder: checkov takes seconds to start."""
    folder = tmp_path_factory.mktemp("bundles")
    for path in CATALOGS:
        outcome = render(path)
        assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
        # checkov counts a NetworkPolicy of one file for the pods of another that have the same labels;
        # the labels name the catalog
        file = folder / f"{outcome.name}.yaml"
        assert not file.exists(), f"two catalogs are called {outcome.name}: give {path} another name"
        file.write_bytes(outcome.bundle[f"{outcome.name}.yaml"])
    (folder / "broken.yaml").write_text(broken((folder / "current.yaml").read_text("utf-8")), "utf-8")
    return folder


def broken(manifests: str) -> str:
    """The same, of another name, without what each of some checks looks for."""
    text = re.sub(r"\bcurrent\b", "broken", manifests)
    documents = [d for d in yaml.safe_load_all(text) if d["kind"] != "NetworkPolicy"]
    for document in documents:
        if document["kind"] == "Deployment":
            container = document["spec"]["template"]["spec"]["containers"][0]
            container["image"] = "ghcr.io/berriai/litellm:latest"
            container["securityContext"]["readOnlyRootFilesystem"] = False
            del container["resources"]["limits"]
    return yaml.safe_dump_all(documents)


@pytest.fixture(scope="module")
def report(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return judged(bundles, tmp_path_factory.mktemp("home"))


def failed(report: dict[str, Any], file: str) -> list[Check]:
    return [check for check in report["results"]["failed_checks"] if check["file_path"] == f"/{file}"]


def test_checkov_reads_every_bundle(report: dict[str, Any], bundles: Path) -> None:
    assert report["summary"]["parsing_errors"] == 0
    files = {check["file_path"] for check in report["results"]["failed_checks"]}
    assert report["summary"]["skipped"] == 0, "no annotation of the output talks checkov out of a check"
    assert report["summary"]["passed"] > 80 * len(CATALOGS)
    assert files <= {f"/{path.name}" for path in bundles.iterdir()}


def test_checkov_can_refuse(report: dict[str, Any]) -> None:
    """Or else the test below shows nothing."""
    found = {check["check_id"] for check in failed(report, "broken.yaml")}
    assert found >= {"CKV_K8S_11", "CKV_K8S_13", "CKV_K8S_14", "CKV_K8S_22", "CKV_K8S_43", "CKV2_K8S_6"}


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_check_fails_but_the_documented_one(report: dict[str, Any], path: Path) -> None:
    catalog = yaml.safe_load(path.read_text("utf-8"))
    found = failed(report, f"{catalog['name']}.yaml")
    excused = DOCUMENTED | asked_for(catalog)
    told = [f"{c['check_id']} {c['resource']}: {c['check_name']}" for c in found]
    assert [line for line in told if line.split()[0] not in excused] == []
    each = Counter(check["resource"] for check in found if check["check_id"] in DOCUMENTED)
    assert {resource.split(".")[0] for resource in each} <= {"Deployment"}
    assert set(each.values()) <= {1}


def asked_for(catalog: dict[str, Any]) -> set[str]:
    gateways = catalog.get("gateways") or {"llm-router": {}}
    namespaces = {(gateway or {}).get("namespace", "default") for gateway in gateways.values()}
    image = catalog.get("target", {}).get("litellm", {}).get("image", "")
    return ({NAMESPACE} if "default" in namespaces else set()) | (set() if "@" in image else {DIGEST})


def test_most_variants_are_excused_nothing() -> None:
    catalogs = [yaml.safe_load(path.read_text("utf-8")) for path in CATALOGS]
    assert sum(not asked_for(catalog) for catalog in catalogs) >= 5
