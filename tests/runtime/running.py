"""The compiled gateways of a catalog, running; replicas of a router, and routers of several workers."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from compiler.dev.ports import hold
from compiler.dev.processes import Launch, litellm_command, running
from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import render


@contextmanager
def gateways_of(catalog: str, workdir: Path) -> Iterator[DevGateways]:
    """The gateways of a catalog, given as text, which must compile."""
    path = workdir / "catalog.yaml"
    path.write_text(catalog, encoding="utf-8")
    outcome = render(path)
    assert outcome.bundle is not None, outcome.diagnostics
    with DevGateways(files_of(outcome.bundle), workdir=workdir) as running:
        yield running


@contextmanager
def replicas(
    gateways: DevGateways, workdir: Path, count: int, *, workers: int = 1, **router_settings: Any
) -> Iterator[Mapping[str, Path]]:
    """Base URL → folder of each. They call the simulated providers of `gateways` as its router does."""
    source = workdir / "llm-router"
    with ExitStack() as stack:
        launches, folders = [], {}
        for number in range(count):
            folder = workdir / f"replica-{number}"
            shutil.copytree(source, folder)
            _set(folder / "config.yaml", router_settings)
            port = hold()
            stack.callback(port.release)
            command = litellm_command(folder / "config.yaml", port.number)
            command[command.index("--num_workers") + 1] = str(workers)
            log = workdir / f"replica-{number}.log"
            launches.append(Launch(folder.name, command, port.number, folder, log))
            folders[port.url] = folder
        stack.enter_context(running(launches))
        yield folders


def _set(config: Path, router_settings: Mapping[str, Any]) -> None:
    content = yaml.safe_load(config.read_text())
    content["router_settings"] |= router_settings
    config.write_text(yaml.safe_dump(content))
