"""What is promised of any bytes at all as a catalog, held against one file."""

import json
import traceback
from collections.abc import Iterator
from dataclasses import dataclass

from compiler import render, reporters
from compiler.diagnostics import CODES, Diagnostic, Span
from compiler.pipeline import Outcome, validate_text
from compiler.verify import verify

FILE = "f.yaml"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`codes` is what was found, `broken` what was promised and not kept (a traceback, most often)."""

    codes: tuple[str, ...] = ()
    compiles: bool = False
    rendered: bool = False
    broken: str = ""


def judge(raw: bytes, *, rendering: bool = False) -> Verdict:
    """Validates, reports and, when asked to, renders. Every exception becomes a verdict."""
    try:
        outcome = validate_text(raw, FILE)
        broken = "\n".join(_unkept(outcome, raw))
        rendered = rendering and outcome.ok
        if rendered:
            broken += "\n".join(_unkept_by_output(outcome))
    except Exception:  # noqa: BLE001  # that there is none is the promise
        return Verdict(broken=traceback.format_exc())
    codes = tuple(found.code for found in outcome.diagnostics)
    return Verdict(codes, outcome.ok, rendered, broken)


def _unkept(outcome: Outcome, raw: bytes) -> Iterator[str]:
    if outcome.ok and outcome.catalog is None:
        yield "it is ok, and there is no catalog"
    lines = raw.decode("utf-8-sig", "replace").split("\n")
    for found in outcome.diagnostics:
        if found.code not in CODES or not found.message:
            yield f"no such code, or nothing said: {found}"
        yield from (f"a place outside the file: {span} of {found.code}" for span in _outside(found, lines))
    sources = {FILE: outcome.document.text if outcome.document else raw.decode("utf-8-sig", "replace")}
    reporters.text(outcome.diagnostics, sources, colour=True).encode()
    listed = json.loads(reporters.to_json(outcome.diagnostics).encode())
    if len(listed) != len(outcome.diagnostics):
        yield "the JSON report lacks some"


def _outside(found: Diagnostic, lines: list[str]) -> Iterator[Span]:
    for span in (found.where, *(span for span, _ in found.related)):
        if span is not None and not (span.file == FILE and _inside(span, lines)):
            yield span


def _inside(span: Span, lines: list[str]) -> bool:
    # One line and one column past the end are where something is missing.
    if not 1 <= span.line <= len(lines) + 1 or not 1 <= span.column < span.end_column:
        return False
    return span.column <= len(lines[span.line - 1]) + 2 if span.line <= len(lines) else span.column == 1


def _unkept_by_output(outcome: Outcome) -> Iterator[str]:
    assert outcome.catalog
    bundle = render.bundle(outcome.catalog)
    target = outcome.catalog.target
    for found in verify(bundle, kubernetes=target.kubernetes, litellm_version=target.litellm_version):
        yield f"the output is not valid: {found.path} {found.object} {found.pointer}: {found.message}"
