"""Allowances: `allow` in the catalog, the only way to relax an interlock, in one place and with a reason."""

import re
from collections.abc import Iterable
from typing import Any

from compiler import edits
from compiler.catalog import Allowance, Catalog
from compiler.diagnostics import (
    BAD_ALLOWANCE,
    CODES,
    UNUSED_ALLOWANCE,
    Diagnostic,
    nearest,
)
from compiler.source import Document, Path_

Relaxed = list[tuple[Diagnostic, str]]  # what was found and is allowed, and the reason

# What people write where a reason is demanded and they have none.
_NO_REASON = re.compile(
    r"\W*(todo|tbd|fixme|wip|n/?a|none|no reason|reason|because|allowed|ignored?|temporary|temp|tests?|x+)"
    r"(\W+(todo|tbd|fixme|wip|reason|this|it|here|for now|now|later|rule))*\W*\Z",
    re.IGNORECASE,
)


def relaxed(
    found: Iterable[Diagnostic], catalog: Catalog, document: Document
) -> tuple[list[Diagnostic], Relaxed]:
    """What remains of the diagnostics, what is wrong with the allowances included; and what they relaxed."""
    bad = {a.path: problem for a in catalog.allowances if (problem := _wrong(a, document))}
    good = {(a.rule, _plain(a.place)): a for a in reversed(catalog.allowances) if a.path not in bad}
    kept: list[Diagnostic] = []
    allowed: Relaxed = []
    used: set[Path_] = set()
    for diagnostic in found:
        allowance = _for(diagnostic, good)
        if allowance is None:
            kept.append(diagnostic)
        else:
            used.add(allowance.path)
            allowed.append((diagnostic, allowance.reason))
    unused = (a for a in catalog.allowances if a.path not in bad and a.path not in used)
    return [*kept, *bad.values(), *(_unused(a, document) for a in unused)], allowed


def _for(diagnostic: Diagnostic, allowances: dict[tuple[str, str], Allowance]) -> Allowance | None:
    """The allowance of the place itself, or of the nearest place around it."""
    if not allowances or not diagnostic.path:
        return None
    depths = range(len(diagnostic.path), 0, -1)
    places = ((diagnostic.code, dotted(diagnostic.path[:depth])) for depth in depths)
    return next((allowances[place] for place in places if place in allowances), None)


def dotted(path: Path_) -> str:
    """A path as an allowance writes it: `models.gpt-4.fallbacks.0`."""
    return ".".join(map(str, path))


def _plain(place: str) -> str:
    """`a.b[0]` is `a.b.0`."""
    return re.sub(r"\[(\d+)\]", r".\1", place.strip())


def _wrong(allowance: Allowance, document: Document) -> Diagnostic | None:
    code = CODES.get(allowance.rule)
    at = (*allowance.path, "rule")
    if code is None:
        alike = (c.id for c in CODES.values() if c.relaxable and c.id.startswith(allowance.rule[:3]))
        close = nearest(allowance.rule, alike)
        hint = f"did you mean {close!r}?" if close else "`interlock docs rules` lists them"
        return BAD_ALLOWANCE.on_value(document, at, f"there is no rule {allowance.rule}", hint)
    if not code.relaxable:
        what = f"{code.id} cannot be relaxed: {code.title}"
        return BAD_ALLOWANCE.on_value(
            document, at, what, "mend what it says; `interlock docs rules` lists those that can"
        )
    if _NO_REASON.match(allowance.reason) or len(set(allowance.reason)) < 5:
        return BAD_ALLOWANCE.on_value(
            document,
            (*allowance.path, "reason"),
            "this gives no reason",
            "say why it is safe enough, for whoever reads it in a year",
        )
    return None


def _unused(allowance: Allowance, document: Document) -> Diagnostic:
    missing = _first_missing(_plain(allowance.place), document.data)
    if missing:
        key, what = "path", f"the catalog has no {missing}"
        hint = "a path is the keys that lead there, joined with dots"
    else:
        key, what = "rule", f"{allowance.rule} has nothing to say there"
        hint = "remove it, so that the next change is judged"
    found = UNUSED_ALLOWANCE.on_value(
        document, (*allowance.path, key), f"this allowance relaxes nothing: {what}", hint
    )
    # A path that leads nowhere may be misspelt: only what has nothing to say is taken out.
    return found if missing else found.with_fix("remove it", *edits.remove_item(document, allowance.path))


def _first_missing(place: str, data: Any) -> str:
    """The shortest head of a dotted path that the catalog does not hold; empty when it holds all of it.

    A key may have dots of its own: the longest key that fits is taken.
    """
    node, rest, done = data, place, ""
    while rest:
        keys = [
            str(key)
            for key in (
                node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
            )
        ]
        fitting = [key for key in keys if rest == key or rest.startswith(f"{key}.")]
        if not fitting:
            return f"`{done}{rest}`"
        key = max(fitting, key=len)
        node = node[key] if isinstance(node, dict) else node[int(key)]
        done, rest = f"{done}{key}.", rest[len(key) + 1 :]
    return ""
