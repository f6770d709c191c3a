"""Hops: every model that a route names can serve what the route is for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from compiler import edits
from compiler.catalog import Model, Strategy
from compiler.diagnostics import NEVER_CHOSEN, Diagnostic, Path_
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
