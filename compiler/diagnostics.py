"""What a stage has to say: codes, places, fixes, counter-examples, and the order they are shown in.

A stage returns or yields `Diagnostic`s and never prints; `reporters` turns them into text.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

Severity = Literal["error", "warning", "note"]  # a note is worth knowing, and wrong nowhere
Path_ = tuple[str | int, ...]  # the keys and indexes that lead to a value of a file


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1; `end_column` is exclusive, on the same line."""

    file: str
    line: int
    column: int
    end_column: int


class Places(Protocol):
    """What knows where a value stands: a `source.Document`."""

    def span(self, path: Path_, *, key: bool = False) -> Span | None: ...


@dataclass(frozen=True, slots=True)
class Code:
    """One row of the table of codes: `IL304`, its title, how bad it is unless a rule says otherwise.

    `relaxable` says whether `allow` in the catalog may relax it: it is defensible somewhere.
    """

    id: str
    title: str
    severity: Severity = "error"
    relaxable: bool = False

    def at(self, where: Span | None, message: str, hint: str = "") -> "Diagnostic":
        return Diagnostic(self.id, self.severity, message, where, hint=hint)

    def on(self, places: Places, path: Path_, message: str, hint: str = "") -> "Diagnostic":
        """At the key of `path` in a catalog, which an allowance can name."""
        return replace(self.at(places.span(path, key=True), message, hint), path=path)

    def on_value(self, places: Places, path: Path_, message: str, hint: str = "") -> "Diagnostic":
        """At the value of `path` in a catalog, which an allowance can name."""
        return replace(self.at(places.span(path), message, hint), path=path)


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of a file's text and what to put in its place; lines and columns from 1, the end exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A change that mends a problem and changes nothing else of what the file means: `validate --fix`.

    `title` says what to do: "remove 'gpt-4'".
    """

    title: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A request that would go wrong: its JSON body, the providers that are down meanwhile, what happens.

    `interlock explain --request - --mode … --down …` shows the same.
    """

    body: str
    outcome: str
    down: tuple[str, ...] = ()
    mode: str = "chat"

    @classmethod
    def of(
        cls, body: Mapping[str, Any], outcome: str, *, down: Iterable[str] = (), mode: str = "chat"
    ) -> "CounterExample":
        return cls(json.dumps(body, ensure_ascii=False), outcome, tuple(down), mode)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem: what and where, the other places involved, what to do (`hint`), a fix, a counter-example.

    `path` is what in the catalog it is about, for `allow`; empty for what no allowance can name.
    """

    code: str
    severity: Severity
    message: str
    where: Span | None
    related: tuple[tuple[Span, str], ...] = ()
    hint: str = ""
    path: Path_ = ()
    request: CounterExample | None = None
    fix: Fix | None = None

    def with_related(self, where: Span | None, note: str) -> "Diagnostic":
        return self if where is None else replace(self, related=(*self.related, (where, note)))

    def with_request(
        self, body: Mapping[str, Any], outcome: str, *, down: Iterable[str] = (), mode: str = "chat"
    ) -> "Diagnostic":
        """The same, shown by a request that goes wrong."""
        return replace(self, request=CounterExample.of(body, outcome, down=down, mode=mode))

    def with_fix(self, title: str, *edits: Edit) -> "Diagnostic":
        return replace(self, fix=Fix(title, edits)) if edits else self

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
OTHER_KIND = Code("IL108", "the file is something other than a catalog")

UNKNOWN_FIELD = Code("IL201", "a field is unknown")
MISSING_FIELD = Code("IL202", "a required field is missing")
WRONG_TYPE = Code("IL203", "a value has the wrong type")
ILLEGAL_VALUE = Code("IL204", "a value is not one of the legal ones")
BAD_VALUE = Code("IL205", "a value is out of range or of the wrong form")
NOT_SUPPORTED_YET = Code("IL290", "a field is part of the format but not supported yet")
UNUSED_ALLOWANCE = Code("IL291", "an allowance relaxes nothing", "warning")
BAD_ALLOWANCE = Code("IL292", "an allowance is not one that can be given")
BAD_TEST = Code("IL293", "a routing test contradicts itself or has the name of another")

UNKNOWN_REFERENCE = Code("IL301", "a name refers to nothing")
EMPTY_STRATEGY = Code("IL302", "a strategy has no model to choose from")
FALLBACK_CYCLE = Code("IL303", "fallbacks lead back to where they started", relaxable=True)
LOST_STRATEGY = Code("IL304", "a strategy has no model left when one provider is down", relaxable=True)
NOTHING_SERVED = Code("IL305", "a gateway serves no model")
DEFAULT_STRATEGY = Code("IL306", "not exactly one default strategy")
RESERVED_NAME = Code("IL307", "a name means something else to LiteLLM or to a client")
IDENTITY = Code("IL308", "a provider's credentials do not fit its type")
NEVER_CHOSEN = Code("IL309", "a candidate or fallback can never be chosen", relaxable=True)
TOO_MANY_IDENTITIES = Code("IL310", "one pod would hold two identities")
NEVER_REACHED = Code(
    "IL312", "a candidate or fallback comes after the last attempt", "warning", relaxable=True
)
WEAK_DEPLOYMENT = Code("IL313", "a deployment can do less than its model promises", relaxable=True)
MIXED_EMBEDDINGS = Code("IL314", "different embedding models stand in for each other", relaxable=True)
RESIDENCY = Code("IL315", "a residency contradicts the place that answers", relaxable=True)
NO_EFFECT = Code("IL316", "a setting means nothing where it stands", "warning")
PLACEHOLDER = Code("IL317", "an identity is a placeholder", "note")
ONE_PROVIDER_ONLY = Code("IL320", "only one provider can serve some requests of a strategy", "note")

MISSING_FACT = Code("IL401", "a model's fact is not known", "warning", relaxable=True)
UNKNOWN_UPSTREAM = Code("IL402", "an upstream id is not known to LiteLLM", "warning", relaxable=True)
CONTRADICTION = Code("IL403", "a fact contradicts LiteLLM's cost map", "warning", relaxable=True)
PRICE_UNIT = Code("IL404", "a price is not in US dollars per million tokens", relaxable=True)

SECRET_VALUE = Code("IL501", "a secret value is in the catalog")
OPEN_GATEWAY = Code("IL502", "a gateway is reachable from outside without a key")
KEY_BYPASS = Code("IL503", "a gateway serves without a key what another asks a key for", relaxable=True)
PLAIN_HTTP = Code("IL504", "keys and prompts would cross the internet unencrypted", "warning", relaxable=True)
SHUT_ENTRANCE = Code(
    "IL505", "a gateway is opened to the outside and lets nobody of it in", "warning", relaxable=True
)

RETIRED = Code("IL601", "a model in service is retired by its vendor", relaxable=True)
NOT_IN_SERVICE = Code("IL602", "a planned or retired model stands in a route", relaxable=True)
RETIRES_SOON = Code("IL603", "a model retires within 60 days", "warning", relaxable=True)

TOO_MUCH_TRAFFIC = Code("IL701", "the limits of the candidates cannot carry the traffic", relaxable=True)
TOO_MUCH_WITHOUT = Code("IL702", "the traffic cannot be carried when one provider is down", relaxable=True)

LITELLM_VERSION = Code("IL801", "the LiteLLM version is not one Interlock compiles for")
IMAGE_TAG = Code("IL802", "an image is named by a tag, which can come to name another", "note")
OUTPUT_INVALID = Code("IL901", "the output is not valid (a defect of Interlock)")
OUTPUT_NOT_OURS = Code("IL903", "a file in the way was not written by Interlock")
OUTPUT_STALE = Code("IL904", "the output is not what `render` would write")

PAGES = "https://interlock-llm.github.io/diagnostics"
CODES: dict[str, Code] = {code.id: code for code in list(globals().values()) if isinstance(code, Code)}


def in_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sorted by place, then code; the same finding is said once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda diagnostic: diagnostic.sort_key)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(diagnostic.severity == "error" for diagnostic in diagnostics)


def page_address(code: str) -> str:
    """Where the page of a code is on the web; `interlock docs <code>` prints it."""
    return f"{PAGES}/{code}.html"


def nearest(word: str, legal: Iterable[str]) -> str | None:
    """The legal word a typist most likely meant, or None when nothing is close."""
    from difflib import get_close_matches  # noqa: PLC0415  # 8 ms, and only an error needs it

    if not any(char.isalpha() for char in word):
        return None  # numbers that look alike mean nothing
    by_fold = {candidate.casefold(): candidate for candidate in sorted(legal, reverse=True)}
    found = get_close_matches(word.casefold(), list(by_fold), n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None
