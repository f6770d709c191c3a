"""What a stage has to say: codes, places, and the order they are shown in.

A stage returns or yields `Diagnostic`s and never prints; `reporters` turns them into text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1; `end_column` is exclusive, on the same line."""

    file: str
    line: int
    column: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table of codes: `IL304`, its title, how bad it is unless a rule says otherwise."""

    id: str
    title: str
    severity: Severity = "error"

    def at(self, where: Span | None, message: str, hint: str = "") -> "Diagnostic":
        return Diagnostic(self.id, self.severity, message, where, hint=hint)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what and where, the second place involved, and what to do (`hint`)."""

    code: str
    severity: Severity
    message: str
    where: Span | None
    related: tuple[tuple[Span, str], ...] = ()
    hint: str = ""

    def with_related(self, where: Span | None, note: str) -> "Diagnostic":
        return self if where is None else replace(self, related=(*self.related, (where, note)))

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        place = self.where or Span("", 0, 0, 0)
        return (place.file, place.line, place.column, self.code, self.message)


UNREADABLE = Code("IL101", "the file cannot be read")
ENCODING = Code("IL102", "the file is not UTF-8 text")
SYNTAX = Code("IL103", "the file is not valid YAML")
DUPLICATE_KEY = Code("IL104", "a key is written twice")
TOO_LARGE = Code("IL105", "the file is larger or deeper than a catalog can be")
NOT_A_MAPPING = Code("IL106", "the file is not one mapping")
KEY_TYPE = Code("IL107", "a key is not plain text")

UNKNOWN_FIELD = Code("IL201", "a field is unknown")
MISSING_FIELD = Code("IL202", "a required field is missing")
WRONG_TYPE = Code("IL203", "a value has the wrong type")
ILLEGAL_VALUE = Code("IL204", "a value is not one of the legal ones")
BAD_VALUE = Code("IL205", "a value is out of range or of the wrong form")
NOT_SUPPORTED_YET = Code("IL290", "a field is part of the format but not supported yet")

UNKNOWN_REFERENCE = Code("IL301", "a name refers to nothing")
EMPTY_STRATEGY = Code("IL302", "a strategy has no model to choose from")
FALLBACK_CYCLE = Code("IL303", "fallbacks lead back to where they started")
NOTHING_SERVED = Code("IL305", "a gateway serves no model")
DEFAULT_STRATEGY = Code("IL306", "not exactly one default strategy")
RESERVED_NAME = Code("IL307", "a name means something else to LiteLLM or to a client")
IDENTITY = Code("IL308", "a provider's credentials do not fit its type")
TOO_MANY_IDENTITIES = Code("IL310", "one pod would hold two identities")

MISSING_FACT = Code("IL401", "a model's fact is not known", "warning")

SECRET_VALUE = Code("IL501", "a secret value is in the catalog")
OPEN_GATEWAY = Code("IL502", "a gateway is reachable from outside without a key")

LITELLM_VERSION = Code("IL801", "the LiteLLM version is not one Interlock compiles for")
OUTPUT_INVALID = Code("IL901", "the output is not valid (a defect of Interlock)")
OUTPUT_NOT_OURS = Code("IL903", "a file in the way was not written by Interlock")
OUTPUT_STALE = Code("IL904", "the output is not what `render` would write")

CODES: dict[str, Code] = {code.id: code for code in list(globals().values()) if isinstance(code, Code)}


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, then code; the same finding is said once."""
    return sorted(set(diagnostics), key=lambda diagnostic: diagnostic.sort_key)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def nearest(word: str, legal: Iterable[str]) -> str | None:
    """The legal word a typist most likely meant, or None when nothing is close."""
    from difflib import get_close_matches  # noqa: PLC0415  # 8 ms, and only an error needs it

    if not any(char.isalpha() for char in word):
        return None  # numbers that look alike mean nothing
    by_fold = {candidate.casefold(): candidate for candidate in sorted(legal, reverse=True)}
    found = get_close_matches(word.casefold(), list(by_fold), n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None
