"""The README's tour of `interlock dev`: its curl commands print what it says, but for the ports."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import render

pytestmark = pytest.mark.proxy


@pytest.fixture(scope="module")
def gateways(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    outcome = render(reference)
    assert outcome.bundle is not None, outcome.diagnostics
    with DevGateways(files_of(outcome.bundle), workdir=tmp_path_factory.mktemp("gateways")) as running:
        yield running


def commands(readme: str) -> list[tuple[str, str]]:
    """(command, output) of each `$ curl …`, its lines that go on joined."""
    blocks = re.findall(r"^```console\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    parts = [
        part.replace("\\\n", " ") for block in blocks for part in re.split(r"^\$ ", block, flags=re.MULTILINE)
    ]
    return [
        (command, said)
        for command, _, said in (p.partition("\n") for p in parts)
        if command.startswith("curl ")
    ]


def test_the_tour_of_dev(gateways: DevGateways, root: Path) -> None:
    if not shutil.which("curl"):
        if os.environ.get("CI"):
            pytest.fail("curl is needed")
        pytest.skip("curl not found")
    readme = (root / "README.md").read_text(encoding="utf-8")
    control = re.search(r"http://127\.0\.0\.1:\d+(?=/control\n)", readme)
    assert control is not None
    here = {"http://127.0.0.1:4000": gateways.url("llm-router"), control[0]: gateways.control_url}
    tour = commands(readme)
    assert len(tour) == 3
    for command, said in tour:
        for written, real in here.items():
            assert urlsplit(real).hostname == "127.0.0.1"
            command = command.replace(written, real)  # noqa: PLW2901
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.replace("\r", "").strip() == said.strip()
