"""`decide(table, request, …) -> Decision`: the route of one request. Raises on no JSON whatever.

It runs in the proxy, and in the compiler behind `explain`: the same function, so that what is explained is
what happens.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .canary import on_trial
from .models import Allowed, Candidate, Look, Table
from .request import (
    Needs,
    Refusal,
    RefusedError,
    merge,
    needs_of,
    requirements_of,
)
from .words import MAX_MESSAGE, nearest, printable, show

MAX_NAMED = 20  # candidates that a refusal names


@dataclass(frozen=True)
class Decision:
    """The route (first model, then fallbacks), and how it came about. Empty exactly when `refusal` is set.

    `upstreams` are the deployments of each model of the route that may answer, those of equal priority
    together. `reason` is one of `pinned`, `pinned_unfit` (it cannot serve the request), `canary`, `best`
    (the strategy's first) and `filtered` (its first cannot serve the request); in the proxy also
    `cooling_down` (the first one rests, or is over its limit).
    """

    route: tuple[str, ...] = ()
    strategy: str | None = None
    pinned: str | None = None
    requirements: dict[str, Any] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    refusal: Refusal | None = None
    reason: str = ""
    upstreams: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    is_granted_by_strategy: bool = False  # the key may use the strategy, but not all of the route by name
    considered: Callable[[], tuple[Candidate, ...]] = field(default=tuple, repr=False, compare=False)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every model that was considered, in order. Worked out when asked for: no request needs it."""
        return self.considered()


def decide(  # noqa: PLR0913  # keyword-only: each is one thing that a decision depends on
    table: Table,
    request: Any,
    *,
    mode: str = "chat",
    header: str | None = None,
    allowed: Allowed = None,
    down: Iterable[str] = (),
    needs: Needs | None = None,
) -> Decision:
    """Decides the route of one request.

    Args:
        table: the parsed routing table of one gateway.
        request: the JSON body, as the client sent it; any JSON is answered.
        mode: what the endpoint asks for: `chat`, `completion` or `embedding`.
        header: the value of `x-routing-strategy`, if any; the body's `routing_strategy` goes before it.
        allowed: the names that the key may use, or None when it may use all. A key that may use
            `auto/fast` may use that strategy, and its candidates by it, but none of them by name.
        down: names of providers to leave out.
        needs: what the request needs, where that is known without its text: logs and forecasts hold sizes.

    Returns:
        A Decision. Never raises.
    """
    try:
        return _decide(table, request, mode, header, allowed, down, needs)
    except RefusedError as refused:
        return Decision(refusal=refused.refusal)
    except RecursionError:
        return Decision(refusal=Refusal("the request is nested too deeply", "invalid_request"))


def _decide(  # noqa: PLR0913, PLR0917  # as `decide`
    table: Table,
    request: Any,
    mode: str,
    header: str | None,
    allowed: Allowed,
    down: Iterable[str],
    needs: Needs | None,
) -> Decision:
    if not isinstance(request, dict):
        raise RefusedError("the request body must be a JSON object", "invalid_request")
    pinned, strategy_name = _asked_for(table, request, header, allowed)
    wanted = requirements_of(request.get("requirements"))
    strategy = table["strategies"][strategy_name] if strategy_name is not None else {}
    required = merge(table.get("requirements", {}), strategy.get("requirements", {}), wanted)
    needs = needs or needs_of(request, mode)
    granted = _granted(table, strategy_name, allowed)
    look = Look(table, required, needs, mode, granted, frozenset(down))
    order = _order(look, request, pinned, strategy_name)
    route = order.route(table["max_attempts"])
    refusal = None if route else _nothing_eligible(look, order.candidates(), strategy_name, pinned)
    upstreams = {name: look.upstreams(name) for name in route}
    reason = order.reason(route) if route else ""
    by_strategy = allowed is not None and not allowed.issuperset(route)
    return Decision(
        route,
        strategy_name,
        pinned,
        required,
        needs,
        refusal,
        reason,
        upstreams,
        by_strategy,
        order.candidates,
    )


def only(decision: Decision, model: str) -> Decision:
    """The same decision, of which the route is one model."""
    return replace(decision, route=(model,), upstreams={model: decision.upstreams[model]})


def _asked_for(
    table: Table, request: dict[str, Any], header: str | None, allowed: Allowed
) -> tuple[str | None, str | None]:
    """(pinned model or None, strategy name or None); never both None."""
    model, named = request.get("model"), request.get("routing_strategy")
    if model is not None and not isinstance(model, str):
        raise RefusedError("'model' must be text", "invalid_request", "model")
    if named is not None and not isinstance(named, str):
        raise RefusedError("'routing_strategy' must be text", "invalid_request", "routing_strategy")
    named = named or header or None
    model = model or "auto"
    if model == "auto" or model.startswith("auto/"):
        in_model = model[5:] or None
        if in_model and request.get("routing_strategy") and named != in_model:
            message = f"the request names two strategies: {show(in_model)} in 'model' and {show(str(named))}"
            raise RefusedError(message, "invalid_request", "routing_strategy")
        return None, _known_strategy(table, in_model or named or table["default_strategy"])
    if model not in table["models"] or (allowed is not None and model not in allowed):
        legal = [name for name in table["models"] if allowed is None or name in allowed]
        raise RefusedError(
            f"model {show(model)} does not exist here{nearest(model, legal)}", "model_not_found", "model"
        )
    return model, _known_strategy(table, named) if named else None


def _known_strategy(table: Table, name: str) -> str:
    if name in table["strategies"]:
        return name
    legal = ", ".join(sorted(table["strategies"]))
    close = nearest(name, table["strategies"])
    message = f"strategy {show(name)} does not exist{close}; the strategies are: {legal}"
    raise RefusedError(message, "unknown_strategy", "routing_strategy")


def _granted(table: Table, strategy_name: str | None, allowed: Allowed) -> Allowed:
    """What the key may use by this route: being granted a strategy is being granted its members by it."""
    if allowed is None or strategy_name is None:
        return allowed
    names = {f"auto/{strategy_name}"} | ({"auto"} if strategy_name == table["default_strategy"] else set())
    if names.isdisjoint(allowed):
        return allowed
    strategy = table["strategies"][strategy_name]
    on_trial = [strategy["canary"]["model"]] if "canary" in strategy else []
    return allowed.union(strategy["candidates"], on_trial)


@dataclass(frozen=True)
class _Order:
    """Names in the order in which they are looked at: `first` as they stand, then `rest`."""

    look: Look
    first: tuple[str, ...]
    rest: tuple[str, ...]
    by_cost: bool
    asked: str  # what put `first` first: `pinned` or `canary`

    def route(self, most: int) -> tuple[str, ...]:
        """Those that can serve the request, `most` at most."""
        look = self.look
        fits = [name for name in self.first if look.fits(name)]
        # The key sorts out first, and the price next: of a thousand names, few are looked at any closer.
        rest = self.rest if look.allowed is None else [n for n in self.rest if n in look.allowed]
        for name in sorted(rest, key=look.price_order) if self.by_cost else rest:
            if len(fits) == most:
                break
            if name not in self.first and look.fits(name):
                fits.append(name)
        return tuple(fits)

    def candidates(self) -> tuple[Candidate, ...]:
        """All of them, with the reasons against each."""
        rest = sorted(self.rest, key=self.look.price_order) if self.by_cost else self.rest
        names = (*self.first, *(name for name in rest if name not in self.first))
        return tuple(self.look.candidate(name) for name in names)

    def reason(self, route: tuple[str, ...]) -> str:
        if self.first and route[0] == self.first[0]:
            return self.asked
        if self.asked == "pinned":
            return "pinned_unfit"
        return "best" if self.by_cost or route[0] == self.rest[0] else "filtered"


def _order(look: Look, request: dict[str, Any], pinned: str | None, strategy_name: str | None) -> _Order:
    if strategy_name is None:
        assert pinned is not None  # noqa: S101  # a request that names neither has the default strategy
        fallbacks = look.table["models"][pinned]["fallbacks"]
        rest = _chain(look, pinned) if fallbacks is None else fallbacks
        return _Order(look, (pinned,), tuple(rest), by_cost=False, asked="pinned")
    strategy = look.table["strategies"][strategy_name]
    if pinned is not None and look.mode == "embedding":  # another model's vectors do not compare
        return _Order(look, (pinned,), (), by_cost=False, asked="pinned")
    by_cost = strategy["order"] == "cost"  # else the compiler has put them in order
    if pinned is not None:
        return _Order(look, (pinned,), tuple(strategy["candidates"]), by_cost, "pinned")
    trial = on_trial(strategy_name, strategy, request)
    return _Order(look, trial, tuple(strategy["candidates"]), by_cost, "canary")


def _chain(look: Look, pinned: str) -> list[str]:
    """The best model that can serve the request at each other provider, in the catalog's provider order.

    None for embeddings: another model's vectors would spoil an index without an error.
    """
    if look.mode == "embedding":
        return []
    own = look.table["models"][pinned]["providers"]
    others = [names for provider, names in look.table["provider_order"] if provider not in own]
    if look.allowed is not None:
        others = [[name for name in names if name in look.allowed] for names in others]
    found = (next((name for name in names if look.fits(name)), None) for names in others)
    return list(dict.fromkeys(name for name in found if name is not None))


def _nothing_eligible(
    look: Look, considered: tuple[Candidate, ...], strategy_name: str | None, pinned: str | None
) -> Refusal:
    asked = f"model {show(pinned or '')}" if strategy_name is None else f"strategy {show(strategy_name)}"
    seen = [c for c in considered if look.may_see(c.model)]
    lines = [f"{c.model}: {'; '.join(c.reasons)}" for c in seen[:MAX_NAMED]]
    if len(seen) > MAX_NAMED:
        lines.append(f"and {len(seen) - MAX_NAMED} more")
    message = f"no model of {asked} can serve this request. " + (
        " | ".join(lines) or "This key may use none of them."
    )
    message = printable(message + _nearest_that_would_do(look))[:MAX_MESSAGE]
    return Refusal(message, "no_eligible_model", "requirements" if look.required else None)


def _nearest_that_would_do(look: Look) -> str:
    """The best model outside the candidates that could serve it, else the one that is refused for least."""
    visible = [look.candidate(name) for name in look.table["models"] if look.may_see(name)]
    if not visible:
        return ""
    quality = {name: model["quality"] or 0 for name, model in look.table["models"].items()}
    best = min(visible, key=lambda c: (len(c.reasons), -quality[c.model], c.model))
    if best.reasons:
        return f". The nearest is {best.model}: {'; '.join(best.reasons)}"
    strategies = [
        name for name, s in sorted(look.table["strategies"].items()) if best.model in s["candidates"]
    ]
    where = f" (strategy {', '.join(strategies)})" if strategies else ""
    return f". {best.model}{where} could serve it"
