"""Attempts: no model of a list stands behind as many as are ever tried, each of which does what it does."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compiler.catalog import Model, Strategy
from compiler.diagnostics import NEVER_REACHED, Diagnostic, Path_
from compiler.interlocks.case import INFERRED, LEAST, MODES, Case, ask


def attempts_reach_candidates(case: Case) -> Iterator[Diagnostic]:
    """IL312, for listed candidates; those of the order `cost` stand otherwise for each request."""
    for strategy in case.catalog.strategies.values():
        stands = any(case.standing(strategy, mode) for mode in case.modes_of(strategy))  # else IL302 says it
        if strategy.listed and stands and strategy.order != "cost":
            names = case.in_service(case.table["strategies"][strategy.name]["candidates"])
            for name, mode in _behind(case, strategy, names):
                if not _goes_first(strategy, name):
                    path = (*strategy.path, "candidates", strategy.candidates.index(name))
                    yield _too_late(case, path, name, mode, case.ask_of(strategy, mode))


def attempts_reach_fallbacks(case: Case) -> Iterator[Diagnostic]:
    """IL312, for the fallbacks of a model."""
    for model in case.catalog.models.values():
        fallbacks = _fallbacks(case, model)
        for name, mode in _behind(case, None, [model.name, *fallbacks]) if fallbacks else ():
            path = (*model.path, "fallbacks", (model.fallbacks or ()).index(name))
            yield _too_late(case, path, name, mode, ask(mode, model=model.name))


def _goes_first(strategy: Strategy, name: str) -> bool:
    """Whether it is on trial, and so comes first to some."""
    return strategy.canary is not None and strategy.canary.percent > 0 and strategy.canary.model == name


def _fallbacks(case: Case, model: Model) -> list[str]:
    """In service, and not the model itself: IL303 says that."""
    names = model.fallbacks or () if model.in_service else ()
    return [name for name in case.in_service(names) if name != model.name]


def _too_late(case: Case, path: Path_, name: str, mode: str, body: dict[str, Any]) -> Diagnostic:
    most = case.catalog.fallback.max_attempts
    found = NEVER_REACHED.on_value(
        case.document,
        path,
        f"{name!r} comes after the last attempt: at most {most} models are tried, "
        f"and {most} before it serve every request that it does",
        "raise `fallback.max_attempts`, or take it out: only requests that exclude others get there",
    )
    place = case.document.span(("fallback", "max_attempts"), key=True)
    if "max_attempts" in ((case.document.data.get("fallback")) or {}):
        found = found.with_related(place, "the most attempts")
    return found.with_request(body, f"never comes to {name}", mode=mode)


def _behind(case: Case, strategy: Strategy | None, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(name, a mode) of those that have as many before them as are tried, each able to do as much."""
    most, rows = case.catalog.fallback.max_attempts, case.table["models"]
    if len(names) <= most:
        return
    looks = {mode: case.look(strategy, mode, LEAST) for mode in MODES}
    required = looks["chat"].required
    if "max_cost_usd" in required:
        return  # what one costs beside another is for each request to say
    fits = {mode: [look.fits(name) for name in names] for mode, look in looks.items()}
    ceiling = required.get("max_price", {})
    for index, name in enumerate(names[most:], most):
        modes = [mode for mode in rows[name]["modes"] if fits[mode][index]]
        covering = [_covers(rows[one], rows[name], ceiling) for one in names[:index]] if modes else []
        if modes and all(
            sum(fits[mode][i] and does for i, does in enumerate(covering)) >= most for mode in modes
        ):
            yield name, modes[0]


def _covers(one: Mapping[str, Any], other: Mapping[str, Any], ceiling: Mapping[str, float]) -> bool:
    """Whether one serves every request of a mode that another does. What is not known may be anything."""
    window, answer = _most(other["context_window"]), _most(other["max_output_tokens"])
    return (
        _offers_all(one["capabilities"], other["capabilities"])
        and _most(one["context_window"]) >= window
        and _most(one["max_output_tokens"]) >= min(answer, window)
        and _stays_under(one["price"], ceiling)
    )


def _stays_under(price: Mapping[str, Any] | None, ceiling: Mapping[str, float]) -> bool:
    """Whether a price is never over a ceiling for a long prompt, if it is not for a short one."""
    most = ceiling.get("input", math.inf), ceiling.get("output", math.inf)
    return not price or all(tier[1] <= most[0] and tier[2] <= most[1] for tier in price["tiers"])


def _offers_all(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """Of what a request can use without saying so: another capability is reached by requiring it."""
    return one is None or {c for c in INFERRED if other is None or c in other} <= set(one)


def _most(size: int | None) -> float:
    return math.inf if size is None else size
