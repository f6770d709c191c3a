"""Facts: what is known of each model."""

from collections.abc import Iterator

from compiler.catalog import Deployment, Model
from compiler.diagnostics import MISSING_FACT, UNKNOWN_UPSTREAM, Diagnostic, nearest
from compiler.interlocks.case import OWN_NAMES, Case
from compiler.source import value_at
from compiler.typos import surely

MAX_NEAREST = 20  # searches for a nearest id: each takes milliseconds, and thousands would take minutes


def facts_are_known(case: Case) -> Iterator[Diagnostic]:
    """IL401: the context window of each model is known; IL402: so is its upstream id."""
    searches = 0
    for model in case.catalog.models.values():
        if model.status in ("planned", "retired"):
            continue
        odd = next((d for d in model.deployments if _is_unknown(case, d)), None)
        found = None
        if odd is not None and searches < MAX_NEAREST:
            searches += 1
            found = _unknown_upstream(case, model, odd)
        if found is not None:
            yield found
        elif model.facts.context_window is None:
            yield _missing_window(case, model)


def _is_unknown(case: Case, deployment: Deployment) -> bool:
    return deployment.known is None and case.catalog.providers[deployment.provider].type not in OWN_NAMES


def _missing_window(case: Case, model: Model) -> Diagnostic:
    return MISSING_FACT.on(
        case.document,
        model.path,
        f"the context window of {model.name!r} is not known: long prompts are sent to it unchecked",
        "say `context_window: <tokens>`; LiteLLM's cost map has none for its upstream id",
    )


def _unknown_upstream(case: Case, model: Model, deployment: Deployment) -> Diagnostic | None:
    """Only where it looks misspelt, or the map is asked for facts: the newest models are in no map yet."""
    kind = case.catalog.providers[deployment.provider].type
    stated = case.stated(model)
    needs_facts = "context_window" not in stated
    if needs_facts:
        close = nearest(deployment.upstream, case.upstreams(kind))
    else:
        close = None if "lifecycle" in stated else surely(deployment.upstream, case.upstreams(kind))
        if close is None:
            return None
    written = "id" in (value_at(case.document.data, deployment.path) or {})
    path = (*deployment.path, "id") if written else case.place(deployment)
    make = UNKNOWN_UPSTREAM.on_value if written else UNKNOWN_UPSTREAM.on
    unknown = ", so its facts are not known" if needs_facts else ""
    otherwise = "state `context_window` and `price`" if needs_facts else "allow it, with a reason"
    return make(
        case.document,
        path,
        f"LiteLLM knows no model {deployment.upstream!r} of {kind}{unknown}",
        f"did you mean {close!r}? If not, {otherwise}"
        if close
        else "check the id with the vendor, and state `context_window`, `price` and `capabilities`",
    )
