"""Changes to a catalog's text that leave the rest of it as it was: comments, order, line ends.

Every function gives no edit at all where the exact extent of what it should change is not certain: a scalar
of several lines, anything that has an anchor or comes through an alias, a comment that may be about it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from compiler import emit
from compiler.diagnostics import Edit
from compiler.source import Document, Path_, parse

_Marks = dict[str | int, tuple[tuple[int, int, int] | None, tuple[int, int, int]]]  # as in a Document

_QUOTABLE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\\\"']*\Z")
_ANCHOR = re.compile(r"(?:^|[\s\[{,:])[&*]\S")
# What a flow list or mapping is made of; a word may hold quotes and '#', which begin something elsewhere.
_TOKEN = re.compile(
    r"""(?P<open>[\[{])|(?P<close>[\]}])|"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|\#[^\n]*|[\s,]+|[^\s\[\]{},]+""",
    re.DOTALL | re.VERBOSE,
)
_TO_THE_ROOT = re.compile(r"(?:[ \t]*(?:#[^\n]*|%[^\n]*|---[ \t]*(?:#[^\n]*)?)?\r?\n)*(?:--- )?[ \t]*(\S?)")
_DASH = re.compile(r" *-[ \t]+\Z")


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a list or mapping; `opened` is the character that the list or mapping begins with."""

    document: Document
    path: Path_
    marks: _Marks
    opened: str
    value: Any
    lines: list[str]

    @property
    def names(self) -> list[str | int]:
        """The keys or indexes beside it, in the order of the text, its own included."""
        return list(self.marks)

    @property
    def index(self) -> int:
        return self.names.index(self.path[-1])

    @property
    def place(self) -> tuple[int, int, int]:
        """Line, column, end column of its value, from 0."""
        return self.marks[self.path[-1]][1]


def replace_value(document: Document, path: Path_, value: Any) -> tuple[Edit, ...]:
    """A scalar in the place of the one at `path`; text keeps the quotes that stand there, where it can."""
    entry = _entry(document, path)
    written = _exact(entry, entry.place, entry.value) if entry else None
    return replace_source(document, path, _in_style(value, written)) if written else ()


def replace_source(document: Document, path: Path_, text: str) -> tuple[Edit, ...]:
    """The same with YAML that is put there as it is."""
    entry = _entry(document, path)
    if entry is None or not _exact(entry, entry.place, entry.value):
        return ()
    return (_on_line(document, entry.place, text),)


def replace_key(document: Document, path: Path_, name: str) -> tuple[Edit, ...]:
    """Renames the key at the end of `path`."""
    entry = _entry(document, path)
    place = entry.marks[path[-1]][0] if entry else None
    if entry is None or place is None:
        return ()
    line, column, end = place
    written = entry.lines[line][column:end]
    found = parse(f"{written}: 0")
    if not isinstance(found, Document) or found.data != {path[-1]: 0}:
        return ()
    return (_on_line(document, place, _in_style(name, written)),)


def written(document: Document, path: Path_) -> str | None:
    """The text of the scalar at `path`, its quotes included; None where that is not certain."""
    entry = _entry(document, path)
    return _exact(entry, entry.place, entry.value) if entry else None


def remove_item(document: Document, path: Path_) -> tuple[Edit, ...]:
    """Takes an entry out of a list of several."""
    entry = _entry(document, path)
    if entry is None or not isinstance(path[-1], int) or len(entry.marks) < 2:
        return ()
    if entry.opened == "[":
        return _out_of_flow(entry)
    return _out_of_block(entry) if entry.opened == "-" else ()


def remove_key(document: Document, path: Path_) -> tuple[Edit, ...]:
    """Takes an entry out of a mapping of several."""
    entry = _entry(document, path)
    if entry is None or not isinstance(path[-1], str) or len(entry.marks) < 2:
        return ()
    if entry.opened == "{":
        return _out_of_flow(entry)
    return _out_of_block(entry) if entry.opened not in "[?" else ()


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with the edits made. One that overlaps another before it in the order given is left out."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix("\ufeff")  # no place counts it
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    taken: list[tuple[int, int, str]] = []
    for edit in edits:
        if not 0 < edit.line <= edit.end_line <= len(starts):
            continue
        start = starts[edit.line - 1] + edit.column - 1
        end = starts[edit.end_line - 1] + edit.end_column - 1
        new = (start, end, edit.text)
        if start <= end <= len(text) and not any(_overlap(new, other) for other in taken):
            taken.append(new)
    parts: list[str] = []
    done = 0
    for start, end, new_text in sorted(taken, key=lambda cut: cut[:2]):
        parts += [text[done:start], new_text]
        done = end
    return mark + "".join([*parts, text[done:]])


def _overlap(new: tuple[int, int, str], other: tuple[int, int, str]) -> bool:
    return new == other or (new[0] < other[1] and other[0] < new[1])


def _entry(document: Document, path: Path_) -> _Entry | None:
    """What is at a path; None when nothing is, or when it is also at another path."""
    lines = document.text.split("\n")
    node, opened = document.data, _opening(document.text)
    for depth, part in enumerate(path, start=1):
        marks = document.places.get(id(node), {})
        if part not in marks or opened in tuple("*&!"):
            return None
        if depth == len(path):
            return _Entry(document, path, marks, opened, node[part], lines)
        line, column, _ = marks[part][1]
        node, opened = node[part], lines[line][column : column + 1]
    return None


def _opening(text: str) -> str:
    """The first character that is neither space nor comment nor directive."""
    match = _TO_THE_ROOT.match(text)
    return match[1] if match else ""


def _exact(entry: _Entry, place: tuple[int, int, int], value: Any) -> str | None:
    """The text of a scalar; None for a list or mapping, and where the place is not all of it."""
    if isinstance(value, (dict, list)):
        return None
    line, column, end = place
    text = entry.lines[line][column:end]
    return text if text and text[0] not in "&*!|>" and _means(text, value) else None


def _means(text: str, value: Any) -> bool:
    found = parse(f"- {text}")
    if not isinstance(found, Document) or not isinstance(found.data, list) or len(found.data) != 1:
        return False
    return type(found.data[0]) is type(value) and bool(found.data[0] == value)


def _in_style(value: Any, written: str) -> str:
    if isinstance(value, str) and written[:1] in ('"', "'") and _QUOTABLE.match(value):
        return f"{written[0]}{value}{written[0]}"
    return emit.scalar(value)


def _on_line(document: Document, place: tuple[int, int, int], text: str) -> Edit:
    line, column, end = place
    return Edit(document.file, line + 1, column + 1, line + 1, end + 1, text)


def _cut(document: Document, start: int, end: int) -> Edit:
    """Takes out what is between two offsets of the text."""
    places = []
    for offset in (start, end):
        line = document.text.count("\n", 0, offset)
        places += [line + 1, offset - document.text.rfind("\n", 0, offset)]
    return Edit(document.file, places[0], places[1], places[2], places[3], "")


def _offset(document: Document, line: int, column: int) -> int:
    rest = document.text.split("\n", line)[line]
    return len(document.text) - len(rest) + column


def _start(entry: _Entry, index: int) -> int:
    key, value = entry.marks[entry.names[index]]
    line, column, _ = key or value
    return _offset(entry.document, line, column)


def _end(entry: _Entry, index: int, value: Any) -> int | None:
    """Where an entry of a flow list or mapping ends; None where that is not certain."""
    text, place = entry.document.text, entry.marks[entry.names[index]][1]
    start = _offset(entry.document, place[0], place[1])
    if place[1] == place[2] and value is None:
        return start
    if text[start : start + 1] not in ("[", "{"):
        scalar = _exact(entry, place, value)
        return None if scalar is None else start + len(scalar)
    end = _closing(text, start)
    inside = text[start:end]
    return end if end and not _ANCHOR.search(inside) and _means(inside, value) else None


def _closing(text: str, start: int) -> int | None:
    depth, at = 0, start
    while match := _TOKEN.match(text, at):
        at = match.end()
        depth += (match.lastgroup == "open") - (match.lastgroup == "close")
        if depth == 0:
            return at
    return None


def _out_of_flow(entry: _Entry) -> tuple[Edit, ...]:
    text, index, siblings = entry.document.text, entry.index, _siblings(entry)
    start, end = _start(entry, index), _end(entry, index, entry.value)
    before = _end(entry, index - 1, siblings[index - 1]) if index else None
    if end is None or (index and before is None):
        return ()
    rest = text[end:].partition("\n")[0].rstrip("\r")
    if before is not None and "\n" not in text[before:start]:
        commented = re.match(r"[ \t]*,?[ \t]*#", rest)  # it may be about this entry, or about the line
        return () if commented else (_cut(entry.document, before, end),)
    last = index + 1 == len(siblings)
    after = len(text) if last else _start(entry, index + 1)
    if not last and "\n" not in text[end:after]:
        return (_cut(entry.document, start, after),)
    return _own_lines_of_flow(entry, (start, end), rest, before if last else None)


def _own_lines_of_flow(
    entry: _Entry, extent: tuple[int, int], rest: str, before: int | None
) -> tuple[Edit, ...]:
    """An entry that has its lines for itself; `before` is the end of the entry before the last one."""
    text, (start, end) = entry.document.text, extent
    line_start, newline = text.rfind("\n", 0, start) + 1, text.find("\n", end)
    alone = not text[line_start:start].strip() and re.fullmatch(r"[ \t]*,?[ \t]*(?:#.*)?", rest)
    if not alone or newline < 0 or _comment_above(entry, text.count("\n", 0, start)):
        return ()
    gone = (_cut(entry.document, line_start, newline + 1),)
    if before is None or rest.lstrip().startswith(","):
        return gone
    comma = text.index(",", before)  # nothing but spaces and comments may stand before it
    return (_cut(entry.document, before, comma + 1), *gone) if not text[before:comma].strip() else ()


def _siblings(entry: _Entry) -> list[Any]:
    node = entry.document.data
    for part in entry.path[:-1]:
        node = node[part]
    return [node[name] for name in entry.names]


def _out_of_block(entry: _Entry) -> tuple[Edit, ...]:
    key, value = entry.marks[entry.path[-1]]
    line, column, _ = key or value
    prefix = entry.lines[line][:column]
    first_of_item = key is not None and _DASH.match(prefix)
    if not (_DASH.match(prefix) or (key and not prefix.strip())):
        return ()
    indent = column if key else prefix.index("-")
    count = _count_lines(entry, line, indent, _next_line(entry))
    if not count or _comment_above(entry, line):
        return ()
    if not first_of_item:
        return (_cut_lines(entry.document, line, line + count, len(entry.lines)),)
    follower = next((entry.marks[name][0] for name in entry.names[entry.index + 1 :]), None)
    if follower is None or follower[0] != line + count:
        return ()
    return (Edit(entry.document.file, line + 1, column + 1, follower[0] + 1, follower[1] + 1, ""),)


def _next_line(entry: _Entry) -> int:
    """The line, from 0, on which whatever comes after an entry of a block begins, or the end of the text."""
    nodes = [entry.document.data]
    for part in entry.path[:-1]:
        nodes.append(nodes[-1][part])
    for node, part in zip(reversed(nodes), reversed(entry.path), strict=True):
        marks = entry.document.places[id(node)]
        names = list(marks)
        for name in names[names.index(part) + 1 :]:
            key, value = marks[name]
            return (key or value)[0]
    return len(entry.lines)


def _count_lines(entry: _Entry, line: int, indent: int, end: int) -> int:
    """How many lines an entry of a block has; 0 where something on them is, or may be, about another."""
    lines = entry.lines[line:end]
    while lines and _is_beside(lines[-1], indent):
        lines.pop()
    if not lines or any(map(_ANCHOR.search, lines)):
        return 0
    in_list = re.compile(rf" {{{indent}}}-(?:\s|\Z)" if isinstance(entry.value, list) else r"(?!)")
    inside = all(not text.strip() or _indent(text) > indent or in_list.match(text) for text in lines[1:])
    return len(lines) if inside else 0


def _is_beside(text: str, indent: int) -> bool:
    """A blank line, or a comment that is no part of a block that begins at `indent`."""
    return not text.strip() or (text.lstrip().startswith("#") and _indent(text) <= indent)


def _indent(text: str) -> int:
    return len(list(takewhile(" ".__eq__, text)))


def _comment_above(entry: _Entry, line: int) -> bool:
    return line > 0 and entry.lines[line - 1].lstrip().startswith("#")


def _cut_lines(document: Document, first: int, end: int, count: int) -> Edit:
    """Takes whole lines out; with the last one of a file, which has no line end, goes the end before it."""
    if end < count:
        return Edit(document.file, first + 1, 1, end + 1, 1, "")
    start = _offset(document, first, 0)
    return _cut(document, len(document.text[:start].rstrip("\r\n")) if start else 0, len(document.text))
