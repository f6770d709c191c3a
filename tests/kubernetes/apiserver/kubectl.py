"""The real kubectl of the Python environment, pointed at a stand-in and at nothing else."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.kubernetes.apiserver.server import ApiServer, api_server
from tests.kubernetes.apiserver.store import Object, Place
from tests.kubernetes.kubectl import binary

Ran = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Cluster:
    """A stand-in and a kubectl whose whole configuration, cache and home are one temporary folder."""

    server: ApiServer
    home: Path

    def kubectl(self, *arguments: str) -> Ran:
        # PATH: `kubectl diff` starts diff
        path = os.environ.get("PATH", os.defpath)
        env = {"HOME": str(self.home), "KUBECONFIG": str(self.home / "config"), "PATH": path}
        return subprocess.run(
            [binary(), *arguments], env=env, capture_output=True, text=True, timeout=60, check=False
        )

    def apply(self, *arguments: str) -> list[str]:
        """Runs `kubectl apply`, which must succeed and warn of nothing: the lines it prints."""
        ran = self.kubectl("apply", *arguments)
        assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
        return ran.stdout.splitlines()

    def diff(self, *arguments: str) -> str:
        """What `kubectl diff` prints; "" says that nothing would change, as its exit code must too."""
        ran = self.kubectl("diff", *arguments)
        assert ran.returncode == (1 if ran.stdout else 0), ran.stderr
        return ran.stdout

    def write(self, name: str, *documents: Object) -> str:
        """A manifest in the home: its path."""
        path = self.home / name
        path.write_text(yaml.safe_dump_all(documents), encoding="utf-8")
        return str(path)

    def make_namespaces(self, objects: Sequence[Object]) -> None:
        """The namespaces that must exist before the objects: those that are not among them."""
        own = {value["metadata"]["name"] for value in objects if value["kind"] == "Namespace"}
        used = {value["metadata"].get("namespace", "default") for value in objects} - own
        made = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in sorted(used)
        ]
        self.apply("--server-side", "-f", self.write("namespaces.yaml", *made))
        self.server.store.log.clear()

    def objects(self) -> dict[tuple[str, str, str], Object]:
        """Everything but the namespaces, by kind, namespace and name."""
        stored = self.server.store.objects.items()
        return {key(place): value for place, value in stored if place.kind.name != "Namespace"}

    def written(self, verb: str) -> list[tuple[str, str, str]]:
        """What was "create"d, "change"d or "delete"d since the log was last cleared, in order."""
        return [key(place) for did, place in self.server.store.log if did == verb]


def key(place: Place) -> tuple[str, str, str]:
    return place.kind.name, place.namespace, place.name


def key_of(value: Object) -> tuple[str, str, str]:
    return value["kind"], value["metadata"].get("namespace", "default"), value["metadata"]["name"]


def versions(objects: dict[Any, Object]) -> dict[Any, str]:
    return {key: value["metadata"]["resourceVersion"] for key, value in objects.items()}


@contextmanager
def cluster(home: Path, minor: str = "1.34") -> Iterator[Cluster]:
    """An empty cluster of a minor version of Kubernetes."""
    with api_server(minor) as server:
        configuration = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "stand-in", "cluster": {"server": server.url}}],
            "users": [{"name": "nobody", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "stand-in", "user": "nobody"}}],
            "current-context": "test",
        }
        (home / "config").write_text(yaml.safe_dump(configuration), encoding="utf-8")
        yield Cluster(server, home)
