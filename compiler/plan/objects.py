"""The Kubernetes objects of two bundles: what was added, changed and removed, field by field."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import yaml

from compiler.pipeline import Bundle

MONITORING = "monitoring/manifests/"
_FOLDERS = ("manifests/", MONITORING)
_NAMES = ("name", "alert", "record")  # what the items of a list are told apart by

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of an object: where, what it was and what it is; None where there was or is none."""

    path: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ObjectChange:
    """One object, in the folder `gateway`; `before` or `after` is None when it is new or gone."""

    kind: str
    namespace: str
    name: str
    gateway: str
    fields: tuple[Field, ...] = ()
    before: Object | None = field(default=None, repr=False)
    after: Object | None = field(default=None, repr=False)

    @property
    def what(self) -> str:
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    @property
    def monitoring(self) -> bool:
        return not self.gateway


Key = tuple[str, str, str]  # kind, namespace, name
Found = dict[Key, tuple[str, Object]]  # → (gateway, object)


def changed_objects(before: Bundle, after: Bundle) -> tuple[list[ObjectChange], list[str]]:
    """Every object that differs, by gateway, kind and name; and what could not be read."""
    differing = [
        path for path in {**before, **after} if _is_manifest(path) and before.get(path) != after.get(path)
    ]
    unread: list[str] = []
    old, new = (_objects(bundle, differing, unread) for bundle in (before, after))
    found = [_change(key, old.get(key), new.get(key)) for key in {**old, **new}]
    changes = [change for change in found if change.fields or change.what != "changed"]
    return sorted(changes, key=lambda c: (c.monitoring, c.gateway, c.kind, c.namespace, c.name)), unread


def _is_manifest(path: str) -> bool:
    return path.startswith(_FOLDERS) and path.endswith(".yaml")


def _objects(bundle: Bundle, paths: list[str], unread: list[str]) -> Found:
    found: Found = {}
    for path in sorted(paths):
        if path not in bundle:
            continue
        data = parsed(bundle[path])
        metadata = data.get("metadata") if isinstance(data, dict) else None
        if not isinstance(metadata, dict):
            unread.append(f"{path} is not a Kubernetes object any more")
            continue
        gateway = "" if path.startswith(MONITORING) else PurePosixPath(path).parts[1]
        key = (str(data.get("kind")), str(metadata.get("namespace", "")), str(metadata.get("name")))
        found[key] = (gateway, data)
    return found


def parsed(raw: bytes) -> Any:
    """The YAML of a file, which somebody may have edited: None where it is none."""
    try:
        return yaml.load(raw, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError):
        return None


def _change(key: Key, old: tuple[str, Object] | None, new: tuple[str, Object] | None) -> ObjectChange:
    gateway = (new or old or ("", {}))[0]
    before, after = (side and side[1] for side in (old, new))
    fields = tuple(differences(before, after)) if before is not None and after is not None else ()
    return ObjectChange(*key, gateway, fields, before, after)


def differences(before: Any, after: Any) -> Iterator[Field]:
    """The values that differ, by their paths."""
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path in sorted({**old, **new}):
        if old.get(path) != new.get(path):
            yield Field(path, old.get(path), new.get(path))


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, _joined(path, str(key)))
    elif isinstance(value, list) and any(isinstance(one, dict) for one in value):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{_name(value, number)}]")
    else:
        yield path, value


def _joined(path: str, key: str) -> str:
    if "." in key or "/" in key:
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def _name(items: list[Any], number: int) -> str:
    """What the items of a list are told apart by: a name if each has one of its own, else their place."""
    for key in _NAMES:
        names = [one.get(key) if isinstance(one, dict) else None for one in items]
        if all(isinstance(one, str) for one in names) and len(set(names)) == len(names):
            return str(names[number])
    return str(number)
