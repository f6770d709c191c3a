"""Shared by every test: where things are, and what happens when the proxy extra is missing."""

import os
from pathlib import Path

import pytest

from compiler.dev.extra import missing_extra

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "catalog" / "foundational-models.yaml"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the real proxy are skipped where it is not installed, and never in CI."""
    missing = missing_extra()
    if not missing or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("proxy"):
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def reference() -> Path:
    return REFERENCE
