"""YAML text → plain data, with the place of every key and value.

Reads libyaml *events* and builds the data itself, for three reasons that no stock loader gives at once:
positions, duplicate keys refused, and scalars that mean the same to every reader. A scalar is a number,
a boolean or null only where YAML 1.1, YAML 1.2 and JSON agree; `no`, `1e3`, `017`, `12:30` and
`2024-08-06` keep their text.
"""

import gc
import math
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from compiler.diagnostics import (
    DUPLICATE_KEY,
    ENCODING,
    KEY_TYPE,
    NOT_A_MAPPING,
    SYNTAX,
    TOO_LARGE,
    UNREADABLE,
    Diagnostic,
    Span,
)
from compiler.redact import redact
from compiler.source_words import CONFLICT, NOT_A_TEMPLATE, in_plain_words

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 1_000_000  # after aliases are expanded; a catalog of 10,000 models has about 150,000

_TOO_MANY = f"more than {MAX_NODES:,} values once aliases are expanded"

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Longer digits than these are text: int() refuses thousands of digits, and a float of them is infinite.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})?\.[0-9]{0,30}([eE][-+][0-9]{1,3})?\Z")
_FORBIDDEN = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)
_STRING_TAGS = (None, "!", "tag:yaml.org,2002:str")

Path_ = tuple[str | int, ...]
_Place = tuple[int, int, int]  # line, column, end column; from 0, as libyaml counts


