"""Hops: every model that a route names can serve what the route is for."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compiler import edits
from compiler.catalog import Model, Strategy
from compiler.diagnostics import NEVER_CHOSEN, NEVER_REACHED, Diagnostic, Path_
from compiler.interlocks.case import INFERRED, LEAST, MODES, Case, ask
from compiler.runtime.models import USUAL_ANSWER_TOKENS, Look


def models_can_be_used(case: Case) -> Iterator[Diagnostic]:
    """IL309: a model in service meets the catalog-wide requirements."""
    unusable = _unusable(case)
    if len(unusable) == sum(model.in_service for model in case.catalog.models.values()):
        return  # IL302 says it of every strategy
    for name in unusable:
        model = case.catalog.models[name]
        found = NEVER_CHOSEN.on(
            case.document,
            model.path,
            f"model {name!r} can never be used: {_why_not(case, None, model)}",
            "state the fact that is missing, take the model out, or loosen `requirements`",
        )
        found = found.with_related(case.document.span(("requirements",), key=True), "required of every route")
        yield found.with_request(
            ask(model.modes[0], model=name), f"is never sent to {name}", mode=model.modes[0]
        )


def candidates_can_be_chosen(case: Case) -> Iterator[Diagnostic]:
    """IL309: a listed candidate, and a model on trial, meets the strategy's requirements in some request."""
    unusable = _unusable(case)
    for strategy in case.catalog.strategies.values():
        if not any(case.standing(strategy, mode) for mode in case.modes_of(strategy)):
            continue  # IL302 says it of all of them
        for path, name in _named(strategy):
            model = case.catalog.models[name]
            if not model.in_service or name in unusable:
                continue
            reason = _why_not(case, strategy, model)
            if reason:
                yield _never_chosen(case, strategy, path, model, reason)


def _named(strategy: Strategy) -> Iterator[tuple[Path_, str]]:
    """The models that a strategy names itself, and where."""
    for index, name in enumerate(strategy.candidates if strategy.listed else ()):
        yield (*strategy.path, "candidates", index), name
    if strategy.canary:
        yield (*strategy.path, "canary", "model"), strategy.canary.model


def _never_chosen(case: Case, strategy: Strategy, path: Path_, model: Model, reason: str) -> Diagnostic:
    found = NEVER_CHOSEN.on_value(
        case.document,
        path,
        f"strategy {strategy.name!r} can never choose {model.name!r}: {reason}",
        "take it out, or loosen the requirements",
    )
    place = case.document.span((*strategy.path, "requirements"), key=True)
    if strategy.requirements:
        found = found.with_related(place, "required of every choice")
    mode = model.modes[0]
    body = ask(mode, routing_strategy=strategy.name, model=model.name)
    found = found.with_request(body, f"is never sent to {model.name}", mode=mode)
    return found.with_fix(f"remove {model.name!r}", *edits.remove_item(case.document, path))


def fallbacks_can_be_chosen(case: Case) -> Iterator[Diagnostic]:
    """IL309: a fallback serves some kind of request that the model before it serves."""
    unusable = _unusable(case)
    for model in case.catalog.models.values():
        for index, name in enumerate(model.fallbacks or () if model.in_service else ()):
            other = case.catalog.models[name]
            if other.in_service and name not in unusable and not set(model.modes) & set(other.modes):
                path = (*model.path, "fallbacks", index)
                found = NEVER_CHOSEN.on_value(
                    case.document,
                    path,
                    f"model {name!r} can never stand in for {model.name!r}: "
                    f"it serves {_and(other.modes)} requests, not {_and(model.modes)}",
                    "take it out, or name a model of the same mode",
                )
                found = found.with_related(case.document.span(other.path, key=True), "defined here")
                body = ask(model.modes[0], model=model.name)
                found = found.with_request(body, f"is never sent to {name}", mode=model.modes[0])
                yield found.with_fix(f"remove {name!r}", *edits.remove_item(case.document, path))


def chain_providers_serve(case: Case) -> Iterator[Diagnostic]:
    """IL309: a provider in the chain of `fallback.providers` has a model in service to offer."""
    serving = {p for model in case.catalog.models.values() if model.in_service for p in model.providers}
    for index, name in enumerate(case.catalog.fallback.providers):
        if name not in serving:
            found = NEVER_CHOSEN.on_value(
                case.document,
                ("fallback", "providers", index),
                f"provider {name!r} can never be fallen back to: it serves no model that is in service",
                "take it out, or give it a model",
            )
            yield replace(found, severity="warning")


def _unusable(case: Case) -> list[str]:
    """The models in service that fail the catalog-wide requirements, whatever the request is."""
    if not case.catalog.requirements:
        return []
    models = case.catalog.models.values()
    return [model.name for model in models if model.in_service and _why_not(case, None, model)]


def _why_not(case: Case, strategy: Strategy | None, model: Model) -> str:
    """The reasons against a model in the least demanding request there is; empty when there is one for it."""
    reasons = ""
    for mode in model.modes:
        look = _least(case, strategy, mode)
        if look.fits(model.name):
            return ""
        reasons = "; ".join(look.candidate(model.name).reasons)
    return reasons


