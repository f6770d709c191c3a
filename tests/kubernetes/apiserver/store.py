"""The objects of the stand-in, and what each kind of write does to them."""

import copy
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from tests.kubernetes.apiserver import defaults
from tests.kubernetes.apiserver.kinds import NAMESPACE, Kind
from tests.kubernetes.apiserver.ownership import (
    DuplicateKeyError,
    Fields,
    merged,
    of_fields_v1,
    owned,
    pruned,
    to_fields_v1,
    with_ancestors,
    words,
)
from tests.kubernetes.apiserver.types import Types

Object = dict[str, Any]
Manager = tuple[str, str]  # its name, and "Apply" or "Update"
Owners = Mapping[Manager, Fields]
T = TypeVar("T")

# Kinds whose objects count the changes of what is wanted of them.
COUNTED = ("Deployment", "Job", "Ingress", "NetworkPolicy", "PodDisruptionBudget")
IMMUTABLE = {"Deployment": "selector", "Job": "selector", "Service": "clusterIP"}
TIME = "2026-11-23T00:00:00Z"


class RefusedError(Exception):
    """A write or read that the server answers with a Status: its HTTP code, reason and message."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details


@dataclass(frozen=True)
class Place:
    """Where an object is: its kind, its namespace ("" for what has none) and its name."""

    kind: Kind
    namespace: str
    name: str


@dataclass(frozen=True)
class Write:
    """How a write is to be done, and by whom; `strict` is `fieldValidation=Strict`."""

    manager: Manager
    dry_run: bool = False
    force: bool = False
    strict: bool = True


@dataclass
class Store:
    """All objects, by place, in the order in which they were made; `log` has each write that changed one."""

    types: Types
    objects: dict[Place, Object] = field(default_factory=dict)
    log: list[tuple[str, Place]] = field(default_factory=list)
    _versions: Iterator[int] = field(default_factory=lambda: count(100))
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, place: Place) -> Object:
        if place not in self.objects:
            what = f'{place.kind.resource} "{place.name}" not found'
            raise RefusedError(404, "NotFound", what, kind=place.kind.plural, name=place.name)
        return self.objects[place]

    def delete(self, place: Place) -> Object:
        with self._lock:
            self.get(place)
            self.log.append(("delete", place))
            return self.objects.pop(place)

    def create(self, place: Place, value: Object, write: Write) -> Object:
        with self._lock:
            if place in self.objects:
                what = f'{place.kind.resource} "{place.name}" already exists'
                raise RefusedError(409, "AlreadyExists", what)
            self._accepts(place, value, write)
            return self._update(place, None, value, write)

    def change(self, place: Place, patch: Callable[[Object], Object], write: Write) -> Object:
        """Any write but an apply: the manager owns what it changed."""
        with self._lock:
            live = self.get(place)
            value = patch(copy.deepcopy(live))
            wanted, has = value["metadata"].get("resourceVersion"), live["metadata"]["resourceVersion"]
            if wanted not in {None, has}:
                what = (
                    f'Operation cannot be fulfilled on {place.kind.resource} "{place.name}": it was modified'
                )
                raise RefusedError(409, "Conflict", what)
            return self._update(place, live, value, write)

    def apply(self, place: Place, config: Object, write: Write) -> Object:
        """Server-side apply: the manager owns what its configuration says, and nothing else.

        Raises:
            RefusedError: the configuration is no such object, or another manager owns what it would change.
        """
        with self._lock:
            self._accepts(place, config, write)
            node, manager = self.types.node(place.kind), write.manager
            live = self.objects.get(place)
            base = live or {key: config[key] for key in ("apiVersion", "kind", "metadata")}
            owners = dict(_owners(live))
            fields = self._checked(place, lambda: frozenset(owned(config, node)))
            others = frozenset[tuple[str, ...]]().union(*(o for m, o in owners.items() if m != manager))
            left = with_ancestors(owners.get(manager, ())) - with_ancestors(fields) - with_ancestors(others)
            value = pruned(merged(base, config, node), node, left)
            return self._stored(place, live, value, {**owners, manager: fields}, write)

    def _update(self, place: Place, live: Object | None, value: Object, write: Write) -> Object:
        return self._stored(place, live, value, _owners(value if live else None), write)

    def _stored(
        self, place: Place, live: Object | None, value: Object, owners: Owners, write: Write
    ) -> Object:
        """Fills in defaults, judges, settles who owns what, and keeps what came of it if that is a change."""
        value = copy.deepcopy(value)
        defaults.fill(place.kind, value)
        self._valid(place, live, value)
        node = self.types.node(place.kind)
        before = owned(live, node) if live else {}
        after = self._checked(place, lambda: owned(value, node))
        changed = frozenset(p for p in after if p not in before or before[p] != after[p])
        gone = frozenset(before.keys() - after.keys())
        if write.manager[1] == "Apply" and not write.force:
            _refuse_conflicts(owners, changed, write.manager)
        new = self._with_metadata(place, live, value, _settled(owners, write.manager, changed, gone))
        if live is not None and new == live:
            return live
        if not write.dry_run:
            self._keep(place, live, new)
        return new

    def _keep(self, place: Place, live: Object | None, new: Object) -> None:
        new["metadata"]["resourceVersion"] = str(next(self._versions))
        self.objects[place] = new
        self.log.append(("create" if live is None else "change", place))

    def _with_metadata(self, place: Place, live: Object | None, value: Object, owners: Owners) -> Object:
        """The object with the metadata that is the server's to write; its version is the live one's."""
        made = {"creationTimestamp": TIME, "uid": f"{place.kind.plural}-{place.name}"}
        has: Object = live["metadata"] if live else made
        metadata = {**value["metadata"], "name": place.name}
        metadata |= {key: has[key] for key in ("creationTimestamp", "uid", "resourceVersion") if key in has}
        metadata |= {"namespace": place.namespace} if place.namespace else {}
        if place.kind.crd or place.kind.name in COUNTED:
            same = live is not None and live.get("spec") == value.get("spec")
            metadata["generation"] = has.get("generation", 0) + (0 if same else 1)
        metadata["managedFields"] = [_entry(place.kind, *owner) for owner in sorted(owners.items())]
        return {**value, "metadata": metadata}

    def _accepts(self, place: Place, value: Object, write: Write) -> None:
        """Refuses what cannot be decoded into the kind, and what belongs to no namespace that exists."""
        if place.namespace:
            self.get(Place(NAMESPACE, "", place.namespace))
        faults = self.types.faults(place.kind, value)
        for fault in faults:
            if fault.keyword == "unknown" and write.strict:
                what = f'strict decoding error: unknown field "{fault.at[1:]}"'
                raise RefusedError(400, "BadRequest", what)
            if fault.keyword == "type":
                what = f"{place.kind.name} in version {place.kind.version!r} cannot be handled: "
                raise RefusedError(400, "BadRequest", f"{what}{fault.at}: {fault.message}")
        if place.kind.crd:  # its schema is of what a manifest says, without what a server adds
            _refuse_invalid(place, [(fault.at, fault.message) for fault in faults])

    def _valid(self, place: Place, live: Object | None, value: Object) -> None:
        """Refuses what decodes and is wrong all the same."""
        told = [(fault.at, fault.message) for fault in self.types.faults_of_stored(place.kind, value)]
        name = IMMUTABLE.get(place.kind.name, "")
        if live is not None and name and live["spec"].get(name) != value["spec"].get(name):
            told.append((f".spec.{name}", "field is immutable"))
        _refuse_invalid(place, told)

    def _checked(self, place: Place, work: Callable[[], T]) -> T:
        try:
            return work()
        except DuplicateKeyError as error:
            what = f"{place.namespace}/{place.name}; {place.kind.api_version}, Kind={place.kind.name}"
            message = f"failed to create typed patch object ({what}): {error}"
            raise RefusedError(500, "", message) from error


def _settled(owners: Owners, writer: Manager, changed: Fields, gone: Fields) -> Owners:
    """Who owns what after a write: an update owns what it changed, and nobody else does any more."""
    own = owners.get(writer, frozenset())
    if writer[1] == "Update":
        own = (own | changed) - gone
    others = {manager: fields - changed - gone for manager, fields in owners.items()}
    return {manager: fields for manager, fields in {**others, writer: own}.items() if fields}


def _refuse_invalid(place: Place, told: list[tuple[str, str]]) -> None:
    if told:
        causes = [{"field": at[1:], "message": words, "reason": "FieldValueInvalid"} for at, words in told]
        reasons = "; ".join(f"{cause['field']}: {cause['message']}" for cause in causes)
        what = f'{place.kind.qualified} "{place.name}" is invalid: {reasons}'
        raise RefusedError(422, "Invalid", what, kind=place.kind.name, name=place.name, causes=causes)


def _refuse_conflicts(owners: Owners, changed: Fields, manager: Manager) -> None:
    found = [
        (other, path)
        for other, fields in sorted(owners.items())
        if other != manager
        for path in sorted(fields & changed)
    ]
    if not found:
        return
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{name}" using v1',
            "field": words(path),
        }
        for (name, _), path in found
    ]
    told = "\n".join(f"- {cause['field']}" for cause in causes)
    plural = "s" if len(found) > 1 else ""
    what = f"Apply failed with {len(found)} conflict{plural}: {causes[0]['message']}:\n{told}"
    raise RefusedError(409, "Conflict", what, causes=causes)


def _owners(value: Object | None) -> Owners:
    entries = value["metadata"].get("managedFields") or () if value else ()
    return {(entry["manager"], entry["operation"]): of_fields_v1(entry["fieldsV1"]) for entry in entries}


def _entry(kind: Kind, manager: Manager, fields: Fields) -> Object:
    name, operation = manager
    return {
        "manager": name,
        "operation": operation,
        "apiVersion": kind.api_version,
        "time": TIME,
        "fieldsType": "FieldsV1",
        "fieldsV1": to_fields_v1(fields),
    }
