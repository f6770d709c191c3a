"""Contradictions: what the catalog says of a model and LiteLLM's cost map says otherwise of its upstreams."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from compiler.catalog import Deployment, Facts, Model
from compiler.diagnostics import CONTRADICTION, WEAK_DEPLOYMENT, Diagnostic
from compiler.interlocks.case import Case, ask

_ROUNDING = 1.05  # 128K is 128,000 on one page and 131,072 on another
_SIZES = (("context_window", "context window"), ("max_output_tokens", "longest answer"))


def facts_agree(case: Case) -> Iterator[Diagnostic]:
    """IL403: stated facts are the cost map's; IL313: no deployment does less than its model promises."""
    for model in case.catalog.models.values():
        known = [d for d in model.deployments if case.is_known(d)]
        if not known or not model.in_service:
            continue
        for field, words in _SIZES:
            stated = case.stated(model).get(field)
            if stated is not None:
                yield from _size(case, model, known, field, words, int(stated))
        yield from _kind(case, model, known)
        yield from _last_days(case, model, known)


def _size(  # noqa: PLR0913, PLR0917  # what one fact is
    case: Case, model: Model, known: list[Deployment], field: str, words: str, stated: int
) -> Iterator[Diagnostic]:
    sizes = [(d, _most(d, field)) for d in known]
    less = [(d, size) for d, size in sizes if size is not None and size * _ROUNDING < stated]
    path = (*model.path, field)
    if less and len(less) == len(model.deployments):
        size = max(size for _, size in less)
        found = CONTRADICTION.on_value(
            case.document,
            path,
            f"the {words} of {model.name!r} is {stated} here and {size} in LiteLLM's cost map",
            "correct it, or allow it with the source of yours as the reason; the catalog's value is used",
        )
        outcome = "is let through, and the vendor may refuse it"
        yield _needs(case, found, model, (field, stated), outcome)
        return
    for deployment, size in less:
        found = WEAK_DEPLOYMENT.on(
            case.document,
            case.place(deployment),
            f"the deployment of {model.name!r} at {deployment.provider!r} has a {words} of {size}, "
            f"and the model promises {stated}",
            f"say `{field}: {size}`, or make a model of its own of this deployment",
        )
        found = found.with_related(case.document.span(path), "promised here")
        outcome = f"may be sent to {deployment.provider}, which can do less"
        yield _needs(case, found, model, (field, stated), outcome, deployment)


def _most(deployment: Deployment, field: str) -> int | None:
    """The most that a size can mean: vendors count the answer into the window, and the map does not."""
    known = deployment.known or Facts()
    if field == "max_output_tokens" or known.context_window is None:
        return known.max_output_tokens if field == "max_output_tokens" else None
    return known.context_window + (known.max_output_tokens or 0)


def _needs(  # noqa: PLR0913, PLR0917  # what one fact is, and where
    case: Case,
    found: Diagnostic,
    model: Model,
    fact: tuple[str, int],
    outcome: str,
    deployment: Deployment | None = None,
) -> Diagnostic:
    field, size = fact
    key = "min_context_window" if field == "context_window" else "min_output_tokens"
    mode = model.modes[0]
    body = ask(mode, model=model.name, requirements={key: size})
    return found.with_request(body, outcome, mode=mode) if case.reaches(model, mode, deployment) else found


def _kind(case: Case, model: Model, known: list[Deployment]) -> Iterator[Diagnostic]:
    """An embedding model that is to chat, or the other way round: only one of them can be answered."""
    wrong = [d for d in known if d.known and d.known.modes and not _same_kind(d.known.modes, model.modes)]
    ours = " and ".join(model.modes)
    if wrong and len(wrong) == len(model.deployments):
        theirs = " and ".join((wrong[0].known and wrong[0].known.modes) or ())
        found = CONTRADICTION.on(
            case.document,
            (*model.path, "modes"),
            f"{model.name!r} serves {ours} requests here and {theirs} requests in LiteLLM's cost map",
            "correct it; the catalog's value is used",
        )
        yield _sent(case, found, model, wrong[0])
        return
    for deployment in wrong:
        found = WEAK_DEPLOYMENT.on(
            case.document,
            case.place(deployment),
            f"the deployment of {model.name!r} at {deployment.provider!r} is no model for {ours} requests",
            "take it out, or make a model of its own of this deployment",
        )
        yield _sent(case, found, model, deployment)


def _same_kind(known: Sequence[str], ours: Sequence[str]) -> bool:
    return all(("embedding" in known) == (mode == "embedding") for mode in ours)


def _sent(case: Case, found: Diagnostic, model: Model, deployment: Deployment) -> Diagnostic:
    known = (deployment.known and deployment.known.modes) or ()
    mode = next(m for m in model.modes if not _same_kind(known, [m]))
    body = ask(mode, model=model.name)
    outcome = f"may be sent to {deployment.provider}, which cannot answer it"
    return found.with_request(body, outcome, mode=mode) if case.reaches(model, mode, deployment) else found


def _last_days(case: Case, model: Model, known: list[Deployment]) -> Iterator[Diagnostic]:
    stated = (case.stated(model).get("lifecycle") or {}).get("retires_on")
    theirs = min((d.known.retires_on for d in known if d.known and d.known.retires_on), default=None)
    if stated and theirs and stated > theirs:
        found = CONTRADICTION.on_value(
            case.document,
            (*model.path, "lifecycle", "retires_on"),
            f"{model.name!r} retires on {stated} here and on {theirs} in LiteLLM's cost map",
            "ask the vendor; the catalog's value is used",
        )
        yield replace(found, severity="note")
