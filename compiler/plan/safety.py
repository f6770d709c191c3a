"""What a change makes safer and less safe: findings, allowances, outages, access."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog
from compiler.diagnostics import Diagnostic
from compiler.interlocks.allowances import dotted
from compiler.matrix import Matrix, outage_matrix
from compiler.plan.access import Access
from compiler.plan.marks import line, name, names
from compiler.plan.sides import Side
from compiler.runtime.models import Table
from compiler.runtime.request import merge

_PLACES = ("residency", "providers", "exclude_providers")
_NOT_OF_ROUTES = ("IL2", "IL316", "IL4", "IL8")  # the catalog's form, facts and prices, the target


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that is safer or less safe: `kind` is finding, requirement, allowance, outage or access."""

    kind: str
    words: str
    code: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """Who answers a plain request of a strategy while a provider is down; None: nobody."""

    strategy: str
    provider: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Safety:
    """What is `lost` (less safe now), `gained` (safer now), neither, and what must exist beforehand."""

    lost: tuple[Point, ...] = ()
    gained: tuple[Point, ...] = ()
    other: tuple[Point, ...] = ()
    needed: tuple[str, ...] = ()
    outages: tuple[Cell, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.lost or self.gained or self.other or self.needed or self.outages)


def compare(before: Side, after: Side, access: Iterable[Access]) -> Safety:
    """What differs, of what both sides know."""
    access = list(access)
    lost: list[Point] = []
    gained: list[Point] = []
    other: list[Point] = []
    for effect, points in (("worse", lost), ("better", gained), ("other", other)):
        points += [Point("access", one.words) for one in access if one.effect == effect]
    cells = list(_cells(before, after))
    lost += [_outage(cell) for cell in cells if cell.after is None]
    gained += [_outage(cell) for cell in cells if cell.before is None]
    lost += _places(before.table, after.table, "{0} no longer requires {1}")
    gained += _places(after.table, before.table, "{0} requires {1} now")
    if before.catalog and after.catalog:
        new, gone = list(_new_findings(before, after)), list(_new_findings(after, before))
        lost += [_found(one, "found now") for one in new if _is_safety(one)]
        gained += [_found(one, "not found any more") for one in gone if _is_safety(one)]
        other += [_found(one, "found now") for one in new if not _is_safety(one)]
        other += [_found(one, "not found any more") for one in gone if not _is_safety(one)]
        lost += _allowances(before.catalog, after.catalog, "relaxed now")
        gained += _allowances(after.catalog, before.catalog, "not relaxed any more")
        other += _reasons(before.catalog, after.catalog)
    needed = tuple(dict.fromkeys(one.words for one in access if one.effect == "needed"))
    return Safety(tuple(lost), tuple(gained), tuple(other), needed, tuple(cells))


def _places(before: Table | None, after: Table | None, words: str) -> Iterator[Point]:
    """Where requests may go: what a strategy of both sides requires of it before, and less strictly after."""
    if before is None or after is None:
        return
    for strategy in sorted(before["strategies"].keys() & after["strategies"].keys()):
        old, new = (_required(side, strategy) for side in (before, after))
        for key in (key for key in _PLACES if key in old and _is_looser(key, old[key], new.get(key))):
            said = words.format(f"strategy {name(strategy)}", f"{name(key)} {names(old[key])}")
            yield Point("requirement", said, path=f"strategies.{strategy}")


def _required(table: Table, strategy: str) -> dict[str, Any]:
    return merge(table["requirements"], table["strategies"][strategy]["requirements"])


def _is_looser(key: str, old: Any, new: Any) -> bool:
    """Whether places are open that were not."""
    if key == "providers":
        return new is None or not set(new) <= set(old)
    return not set(old) <= set(new or ()) if key == "exclude_providers" else new != old


def _key(found: Diagnostic) -> tuple[str, str]:
    return found.code, dotted(found.path) or found.message


def _all(side: Side) -> list[Diagnostic]:
    """What was found, what an allowance relaxes included: that is told of as an allowance."""
    outcome = side.outcome
    return [*outcome.diagnostics, *(found for found, _ in outcome.allowed)] if outcome else []


def _new_findings(before: Side, after: Side) -> Iterator[Diagnostic]:
    """Those of `after` that `before` has not: neither at the same place nor, elsewhere, in the same words."""
    known = _all(before)
    places, words = {_key(one) for one in known}, {(one.code, one.message) for one in known}
    for one in after.outcome.diagnostics if after.outcome else ():
        if _key(one) not in places and (one.code, one.message) not in words:
            yield one


def _is_safety(found: Diagnostic) -> bool:
    """Whether a route may be unsafe by it: not a note, and not a fact that two sources differ in."""
    return found.severity != "note" and not found.code.startswith(_NOT_OF_ROUTES)


def _found(found: Diagnostic, how: str) -> Point:
    words = f"{found.severity} {found.code} {how}: {line(found.message)}"
    return Point("finding", words, found.code, dotted(found.path))


def _allowances(before: Catalog, after: Catalog, how: str) -> Iterator[Point]:
    known = {(one.rule, one.place) for one in before.allowances}
    for one in after.allowances:
        if (one.rule, one.place) not in known:
            words = f"{name(one.rule)} {how} at {name(one.place)}: {line(one.reason)}"
            yield Point("allowance", words, one.rule, one.place)


def _reasons(before: Catalog, after: Catalog) -> Iterator[Point]:
    old = {(one.rule, one.place): one.reason for one in before.allowances}
    for one in after.allowances:
        was = old.get((one.rule, one.place), one.reason)
        if was != one.reason:
            words = f"{name(one.rule)} at {name(one.place)} is relaxed for another reason: {line(one.reason)}"
            yield Point("allowance", words, one.rule, one.place)


def _cells(before: Side, after: Side) -> Iterator[Cell]:
    """The cells that differ, of strategies that both sides have, where the outage changes the answer."""
    if before.table is None or after.table is None:
        return
    old, new = outage_matrix(before.table), outage_matrix(after.table)
    there = {*new.providers, *(set(old.providers) & _providers(after))}
    for strategy in new.strategies:
        for provider in sorted(there) if strategy in old.cells else ():
            was, now = (_answer(matrix, strategy, provider) for matrix in (old, new))
            plain = tuple(_answer(matrix, strategy, None) for matrix in (old, new))
            if was != now and (was, now) != plain:
                yield Cell(strategy, provider, was, now)


def _providers(side: Side) -> set[str]:
    models = side.table["models"].values() if side.table else ()
    return {provider for row in models for provider in row["providers"]}


def _answer(matrix: Matrix, strategy: str, provider: str | None) -> str | None:
    row = matrix.cells[strategy]
    route = row.get(provider, row[None]).route
    return route[0] if route else None


def _outage(cell: Cell) -> Point:
    where = f"strategy {name(cell.strategy)} while {name(cell.provider)} is down"
    if cell.after is None:
        words = f"nobody answers {where}; {name(cell.before)} did"
    else:
        words = f"{name(cell.after)} answers {where}; nobody did"
    return Point("outage", words, path=f"strategies.{cell.strategy}")
