"""Bytes → text that every reader takes for the same lines; libyaml's refusals, in words, at their places."""

import re
from collections.abc import Iterator
from typing import NoReturn

import yaml

from compiler.diagnostics import ENCODING, SYNTAX, Code, Diagnostic, Span
from compiler.source_words import CONFLICT, in_plain_words

Place = tuple[int, int, int]  # line, column, end column; from 0, as libyaml counts

_FORBIDDEN = re.compile(
    r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)


class SourceError(Exception):
    """The text is not a catalog; carries what to tell the user."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def span_of(file: str, place: Place) -> Span:
    line, column, end = place
    return Span(file, line + 1, column + 1, max(end + 1, column + 2))


def stop(file: str, code: Code, place: Place, message: str, hint: str = "") -> NoReturn:
    """Ends the parse with one problem."""
    raise SourceError(code.at(span_of(file, place), message, hint))


def decoded(raw: bytes, file: str) -> str:
    """UTF-8, with or without a byte order mark, and nothing else."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace"))
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        was = "this is UTF-16; " if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
        stop(
            file,
            ENCODING,
            (before.count(b"\n"), column, column + 1),
            message,
            f"{was}save the file as UTF-8",
        )


def refuse_characters(text: str, file: str) -> None:
    """Stops at a character that YAML refuses, or takes for the end of a line where editors do not."""
    if text.isascii() and "\r" not in text:  # libyaml finds the few that are left
        return
    _refuse_forbidden(text, file)


def _refuse_forbidden(text: str, file: str) -> None:
    found = _FORBIDDEN.search(text)
    if found:
        before = text[: found.start()]
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        what = f"character U+{ord(found.group()[0]):04X} is not allowed"
        stop(
            file,
            SYNTAX,
            (line, column, column + 1),
            what,
            "remove it, or write it as an escape in quotes",
        )


def misread(text: str, file: str, error: yaml.YAMLError) -> NoReturn:
    """Ends the parse with a problem of libyaml's; what was opened and not closed is shown, too."""
    if not isinstance(error, yaml.MarkedYAMLError):  # the reader's has no mark, and counts in bytes
        _refuse_forbidden(text, file)
        stop(file, SYNTAX, (0, 0, 1), str(error).replace("\n", " "))
    unclosed = "quoted scalar" in str(error.context)  # the end of the file is no place to look at
    mark = (error.context_mark if unclosed else error.problem_mark) or error.context_mark
    place = (mark.line, mark.column, mark.column + 1) if mark else (0, 0, 1)
    lines = text.split("\n")
    for number in _conflicts(lines, place[0]):
        stop(file, SYNTAX, (number, 0, 7), "this is the mark of a merge conflict", "resolve the conflict")
    line = lines[place[0]] if place[0] < len(lines) else ""
    message, hint = in_plain_words(str(error.problem), str(error.context), line, place[1])
    found = SYNTAX.at(span_of(file, place), message, hint)
    opened = error.context_mark
    if opened and opened.line != place[0] and "parsing" in str(error.context):
        began = span_of(file, (opened.line, opened.column, opened.column + 1))
        found = found.with_related(began, "it began here")
    raise SourceError(found) from None


def _conflicts(lines: list[str], last: int) -> Iterator[int]:
    return (number for number, line in enumerate(lines[: last + 1]) if line.startswith(CONFLICT))
