"""The objects against Kubernetes' own OpenAPI (`schemas/kubernetes/`) and CRDs (`schemas/crd/`)."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from compiler.resources import read_text
from compiler.verify.finding import Finding, Problem, brief, child, descend
from compiler.verify.objects import Object

# The files of schemas/crd/. A bundle names its groups itself, so a path is made of no other text than these.
CUSTOM_GROUPS = (
    "cilium.io",
    "cloud.google.com",
    "external-secrets.io",
    "gateway.networking.k8s.io",
    "keda.sh",
    "monitoring.coreos.com",
    "networking.gke.io",
)


class KubernetesSchema:
    """The kinds of one Kubernetes minor version and the custom ones; each file is read and compiled once."""

    def __init__(self, minor: str) -> None:
        """Reads the schema of Kubernetes; a group of custom resources is read when an object is of it.

        Raises:
            FileNotFoundError: there is no schema for `minor` ("1.34").
        """
        self.minor = minor
        self._kubernetes = _File("kubernetes", minor)
        self._custom: dict[str, _File] = {}

    def check(self, item: Object) -> list[Finding]:
        """What the API server's decoding would refuse, and null values, which we never write."""
        return [item.finding(*problem) for problem in self._problems(item)]

    def _problems(self, item: Object) -> Iterator[Problem]:
        file = self._file(item.api_version)
        if not item.data:
            yield "", "not a Kubernetes object: a mapping with apiVersion, kind and metadata is wanted"
        elif (item.api_version, item.kind) not in file.kinds:
            # kubectl would send it all the same, and only the cluster would say that it does not know it
            what = f"{brief(item.api_version) or '(none)'} {brief(item.kind) or '(none)'}"
            yield "apiVersion", f"no schema for apiVersion and kind {what} in Kubernetes {self.minor}"
        else:
            for error in file.errors(item):
                yield from _explained(error)

    def _file(self, api_version: str) -> "_File":
        group = api_version.rpartition("/")[0]
        if group not in CUSTOM_GROUPS:
            return self._kubernetes
        if group not in self._custom:
            self._custom[group] = _File("crd", group)
        return self._custom[group]


class _File:
    """One file of schemas: a `oneOf` of kinds over shared definitions."""

    def __init__(self, folder: str, name: str) -> None:
        self._schema: dict[str, Any] = json.loads(read_text("schemas", folder, f"{name}.json"))
        self._validator = jsonschema_rs.Draft202012Validator(self._schema)
        self.kinds = {_names(self._schema["$defs"], entry): entry for entry in self._schema["oneOf"]}

    def errors(self, item: Object) -> Iterator[jsonschema_rs.ValidationError]:
        if self._validator.is_valid(item.data):
            return
        # the errors of the root's `oneOf` would name every kind, those of the one branch name the field
        kind = self.kinds[item.api_version, item.kind]
        explain = jsonschema_rs.Draft202012Validator({**kind, "$defs": self._schema["$defs"]})
        yield from explain.iter_errors(item.data)


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
        yield pointer, f"{_shown(error.instance)} is not one of {', '.join(map(repr, kind['options']))}"
    elif "pattern" in kind:
        yield pointer, f"{_shown(error.instance)} does not have the form {brief(kind['pattern'], 200)}"
    else:
        yield pointer, brief(error.message, 300)


def _shown(value: Any) -> str:
    return brief(json.dumps(value, ensure_ascii=False))
