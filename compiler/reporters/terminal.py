"""Diagnostics → text for people: snippets with carets, as rustc shows them, and the line that counts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from compiler.diagnostics import CODES, Diagnostic, Span, page_address
from compiler.redact import hidden, redact
from compiler.reporters.columns import columns, window, wrap
from compiler.reporters.report import plain, remarks

MAX_SHOWN = 100
_WIDEST = 100  # characters of a source line
_NARROWEST = 40
_PART = 20_000  # characters of a line that are searched for secrets at a time
_COLOURS = {"error": "31;1", "warning": "33;1", "note": "32;1", "place": "34;1", "help": "36;1", "bold": "1"}
Paint = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Screen:
    """What the text is shown on. `width` in columns, None where there is none: in a pipe or a file."""

    colour: bool = False
    links: bool = False
    width: int | None = None

    def paint(self, kind: str, content: str) -> str:
        return f"\x1b[{_COLOURS[kind]}m{content}\x1b[0m" if self.colour and content else content

    def code(self, code: str) -> str:
        """The code; on a terminal that knows OSC 8, a link to its page."""
        if not self.links or code not in CODES:
            return code
        return f"\x1b]8;;{page_address(code)}\x1b\\{code}\x1b]8;;\x1b\\"

    def wrap(self, text: str, used: int, indent: int) -> list[str]:
        """As `columns.wrap`; for a very narrow terminal as for a narrow one."""
        return wrap(text, None if self.width is None else max(_NARROWEST, self.width), used, indent)


def text(
    diagnostics: Iterable[Diagnostic],
    sources: Mapping[str, str],
    *,
    colour: bool = False,
    links: bool = False,
    width: int | None = None,
) -> str:
    """Every diagnostic, of a long list the first hundred. `sources` maps a file's name to its text."""
    found = list(diagnostics)
    parts = list(forms(found[:MAX_SHOWN], sources, Screen(colour, links, width)))
    if len(found) > MAX_SHOWN:
        parts.append(f"… and {len(found) - MAX_SHOWN} more\n")
    return "\n".join(parts)


def forms(
    diagnostics: Iterable[Diagnostic], sources: Mapping[str, str], screen: Screen | None = None
) -> Iterator[str]:
    """The text of each; the page of a code is named the first time."""
    lines = {name: _Lines(content) for name, content in sources.items()}
    named: set[str] = set()
    for diagnostic in diagnostics:
        page = (
            "" if diagnostic.code in named or diagnostic.code not in CODES else page_address(diagnostic.code)
        )
        named.add(diagnostic.code)
        yield _one(diagnostic, lines, page, screen or Screen())


def summary(diagnostics: Iterable[Diagnostic], files: int, *, allowed: int = 0, notes: bool = False) -> str:
    """The last line: how many files, errors and warnings; notes and allowed findings where there are any.

    `notes` says that notes are shown; else the line says how to see them.
    """
    kinds = [diagnostic.severity for diagnostic in diagnostics]
    counted = [_count(files, "file"), *(_count(kinds.count(kind), kind) for kind in ("error", "warning"))]
    if noted := kinds.count("note"):
        counted.append(_count(noted, "note") + ("" if notes else " (`validate --notes` shows them)"))
    if allowed:
        counted.append(f"{allowed} allowed")
    return ", ".join(counted)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


class _Lines:
    """The lines of a file, searched for secrets part by part: one may be megabytes long."""

    def __init__(self, content: str) -> None:
        self._plain = content.split("\n")
        self._judged: dict[tuple[int, int], tuple[str, list[tuple[int, int]]]] = {}

    def at(self, number: int, column: int) -> tuple[int, str, list[tuple[int, int]]] | None:
        """The part of line `number` round a column, secrets hidden; None when there is no such line.

        Returns:
            (the column at which the part begins, its text, where its secrets stood). Lines count from 1,
            columns from 0.
        """
        if not 0 < number <= len(self._plain):
            return None
        part = column // _PART
        start = max(0, (part - 1) * _PART)  # the parts beside it, too: no secret is cut in two and half shown
        if (number, part) not in self._judged:
            line = self._plain[number - 1][start : (part + 2) * _PART]
            self._judged[number, part] = (redact(line), hidden(line))
        return (start, *self._judged[number, part])


def _one(diagnostic: Diagnostic, lines: Mapping[str, _Lines], page: str, screen: Screen) -> str:
    out = _head(diagnostic, screen)
    spans = [span for span in (diagnostic.where, *(span for span, _ in diagnostic.related)) if span]
    gutter = max((len(str(span.line)) for span in spans), default=1)
    if diagnostic.where:
        out += _snippet(diagnostic.where, "", ("-->", "^"), lines, gutter, screen)
    for span, note in diagnostic.related:
        out += _snippet(span, plain(note), (":::", "-"), lines, gutter, screen)
    for label, words in remarks(diagnostic):
        start = gutter + len(f" = {label}: ")
        first, *rest = screen.wrap(words, start, start)
        out += [_remark(label, first, gutter, screen), *rest]
    if page:
        out.append(_remark("page", page, gutter, screen))  # an address is never broken
    return "\n".join(out) + "\n"


def _head(diagnostic: Diagnostic, screen: Screen) -> list[str]:
    kind = diagnostic.severity
    label = screen.paint(kind, f"{kind}[{screen.code(diagnostic.code)}]")
    start = len(f"{kind}[{diagnostic.code}]: ")
    lines = screen.wrap(plain(diagnostic.message), start, start)
    first, *rest = (screen.paint("bold", line) for line in lines)
    return [f"{label}: {first}", *rest]


def _remark(label: str, words: str, gutter: int, screen: Screen) -> str:
    return f"{' ' * gutter} {screen.paint('place', '=')} {screen.paint('help', label)}: {words}"


def _snippet(  # noqa: PLR0913, PLR0917  # what one line of text is made of
    span: Span, note: str, marks: tuple[str, str], lines: Mapping[str, _Lines], gutter: int, screen: Screen
) -> list[str]:
    arrow, mark = marks
    bar = screen.paint("place", "|")
    out = [f"{' ' * gutter}{screen.paint('place', arrow)} {plain(span.file)}:{span.line}:{span.column}"]
    source = lines[span.file].at(span.line, span.column - 1) if span.file in lines else None
    if source is None:
        return [*out, *_noted(f"{' ' * gutter} {bar}", gutter + 2, note, screen)] if note else out
    first, line, secrets = source
    place = (span.column - 1 - first, span.end_column - 1 - first)
    shown, before, marked = window(line, secrets, place, _room(gutter, screen))
    if shown.strip():
        out.append(f"{screen.paint('place', str(span.line).rjust(gutter))} {bar} {shown.rstrip()}")
        carets = screen.paint("error" if mark == "^" else "place", mark * marked)
        start = f"{' ' * gutter} {bar} {' ' * before}{carets}"
        out += _noted(start, gutter + 3 + before + marked, note, screen) if note else [start]
    return out


def _noted(start: str, used: int, note: str, screen: Screen) -> list[str]:
    """A line and the note behind it, which goes on below its own beginning."""
    first, *rest = screen.wrap(note, used + 1, used + 1)
    return [f"{start} {first}".rstrip(), *rest]


def _room(gutter: int, screen: Screen) -> int:
    """Columns for a source line."""
    if screen.width is None:
        return _WIDEST
    return max(_NARROWEST, screen.width) - gutter - columns(" | ")
