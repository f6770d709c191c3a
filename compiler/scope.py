"""What every part of the resolver shares: the names that exist, and what was found wrong."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler import edits
from compiler.diagnostics import UNKNOWN_REFERENCE, Diagnostic, nearest
from compiler.source import Document, Path_
from compiler.typos import surely

# Searches for a nearest name, and names compared in them: each search of 10,000 names takes 180 ms.
MAX_NEAREST = 50
MAX_COMPARED = 40_000


@dataclass(slots=True)
class Scope:
    """What every part of the resolver needs: the document, the names that exist, what was found wrong."""

    document: Document
    gateways: Mapping[str, Any]
    providers: Mapping[str, Any]
    models: Mapping[str, Any]
    strategies: Mapping[str, Any]
    found: list[Diagnostic] = field(default_factory=list)

    def known(self, kind: str, name: str, path: Path_) -> bool:
        """Whether `name` exists among the catalog's `kind`s; reports it when not."""
        legal: Mapping[str, Any] = getattr(self, _plural(kind))
        if name in legal:
            return True
        helped = len(self.found) < min(MAX_NEAREST, 1 + MAX_COMPARED // max(1, len(legal)))
        close = nearest(name, legal) if helped else None
        hint = f"did you mean {close!r}?" if close else _listing(kind, legal) if helped else ""
        where = self.document.span(path)
        message = f"{kind} {name!r} does not exist"
        found = UNKNOWN_REFERENCE.at(where, message, hint)
        if close:
            found = found.with_related(self.document.span((_plural(kind), close), key=True), "defined here")
            found = self._mended(found, name, legal, path)
        self.found.append(found)
        return False

    def _mended(self, found: Diagnostic, name: str, legal: Mapping[str, Any], path: Path_) -> Diagnostic:
        meant = surely(name, legal)
        text = self.document.text
        # Where most places have the other name, the slip may be in the definition.
        if meant is None or _mentions(text, meant) < _mentions(text, name):
            return found
        title = f"replace {name!r} by {meant!r}"
        return found.with_fix(title, *edits.replace_value(self.document, path, meant))

    def names(self, kind: str, names: Iterable[str], path: Path_) -> tuple[str, ...]:
        return tuple(n for i, n in enumerate(names) if self.known(kind, n, (*path, i)))


def _mentions(text: str, name: str) -> int:
    return len(re.findall(rf"(?<![\w.@/-]){re.escape(name)}(?![\w.@/-])", text))


def _listing(kind: str, legal: Iterable[str]) -> str:
    names = sorted(legal)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"the {kind}s of this catalog are: {shown}" if names else f"this catalog has no {kind}s"


def _plural(kind: str) -> str:
    return "strategies" if kind == "strategy" else kind + "s"
