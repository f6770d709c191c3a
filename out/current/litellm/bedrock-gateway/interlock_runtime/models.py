"""Which models can serve a request, and why each other one cannot; what one would cost."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .request import Needs
from .words import number

Table = Mapping[str, Any]  # schemas/routing_table.schema.json
Row = Mapping[str, Any]  # one model or strategy of it
Allowed = frozenset[str] | None  # names of models, and `auto/<strategy>`; None is everything
USUAL_ANSWER_TOKENS = 500  # prices an answer when the request sets no limit


@dataclass(frozen=True)
class Candidate:
    """One model that was looked at: eligible when `reasons` is empty. `cost_usd` is an estimate."""

    model: str
    reasons: tuple[str, ...] = ()
    cost_usd: float | None = None


Check = Callable[[Row, Any, Needs], str | None]
Place = tuple[Callable[[Row], bool], Callable[[Row], str]]  # (a deployment fits, why none of a model does)


class Look:
    """One request's way of looking at models."""

    def __init__(  # noqa: PLR0913, PLR0917  # as `decide`
        self,
        table: Table,
        required: dict[str, Any],
        needs: Needs,
        mode: str,
        allowed: Allowed,
        down: frozenset[str],
    ) -> None:
        self.table, self.required, self.needs, self.mode, self.allowed = table, required, needs, mode, allowed
        self._models = table["models"]
        self._checks = [(_CHECKS[key], value) for key, value in required.items() if key in _CHECKS]
        self._places = [_PLACES[key](value) for key, value in required.items() if key in _PLACES]
        if down:
            self._places.append(_not_down(down))

    def candidate(self, name: str) -> Candidate:
        model = self._models[name]
        return Candidate(name, tuple(self._reasons(name, model)), cost_usd(model, self.needs))

    def fits(self, name: str) -> bool:
        if self.allowed is not None and name not in self.allowed:
            return False
        return next(self._reasons(name, self._models[name]), None) is None

    def may_see(self, name: str) -> bool:
        return self.allowed is None or name in self.allowed

    def price_order(self, name: str) -> tuple[float, str]:
        cost = cost_usd(self._models[name], self.needs)
        return (math.inf if cost is None else cost, name)

    def upstreams(self, name: str) -> tuple[tuple[str, ...], ...]:
        """The ids of the deployments that may answer, the best priority first."""
        levels: dict[int, list[str]] = {}
        for deployment in self._placed(self._models[name]):
            levels.setdefault(deployment["priority"], []).append(deployment["id"])
        return tuple(tuple(ids) for _, ids in sorted(levels.items()))

    def _placed(self, model: Row) -> list[Row]:
        rows: list[Row] = model["deployments"]
        return [row for row in rows if all(fits(row) for fits, _ in self._places)] if self._places else rows

    def _reasons(self, name: str, model: Row) -> Iterator[str]:
        if not self.may_see(name):
            yield "this key may not use it"
            return
        if model.get("status"):
            yield f"is {model['status']}"
        if self.mode not in model["modes"]:
            yield f"does not serve {self.mode} requests"
        if self._places and not self._placed(model):
            nowhere = [why(model) for fits, why in self._places if not any(map(fits, model["deployments"]))]
            yield from nowhere or ["no deployment of it meets all that is asked of its place"]
        yield from self._unfit(model)
        for check, value in self._checks:
            reason = check(model, value, self.needs)
            if reason:
                yield reason

    def _unfit(self, model: Row) -> Iterator[str]:
        """What the request needs without saying so. A fact that is not known refuses nothing here."""
        offered, window, most = model["capabilities"], model["context_window"], model["max_output_tokens"]
        lacking = [c for c in self.needs.capabilities if offered is not None and c not in offered]
        if lacking:
            yield f"does not offer {', '.join(lacking)}, which the request uses"
        total = self.needs.prompt_tokens + (self.needs.output_tokens or 0)
        if window is not None and total > window:
            yield f"context window {window} is less than the request's {total} tokens (estimated)"
        if most is not None and (self.needs.output_tokens or 0) > most:
            yield f"writes at most {most} tokens, and the request asks for {self.needs.output_tokens}"


