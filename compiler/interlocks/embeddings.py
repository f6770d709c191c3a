"""Embeddings: a vector of one model means nothing among those of another."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

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
    on_trial = [strategy.canary.model] if strategy.canary and strategy.canary.percent else []
    fitting = [
        name
        for name in case.in_service(dict.fromkeys([*strategy.candidates, *on_trial]))
        if "embedding" in models[name].modes and look.fits(name)
    ]
    odd = next((pair for pair in combinations(fitting, 2) if _differ(*(models[n] for n in pair))), None)
    if odd is None:
        return
    first, other = odd
    found = MIXED_EMBEDDINGS.on(
        case.document,
        choice_path(strategy, case.document),
        f"strategy {strategy.name!r} may embed with {first!r} or {other!r}: {_WHY}",
        _HINT if strategy.listed else "say `select: {modes: [chat]}`, and embed by another strategy",
    )
    found = found.with_related(case.document.span(models[first].path, key=True), "one of them")
    found = found.with_related(case.document.span(models[other].path, key=True), "another")
    body = case.ask_of(strategy, "embedding", trial=bool(on_trial))
    found = found.with_request(body, "may be embedded by either", mode="embedding")
    # A query over all models holds the embedding ones by accident, and few clients embed by it.
    yield found if strategy.listed else replace(found, severity="warning")


def _in_fallbacks(case: Case, model: Model) -> Iterator[Diagnostic]:
    look = case.look(None, "embedding")
    fitting = [m for m in (model.name, *(model.fallbacks or ())) if look.fits(m)]
    for index, name in enumerate(model.fallbacks or ()):
        other = case.catalog.models[name]
        before = fitting[: fitting.index(name)] if name in fitting else []
        odd = next((one for one in before if _differ(case.catalog.models[one], other)), None)
        if odd is not None:
            path: Path_ = (*model.path, "fallbacks", index)
            found = MIXED_EMBEDDINGS.on_value(
                case.document,
                path,
                f"{name!r} embeds in the place of {odd!r}: {_WHY}",
                "take it out, and give the model a second deployment instead",
            )
            found = found.with_related(case.document.span(other.path, key=True), "defined here")
            body = ask("embedding", model=model.name)
            yield found.with_request(body, f"may be embedded by {name}", mode="embedding")


def _differ(one: Model, other: Model) -> bool:
    """Whether two models are not the same one by two names, as far as their upstream ids tell."""
    return _upstreams(one).isdisjoint(_upstreams(other))


def _upstreams(model: Model) -> set[str]:
    return {deployment.upstream.rpartition("/")[2] for deployment in model.deployments}