class SourceError(Exception):
    """The text is not a catalog; carries what to tell the user."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class Document:
    """Plain data (dict, list, str, int, float, bool, None; keys are always str) and where it stands.

    `places` maps the id of a container to the (key place, value place) of each of its entries; the data
    keeps the containers, and so the ids, alive.
    """

    file: str
    text: str
    data: Any = None
    places: dict[int, dict[str | int, tuple[_Place | None, _Place]]] = field(default_factory=dict)

    def span(self, path: Path_, *, key: bool = False) -> Span | None:
        """The place of the value (or its key) at `path`, or of the nearest thing around it that exists."""
        found: _Place = (0, 0, 1)
        node = self.data
        for depth, part in enumerate(path):
            entry = self.places.get(id(node), {}).get(part)
            if entry is None:
                break
            wants_key = key or depth < len(path) - 1  # an enclosing block is best shown by its key
            found = entry[0] if wants_key and entry[0] is not None else entry[1]
            node = node[part]
        line, column, end = found
        return Span(self.file, line + 1, column + 1, max(end + 1, column + 2))


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
        text = raw if isinstance(raw, str) else _decode(raw, file)
        document = Document(file, text)
        with no_garbage_collection():
            document.data = _Builder(document).build()
    except SourceError as error:
        return error.diagnostic
    return document


def _decode(raw: bytes, file: str) -> str:
    if len(raw) > MAX_BYTES:
        raise SourceError(
            TOO_LARGE.at(Span(file, 1, 1, 2), f"the file is over {MAX_BYTES // 1024 // 1024} MiB")
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n")
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
        place = Span(file, line + 1, column + 1, column + 2)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        was = "this is UTF-16; " if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        raise SourceError(ENCODING.at(place, message, f"{was}save the file as UTF-8")) from None


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

    def build(self) -> Any:
        if not self.document.text.isascii() or "\r" in self.document.text:
            self._refuse_characters()
        try:
            return self._build()
        except yaml.reader.ReaderError as error:  # it has no mark, and counts in bytes
            self._refuse_characters()
            self._stop(SYNTAX, (0, 0, 1), str(error).replace("\n", " "))
        except yaml.MarkedYAMLError as error:
            self._misread(error)
        except yaml.YAMLError as error:
            self._stop(SYNTAX, (0, 0, 1), str(error))

    def _refuse_characters(self) -> None:
        """Stops at a character that YAML refuses, or takes for the end of a line where editors do not."""
        found = _FORBIDDEN.search(self.document.text)
        if found:
            before = self.document.text[: found.start()]
            line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
            what = f"character U+{ord(found.group()[0]):04X} is not allowed"
            self._stop(
                SYNTAX, (line, column, column + 1), what, "remove it, or write it as an escape in quotes"
            )

    def _misread(self, error: yaml.MarkedYAMLError) -> None:
        """A problem of libyaml's in plain words; what was opened and not closed is shown, too."""
        unclosed = "quoted scalar" in str(error.context)  # the end of the file is no place to look at
        mark = (error.context_mark if unclosed else error.problem_mark) or error.context_mark
        place = (mark.line, mark.column, mark.column + 1) if mark else (0, 0, 1)
        lines = self.document.text.split("\n")
        conflict = next(
            (n for n, text in enumerate(lines[: place[0] + 1]) if text.startswith(CONFLICT)), None
        )
        if conflict is not None:
            self._stop(
                SYNTAX, (conflict, 0, 7), "this is the mark of a merge conflict", "resolve the conflict"
            )
        line = lines[place[0]] if place[0] < len(lines) else ""
        message, hint = in_plain_words(str(error.problem), str(error.context), line, place[1])
        opened = error.context_mark
        try:
            self._stop(SYNTAX, place, message, hint)
        except SourceError as stop:
            if opened and opened.line != place[0] and "parsing" in str(error.context):
                span = Span(self.document.file, opened.line + 1, opened.column + 1, opened.column + 2)
                raise SourceError(stop.diagnostic.with_related(span, "it began here")) from None
            raise

    def _stop(self, code: Any, place: _Place, message: str, hint: str = "") -> Any:
        line, column, end = place
        span = Span(self.document.file, line + 1, column + 1, max(end + 1, column + 2))
        raise SourceError(code.at(span, message, hint))

    def _build(self) -> Any:  # noqa: C901, PLR0912, PLR0915  # one loop over one event stream: splitting it costs half its speed
        loader = yaml.CSafeLoader(self.document.text)
        next_event: Callable[[], Any] = loader.get_event
        places = self.document.places
        scalar_event, mapping_event = yaml.ScalarEvent, yaml.MappingStartEvent
        sequence_event, alias_event = yaml.SequenceStartEvent, yaml.AliasEvent
        ends = (yaml.MappingEndEvent, yaml.SequenceEndEvent)
        stack: list[tuple[Any, dict[str | int, Any], str | None, _Place | None, str | None, int, int]] = []
        container: Any = None
        marks: dict[str | int, tuple[_Place | None, _Place]] = {}
        key: str | None = None
        key_place: _Place | None = None
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
                        self._duplicate(key, place, marks[key][0])
                    continue
                text = event.value
                value: Any = text if event.style or event.tag else _plain(text)
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
                start = event.start_mark
                self._stop(
                    NOT_A_MAPPING,
                    (start.line, start.column, start.column + 3),
                    "a second document starts here; a catalog is one",
                    "put each catalog in a file of its own",
                )
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

    def _refuse_tag(self, tag: str, place: _Place) -> None:
        self._stop(SYNTAX, place, f"the tag {_brief(tag)!r} has no meaning in a catalog", "remove it")

    def _duplicate(self, key: str, place: _Place, first: _Place | None) -> None:
        line = (first or place)[0] + 1
        span = Span(self.document.file, place[0] + 1, place[1] + 1, place[2] + 1)
        found = DUPLICATE_KEY.at(span, f"key {_brief(key)!r} is written twice", "keep one of the two")
        if first:
            found = found.with_related(
                Span(self.document.file, line, first[1] + 1, first[2] + 1), "first written here"
            )
        raise SourceError(found)


def _brief(text: str) -> str:
    """What a message repeats of the file: no secret, and hidden before it is cut."""
    return redact(text)[:40]


def _plain(text: str) -> Any:
    """What an unquoted scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+.0123456789":
        if _INTEGER.match(text):
            return int(text)
        if _FLOAT.match(text) and text.strip("+-.")[:1].isdigit() and math.isfinite(float(text)):
            return float(text)
    return text
