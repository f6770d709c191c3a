"""YAML text → plain data, with the place of every key and value.

Reads libyaml *events* and builds the data itself, for three reasons that no stock loader gives at once:
positions, duplicate keys refused, and scalars that mean the same to every reader. A scalar is a number,
a boolean or null only where YAML 1.1, YAML 1.2 and JSON agree; `no`, `1e3`, `017`, `12:30` and
`2024-08-06` keep their text.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import yaml

from compiler.diagnostics import (
    DUPLICATE_KEY,
    KEY_TYPE,
    NOT_A_MAPPING,
    OTHER_KIND,
    SYNTAX,
    TOO_LARGE,
    UNREADABLE,
    Code,
    Diagnostic,
    Span,
)
from compiler.redact import redact
from compiler.source_kinds import kind_of
from compiler.source_scalars import plain
from compiler.source_text import Place, SourceError, decoded, misread, refuse_characters, span_of, stop
from compiler.source_words import NOT_A_TEMPLATE

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 1_000_000  # after aliases are expanded; a catalog of 10,000 models has about 150,000
MAX_REPEATS = 20  # keys written twice that are listed in one run

_TOO_MANY = f"more than {MAX_NODES:,} values once aliases are expanded"

_STRING_TAGS = (None, "!", "tag:yaml.org,2002:str")
_AGAIN: Any = object()  # in a mapping being read, the key of a value whose own key was there before

Path_ = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None; keys are always str) and where it stands.

    `places` maps the id of a container to the (key place, value place) of each of its entries; the data
    keeps the containers, and so the ids, alive. `found` is what is wrong and did not stop the parse: keys
    written twice, of which the data has the first.
    """

    file: str
    text: str
    data: Any = None
    places: dict[int, dict[str | int, tuple[Place | None, Place]]] = field(default_factory=dict)
    found: list[Diagnostic] = field(default_factory=list)

    def span(self, path: Path_, *, key: bool = False) -> Span | None:
        """The place of the value (or its key) at `path`, or of the nearest thing around it that exists."""
        found: Place = (0, 0, 1)
        node = self.data
        for depth, part in enumerate(path):
            entry = self.places.get(id(node), {}).get(part)
            if entry is None:
                break
            wants_key = key or depth < len(path) - 1  # an enclosing block is best shown by its key
            found = entry[0] if wants_key and entry[0] is not None else entry[1]
            node = node[part]
        return span_of(self.file, found)


def value_at(data: Any, path: Path_) -> Any:
    """The value at a path; None when there is none."""
    for part in path:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def read(path: Path, name: str | None = None) -> Document | Diagnostic:
    """Reads and parses a file. `name` is what diagnostics call it (default: the path as given)."""
    shown = name or path.as_posix()
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        return UNREADABLE.at(Span(shown, 1, 1, 2), f"cannot read the file: {error.strerror or error}")
    return parse(raw, shown)


