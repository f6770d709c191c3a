"""Vendored schemas are what their script makes of kubernetes-validate; those of other kinds are strict."""

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema_rs
import pytest

from compiler.resources import read_text
from compiler.verify.objects import Object
from compiler.verify.schema import CUSTOM_GROUPS, KubernetesSchema

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


CUSTOM = Path(__file__).parents[2] / "schemas" / "crd"


@pytest.mark.parametrize("path", sorted(CUSTOM.glob("*.json")), ids=lambda path: path.stem)
def test_a_file_of_custom_resources_is_a_strict_schema_of_one_group(path: Path) -> None:
    schema = json.loads(path.read_bytes())
    jsonschema_rs.meta.validate(schema)
    for entry in schema["oneOf"]:
        fields = schema["$defs"][entry["$ref"].removeprefix("#/$defs/")]["properties"]
        assert fields["apiVersion"]["enum"][0].rpartition("/")[0] == path.stem
    assert [node for node in mappings(schema["$defs"]) if "additionalProperties" not in node] == []


def test_every_file_of_custom_resources_is_read() -> None:
    assert sorted(path.stem for path in CUSTOM.glob("*.json")) == sorted(CUSTOM_GROUPS)


def test_a_group_is_read_when_an_object_is_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, ...]] = []

    def recorded(*parts: str) -> str:
        read.append(parts)
        return read_text(*parts)

    monkeypatch.setattr("compiler.verify.schema.read_text", recorded)
    judge = KubernetesSchema("1.34")
    scaled = {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "a"}}
    for _ in range(2):
        assert [finding.pointer for finding in judge.check(Object("a", 1, scaled))] == ["spec"]
    assert read == [("schemas", "kubernetes", "1.34.json"), ("schemas", "crd", "keda.sh.json")]


def mappings(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object."""
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield node
        for child in node.values():
            yield from mappings(child)


def test_what_only_the_server_writes_is_left_out() -> None:
    schema = {"properties": {"spec": {}, "status": {}}}
    name = "io.k8s.api.apps.v1.Deployment"
    assert GENERATE.without(schema, GENERATE.left_out(name)) == {"properties": {"spec": {}}}
    assert GENERATE.left_out("io.k8s.api.core.v1.Container") == ()
