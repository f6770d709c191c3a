"""The documents by which a client learns what the server has: versions, groups, resources, OpenAPI v3."""

import json
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from tests.kubernetes.apiserver.kinds import KINDS, Kind
from tests.kubernetes.apiserver.types import REF, Types

Document = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
VERBS = ["create", "delete", "get", "list", "patch", "update"]
# What kubectl looks for before it leaves validation and dry runs to the server.
_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation", "force")


def documents(types: Types) -> dict[str, Document]:
    """Each path (without "/") with what a GET of it answers."""
    roots, schemas = _by_root(KINDS), _components(types)
    found: dict[str, Document] = {
        "version": _version(types.minor),
        "api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups()},
        "openapi/v3": {
            "paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}?hash=1"} for root in roots}
        },
    }
    for root, kinds in roots.items():
        found[root] = _resources(kinds)
        found[f"openapi/v3/{root}"] = _openapi(kinds, types.minor, schemas)
    return found


def aggregated(path: str) -> Document:
    """The answer at "api" or "apis" for a client that takes everything at once."""
    chosen = [kind for kind in KINDS if bool(kind.group) == (path == "apis")]
    groups = groupby(sorted(chosen, key=lambda kind: kind.group), key=lambda kind: kind.group)
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "freshness": "Current",
                    "resources": [_aggregated(kind) for kind in kinds],
                }
                for version, kinds in groupby(members, key=lambda kind: kind.version)
            ],
        }
        for group, members in groups
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated(kind: Kind) -> Document:
    return {
        "resource": kind.plural,
        "responseKind": kind.gvk,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.name.lower(),
        "verbs": VERBS,
    }


def _by_root(kinds: Iterable[Kind]) -> dict[str, list[Kind]]:
    found: dict[str, list[Kind]] = {}
    for kind in kinds:
        found.setdefault(kind.root, []).append(kind)
    return found


def _version(minor: str) -> Document:
    major, _, small = minor.partition(".")
    return {"major": major, "minor": small, "gitVersion": f"v{minor}.0", "platform": "linux/amd64"}


def _groups() -> list[Document]:
    versions = {kind.group: kind for kind in KINDS if kind.group}
    return [
        {"name": group, "versions": [one], "preferredVersion": one}
        for group, kind in versions.items()
        for one in [{"groupVersion": kind.api_version, "version": kind.version}]
    ]


def _resources(kinds: list[Kind]) -> Document:
    resources = [
        {
            "name": kind.plural,
            "singularName": kind.name.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.name,
            "verbs": VERBS,
        }
        for kind in kinds
    ]
    version = kinds[0].api_version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


def _components(types: Types) -> Document:
    """Every schema, with the references of OpenAPI and without prose, which is most of it."""
    schemas = dict(types.definitions)
    schemas |= {_schema_name(kind): types.schema(kind) for kind in KINDS if kind.crd}
    text = json.dumps(schemas).replace(REF, "#/components/schemas/")
    found: Document = json.loads(text, object_hook=_without_prose)
    return found


def _without_prose(schema: Document) -> Document:
    if isinstance(schema.get("description"), str):  # a field of that name has a schema there
        del schema["description"]
    return schema


def _openapi(kinds: list[Kind], minor: str, schemas: Document) -> Document:
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": f"v{minor}.0"},
        "paths": {_item_path(kind): {"patch": _operation(kind)} for kind in kinds},
        "components": {"schemas": schemas},
    }


def _schema_name(kind: Kind) -> str:
    return ".".join([*reversed(kind.group.split(".")), kind.version, kind.name])


def _item_path(kind: Kind) -> str:
    namespace = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"/{kind.root}{namespace}/{kind.plural}/{{name}}"


def _operation(kind: Kind) -> Document:
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in _PARAMETERS]
    return {
        "operationId": f"patch{kind.version}{kind.name}",
        "parameters": parameters,
        "responses": {},
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": kind.gvk,
    }
