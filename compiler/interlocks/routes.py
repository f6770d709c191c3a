"""Routes: every strategy has a model, every chain ends, no name means two things."""

from collections.abc import Iterator

from compiler import edits
from compiler.catalog import Catalog, Strategy
from compiler.diagnostics import (
    EMPTY_STRATEGY,
    FALLBACK_CYCLE,
    NOTHING_SERVED,
    RESERVED_NAME,
    Diagnostic,
)
from compiler.interlocks.case import Case
from compiler.source import Document, Path_

MAX_REASONS = 5  # candidates whose reasons a message gives

# LiteLLM reads these six values of a request's `routing_strategy` as settings of its own.
LITELLM_STRATEGIES = frozenset(
    {
        "simple-shuffle", "least-busy", "usage-based-routing", "usage-based-routing-v2",
        "latency-based-routing", "cost-based-routing",
    }
)  # fmt: skip


def strategy_has_a_model(case: Case) -> Iterator[Diagnostic]:
    """IL302: a strategy has a model for each kind of request that it claims."""
    for strategy in case.catalog.strategies.values():
        if not case.in_service(strategy.candidates):
            yield _empty(case, strategy)
            continue
        mode = next((m for m in case.modes_of(strategy) if not case.standing(strategy, m)), None)
        if mode is not None:
            yield _all_unfit(case, strategy, mode)


def _empty(case: Case, strategy: Strategy) -> Diagnostic:
    idle = [f"{name} is {case.catalog.models[name].status}" for name in strategy.candidates]
    path = choice_path(strategy, case.document)
    nothing = {"select": "its query selects no model", "candidates": "it lists none"}
    why = "; ".join(idle) or nothing.get(str(path[-1]), "no model is in service")
    return _without_a_model(
        case,
        strategy,
        why,
        "loosen `select`, or state more facts" if path[-1] == "select" else "add a model that is in service",
        "chat",
    )


def _all_unfit(case: Case, strategy: Strategy, mode: str) -> Diagnostic:
    look = case.look(strategy, mode)
    candidates = [look.candidate(name) for name in case.in_service(strategy.candidates)]
    reasons = [f"{c.model}: {'; '.join(c.reasons)}" for c in candidates]
    more = f"; and {len(reasons) - MAX_REASONS} more" if len(reasons) > MAX_REASONS else ""
    why = " | ".join(reasons[:MAX_REASONS]) + more
    found = _without_a_model(
        case,
        strategy,
        why,
        "loosen the requirements, state the facts, or add a candidate that meets them",
        mode,
    )
    own = (*strategy.path, "requirements") if strategy.requirements else ("requirements",)
    return found.with_related(case.document.span(own, key=True), "required of every choice")


def _without_a_model(case: Case, strategy: Strategy, why: str, hint: str, mode: str) -> Diagnostic:
    kind = "" if mode == "chat" else f" for {mode} requests"
    found = EMPTY_STRATEGY.on(
        case.document,
        choice_path(strategy, case.document),
        f"strategy {strategy.name!r} has no model to choose from{kind}: {why}",
        hint,
    )
    return found.with_request(case.ask_of(strategy, mode), "is refused", mode=mode)


def choice_path(strategy: Strategy, document: Document) -> Path_:
    """Where a strategy says what it chooses from."""
    written = (document.data.get("strategies") or {}).get(strategy.name) or {}
    key = next((key for key in ("candidates", "select") if key in written), None)
    return (*strategy.path, key) if key else strategy.path


def fallbacks_end(case: Case) -> Iterator[Diagnostic]:
    """IL303: following `fallbacks` from model to model never comes back. Each cycle is said once."""
    said: set[frozenset[str]] = set()
    finished: set[str] = set()
    for start in case.catalog.models:
        for cycle in _cycles_from(case.catalog, start, finished):
            if frozenset(cycle) not in said:
                said.add(frozenset(cycle))
                yield _cycle(case.catalog, case.document, cycle)


def _cycles_from(catalog: Catalog, start: str, finished: set[str]) -> Iterator[list[str]]:
    """Depth-first, without recursion: a chain may be 10,000 models long. All starts share `finished`."""
    trail: list[str] = []
    stack = [(start, iter(catalog.models[start].fallbacks or ()))] if start not in finished else []
    if stack:
        trail.append(start)
    on_trail = set(trail)
    while stack:
        name, rest = stack[-1]
        following = next(rest, None)
        if following is None:
            stack.pop()
            trail.pop()
            on_trail.discard(name)
            finished.add(name)
        elif following in on_trail:
            yield trail[trail.index(following) :]
        elif following not in finished:
            stack.append((following, iter(catalog.models[following].fallbacks or ())))
            trail.append(following)
            on_trail.add(following)


def _cycle(catalog: Catalog, document: Document, cycle: list[str]) -> Diagnostic:
    first = cycle.index(min(cycle))
    cycle = cycle[first:] + cycle[:first]
    last = catalog.models[cycle[-1]]
    at = (last.fallbacks or ()).index(cycle[0])
    round_trip = " → ".join([*cycle, cycle[0]])
    found = FALLBACK_CYCLE.on_value(
        document,
        (*last.path, "fallbacks", at),
        f"fallbacks lead back to where they started: {round_trip}",
        f"remove {cycle[0]!r} from the fallbacks of {last.name!r}"
        + ("" if len(cycle) == 1 else ", or leave `fallbacks` out and let `fallback.providers` choose"),
    )
    if len(cycle) > 1:
        start = document.span((*catalog.models[cycle[0]].path, "fallbacks"), key=True)
        return found.with_related(start, "the chain starts here")
    gone = edits.remove_item(document, (*last.path, "fallbacks", at))
    return found.with_fix(f"remove {cycle[0]!r}", *gone)


def names_are_free(case: Case) -> Iterator[Diagnostic]:
    """IL307: no strategy or model has a name that LiteLLM or the request contract reads otherwise."""
    for strategy in case.catalog.strategies.values():
        if strategy.name in LITELLM_STRATEGIES:
            yield RESERVED_NAME.on(
                case.document,
                strategy.path,
                f"strategy {strategy.name!r} has the name of one of LiteLLM's own balancing settings",
                "choose another name",
            )
    for model in case.catalog.models.values():
        if model.name == "auto" or model.name.startswith("auto/"):
            yield RESERVED_NAME.on(
                case.document,
                model.path,
                f"model {model.name!r} has a name by which clients ask for a strategy",
                "choose a name that does not start with `auto`",
            )


def provider_is_reached(case: Case) -> Iterator[Diagnostic]:
    """IL305: a provider without a gateway of its own is called by a router, so there must be one."""
    if any(case.catalog.is_router(gateway) for gateway in case.catalog.gateways.values()):
        return
    for provider in case.catalog.providers.values():
        if provider.gateway is None:
            yield NOTHING_SERVED.on(
                case.document,
                provider.path,
                f"no gateway reaches provider {provider.name!r}: each belongs to another provider",
                "name a `gateway` here, or add a gateway that no provider names",
            )


def gateway_serves_something(case: Case) -> Iterator[Diagnostic]:
    """IL305: every gateway answers for at least one model."""
    for gateway in case.catalog.gateways.values():
        if not any(case.catalog.served(gateway)):
            yield NOTHING_SERVED.on(
                case.document,
                gateway.path,
                f"gateway {gateway.name!r} serves no model that is in service",
                "remove it, or give one of its providers a model",
            )
