"""Shared by every test: where things are, and what happens when the proxy extra is missing."""

import os
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from compiler import resolve
from compiler.catalog import Target
from compiler.dev.extra import missing_extra
from compiler.scope import Scope
from compiler.targets.litellm import DEFAULT, line_for

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "catalog" / "foundational-models.yaml"


def pytest_report_header() -> str:
    return f"litellm: {version('litellm')}"


@pytest.fixture(scope="session", autouse=True)
def _compiled_for_the_installed_litellm() -> Iterator[None]:
    """`make prove` runs another line than the default: catalogs are compiled for it, whatever they name."""
    installed = version("litellm")
    if line_for(installed) in (DEFAULT, None):
        yield
        return
    own = resolve._target

    def target(data: Mapping[str, Any], scope: Scope) -> Target:
        return own({**data, "litellm": {"version": installed}}, scope)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolve, "_target", target)
        yield


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
