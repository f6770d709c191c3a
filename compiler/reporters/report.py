"""What a run found, and the words and names that several formats share; its texts hold no secret."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from compiler.diagnostics import CounterExample, Diagnostic, Fix, Span
from compiler.redact import HIDDEN, hidden, may_hold_secret, redact

_IN_ORDER_TO_FIX = "`interlock validate --fix` does it"


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one run over `files`, in the order they are shown.

    `sources` maps a file's name to its text. `allowed` are the findings that the catalog relaxes, each with
    the reason given there. File names below `root` are written relative to it: the folder of the run.
    """

    diagnostics: Sequence[Diagnostic]
    files: Sequence[str] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    allowed: Sequence[tuple[Diagnostic, str]] = ()
    root: str = ""

    def relative(self, file: str) -> str:
        """A file's name as programs compare it: relative to `root` where it is below, with slashes."""
        path = PurePath(file)
        if self.root and path.is_relative_to(self.root):
            path = path.relative_to(self.root)
        return path.as_posix().encode("utf-8", "replace").decode("utf-8")

    def place(self, diagnostic: Diagnostic) -> Span:
        """Where to show a finding, also one without a place: at the head of the first file."""
        where = diagnostic.where or Span(self.files[0] if self.files else "catalog", 1, 1, 2)
        return Span(self.relative(where.file), where.line, where.column, where.end_column)


def plain(text: str) -> str:
    """Without secrets, and without what a terminal would obey instead of showing it."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in redact(text))


def remarks(diagnostic: Diagnostic) -> list[tuple[str, str]]:
    """(label, text) of what is said below a finding: the request that goes wrong, the help, the fix."""
    found = []
    if diagnostic.request:
        found.append(("request", in_words(diagnostic.request)))
    if diagnostic.hint:
        found.append(("help", plain(diagnostic.hint)))
    if fix := safe_fix(diagnostic):
        found.append(("fix", f"{plain(fix.title)} ({_IN_ORDER_TO_FIX})"))
    return found


def in_words(request: CounterExample, longest: int = 400) -> str:
    """`{"model": "gpt-4"} with openai down is refused`; of a longer body the head."""
    body = plain(json.dumps(body_of(request), ensure_ascii=False))
    shown = body if len(body) <= longest else body[:longest] + "…"
    *others, last = request.down or ("",)
    names = f"{', '.join(others)} and {last}" if others else last
    mode = f" (mode {request.mode})" if request.mode != "chat" else ""
    down = f" with {plain(names)} down" if request.down else ""
    return f"{shown}{mode}{down} {plain(request.outcome)}"


def body_of(request: CounterExample) -> Any:
    """The request's body as data, secrets hidden."""
    return _without_secrets(json.loads(request.body))


def _without_secrets(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {redact(name): _without_secrets(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_secrets(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    # `api_key: hunter2` is known for a secret by its name alone.
    return HIDDEN if hidden(f"{key}: {value}") and not may_hold_secret(value) else redact(value)


def safe_fix(diagnostic: Diagnostic) -> Fix | None:
    """The fix, unless its text would repeat a secret: with that hidden it would no longer mend anything."""
    fix = diagnostic.fix
    return None if fix is None or any(hidden(edit.text) for edit in fix.edits) else fix
