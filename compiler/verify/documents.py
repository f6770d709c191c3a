"""The bundle's YAML and JSON as plain data, each text parsed once.

Reads libyaml events and builds the data itself: that is the fastest, sees duplicate keys, and sees how a
scalar was written. What the readers of YAML (kubectl, PyYAML, YAML 1.2) do not all take for the same value
(`no`, `1e3`, `017`, `12:30`, `2024-08-06`) is reported and kept as text. Anchors and tags are refused: we
write none, and without them a document is as big as its text.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from compiler.verify.finding import Problem, brief, child, descend

MAX_DEPTH = 64  # the deepest Kubernetes object has about 20; the recursion of what follows is bounded by it

_SAME_FOR_ALL = re.compile(
    r"(?P<null>|~|null|Null|NULL)|(?P<true>true|True|TRUE)|(?P<false>false|False|FALSE)"
    r"|(?P<int>-?(?:0|[1-9][0-9]{0,17}))|(?P<float>-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}(?:e[-+][0-9]{1,2})?)"
)
_READERS_DIFFER = re.compile(
    r"[yYnN]|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF"
    r"|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?0[xX][0-9a-fA-F_]+|[-+]?0[oO][0-7_]+|[-+]?0[bB][01_]+"
    r"|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?"
    r"|<<|="
)
# Every text that either pattern matches is empty or begins with one of these.
_SUSPECTS = frozenset("~nNtTfFyYoO+-.0123456789<=")
# What YAML allows and a reader stumbles over: not every one takes it away or for the end of a line.
_ODD_MARKS = {
    "\r": "a carriage return",
    "\ufeff": "a byte order mark",
    "\u0085": "a line break of Unicode",
    "\u2028": "a line break of Unicode",
    "\u2029": "a line break of Unicode",
}
_CONVERT: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "true": lambda _: True,
    "false": lambda _: False,
    "int": int,
    "float": float,
}


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document of a file. `number` counts from 1, a file's empty documents included."""

    path: str
    number: int
    data: Any
    problems: tuple[Problem, ...]


class Unreadable(Exception):  # noqa: N818  # a state of the text, caught in this module
    """The text is not YAML as we write it."""


def read_yaml(files: Mapping[str, bytes]) -> Iterator[Document]:
    """Every document that is not empty. The same text in two files is parsed once, and is then one object."""
    parsed: dict[str, tuple[Any, tuple[Problem, ...]]] = {}
    for path, raw in files.items():
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            yield Document(path, 1, None, (("", f"not UTF-8: {error.reason} at byte {error.start}"),))
            continue
        if odd := next((what for mark, what in _ODD_MARKS.items() if mark in text), ""):
            yield Document(path, 1, None, (("", f"not YAML as we write it: {odd}"),))
            continue
        for number, chunk in enumerate(_chunks(text), start=1):
            key = chunk.strip()
            if key not in parsed:
                parsed[key] = _parse(chunk)
            data, problems = parsed[key]
            if data is not None or problems:
                yield Document(path, number, data, problems)


def _chunks(text: str) -> Iterator[str]:
    """The text of each document: `---` in the first column starts one even inside a block scalar."""
    first, *others = f"\n{text}".split("\n---")
    chunk = first[1:]
    for part in others:
        if part and part[0] not in " \t\n":
            chunk = f"{chunk}\n---{part}"
        else:
            yield f"{chunk}\n"
            chunk = part
    yield chunk


def read_json(raw: bytes) -> str:
    """Why the bytes are not JSON that every reader takes alike, or "" when they are."""
    try:
        json.loads(raw.decode("utf-8"), object_pairs_hook=_no_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {brief(error, 200)}"
    return ""


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {brief(twice)!r} is written twice")
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _parse(text: str) -> tuple[Any, tuple[Problem, ...]]:
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.take(event)
    except (yaml.YAMLError, Unreadable) as error:
        return None, (*builder.problems, ("", f"not YAML as we write it: {' '.join(str(error).split())}"))
    return builder.root, tuple(builder.problems)


@dataclass(slots=True)
class _Frame:
    """An open container. `key` is the last key read; it waits for its value while `waits` is true."""

    container: Any
    key: str = ""
    waits: bool = False

    @property
    def wants_key(self) -> bool:
        return not self.waits and type(self.container) is dict


class _Builder:
    """Plain data from a stream of events; what is odd but readable goes to `problems`."""

    def __init__(self) -> None:
        self.root: Any = None
        self.problems: list[Problem] = []
        self._frames: list[_Frame] = []

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            _refuse_marks(event)
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._enter(event, {})
        elif kind is yaml.SequenceStartEvent:
            self._enter(event, [])
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._frames.pop()
        elif kind is yaml.AliasEvent:
            raise Unreadable(f"an alias at line {event.start_mark.line + 1}")

    def _scalar(self, event: Any) -> None:
        is_key = bool(self._frames) and self._frames[-1].wants_key
        value = text = event.value
        if event.implicit[0] and (not text or text[0] in _SUSPECTS):
            value = self._plain(text, is_key=is_key)
        if is_key:
            self._take_key(text)
        else:
            self._add(value)

    def _take_key(self, key: str) -> None:
        frame = self._frames[-1]
        if key in frame.container:
            self.problems.append((child(self._here(), key), "the key is written twice"))
        frame.key, frame.waits = key, True

    def _plain(self, text: str, *, is_key: bool) -> Any:
        """What an unquoted scalar is to every reader; its text, and a problem, where they differ.

        Only for what begins like one of `_SUSPECTS`, or is empty.
        """
        place = self._here
        if same := _SAME_FOR_ALL.fullmatch(text):
            if is_key:
                self.problems.append((child(place(), text), f"the key {text} is not text: quote it"))
            return _CONVERT[str(same.lastgroup)](text)
        if _READERS_DIFFER.fullmatch(text):
            pointer = child(place(), text) if is_key else place(value=True)
            self.problems.append((pointer, f"{brief(text)} is not the same to every YAML reader: quote it"))
        return text

    def _enter(self, event: Any, container: Any) -> None:
        _refuse_marks(event)
        if len(self._frames) == MAX_DEPTH:
            raise Unreadable(f"nested deeper than {MAX_DEPTH}")
        self._add(container)
        self._frames.append(_Frame(container))

    def _add(self, value: Any) -> None:
        if not self._frames:
            self.root = value  # once: libyaml refuses a second document that no `---` begins
            return
        frame = self._frames[-1]
        if type(frame.container) is list:
            frame.container.append(value)
        elif frame.waits:
            frame.container[frame.key] = value
            frame.waits = False
        else:
            raise Unreadable("a mapping's key is not a scalar")

    def _here(self, *, value: bool = False) -> str:
        """The pointer of the innermost open container, or of the value that it is about to take."""
        steps = [
            len(frame.container) - 1 if type(frame.container) is list else frame.key
            for frame in self._frames[:-1]
        ]
        if value and self._frames:
            last = self._frames[-1]
            steps.append(len(last.container) if type(last.container) is list else last.key)
        return descend("", steps)


def _refuse_marks(event: Any) -> None:
    if event.tag is not None or event.anchor is not None:
        raise Unreadable(f"an anchor or a tag at line {event.start_mark.line + 1}")
