"""What the stand-in knows of types: a judge of objects, and the hints by which lists and maps merge."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

import jsonschema_rs

from compiler.resources import read_text
from tests.kubernetes.apiserver.kinds import KINDS, Kind

Schema = dict[str, Any]
REF = "#/$defs/"
_REFERENCE = re.compile(rf'"{re.escape(REF)}([^"]+)"')
META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


@dataclass(frozen=True)
class Node:
    """One place of a kind's schema; where nothing is declared, fields are fields and lists are atomic."""

    schema: Schema
    definitions: dict[str, Schema] = field(repr=False, compare=False)

    @cached_property
    def _resolved(self) -> Schema:
        reference = str(self.schema.get("$ref", "")).removeprefix(REF)
        return {**self.definitions[reference], **self.schema} if reference else self.schema

    @property
    def atomic(self) -> bool:
        return self._resolved.get("x-kubernetes-map-type") == "atomic"

    @property
    def list_type(self) -> str:
        return str(self._resolved.get("x-kubernetes-list-type", "atomic"))

    @property
    def keys(self) -> list[str]:
        """The fields by which the items of this list are told apart on the server."""
        return list(self._resolved.get("x-kubernetes-list-map-keys", ()))

    @property
    def patch_strategy(self) -> str:
        return str(self._resolved.get("x-kubernetes-patch-strategy", ""))

    @property
    def merge_key(self) -> str | None:
        """The field by which strategic merge tells items apart ("" for plain values); None: it replaces."""
        if "merge" not in self.patch_strategy:
            return None
        return str(self._resolved.get("x-kubernetes-patch-merge-key", ""))

    def field(self, name: str) -> "Node":
        found = self._resolved.get("properties", {}).get(name)
        found = found or self._resolved.get("additionalProperties")
        return Node(found if isinstance(found, dict) else {}, self.definitions)

    @property
    def items(self) -> "Node":
        return Node(self._resolved.get("items", {}), self.definitions)


@dataclass(frozen=True)
class Fault:
    """What is wrong with an object: where (".spec.replicas"), by which keyword of JSON Schema, in its words.

    An unknown field has the keyword "unknown" and its own place.
    """

    at: str
    keyword: str
    message: str


class Types:
    """Everything about types, for one minor version of Kubernetes ("1.34")."""

    def __init__(self, minor: str) -> None:
        self.minor = minor
        self._vendored: Schema = json.loads(read_text("schemas", "kubernetes", f"{minor}.json"))
        folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{minor}.0-local-strict"
        upstream = json.loads((folder / "_definitions.json").read_text("utf-8"))["$defs"]
        self._names = _names(upstream)
        self.definitions = _closure(upstream, [*self._names.values(), META])
        self._judges: dict[tuple[Kind, bool], jsonschema_rs.Validator] = {}

    def schema(self, kind: Kind) -> Schema:
        """The OpenAPI of a kind, hints and all."""
        if kind in self._names:
            return {"$ref": REF + self._names[kind]}
        text = {"type": "string"}
        return {
            "type": "object",
            "properties": {"apiVersion": text, "kind": text, "metadata": {"$ref": REF + META}},
            "x-kubernetes-preserve-unknown-fields": True,
            "x-kubernetes-group-version-kind": [kind.gvk],
        }

    def node(self, kind: Kind) -> Node:
        return Node(self.schema(kind), self.definitions)

    def faults(self, kind: Kind, value: Any) -> list[Fault]:
        """What the vendored schema has against an object of a manifest."""
        return [*_faults(self._judge(kind, stored=False), value)]

    def faults_of_stored(self, kind: Kind, value: Any) -> list[Fault]:
        """What is wrong with an object that has what the server fills in, of which the vendored schema knows
        only a part, and the schemas of custom resources nothing."""
        if kind.crd:
            return []
        ours = [fault for fault in self.faults(kind, value) if fault.keyword != "unknown"]
        return [*_faults(self._judge(kind, stored=True), value), *ours]

    def _judge(self, kind: Kind, *, stored: bool) -> jsonschema_rs.Validator:
        if (kind, stored) not in self._judges:
            schema = self._stored(kind) if stored else self._strict(kind)
            self._judges[kind, stored] = jsonschema_rs.validator_for(schema)
        return self._judges[kind, stored]

    def _stored(self, kind: Kind) -> Schema:
        return {"$defs": self.definitions, "$ref": REF + self._names[kind]}

    def _strict(self, kind: Kind) -> Schema:
        """What judges a manifest. Of a custom resource, as long as it has no schema here: nearly nothing."""
        if kind in self._names:
            return {"$defs": self._vendored["$defs"], "$ref": REF + self._names[kind]}
        try:
            custom: Schema = json.loads(read_text("schemas", "crd", f"{kind.group}.json"))
        except FileNotFoundError:
            return {"type": "object", "required": ["apiVersion", "kind", "metadata"]}
        return {"$defs": custom["$defs"], "$ref": REF + kind.name}


def _names(definitions: dict[str, Schema]) -> dict[Kind, str]:
    """The definition of each kind of Kubernetes itself."""
    return {
        kind: name
        for name, schema in definitions.items()
        for kind in KINDS
        if kind.gvk in schema.get("x-kubernetes-group-version-kind", ())
    }


def _closure(definitions: dict[str, Schema], waiting: list[str]) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = definitions[name]
            waiting += _REFERENCE.findall(json.dumps(found[name]))
    return found


def _faults(judge: jsonschema_rs.Validator, value: Any) -> Iterator[Fault]:
    for error in judge.iter_errors(value):
        at, unknown = _words(error.instance_path), error.kind.as_dict().get("unexpected", ())
        if not unknown:
            yield Fault(at, str(error.schema_path[-1]), error.message)
        yield from (Fault(f"{at}.{name}", "unknown", "unknown field") for name in unknown)


def _words(path: list[str | int]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
