"""Embeddings: a vector of one model means nothing among those of another."""

from collections.abc import Iterator
from dataclasses import replace

from compiler.catalog import Model, Strategy
from compiler.diagnostics import MIXED_EMBEDDINGS, Diagnostic, Path_
from compiler.interlocks.case import Case, ask
from compiler.interlocks.routes import choice_path

_WHY = "their vectors do not compare, and mixing them spoils an index without any error"
_HINT = "use one model with several deployments, and a strategy for each embedding model"


def embeddings_stay_of_one_model(case: Case) -> Iterator[Diagnostic]:
    """IL314: no route for embeddings goes from one embedding model to another."""
    for strategy in case.catalog.strategies.values():
        yield from _in_strategy(case, strategy)
    for model in case.catalog.models.values():
        if model.in_service and "embedding" in model.modes:
            yield from _in_fallbacks(case, model)


def _in_strategy(case: Case, strategy: Strategy) -> Iterator[Diagnostic]:
    models = case.catalog.models
    look = case.look(strategy, "embedding")
    fitting = [
        name
        for name in case.in_service(strategy.candidates)
        if "embedding" in models[name].modes and look.fits(name)
    ]
    other = next((name for name in fitting if _differ(models[fitting[0]], models[name])), None)
    if other is None:
        return
    found = MIXED_EMBEDDINGS.on(
        case.document,
        choice_path(strategy, case.document),
        f"strategy {strategy.name!r} may embed with {fitting[0]!r} or {other!r}: {_WHY}",
        _HINT if strategy.listed else "say `select: {modes: [chat]}`, and embed by another strategy",
    )
    found = found.with_related(case.document.span(models[fitting[0]].path, key=True), "one of them")
    found = found.with_related(case.document.span(models[other].path, key=True), "another")
    body = ask("embedding", routing_strategy=strategy.name)
    found = found.with_request(body, "may be embedded by either", mode="embedding")
    # A query over all models holds the embedding ones by accident, and few clients embed by it.
    yield found if strategy.listed else replace(found, severity="warning")


def _in_fallbacks(case: Case, model: Model) -> Iterator[Diagnostic]:
    for index, name in enumerate(model.fallbacks or ()):
        other = case.catalog.models[name]
        if other.in_service and "embedding" in other.modes and _differ(model, other):
            path: Path_ = (*model.path, "fallbacks", index)
            found = MIXED_EMBEDDINGS.on_value(
                case.document,
                path,
                f"{name!r} embeds in the place of {model.name!r}: {_WHY}",
                "take it out, and give the model a second deployment instead",
            )
            found = found.with_related(case.document.span(other.path, key=True), "defined here")
            body = ask("embedding", model=model.name)
            down = [provider for provider in model.providers if provider not in other.providers]
            may = "is" if len(down) == len(model.providers) else "may be"
            yield found.with_request(body, f"{may} embedded by {name}", down=down, mode="embedding")


def _differ(one: Model, other: Model) -> bool:
    """Whether two models are not the same one by two names, as far as their upstream ids tell."""
    return _upstreams(one).isdisjoint(_upstreams(other))


def _upstreams(model: Model) -> set[str]:
    return {deployment.upstream.rpartition("/")[2] for deployment in model.deployments}
