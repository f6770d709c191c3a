"""Hops: every model that a route names can serve what the route is for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from compiler import edits
from compiler.catalog import Model, Strategy
from compiler.diagnostics import NEVER_CHOSEN, NEVER_REACHED, Diagnostic, Path_
from compiler.interlocks.case import LEAST, Case, ask
from compiler.runtime.models import Look


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
        yield found.with_request(ask(model.modes[0], model=name), "is refused", mode=model.modes[0])


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
        if strategy.listed and strategy.order == "listed":
            looks = [case.standing(strategy, mode) for mode in case.modes_of(strategy)]
            fitting = [name for name in strategy.candidates if any(name in look for look in looks)]
            for name in _behind(case, fitting):
                path = (*strategy.path, "candidates", strategy.candidates.index(name))
                yield _too_late(case, path, name, ask(routing_strategy=strategy.name))
    for model in case.catalog.models.values():
        names = case.in_service(model.fallbacks or ()) if model.in_service else []
        for name in _behind(case, [model.name, *names]):
            path = (*model.path, "fallbacks", (model.fallbacks or ()).index(name))
            yield _too_late(case, path, name, ask(model.modes[0], model=model.name))


def _too_late(case: Case, path: Path_, name: str, body: dict[str, Any]) -> Diagnostic:
    most = case.catalog.fallback.max_attempts
    found = NEVER_REACHED.on_value(
        case.document,
        path,
        f"{name!r} comes after the last attempt: at most {most} models are tried, "
        f"and {most} before it serve every request that it does",
        "raise `fallback.max_attempts`, or take it out: only requests that exclude others get there",
    )
    mode = "chat" if "messages" in body else "completion" if "prompt" in body else "embedding"
    place = case.document.span(("fallback", "max_attempts"), key=True)
    if "max_attempts" in ((case.document.data.get("fallback")) or {}):
        found = found.with_related(place, "the most attempts")
    return found.with_request(body, f"never comes to {name}", mode=mode)


def _behind(case: Case, names: Sequence[str]) -> Iterator[str]:
    """Those that have as many others before them as are tried, each able to serve all that they can."""
    most = case.catalog.fallback.max_attempts
    rows = case.table["models"]
    for index, name in enumerate(names):
        if index >= most and _at_least(most, (_covers(rows[one], rows[name]) for one in names[:index])):
            yield name


def _at_least(most: int, answers: Iterator[bool]) -> bool:
    found = 0
    for answer in answers:
        found += answer
        if found == most:
            return True
    return False


def _covers(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether one model serves every request that another does. What is not known may be anything."""
    return (
        set(other["modes"]) <= set(one["modes"])
        and _offers_all(one["capabilities"], other["capabilities"])
        and _no_less(one["context_window"], other["context_window"])
        and _no_less(one["max_output_tokens"], other["max_output_tokens"])
    )


def _offers_all(one: Sequence[str] | None, other: Sequence[str] | None) -> bool:
    return one is None or (other is not None and set(other) <= set(one))


def _no_less(one: int | None, other: int | None) -> bool:
    return one is None or (other is not None and one >= other)
