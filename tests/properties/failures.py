"""What a deployment fails of a request that it may answer, by what the cost map says of it."""

from collections.abc import Iterator
from typing import Any

from compiler.catalog import (
    Deployment,
    Facts,
    Model,
    Price,
)
from compiler.runtime.decision import Decision
from tests.properties.brute_force import Ask, World

Failure = tuple[str, str, str]  # promise, the codes of which one should have said so, what


def failures(world: World, ask: Ask, decision: Decision, model: Model, row: Deployment) -> Iterator[Failure]:
    """Everything in which a deployment fails a request that it may answer."""
    yield from _place(world, decision, row)
    yield from _size(decision, model, row)
    yield from _price(decision, model, row)
    yield from _ability(decision, model)
    day = _last_day(world, model, row)
    if day and day <= world.as_of:
        yield "P4 last day", "IL601", day
    modes = row.known.modes if row.known else None
    if modes and ("embedding" in modes) != (ask.mode == "embedding"):
        yield "P4 kind", "IL313 IL403", f"{ask.mode} to one that serves {modes}"


def _place(world: World, decision: Decision, row: Deployment) -> Iterator[Failure]:
    required = decision.requirements
    provider = world.catalog.providers[row.provider]
    place = None if row.region not in (None, provider.region, provider.location) else provider.residency
    if required.get("residency", place) != place:
        yield "P4 residency", "", str(place)
    if row.provider not in required.get("providers", [row.provider]):
        yield "P4 providers", "", row.provider
    if row.provider in required.get("exclude_providers", ()):
        yield "P4 providers", "", row.provider


def _size(decision: Decision, model: Model, row: Deployment) -> Iterator[Failure]:
    required, needs, real = decision.requirements, decision.needs, row.known or Facts()
    window, answer = _or(_window(real), model.facts.context_window), needs.output_tokens or 0
    size = max(needs.prompt_tokens + answer, required.get("min_context_window", 0))
    if window is not None and size > window:
        yield "P4 window", "IL313 IL403", f"{size} > {window}"
    most = _or(_rounded(real.max_output_tokens), model.facts.max_output_tokens)
    longest = max(answer, required.get("min_output_tokens", 0))
    if most is not None and longest > most:
        yield "P4 answer", "IL313 IL403", f"{longest} > {most}"


def _window(real: Facts) -> float | None:
    """What a vendor may mean by a window that the map has less the answer."""
    return _rounded(real.context_window and real.context_window + (real.max_output_tokens or 0))


def _rounded(size: int | None) -> float | None:
    """A twentieth more is a matter of how one rounds: 128K is 128,000 and 131,072."""
    return None if size is None else size * 1.05


def _price(decision: Decision, model: Model, row: Deployment) -> Iterator[Failure]:
    price = (row.known and row.known.price) or model.facts.price
    if price is not None:
        yield from _dear(price, decision)


def _ability(decision: Decision, model: Model) -> Iterator[Failure]:
    required, needs = decision.requirements, decision.needs
    offered = model.facts.capabilities
    if not set(required.get("capabilities", ())) <= set(offered or ()):
        yield "P4 capabilities", "", "required"
    if offered is not None and not set(needs.capabilities) <= set(offered):
        yield "P4 capabilities", "", "used"
    if (model.quality or 0) < required.get("min_quality", 0):
        yield "P4 quality", "", ""
    if (model.latency_ms or 0) > required.get("max_latency_ms", 10**9):
        yield "P4 latency", "", ""


def _dear(price: Price, decision: Decision) -> Iterator[Failure]:
    needs, required = decision.needs, decision.requirements
    sides = (price.input, price.output)
    for above, tier_in, tier_out in price.tiers:
        sides = (tier_in, tier_out) if needs.prompt_tokens > above else sides
    ceiling = required.get("max_price", {})
    for side, value in zip(("input", "output"), sides, strict=True):
        if value > ceiling.get(side, 10**9):
            yield "P4 price", "IL313 IL403 IL404", f"{side} {value} > {ceiling[side]}"
    if needs.output_tokens:
        dollars = (needs.prompt_tokens * sides[0] + needs.output_tokens * sides[1]) / 1e6
        if dollars > required.get("max_cost_usd", 10**9):
            yield "P4 cost", "IL313 IL403 IL404", f"{dollars} > {required['max_cost_usd']}"


def _or(real: Any, stated: Any) -> Any:
    return stated if real is None else real


def _last_day(world: World, model: Model, row: Deployment) -> str | None:
    """The catalog's word of the model, else the map's of the deployment."""
    stated: str | None = world.data["models"][model.name].get("lifecycle", {}).get("retires_on")
    return stated or (row.known.retires_on if row.known else None)
