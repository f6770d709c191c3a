"""The output of the reference catalog, rendered once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from compiler.pipeline import render


@pytest.fixture(scope="session")
def bundle(reference: Path) -> Mapping[str, bytes]:
    outcome = render(reference)
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return outcome.bundle


@pytest.fixture(scope="session")
def output(bundle: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as files."""
    folder = tmp_path_factory.mktemp("out") / "foundational-models"
    for path, raw in bundle.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
    return folder
