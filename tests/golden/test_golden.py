"""Golden trees: what `render` makes of a catalog, byte for byte, reviewed as a diff.

A case is a folder `<case>/{catalog.yaml,out/}`. To keep the cases small and quiet, `out/` leaves out:

- the plugin, which is copied unchanged from `compiler/runtime/`,
- rules and dashboard in `monitoring/manifests/`, which repeat `monitoring/` (`verify` holds them equal),
- `manifests/*/configmap*.yaml` and `<name>.yaml`, which repeat the plugin and the other files of `litellm/`,
- `.interlock.json`, which holds the digests of all of these, Interlock's version and the cost map's,

and it masks the one line of a Deployment that moves with the plugin's text, the digest that rolls the pods,
and in `report.html` what is the same in every page: the style, the scripts and the policy that names them.
`test_what_a_golden_tree_leaves_out_repeats_what_it_keeps` holds all of that together.

`python tests/golden/refresh.py` writes the trees anew.
"""

import difflib
import re
import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler import runtime
from compiler.pipeline import render
from compiler.render import WRITTEN
from compiler.resources import resource

RUNTIME = Path(runtime.__file__).parent
HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent.name for path in HERE.glob("*/catalog.yaml"))
REFRESH = "if this is what you meant: python tests/golden/refresh.py, and review the diff"

_DIGEST = re.compile(rb'(interlock\.dev/config-digest: )"?[0-9a-f]{12}"?$', re.MULTILINE)
_MASK = rb"\1MASKED"
REPORT = "report.html"
_SAME_IN_EVERY_PAGE = re.compile(
    rb"(?s)(?<=<style>).*?(?=</style>)|(?<=<script>).*?(?=</script>)"
    rb'|(?<=Content-Security-Policy" content=").*?(?=">)'
)

Tree = Mapping[str, bytes]


def rendered(case: str) -> dict[str, bytes]:
    """Everything `render` makes of a case's catalog."""
    outcome = render(HERE / case / "catalog.yaml", f"{case}/catalog.yaml")
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return dict(outcome.bundle)


def kept(bundle: Tree) -> dict[str, bytes]:
    """What a golden tree holds of a bundle, masked."""
    return {path: _masked(path, raw) for path, raw in bundle.items() if not _left_out(path)}


def _masked(path: str, raw: bytes) -> bytes:
    return _SAME_IN_EVERY_PAGE.sub(b"MASKED", raw) if path == REPORT else _DIGEST.sub(_MASK, raw)


def _left_out(path: str) -> bool:
    name = path.rpartition("/")[2]
    at_the_top = "/" not in path
    return (
        name.endswith(".py")
        or (path.startswith("manifests/") and name.startswith("configmap"))
        or path.startswith(("monitoring/manifests/prometheusrule", "monitoring/manifests/configmap"))
        or (at_the_top and name.endswith(".yaml") and name != "kustomization.yaml")
        or path == WRITTEN
    )


def stored(case: str) -> dict[str, bytes]:
    """The golden tree of a case, as it was last refreshed."""
    out = HERE / case / "out"
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def refresh(case: str) -> bool:
    """Makes the golden tree what `render` says now. Returns whether that changed it."""
    tree, out = kept(rendered(case)), HERE / case / "out"
    if stored(case) == tree:
        return False
    shutil.rmtree(out, ignore_errors=True)
    for path, raw in tree.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(raw)
    return True


def difference(old: Tree, new: Tree) -> str:
    """A unified diff from the stored tree to the rendered one."""
    lines: list[str] = []
    for path in sorted({*old, *new}):
        before, after = (tree.get(path, b"").decode().splitlines() for tree in (old, new))
        lines += difflib.unified_diff(before, after, f"stored/{path}", f"rendered/{path}", n=2, lineterm="")
    return "\n".join(lines)


def test_there_are_cases() -> None:
    assert CASES == [
        "aks-eso-ingress",
        "azure-two-regions",
        "bedrock-static-keys",
        "eks-irsa-keda-alb",
        "eks-pod-identity",
        "embeddings",
        "gke-eso-gateway-api",
        "plain-cilium-keda",
        "smallest",
        "two-priorities",
        "vllm-only",
    ]