def parse(raw: bytes | str, file: str = "<input>") -> Document | Diagnostic:
    """Parses one YAML document. Any bytes at all give a Document or one Diagnostic, in bounded memory."""
    try:
        if len(raw) > MAX_BYTES:
            stop(file, TOO_LARGE, (0, 0, 1), f"the file is over {MAX_BYTES // 1024 // 1024} MiB")
        text = raw if isinstance(raw, str) else decoded(raw, file)
        document = Document(file, text)
        with no_garbage_collection():
            document.data = _Builder(document).build()
    except SourceError as error:
        return error.diagnostic
    return document


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """For work that makes much and drops little. May be nested."""
    # Hundreds of thousands of new containers and no garbage: collecting makes the load superlinear.
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Builder:
    """One pass over the events of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.anchors: dict[str, Any] = {}
        self.sizes: dict[str, int] = {}
        self.heights: dict[str, int] = {}
        self.nodes = 0
        self.repeats = 0
        self.repeated: dict[int, dict[Any, Any]] = {}
        self.first_unsaid: Place | None = None

    def build(self) -> Any:
        text, file = self.document.text, self.document.file
        refuse_characters(text, file)
        try:
            root = self._build()
        except yaml.YAMLError as error:
            misread(text, file, error)
        self._drop_repeated()
        return root

    def _stop(self, code: Code, place: Place, message: str, hint: str = "") -> NoReturn:
        stop(self.document.file, code, place, message, hint)

    def _build(self) -> Any:  # noqa: C901, PLR0912, PLR0915  # one loop over one event stream: splitting it costs half its speed
        loader = yaml.CSafeLoader(self.document.text)
        next_event: Callable[[], Any] = loader.get_event
        places = self.document.places
        scalar_event, mapping_event = yaml.ScalarEvent, yaml.MappingStartEvent
        sequence_event, alias_event = yaml.SequenceStartEvent, yaml.AliasEvent
        ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        stack: list[tuple[Any, dict[str | int, Any], str | None, Place | None, str | None, int, int]] = []
        container: Any = None
        marks: dict[str | int, tuple[Place | None, Place]] = {}
        key: str | None = None
        key_place: Place | None = None
        anchor: str | None = None
        opened_at = 0
        peak = 0  # the deepest level inside the open container, aliases expanded
        root: Any = None
        seen_root = False
        while True:
            event = next_event()
            kind = type(event)
            if kind is scalar_event:
                start, end = event.start_mark, event.end_mark
                place = (start.line, start.column, end.column if end.line == start.line else start.column + 1)
                if event.tag not in _STRING_TAGS:
                    self._refuse_tag(event.tag, place)
                if key is None and type(container) is dict:
                    key, key_place = event.value, place
                    if key in container:
                        self._repeated(key, place, marks[key][0], container)
                        key = _AGAIN
                    continue
                text = event.value
                value: Any = text if event.style or event.tag else plain(text)
                if event.anchor:
                    self.anchors[event.anchor], self.sizes[event.anchor] = value, 1
                    self.heights[event.anchor] = 0
                self.nodes += 1
            elif kind is mapping_event or kind is sequence_event:
                start = event.start_mark
                place = (start.line, start.column, start.column + 1)
                if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
                    self._refuse_tag(event.tag, place)
                if key is None and type(container) is dict:
                    self._stop(
                        KEY_TYPE, place, "a key must be plain text, not a list or a mapping", NOT_A_TEMPLATE
                    )
                if len(stack) >= MAX_DEPTH:
                    self._stop(TOO_LARGE, place, f"nested deeper than {MAX_DEPTH} levels")
                value = {} if kind is mapping_event else []
                self.nodes += 1
                if self.nodes > MAX_NODES:
                    self._stop(TOO_LARGE, place, _TOO_MANY)
                if type(container) is list:
                    marks[len(container)] = (None, place)
                    container.append(value)
                elif container is not None:
                    container[key] = value
                    marks[key] = (key_place, place)  # type: ignore[index]  # a dict waits for its value here
                stack.append((container, marks, key, key_place, anchor, opened_at, peak))
                container, marks, key, key_place = value, {}, None, None
                anchor, opened_at, peak = event.anchor, self.nodes, len(stack)
                if anchor:  # an alias inside its own anchor must not find an older one
                    self.anchors.pop(anchor, None)
                places[id(value)] = marks
                continue
            elif kind in ends:
                value = container
                if anchor:
                    self.anchors[anchor], self.sizes[anchor] = value, self.nodes - opened_at + 1
                    self.heights[anchor] = peak - len(stack) + 1
                inner_peak = peak
                container, marks, key, key_place, anchor, opened_at, peak = stack.pop()
                peak = max(peak, inner_peak)
                if not stack and container is None:
                    root, seen_root = value, True
                key = None
                continue
            elif kind is alias_event:
                start = event.start_mark
                place = (start.line, start.column, event.end_mark.column)
                if key is None and type(container) is dict:
                    self._stop(KEY_TYPE, place, "a key must be plain text, not an alias")
                if event.anchor not in self.anchors:
                    self._stop(
                        SYNTAX,
                        place,
                        f"the alias '*{_brief(event.anchor)}' has no anchor before it",
                    )
                value = self.anchors[event.anchor]
                self.nodes += self.sizes[event.anchor]
                peak = max(peak, len(stack) + self.heights.get(event.anchor, 0))
                if peak > MAX_DEPTH:
                    self._stop(
                        TOO_LARGE, place, f"nested deeper than {MAX_DEPTH} levels once aliases are expanded"
                    )
            elif kind is yaml.DocumentStartEvent and seen_root:
                self._second_document(event.start_mark, root)
            elif kind is yaml.StreamEndEvent:
                return root
            else:
                continue
            if self.nodes > MAX_NODES:
                self._stop(TOO_LARGE, place, _TOO_MANY)
            if type(container) is dict:
                container[key] = value
                marks[key] = (key_place, place)  # type: ignore[index]
                key = None
            elif type(container) is list:
                marks[len(container)] = (None, place)
                container.append(value)
            else:
                root, seen_root = value, True

    def _second_document(self, mark: Any, first: Any) -> NoReturn:
        other = kind_of(first)
        if other:  # several documents are what manifests come in
            self.document.data = first
            where = self.document.span((other.key,), key=True)
            raise SourceError(OTHER_KIND.at(where, other.message, other.hint))
        place = (mark.line, mark.column, mark.column + 3)
        hint = "put each catalog in a file of its own"
        self._stop(NOT_A_MAPPING, place, "a second document starts here; a catalog is one", hint)

    def _refuse_tag(self, tag: str, place: Place) -> None:
        self._stop(SYNTAX, place, f"the tag {_brief(tag)!r} has no meaning in a catalog", "remove it")

    def _repeated(self, key: str, place: Place, first: Place | None, within: dict[Any, Any]) -> None:
        """Reports a key that was there before. Its value is read under `_AGAIN`, and dropped at the end."""
        self.repeats += 1
        self.repeated[id(within)] = within
        if self.repeats > MAX_REPEATS:
            self.first_unsaid = self.first_unsaid or place
            return
        found = DUPLICATE_KEY.at(
            span_of(self.document.file, place),
            f"key {_brief(key)!r} is written twice",
            "keep one of the two; the rest of the file was checked with the first",
        )
        earlier = span_of(self.document.file, first) if first else None
        self.document.found.append(found.with_related(earlier, "first written here"))

    def _drop_repeated(self) -> None:
        for within in self.repeated.values():
            self.document.places[id(within)].pop(_AGAIN, None)
            within.pop(_AGAIN, None)
        if self.first_unsaid:
            count = self.repeats - MAX_REPEATS
            what = f"from here on, {count} more key{'s are' if count > 1 else ' is'} written twice"
            where = span_of(self.document.file, self.first_unsaid)
            self.document.found.append(DUPLICATE_KEY.at(where, what, "mend those above and run it again"))


def _brief(text: str) -> str:
    """What a message repeats of the file: no secret, and hidden before it is cut."""
    return redact(text)[:40]