def _at_least(fact: str, words: str) -> Check:
    def check(model: Row, least: Any, _needs: Needs) -> str | None:
        value = model[fact]
        if value is None:
            return f"{words} is not known"
        return None if value >= least else f"{words} {number(value)} is less than {number(least)}"

    return check


def _check_capabilities(model: Row, wanted: Any, _needs: Needs) -> str | None:
    lacking = [name for name in wanted if name not in (model["capabilities"] or ())]
    return f"does not offer {', '.join(lacking)}" if lacking else None


def _check_price(model: Row, limits: Any, needs: Needs) -> str | None:
    if model["price"] is None:
        return "price is not known"
    price = dict(zip(("input", "output"), prices(model["price"], needs), strict=True))
    over = [
        f"{side} price ${price[side]:g} is over ${limit:g} per million tokens"
        for side, limit in sorted(limits.items())
        if price[side] > limit
    ]
    return ", ".join(over) or None


def _check_cost(model: Row, limit: Any, needs: Needs) -> str | None:
    cost = cost_usd(model, needs)
    if cost is None:
        return "price is not known"
    return f"costs about ${cost:.6f}, over ${limit:g}" if cost > limit else None


def _check_latency(model: Row, limit: Any, _needs: Needs) -> str | None:
    latency = model["latency_ms"]
    if latency is None:
        return "latency is not known"
    return f"latency {number(latency)} ms is over {number(limit)} ms" if latency > limit else None


_CHECKS: dict[str, Check] = {
    "min_context_window": _at_least("context_window", "context window"),
    "min_output_tokens": _at_least("max_output_tokens", "longest answer"),
    "min_quality": _at_least("quality", "quality"),
    "capabilities": _check_capabilities,
    "max_price": _check_price,
    "max_cost_usd": _check_cost,
    "max_latency_ms": _check_latency,
}


def _only_providers(wanted: Any) -> Place:
    def why(model: Row) -> str:
        others = [name for name in model["providers"] if name not in wanted]
        return f"is served by {', '.join(others)}, not only by {', '.join(wanted) or 'nobody'}"

    return lambda row: all(name in wanted for name in row["providers"]), why


def _not_providers(unwanted: Any) -> Place:
    def why(model: Row) -> str:
        hit = [name for name in model["providers"] if name in unwanted]
        return f"is served by {', '.join(hit)}, which is excluded"

    return lambda row: not any(name in unwanted for name in row["providers"]), why


def _in_residency(wanted: Any) -> Place:
    def why(model: Row) -> str:
        places = dict.fromkeys(place for row in model["deployments"] for place in row["residency"])
        others = [place for place in places if place not in (None, wanted)]
        unknown = "residency is not known" if None in places else ""
        known = f"residency {', '.join(others)} is not {wanted}" if others else ""
        return ", ".join(filter(None, (known, unknown)))

    return lambda row: all(place == wanted for place in row["residency"]), why


def _not_down(down: frozenset[str]) -> Place:
    def why(model: Row) -> str:
        return f"provider {', '.join(name for name in model['providers'] if name in down)} is down"

    return lambda row: not down.issuperset(row["providers"]), why


_PLACES: dict[str, Callable[[Any], Place]] = {
    "providers": _only_providers,
    "exclude_providers": _not_providers,
    "residency": _in_residency,
}


def cost_usd(model: Row, needs: Needs) -> float | None:
    """What the request would cost on the model, or None when its price is not known."""
    if model["price"] is None:
        return None
    side_in, side_out = prices(model["price"], needs)
    usual = min(USUAL_ANSWER_TOKENS, model["max_output_tokens"] or USUAL_ANSWER_TOKENS)
    answer = needs.output_tokens or ("embedding" not in model["modes"] and usual) or 0
    return float(needs.prompt_tokens * side_in + answer * side_out) / 1_000_000


def prices(price: Row, needs: Needs) -> tuple[float, float]:
    """(input, output) in USD per million tokens of a row's `price`, for a prompt of the request's size."""
    side_in, side_out = price["input"], price["output"]
    for above, tier_in, tier_out in price["tiers"]:
        if needs.prompt_tokens > above:
            side_in, side_out = tier_in, tier_out
    return side_in, side_out
