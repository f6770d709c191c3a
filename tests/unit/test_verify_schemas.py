"""The vendored schemas are what their script makes of the installed kubernetes-validate."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "schemas" / "kubernetes"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("kubernetes_schemas", FOLDER / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATE = script()


@pytest.mark.parametrize("minor", GENERATE.MINORS)
def test_the_committed_schema_is_the_generated_one(minor: str) -> None:
    assert (FOLDER / f"{minor}.json").read_text(encoding="utf-8") == GENERATE.generate(minor)


def test_no_schema_is_there_that_the_script_does_not_make() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == sorted(GENERATE.MINORS)


def test_a_keyword_the_script_does_not_know_stops_it() -> None:
    with pytest.raises(ValueError, match="'pattern'"):
        GENERATE.slim({"properties": {"a": {"type": "string", "pattern": "^a$"}}})


def test_a_field_named_like_a_keyword_is_kept() -> None:
    schema = {"properties": {"description": {"type": ["string", "null"], "description": "prose"}}}
    assert GENERATE.slim(schema) == {"properties": {"description": {"type": "string"}}}