@pytest.mark.parametrize("case", CASES)
def test_render_gives_the_golden_tree(case: str) -> None:
    old, new = stored(case), kept(rendered(case))
    assert new == old, f"{case}/out differs; {REFRESH}\n{difference(old, new)}"


@pytest.mark.parametrize("case", CASES)
def test_a_golden_catalog_is_without_findings(case: str) -> None:
    found = render(HERE / case / "catalog.yaml").diagnostics
    assert [f"{d.code} {d.message}" for d in found if d.severity != "note"] == []


@pytest.mark.parametrize("case", CASES)
def test_what_a_golden_tree_leaves_out_repeats_what_it_keeps(case: str) -> None:
    bundle = rendered(case)
    manifests = _applied(bundle)
    assert {path for path in bundle if path.startswith("manifests/")} == {
        path for path in manifests if not path.startswith("monitoring/")
    }

    together = list(yaml.safe_load_all(bundle[f"{_catalog_name(case)}.yaml"]))
    assert together == [yaml.safe_load(bundle[path]) for path in manifests]

    for gateway in {path.split("/")[1] for path in bundle if path.startswith("litellm/")}:
        beside = {
            path.removeprefix(f"litellm/{gateway}/"): raw.decode()
            for path, raw in bundle.items()
            if path.startswith(f"litellm/{gateway}/")
        }
        assert _mounted(together, gateway) == beside
        source = {path.name: path.read_text(encoding="utf-8") for path in RUNTIME.glob("*.py")}
        assert {
            path.rpartition("/")[2]: text for path, text in beside.items() if path.endswith(".py")
        } == source

    _, style, library, script = _SAME_IN_EVERY_PAGE.findall(bundle[REPORT])
    assert {"report.css": style, "d3.min.js": library, "report.js": script} == {
        name: resource("templates", "report", name).read_bytes()
        for name in ("report.css", "d3.min.js", "report.js")
    }


@pytest.mark.parametrize("case", CASES)
def test_every_file_is_listed_with_its_digest(case: str) -> None:
    bundle = rendered(case)
    written = yaml.safe_load(bundle.pop(WRITTEN))
    assert written["files"] == {path: sha256(raw).hexdigest() for path, raw in bundle.items()}


def test_the_digest_of_a_deployment_is_masked_and_nothing_else() -> None:
    line = b'        interlock.dev/config-digest: "1f6cc75a63ad"\n'
    bundle = {"manifests/g/deployment.yaml": line + b"  digest: abc\n", "ROUTES.md": b"1f6cc75a63ad"}
    assert kept(bundle) == {
        "manifests/g/deployment.yaml": b"        interlock.dev/config-digest: MASKED\n  digest: abc\n",
        "ROUTES.md": b"1f6cc75a63ad",
    }
    assert all(
        b"config-digest: MASKED\n" in raw
        for path, raw in kept(rendered("smallest")).items()
        if "deployment" in path
    )


def _applied(bundle: Tree) -> list[str]:
    """The manifests that the kustomization lists, those of a folder in it by their own list."""
    listed: list[str] = []
    for path in yaml.safe_load(bundle["kustomization.yaml"])["resources"]:
        inner = yaml.safe_load(bundle.get(f"{path}/kustomization.yaml", b"{}")).get("resources", ())
        listed += [f"{path}/{one}" for one in inner] or [path]
    return listed


def _catalog_name(case: str) -> str:
    return str(yaml.safe_load((HERE / case / "catalog.yaml").read_text(encoding="utf-8"))["name"])


def _mounted(objects: list[dict[str, Any]], gateway: str) -> dict[str, str]:
    """The files that a gateway's pods see, from every ConfigMap that its Deployment mounts."""
    (deployment,) = (o for o in objects if o["kind"] == "Deployment" and o["metadata"]["name"] == gateway)
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    sources = [source for volume in volumes for source in volume.get("projected", {}).get("sources", ())]
    maps = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "ConfigMap"}
    mounted: dict[str, str] = {}
    for source in (source["configMap"] for source in sources):
        data = maps[source["name"]]
        items = source.get("items", [{"key": key, "path": key} for key in data])
        mounted |= {item["path"]: data[item["key"]] for item in items}
    return mounted
