"""The guides of docs/guides: their catalogs compile, their commands are a shell's, their links lead on."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import Outcome, render

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ROOT / "docs" / "guides"
CLOUDS = ("gke", "eks", "aks", "plain-kubernetes")
PLATFORMS = {"gke": "gke", "eks": "eks", "aks": "aks", "plain-kubernetes": "generic"}


def text_of(name: str) -> str:
    return (GUIDES / f"{name}.md").read_text(encoding="utf-8")


def fenced(text: str, info: str) -> list[str]:
    """The blocks of Markdown that begin with that word, or those words."""
    return re.findall(rf"^```{info}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def catalog_of(name: str) -> dict[str, Any]:
    (text,) = fenced(text_of(name), "yaml catalog")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def merged(below: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(below) if isinstance(below, Mapping) else {}
    for key, value in patch.items():
        found[key] = merged(found.get(key), value)
    return found


def rendered(catalog: dict[str, Any], folder: Path) -> Outcome:
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(catalog, sort_keys=False), encoding="utf-8")
    return render(path)


def said(outcome: Outcome) -> list[str]:
    return [f"{d.severity} {d.code}: {d.message}" for d in outcome.diagnostics if d.severity != "note"]


@pytest.mark.parametrize("name", CLOUDS)
def test_the_catalog_compiles_without_a_word(name: str, tmp_path: Path) -> None:
    outcome = rendered(catalog_of(name), tmp_path)
    assert said(outcome) == []
    assert outcome.bundle is not None
    assert outcome.catalog is not None
    assert outcome.catalog.target.platform == PLATFORMS[name]


@pytest.mark.parametrize(
    ("name", "patch"), [(name, patch) for name in CLOUDS for patch in fenced(text_of(name), "yaml patch")]
)
def test_what_may_be_added_compiles_without_a_word(name: str, patch: str, tmp_path: Path) -> None:
    outcome = rendered(merged(catalog_of(name), yaml.safe_load(patch)), tmp_path)
    assert said(outcome) == []
    assert outcome.bundle is not None


@pytest.mark.parametrize("name", [*CLOUDS, "resources", "ci"])
def test_every_command_is_a_shells(name: str) -> None:
    found = fenced(text_of(name), "sh")
    assert found
    for block in found:
        ran = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, ""), block


@pytest.mark.parametrize("name", CLOUDS)
def test_commands_name_what_the_catalog_makes(name: str, tmp_path: Path) -> None:
    outcome = rendered(catalog_of(name), tmp_path)
    assert outcome.bundle is not None
    assert outcome.catalog is not None
    made = "".join(raw.decode() for path, raw in outcome.bundle.items() if path.startswith("manifests/"))
    commands = "".join(fenced(text_of(name), "sh"))
    namespaces = re.findall(r"--namespace (\S+)", commands)
    assert set(namespaces) == {"llm"}
    deployments = re.findall(r"deployment/(\S+)", commands)
    assert set(deployments) == set(outcome.catalog.gateways)
    assert all(f"name: {deployment}\n" in made for deployment in deployments)
    (secret, key) = re.findall(r"get secret (\S+) .*'\{\.data\.(\S+)\}'", commands)[0]
    assert f"secretKeyRef:\n                  name: {secret}\n                  key: {key}" in made
    asked = re.findall(r'"model": "([^"]+)"', commands)
    assert set(asked) <= set(outcome.catalog.models)


@pytest.mark.parametrize("path", sorted(GUIDES.glob("*.md")), ids=lambda path: path.stem)
def test_every_link_to_another_page_leads_there(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize(
    "case", sorted(path.parent for path in (ROOT / "tests/golden").glob("*/catalog.yaml"))
)
def test_the_page_of_resources_has_every_file(case: Path) -> None:
    outcome = render(case / "catalog.yaml")
    assert outcome.bundle is not None
    manifests = [path.rpartition("/")[2] for path in outcome.bundle if "manifests/" in path]
    page = text_of("resources")
    missing = {name for name in manifests if f"{general(name)}`" not in page}
    assert not missing


def general(name: str) -> str:
    """The name of a file as the page has it: one row for all Secrets, and for all parts of a ConfigMap."""
    of_one = re.sub(r"^(externalsecret|podmonitor)-.+", r"\1-….yaml", name)
    return re.sub(r"^(configmap-\w+)-\d+", r"\1", of_one)
