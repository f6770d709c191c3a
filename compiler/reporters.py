"""Diagnostics → what a person or a program reads. The only stage that turns them into text."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from compiler.diagnostics import Diagnostic, Span
from compiler.redact import HIDDEN, hidden, moved, redact

MAX_SHOWN = 100
_COLOURS = {"error": "31;1", "warning": "33;1", "place": "34;1", "help": "36;1", "bold": "1"}


def text(diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], *, colour: bool = False) -> str:
    """Snippets with carets, as rustc shows them. `sources` maps a file's name to its text."""
    found = list(diagnostics)
    lines = {name: _Lines(content) for name, content in sources.items()}
    parts = [_one(diagnostic, lines, colour) for diagnostic in found[:MAX_SHOWN]]
    if len(found) > MAX_SHOWN:
        parts.append(f"… and {len(found) - MAX_SHOWN} more\n")
    return "\n".join(parts)


def summary(diagnostics: Iterable[Diagnostic], files: int) -> str:
    """The last line: how many files, errors and warnings."""
    kinds = [diagnostic.severity for diagnostic in diagnostics]
    counted = [
        _count(files, "file"),
        _count(kinds.count("error"), "error"),
        _count(kinds.count("warning"), "warning"),
    ]
    return ", ".join(counted)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list; lines and columns count from 1."""
    return json.dumps([_as_data(diagnostic) for diagnostic in diagnostics], indent=2)


def _as_data(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": redact(diagnostic.message),
        **_span_data(diagnostic.where),
        "hint": redact(diagnostic.hint),
        "related": [{**_span_data(span), "message": redact(note)} for span, note in diagnostic.related],
    }


def _span_data(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None, "end_column": None}
    return {"file": span.file, "line": span.line, "column": span.column, "end_column": span.end_column}


class _Lines:
    """The lines of a file, each searched for secrets once: one may be megabytes long and wrong 100 times."""

    def __init__(self, content: str) -> None:
        self._plain = content.split("\n")
        self._judged: dict[int, tuple[str, list[tuple[int, int]]]] = {}

    def at(self, number: int) -> tuple[str, list[tuple[int, int]]] | None:
        """Line `number`, from 1, with its secrets hidden, and where they stood; None when there is none."""
        if not 0 < number <= len(self._plain):
            return None
        if number not in self._judged:
            line = self._plain[number - 1]
            self._judged[number] = (redact(line), hidden(line))
        return self._judged[number]


def _one(diagnostic: Diagnostic, lines: Mapping[str, _Lines], colour: bool) -> str:
    paint = _painter(colour)
    head = paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
    out = [f"{head}: {paint('bold', redact(diagnostic.message))}"]
    spans = [span for span in (diagnostic.where, *(span for span, _ in diagnostic.related)) if span]
    width = max((len(str(span.line)) for span in spans), default=1)
    if diagnostic.where:
        out += _snippet(diagnostic.where, "", "-->", "^", lines, width, paint)
    for span, note in diagnostic.related:
        out += _snippet(span, redact(note), ":::", "-", lines, width, paint)
    if diagnostic.hint:
        out.append(f"{' ' * width} {paint('place', '=')} {paint('help', 'help')}: {redact(diagnostic.hint)}")
    return "\n".join(out) + "\n"


def _snippet(  # noqa: PLR0913, PLR0917  # what one line of text is made of
    span: Span, note: str, arrow: str, mark: str, lines: Mapping[str, _Lines], width: int, paint: Any
) -> list[str]:
    bar = paint("place", "|")
    out = [f"{' ' * width}{paint('place', arrow)} {span.file}:{span.line}:{span.column}"]
    source = lines[span.file].at(span.line) if span.file in lines else None
    if source is None:
        return [*out, f"{' ' * width} {bar} {note}"] if note else out
    shown, column, length = _window(*source, span)
    if shown.strip():
        out.append(f"{paint('place', str(span.line).rjust(width))} {bar} {shown.rstrip()}")
        carets = paint("error" if mark == "^" else "place", mark * length)
        out.append(f"{' ' * width} {bar} {' ' * column}{carets}{' ' + note if note else ''}")
    return out


def _window(line: str, spans: list[tuple[int, int]], span: Span, limit: int = 100) -> tuple[str, int, int]:
    """The part of a long line around the span, secrets hidden: (text, column from 0, how many carets)."""
    start, end = moved(span.column - 1, spans), moved(span.end_column - 1, spans)
    if any(a <= span.column - 1 < b for a, b in spans):
        end = max(end, start + len(HIDDEN))
    first = max(0, start - limit // 2) if len(line) > limit else 0
    shown = "".join(c if c.isprintable() else " " for c in line[first : first + limit])
    return shown, start - first, max(1, min(end - start, len(shown) - (start - first)))


def _painter(colour: bool) -> Any:
    def paint(kind: str, content: str) -> str:
        return f"\x1b[{_COLOURS[kind]}m{content}\x1b[0m" if colour else content

    return paint
