"""The fixes of a run's diagnostics, made: a catalog's bytes in, better ones out. `validate --fix`."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from compiler import edits, schema
from compiler.diagnostics import (
    DEFAULT_STRATEGY,
    LITELLM_VERSION,
    SECRET_VALUE,
    UNKNOWN_REFERENCE,
    Diagnostic,
    has_errors,
)
from compiler.source import Document, parse

MAX_ROUNDS = 10  # each makes every fix of up to 100 diagnostics
_OF_RESOLVE = {code.id for code in (UNKNOWN_REFERENCE, DEFAULT_STRATEGY, LITELLM_VERSION)}
_BOM = b"\xef\xbb\xbf"

Validate = Callable[[bytes, str], Sequence[Diagnostic]]


@dataclass(frozen=True, slots=True)
class _Run:
    """A catalog and what was found in it. `stage` is where the run ended: errors hide those of later ones."""

    raw: bytes
    found: Sequence[Diagnostic]
    stage: int

    @property
    def errors(self) -> Counter[tuple[str, str]]:
        return Counter((d.code, d.message) for d in self.found if d.severity == "error")


def fixed(raw: bytes, name: str, validate: Validate) -> tuple[bytes, list[str]]:
    """The catalog with every fix made that does no harm, and a line for each.

    A line is `<name>:<line>: fixed <code>: <title>`.

    A fix is left out when what it leads to cannot be parsed, has its problem still, or has an error that
    was not there before; an error of a later stage, which the old ones hid, may come to light.

    Args:
        raw: the file as it is. One that cannot be parsed comes back as it is.
        name: what diagnostics call the file.
        validate: what is wrong with a catalog.
    """
    run, said = _run(raw, name, validate), list[str]()
    for _ in range(MAX_ROUNDS):
        offered = _offered(run)
        better, made = _all_or_each(run, offered, name, validate)
        if better is None:
            break
        run = better
        said += [_line(name, diagnostic) for diagnostic in made]
    return run.raw, said


def _run(raw: bytes, name: str, validate: Validate) -> _Run:
    found = validate(raw, name)
    return _Run(raw, found, _stage(raw, found))


def _stage(raw: bytes, found: Sequence[Diagnostic]) -> int:
    """0: source, 1: schema, 2: resolve, 3: interlocks."""
    document = parse(raw)
    if not isinstance(document, Document) or not isinstance(document.data, dict):
        return 0
    codes = {diagnostic.code for diagnostic in found if diagnostic.severity == "error"}
    if SECRET_VALUE.id in codes or has_errors(schema.check(document)):
        return 1
    return 2 if codes & _OF_RESOLVE else 3


def _offered(run: _Run) -> list[Diagnostic]:
    """The diagnostics with a fix, less those whose edits cross the edits of one before."""
    taken: list[Diagnostic] = []
    for diagnostic in run.found if run.stage else ():
        if diagnostic.fix and not any(_cross(diagnostic, other) for other in taken):
            taken.append(diagnostic)
    return taken


def _cross(one: Diagnostic, two: Diagnostic) -> bool:
    return any(
        (a.line, a.column) <= (b.end_line, b.end_column) and (b.line, b.column) <= (a.end_line, a.end_column)
        for a in (one.fix.edits if one.fix else ())
        for b in (two.fix.edits if two.fix else ())
    )


def _all_or_each(
    run: _Run, offered: list[Diagnostic], name: str, validate: Validate
) -> tuple[_Run | None, list[Diagnostic]]:
    """All the fixes at once; when that does harm, as many as do none, from the last to the first."""
    if not offered:
        return None, []
    better = _tried(run, offered, name, validate)
    if better or len(offered) == 1:
        return better, offered
    made: list[Diagnostic] = []
    best: _Run | None = None
    for diagnostic in offered:
        # Every edit counts from the run that offered it, so all are made anew.
        better = _tried(run, [*made, diagnostic], name, validate)
        if better:
            best, made = better, [*made, diagnostic]
    return best, made


def _tried(run: _Run, chosen: list[Diagnostic], name: str, validate: Validate) -> _Run | None:
    """What the fixes lead to, or None when that is not better."""
    raw = _applied(run.raw, chosen)
    after = _run(raw, name, validate)
    mended = Counter((diagnostic.code, diagnostic.message) for diagnostic in chosen)
    was, left = _counted(run.found), _counted(after.found)
    if raw == run.raw or any(left[key] > was[key] - count for key, count in mended.items()):
        return None
    harmless = after.stage > run.stage or not _new(run, after)
    return after if after.stage >= run.stage and harmless else None


def _counted(found: Iterable[Diagnostic]) -> Counter[tuple[str, str]]:
    return Counter((diagnostic.code, diagnostic.message) for diagnostic in found)


def _new(run: _Run, after: _Run) -> Counter[tuple[str, str]]:
    """The errors that were not there before. A list that was cut short is compared as far as it goes."""
    if len(run.found) <= schema.MAX_SHOWN:
        return after.errors - run.errors
    lines_gone = run.raw.count(b"\n") - after.raw.count(b"\n")
    end = max((d.where.line for d in run.found if d.where), default=0) - lines_gone
    seen = [d for d in after.found if d.severity == "error" and d.where and d.where.line < end]
    return _counted(seen) - run.errors


def _applied(raw: bytes, chosen: Iterable[Diagnostic]) -> bytes:
    mark = _BOM if raw.startswith(_BOM) else b""
    made = [edit for diagnostic in chosen if diagnostic.fix for edit in diagnostic.fix.edits]
    return mark + edits.apply(raw.removeprefix(_BOM).decode(), made).encode()


def _line(name: str, diagnostic: Diagnostic) -> str:
    assert diagnostic.fix  # noqa: S101  # only such are offered
    return f"{name}:{diagnostic.fix.edits[0].line}: fixed {diagnostic.code}: {diagnostic.fix.title}"
