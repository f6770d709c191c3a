"""The objects against Kubernetes' own OpenAPI, vendored in `schemas/kubernetes/`."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from compiler.resources import read_text
from compiler.verify.finding import Finding, Problem, brief, child, descend
from compiler.verify.objects import Object


class KubernetesSchema:
    """The schema of one Kubernetes minor version, read and compiled once."""

    def __init__(self, minor: str) -> None:
        """Reads the schema.

        Raises:
            FileNotFoundError: there is no schema for `minor` ("1.34").
        """
        self.minor = minor
        self._schema: dict[str, Any] = json.loads(read_text("schemas", "kubernetes", f"{minor}.json"))
        self._validator = jsonschema_rs.Draft202012Validator(self._schema)
        self._kinds = {_names(self._schema["$defs"], entry): entry for entry in self._schema["oneOf"]}

    def check(self, item: Object) -> list[Finding]:
        """What the API server's decoding would refuse, and null values, which we never write."""
        return [item.finding(*problem) for problem in self._problems(item)]

    def _problems(self, item: Object) -> Iterator[Problem]:
        kind = self._kinds.get((item.api_version, item.kind))
        if not item.data:
            yield "", "not a Kubernetes object: a mapping with apiVersion, kind and metadata is wanted"
        elif kind is None:
            # kubectl would send it all the same, and only the cluster would say that it does not know it
            what = f"{brief(item.api_version) or '(none)'} {brief(item.kind) or '(none)'}"
            yield "apiVersion", f"no schema for apiVersion and kind {what} in Kubernetes {self.minor}"
        elif not self._validator.is_valid(item.data):
            # the errors of the root's `oneOf` would name every kind, those of the one branch name the field
            explain = jsonschema_rs.Draft202012Validator({**kind, "$defs": self._schema["$defs"]})
            for error in explain.iter_errors(item.data):
                yield from _explained(error)


def _names(definitions: dict[str, Any], entry: dict[str, str]) -> tuple[str, str]:
    fields = definitions[entry["$ref"].removeprefix("#/$defs/")]["properties"]
    return fields["apiVersion"]["enum"][0], fields["kind"]["enum"][0]


def _explained(error: jsonschema_rs.ValidationError) -> Iterator[Problem]:
    """The error at the field it is about: an unknown or missing field, not the mapping around it."""
    pointer = descend("", error.instance_path)
    kind = error.kind.as_dict()
    if "unexpected" in kind:
        for name in kind["unexpected"]:
            yield child(pointer, name), "unknown field"
    elif "property" in kind:
        yield child(pointer, kind["property"]), "a required field is missing"
    elif "types" in kind:
        yield pointer, f"{_shown(error.instance)} is not of type {' or '.join(sorted(kind['types']))}"
    elif "options" in kind:
        yield pointer, f"{_shown(error.instance)} is not one of {', '.join(kind['options'])}"
    else:
        yield pointer, brief(error.message, 300)


def _shown(value: Any) -> str:
    return brief(json.dumps(value, ensure_ascii=False))
