"""Who owns which field: field sets, merge and prune, as the API server's structured-merge-diff has them.

A field is a path of elements in the words of `fieldsV1`: "f:spec" for a field, 'k:{"name":"http"}' for an
item of a list that has keys, 'v:"x"' for one of a set. A field set is a plain set of such paths.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

from tests.kubernetes.apiserver.types import Node

Path = tuple[str, ...]
Fields = frozenset[Path]

# Metadata and type are the server's business, and nobody's.
UNOWNED = ("creationTimestamp", "generation", "managedFields", "name", "namespace", "resourceVersion", "uid")
# What the key of a list's item is when the item leaves it out.
KEY_DEFAULTS = {"protocol": "TCP"}
_ITEM = object()


class DuplicateKeyError(ValueError):
    """Two items of one list have the same key; the message is the server's."""


def owned(value: dict[str, Any], node: Node) -> dict[Path, Any]:
    """Each path of an object with its value (an item of a list has a marker), without what nobody owns."""
    found = {key: child for key, child in value.items() if key not in {"apiVersion", "kind", "status"}}
    found["metadata"] = {k: v for k, v in value["metadata"].items() if k not in UNOWNED}
    return {path: leaf for path, leaf in _flat(found, node, ()) if path != ("f:metadata",)}


def _flat(value: Any, node: Node, at: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, dict) and value and not node.atomic:
        for key, child in value.items():
            yield from _flat(child, node.field(key), (*at, f"f:{key}"))
    elif isinstance(value, list) and value and node.list_type in {"map", "set"}:
        for element, item in zip(elements(value, node, at), value, strict=True):
            yield (*at, element), _ITEM
            if node.list_type == "map":
                yield from _flat(item, node.items, (*at, element))
    else:
        yield at, value


def elements(items: list[Any], node: Node, at: Path = ()) -> list[str]:
    """The path element of each item of a list with keys, or of a set.

    Raises:
        DuplicateKeyError: two items have the same.
    """
    found = [_element(item, node) for item in items]
    for element in found:
        if found.count(element) > 1:
            where = "".join(f".{part[2:]}" if part.startswith("f:") else f"[{part[2:]}]" for part in at)
            raise DuplicateKeyError(f"{where}: duplicate entries for key [{element[2:]}]")
    return found


def _element(item: Any, node: Node) -> str:
    if node.list_type == "set":
        return f"v:{_json(item)}"
    keys = {key: item.get(key, KEY_DEFAULTS.get(key)) for key in node.keys}
    return f"k:{_json({key: value for key, value in keys.items() if value is not None})}"


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def merged(live: Any, config: Any, node: Node) -> Any:
    """The live value with a configuration laid over it: maps by field, lists by key, all else replaced."""
    if isinstance(live, dict) and isinstance(config, dict) and not node.atomic:
        both = {**live, **config}
        return {
            key: merged(live[key], config[key], node.field(key)) if key in live and key in config else value
            for key, value in both.items()
        }
    if isinstance(live, list) and isinstance(config, list) and node.list_type in {"map", "set"}:
        return _merged_list(live, config, node)
    return config


def _merged_list(live: list[Any], config: list[Any], node: Node) -> list[Any]:
    """In the configuration's order; an item that only the live list has stays behind the one it followed."""
    before = dict(zip(elements(live, node), live, strict=True))
    after = dict(zip(elements(config, node), config, strict=True))
    found: dict[str, Any] = {}
    waiting = list(before)
    for element, item in after.items():
        while waiting and waiting[0] not in after:
            kept = waiting.pop(0)
            found[kept] = before[kept]
        if element in waiting:
            waiting.remove(element)
        found[element] = merged(before[element], item, node.items) if element in before else item
    return [*found.values(), *(before[element] for element in waiting if element not in after)]


def pruned(value: dict[str, Any], node: Node, dropped: Fields) -> dict[str, Any]:
    """An object without the dropped paths and what is below them."""
    kept: dict[str, Any] = _pruned(value, node, dropped - {("f:metadata",)}, ())
    return kept


def _pruned(value: Any, node: Node, dropped: Fields, at: Path) -> Any:
    if isinstance(value, dict) and not node.atomic:
        return {
            key: _pruned(child, node.field(key), dropped, (*at, f"f:{key}"))
            for key, child in value.items()
            if (*at, f"f:{key}") not in dropped
        }
    if isinstance(value, list) and node.list_type in {"map", "set"}:
        pairs = zip(elements(value, node), value, strict=True)
        return [
            _pruned(item, node.items, dropped, (*at, element))
            for element, item in pairs
            if (*at, element) not in dropped
        ]
    return value


def with_ancestors(fields: Iterable[Path]) -> Fields:
    """The paths and every path above them."""
    return frozenset(above for path in fields for above in accumulate((part,) for part in path))


def to_fields_v1(fields: Iterable[Path]) -> dict[str, Any]:
    """A field set as `metadata.managedFields[].fieldsV1` has it."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node["."] = {}
    return _without_dots_of_leaves(tree)


def _without_dots_of_leaves(tree: dict[str, Any]) -> dict[str, Any]:
    if tree.keys() == {"."}:
        return {}
    return {part: child if part == "." else _without_dots_of_leaves(child) for part, child in tree.items()}


def of_fields_v1(tree: dict[str, Any], at: Path = ()) -> Fields:
    """The inverse of `to_fields_v1`."""
    found: set[Path] = {at} if at and ("." in tree or not tree) else set()
    for part, child in tree.items():
        if part != ".":
            found |= of_fields_v1(child, (*at, part))
    return frozenset(found)


def words(path: Path) -> str:
    """A path as a conflict names it: `.spec.template.spec.containers[name="litellm"].image`."""

    def part(element: str) -> str:
        kind, rest = element[0], element[2:]
        if kind == "f":
            return f".{rest}"
        if kind == "v":
            return f"[={rest}]"
        return "[" + ",".join(f"{key}={_json(value)}" for key, value in json.loads(rest).items()) + "]"

    return "".join(part(element) for element in path)