def _least(case: Case, strategy: Strategy | None, mode: str) -> Look:
    return case.look(strategy, mode, LEAST)


def _and(modes: Sequence[str]) -> str:
    return " and ".join(modes)


def attempts_reach_everybody(case: Case) -> Iterator[Diagnostic]:
    """IL312: no model stands in a list behind as many as are ever tried, each of which does what it does."""
    for strategy in case.catalog.strategies.values():
        stands = any(case.standing(strategy, mode) for mode in case.modes_of(strategy))  # else IL302 says it
        if strategy.listed and stands:
            names = case.in_service(case.table["strategies"][strategy.name]["candidates"])
            for name, mode in _behind(
                case, strategy, _cheapest_first(case, names) if strategy.order == "cost" else names
            ):
                if strategy.canary and strategy.canary.percent and strategy.canary.model == name:
                    continue
                path = (*strategy.path, "candidates", strategy.candidates.index(name))
                yield _too_late(case, path, name, mode, case.ask_of(strategy, mode))
    for model in case.catalog.models.values():
        names = case.in_service(model.fallbacks or ()) if model.in_service else []
        for name, mode in _behind(case, None, [model.name, *names]):
            if name != model.name:
                path = (*model.path, "fallbacks", (model.fallbacks or ()).index(name))
                yield _too_late(case, path, name, mode, ask(mode, model=model.name))


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
    """(name, a mode) of those that, in each mode, have as many others before them as are tried.

    Each of these can serve all that they can, and where what a request costs matters it costs no more there.
    """
    most, rows = case.catalog.fallback.max_attempts, case.table["models"]
    looks = {mode: _least(case, strategy, mode) for mode in MODES} if len(names) > most else {}
    fits = {mode: [look.fits(name) for name in names] for mode, look in looks.items()}
    required = looks["chat"].required if looks else {}
    by_cost = "max_cost_usd" in required or (strategy is not None and strategy.order == "cost")
    ceiling = required.get("max_price", {})
    for index, name in enumerate(names[most:], most):
        modes = [mode for mode in rows[name]["modes"] if fits[mode][index]]
        if modes and all(
            _at_least(
                most,
                (
                    fits[mode][i] and _covers(rows[names[i]], rows[name], ceiling, by_cost)
                    for i in range(index)
                ),
            )
            for mode in modes
        ):
            yield name, modes[0]


def _at_least(most: int, answers: Iterator[bool]) -> bool:
    found = 0
    for answer in answers:
        found += answer
        if found == most:
            return True
    return False


def _covers(
    one: Mapping[str, Any], other: Mapping[str, Any], ceiling: Mapping[str, float], by_cost: bool
) -> bool:
    """Whether one serves every request of a mode that another does. What is not known may be anything."""
    window, answer = _most(other["context_window"]), _most(other["max_output_tokens"])
    return (
        _offers_all(one["capabilities"], other["capabilities"])
        and _most(one["context_window"]) >= window
        and _most(one["max_output_tokens"]) >= min(answer, window)
        and _stays_under(one["price"], ceiling)
        and not (by_cost and _may_be_dearer(one, other))
    )


def _stays_under(price: Mapping[str, Any] | None, ceiling: Mapping[str, float]) -> bool:
    """Whether a price is never over a ceiling for a long prompt, if it is not for a short one."""
    most = ceiling.get("input", math.inf), ceiling.get("output", math.inf)
    return not price or all(tier[1] <= most[0] and tier[2] <= most[1] for tier in price["tiers"])


def _cheapest_first(case: Case, names: list[str]) -> list[str]:
    """So that whatever is never dearer than another stands before it; those of one price by name."""

    def key(name: str) -> tuple[float, float, int, str]:
        row = case.table["models"][name]
        price = row["price"] or {"input": math.inf, "output": math.inf}
        return price["input"], price["output"], _usual(row), name

    return sorted(names, key=key)


def _usual(row: Mapping[str, Any]) -> int:
    return min(USUAL_ANSWER_TOKENS, row["max_output_tokens"] or USUAL_ANSWER_TOKENS)


def _embeds(*rows: Mapping[str, Any]) -> bool:
    """An embedding has no answer to pay for: two of one input price cost the same."""
    return any("embedding" in row["modes"] for row in rows)


def _may_be_dearer(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether some request may cost more on one model than on another, by price or by its usual answer."""
    if not one["price"] or not other["price"]:
        return bool(one["price"] is None and other["price"])
    sides = [one["price"][side] > other["price"][side] for side in ("input", "output")]
    rises = bool(one["price"]["tiers"]) and one["price"] != other["price"]
    return (
        rises
        or any(sides)
        or _usual(one) > _usual(other)
        or (_embeds(one, other) and one["price"] != other["price"])
    )


def _offers_all(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    """Of what a request can use without saying so: another capability is reached by requiring it."""
    return one is None or {c for c in INFERRED if other is None or c in other} <= set(one)


def _most(size: int | None) -> float:
    return math.inf if size is None else size
