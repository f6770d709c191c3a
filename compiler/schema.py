"""Is a document a catalog? `schemas/catalog.schema.json` says yes or no; a no is explained at its places.

jsonschema-rs judges the whole file in one pass. Only after a no is the file judged again, an entry of
`models`, `providers` and so on at a time: one of its errors costs 30 µs and 3 KB, and a hostile file can
hold a million. `schema_words` says the rest.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError
from jsonschema_rs import ValidationErrorKind as Kind

from compiler.diagnostics import NOT_SUPPORTED_YET, OTHER_KIND, Diagnostic, Span
from compiler.resources import read_text
from compiler.schema_words import Fault, Path_, called, explained
from compiler.source import Document, value_at
from compiler.source_kinds import kind_of

MAX_SHOWN = 100  # problems listed in one run
MAX_COUNTED = 25_000  # problems looked for, so that their number is exact in any honest file
MAX_WIDTH = 1_001  # entries of an inner list or map that are judged; the schema refuses more than 1,000

_REFUSED = (ValueError, TypeError, OverflowError, RecursionError)  # what jsonschema-rs raises on odd data

NOT_YET: tuple[tuple[str, str], ...] = (
    (
        "models.*.price.cached_input",
        "cached prompts will be priced by it; until then leave it out: they are priced as any input",
    ),
    ("environments", "they will hold what differs; until then leave them out and keep a catalog for each"),
)


def check(document: Document) -> list[Diagnostic]:
    """What keeps a document from being a catalog, in the order of the file; nothing when it is one.

    Any plain data is judged without an exception. At most `MAX_SHOWN` problems are listed; one more says how
    many there are besides. A value that is a secret, or looks like one, is never printed back. Of a file that
    is something else, such as a Kubernetes manifest, that alone is said.
    """
    return _judged(document, _catalog_schema())


def check_tests(document: Document) -> list[Diagnostic]:
    """The same for a file of routing tests, `schemas/tests.schema.json`."""
    whole, own = _catalog_schema(), json.loads(read_text("schemas", "tests.schema.json"))
    properties = {name: whole["properties"][name] for name in own["properties"]}
    return _judged(document, {**whole, **own, "properties": properties})


def _catalog_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(read_text("schemas", "catalog.schema.json"))
    return schema


def _judged(document: Document, schema: dict[str, Any]) -> list[Diagnostic]:
    if _accepts(Draft202012Validator(schema), document.data):
        return []
    other = kind_of(document.data)
    if other:
        return [OTHER_KIND.at(document.span((other.key,), key=True), other.message, other.hint)]
    faults = list(islice(_faults(schema, document.data), MAX_COUNTED))
    places = [document.span(fault.path, key=fault.at_key) for fault in faults]
    order = sorted(range(len(faults)), key=lambda i: (places[i] or Span("", 0, 0, 0), i))
    first = [explained(schema, document, faults[i]) for i in order[: MAX_SHOWN + 1]]
    return first if len(first) <= MAX_SHOWN else [*first[:-1], _and_more(first[-1], len(faults) - MAX_SHOWN)]


def not_supported_yet(document: Document) -> list[Diagnostic]:
    """The fields in a document that the format has and this version does nothing with, at their keys."""
    found = []
    for pattern, note in NOT_YET:
        for path in _matches(document.data, pattern):
            what = f"{called(path)} is not supported yet"
            found.append(NOT_SUPPORTED_YET.at(document.span(path, key=True), what, note))
    return found


def _matches(data: Any, pattern: str) -> Iterator[Path_]:
    """The paths in the data that a pattern of `NOT_YET` means."""
    ends: list[tuple[Path_, Any]] = [((), data)]
    for part in pattern.split("."):
        maps = [(path, node) for path, node in ends if isinstance(node, dict)]
        ends = [
            ((*path, key), node[key])
            for path, node in maps
            for key in (node if part == "*" else (part,))
            if key in node
        ]
    return (path for path, _ in ends)


def _and_more(diagnostic: Diagnostic, count: int) -> Diagnostic:
    number = f"more than {count - 1}" if count + MAX_SHOWN >= MAX_COUNTED else str(count)
    message = f"from here on, {number} problem{'s are' if count > 1 else ' is'} left out of this list"
    return replace(diagnostic, message=message, related=(), hint="mend those above and run it again")


def _accepts(validator: Draft202012Validator, data: Any) -> bool:
    try:
        return validator.is_valid(data)
    except _REFUSED:
        return False


def _faults(schema: dict[str, Any], data: Any) -> Iterator[Fault]:
    """Every problem of data that was refused: at least one."""
    found = 0
    top = dict.fromkeys(data) if isinstance(data, dict) else type(data)()
    for fault in _faults_of(Draft202012Validator(schema), top):
        if not fault.path or fault.kind == "unknown":  # what is inside was left out
            found += 1
            yield fault
    entries = Draft202012Validator({**schema, "required": []})
    for entry, offset in _entries(schema, data):
        for fault in _faults_of(entries, entry):
            found += 1
            yield _moved(fault, offset) if offset else fault
    if not found:
        yield Fault((), "unreadable")


def _entries(schema: dict[str, Any], data: Any) -> Iterator[tuple[dict[str, Any], int]]:
    """The catalog as many small ones of one entry each, and by how much an entry of a list was moved up."""
    for section, rule in schema["properties"].items() if isinstance(data, dict) else ():
        node = data.get(section)
        if node and isinstance(node, dict) and "propertyNames" in rule:
            yield from (({section: {name: _narrow(entry)}}, 0) for name, entry in node.items())
        elif node and isinstance(node, list) and "items" in rule:
            yield from (({section: [_narrow(entry)]}, index) for index, entry in enumerate(node))
        elif section in data:
            yield {section: _narrow(node)}, 0


def _narrow(node: Any, depth: int = 0) -> Any:
    """The same, less what is beyond any legal width; no rule of the schema looks deeper than this does."""
    if depth > 8:
        return node
    if isinstance(node, dict):
        return {key: _narrow(node[key], depth + 1) for key in islice(node, MAX_WIDTH)}
    if isinstance(node, list):
        return [_narrow(entry, depth + 1) for entry in node[:MAX_WIDTH]]
    return node


def _moved(fault: Fault, by: int) -> Fault:
    section, index, *rest = (*fault.path, 0)[: max(2, len(fault.path))]
    return replace(fault, path=(section, int(index) + by, *rest))


def _faults_of(validator: Draft202012Validator, data: Any) -> list[Fault]:
    if _accepts(validator, data):
        return []
    try:
        faults = [fault for error in validator.iter_errors(data) for fault in _from_error(error, data)]
    except _REFUSED:
        return [Fault(_first_path(data), "unreadable")]
    # What has the wrong type has the wrong form, too; and a form is wrong once, however many rules it breaks.
    mistyped = {fault.path for fault in faults if fault.kind == "type"}
    return list(
        dict.fromkeys(f for f in faults if f.kind in ("type", "name") or not _within(f.path, mistyped))
    )


def _within(path: Path_, mistyped: set[Path_]) -> bool:
    return path in mistyped or path[:-1] in mistyped


def _first_path(data: Any) -> Path_:
    path: Path_ = ()
    while len(path) < 2 and isinstance(data, dict) and len(data) == 1:
        key, data = next(iter(data.items()))
        path = (*path, key)
    return path


def _from_error(error: ValidationError, data: Any) -> Iterator[Fault]:
    path, rule = _as_written(error.instance_path, data), tuple(error.evaluation_path[:-1])
    match error.kind:
        case Kind.AdditionalProperties(unexpected):
            yield from (Fault((*path, name), "unknown", rule, at_key=True) for name in unexpected)
        case Kind.Required(missing):
            yield Fault(path, "missing", rule, missing, at_key=True)
        case Kind.PropertyNames(inner):
            name_rule = tuple(inner.evaluation_path[:-1])
            yield Fault((*path, str(inner.instance)), "name", name_rule, at_key=True)
        case Kind.AnyOf(branches):
            yield from _of_best_branch(path, rule, branches, data)
        case Kind.OneOfNotValid() | Kind.OneOfMultipleValid():
            yield _served_nowhere_or_twice(path, rule, value_at(data, path))
        case Kind.Not() as refusal:
            kept, refused = refusal.value["required"]
            owner = rule[:-2] if "allOf" in rule[-2:] else rule  # where several pairs exclude each other
            yield Fault((*path, refused), "both", owner, kept, at_key=True)
        case Kind.UniqueItems():
            again, first = _repeated(value_at(data, path))
            yield Fault((*path, again), "repeated", rule, first)
        case Kind.Pattern() | Kind.MinLength() | Kind.MaxLength():
            yield Fault(path, "form", rule)
        case kind:
            yield Fault(path, kind.name, rule)


def _as_written(path: list[str | int], data: Any) -> Path_:
    """The path with the keys that it has in the data: jsonschema-rs takes a key of digits for an index."""
    found: list[str | int] = []
    for part in path:
        found.append(str(part) if isinstance(data, dict) else part)
        data = value_at(data, (found[-1],))
    return tuple(found)


def _of_best_branch(
    path: Path_, rule: Path_, branches: list[list[ValidationError]], data: Any
) -> Iterator[Fault]:
    """What is wrong in the branch that was meant: the one whose type (or whose one word) is there."""
    if all(_lacks(branch, path, data) for branch in branches):
        # One of several fields is needed: the first is the usual one.
        yield Fault(path, "missing", rule, branches[0][0].kind.as_dict()["property"], at_key=True)
        return
    for branch in branches:
        own = {error.kind.name for error in branch if _as_written(error.instance_path, data) == path}
        if not own & {"type", "const"}:
            yield from (fault for error in branch for fault in _from_error(error, data))
            return
    yield Fault(path, "anyOf", rule)


def _lacks(branch: list[ValidationError], path: Path_, data: Any) -> bool:
    """Whether a field that is not there is all that is wrong in a branch."""
    return all(
        isinstance(error.kind, Kind.Required) and _as_written(error.instance_path, data) == path
        for error in branch
    )


def _served_nowhere_or_twice(path: Path_, rule: Path_, model: Any) -> Fault:
    if isinstance(model, dict) and "deployments" in model:
        refused = next(name for name in ("provider", "id", "region", "rpm", "tpm") if name in model)
        return Fault((*path, refused), "both", rule, "deployments", at_key=True)
    return Fault(path, "missing", rule, "provider", at_key=True)


def _repeated(entries: list[Any]) -> tuple[int, int]:
    """The index of the first entry that was there before, and where it was."""
    firsts = ((index, entries.index(entry)) for index, entry in enumerate(entries))
    return next(((index, first) for index, first in firsts if index != first), (0, 0))
