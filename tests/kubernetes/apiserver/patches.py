"""What a PATCH does to an object: strategic merge, JSON merge (RFC 7396) and JSON patch (RFC 6902)."""

import copy
from typing import Any

from tests.kubernetes.apiserver.types import Node

_DIRECTIVES = ("$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/")


def json_merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    found = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = json_merge(found.get(key), value)
    return found


def json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    """Add, replace and remove; the rest of RFC 6902 is a KeyError, for kubectl sends none of it."""
    found = copy.deepcopy(target)
    for operation in operations:
        *parents, last = [
            part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
        ]
        place = found
        for part in parents:
            place = place[int(part) if isinstance(place, list) else part]
        {"add": _put, "replace": _put, "remove": _remove}[operation["op"]](
            place, last, operation.get("value")
        )
    return found


def _put(place: Any, key: str, value: Any) -> None:
    if isinstance(place, list):
        place.append(value) if key == "-" else place.__setitem__(int(key), value)
    else:
        place[key] = value


def _remove(place: Any, key: str, _: Any) -> None:
    del place[int(key) if isinstance(place, list) else key]


def strategic(target: Any, patch: Any, node: Node) -> Any:
    """Strategic merge: maps merge, lists merge by their key where the type says so, directives are done."""
    if not isinstance(patch, dict) or patch.get("$patch") == "replace":
        return _plain(patch)
    found = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        found = {key: value for key, value in found.items() if key in patch["$retainKeys"]}
    reordered: dict[str, Any] = {
        key.partition("/")[2]: [] for key in patch if key.startswith("$setElementOrder/")
    }
    for key, value in {**reordered, **patch}.items():
        if not key.startswith(_DIRECTIVES):
            _merge_field(found, key, value, patch, node.field(key))
    for key, gone in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            found[name] = [item for item in found.get(name, []) if item not in gone]
    return found


def _merge_field(found: dict[str, Any], key: str, value: Any, patch: dict[str, Any], node: Node) -> None:
    if value is None:
        found.pop(key, None)
    elif isinstance(value, list) and node.merge_key is not None:
        found[key] = _merge_list(found.get(key, []), value, patch.get(f"$setElementOrder/{key}"), node)
    else:
        replaces = node.patch_strategy == "replace"
        found[key] = _plain(value) if replaces else strategic(found.get(key), value, node)


def _merge_list(target: list[Any], patch: list[Any], order: list[Any] | None, node: Node) -> list[Any]:
    key = node.merge_key
    if not key:  # plain values
        return [*target, *(item for item in patch if item not in target)]
    found = {item[key]: item for item in target}
    for item in patch:
        if item.get("$patch") == "delete":
            found.pop(item[key], None)
        else:
            found[item[key]] = strategic(found.get(item[key]), item, node.items)
    wanted = [item[key] for item in order or ()]
    ordered = [name for name in wanted if name in found]
    return [found[name] for name in (*ordered, *(name for name in found if name not in ordered))]


def _plain(value: Any) -> Any:
    """A value without the directives of a patch."""
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items() if not key.startswith(_DIRECTIVES)}
    return [_plain(item) for item in value] if isinstance(value, list) else value
