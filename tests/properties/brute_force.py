"""Requests and outages, by brute force: what of a catalog's promises the proxy's own `decide` breaks.

Nothing here knows the interlocks. It works from the catalog, from what the cost map says of each deployment,
and from the decisions. Requests are drawn from the partition that the catalog itself makes: each strategy and
pin, each mode, sizes at and just above each window, tier and answer, each requirement at the values at which
a model begins to fail it, and each provider down. Checks are conjunctions, so that one requirement at a time,
with every size where sizes matter to it, meets every way of failing.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from random import Random
from typing import Any

from compiler.catalog import (
    Catalog,
    Deployment,
    Facts,
    Model,
    Strategy,
)
from compiler.runtime.canary import on_trial
from compiler.runtime.decision import Decision, decide
from compiler.table import routing_table

MODES = ("chat", "completion", "embedding")
_USED = (
    "function_calling",
    "json_mode",
    "vision",
    "audio_input",
    "pdf_input",
)  # what a body can use without a word of requirements
_PARTS = {
    "vision": "image_url",
    "audio_input": "input_audio",
    "pdf_input": "file",
}  # each counts 1,100 tokens
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: to whom, of what kind and size (in tokens), using and requiring what, with whom down."""

    strategy: str | None = None
    model: str | None = None
    mode: str = "chat"
    size: int = 0
    answer: int | None = None
    uses: tuple[str, ...] = ()
    requires: Mapping[str, Any] = field(default_factory=dict)
    down: tuple[str, ...] = ()
    user: str | None = None

    def body(self) -> Json:
        named = {"routing_strategy": self.strategy, "model": self.model, "max_tokens": self.answer}
        found: Json = {key: value for key, value in named.items() if value is not None}
        if self.requires:
            found["requirements"] = dict(self.requires)
        if self.user:
            found["user"] = self.user
        if "function_calling" in self.uses:
            found["functions"] = [0]  # the shortest there is: a token
        if "json_mode" in self.uses:
            found["response_format"] = {"type": "json_object"}
        # An estimate is a tenth above a quarter of the characters; what else the body holds is counted too.
        parts = [{"type": kind} for name, kind in _PARTS.items() if name in self.uses]
        spent = 1100 * len(parts) + 3 * ("function_calling" in self.uses) + 10 * ("json_mode" in self.uses)
        text = "x" * max(0, int((self.size / 1.1 - spent) * 4))
        if parts:
            found["instructions"] = parts
        return found | ({"input": text} if self.mode == "embedding" else {"prompt": text})


class World:
    """A resolved catalog, and the decisions of the gateway that clients call."""

    def __init__(self, data: Json, catalog: Catalog, as_of: str, *, thorough: bool = False) -> None:
        self.data, self.catalog, self.as_of = data, catalog, as_of
        self.table = routing_table(catalog, catalog.front)
        self.asked = 0
        self.thorough = thorough  # every demand of every scope: several times as many requests

    def decide(self, ask: Ask) -> Decision:
        self.asked += 1
        return decide(self.table, ask.body(), mode=ask.mode, down=ask.down)

    def behind(self, model: str, upstream: str) -> list[Deployment]:
        """The deployments that answer for one upstream of a model: one, or all behind another gateway."""
        rows = self.catalog.models[model].deployments
        first = next(row for row in rows if row.id == upstream)
        hop = self._hop(first)
        return [first] if hop is None else [row for row in rows if self._hop(row) == hop]

    def _hop(self, row: Deployment) -> str | None:
        gateway = self.catalog.providers[row.provider].gateway
        return None if gateway == self.catalog.front.name else gateway

    @cached_property
    def models(self) -> list[Model]:
        return [model for model in self.catalog.models.values() if model.in_service]

    @cached_property
    def sizes(self) -> list[int]:
        return sizes_of(self.models)

    def users(self, strategy: str | None, model: str) -> list[str | None]:
        """One who gets the model on trial of a strategy, if it is this one, and one who does not."""
        trial = self.catalog.strategies[strategy].canary if strategy else None
        if trial is None or not trial.percent:
            return [None]
        by_user = {f"user-{n}": self._is_on_trial(str(strategy), f"user-{n}") for n in range(150)}
        users = [next((u for u, on in by_user.items() if on is wanted), None) for wanted in (False, True)]
        return users if trial.model == model else users[:1]

    def _is_on_trial(self, strategy: str, user: str) -> bool:
        row = self.table["strategies"].get(strategy)
        return bool(row and on_trial(strategy, row, {"user": user}))

    def claimed(self, strategy: Strategy) -> list[str]:
        """The kinds of request that a strategy claims: of all its candidates, else the first of any."""
        own = [m.modes for m in self.models if m.name in strategy.candidates]
        return [mode for mode in MODES if own and all(mode in modes for modes in own)] or [
            mode for mode in MODES if any(mode in modes for modes in own)
        ][:1]


def scopes(world: World) -> list[tuple[str | None, str | None]]:
    """(strategy, pinned model): each alone, and each with each."""
    strategies: list[str | None] = [None, *world.catalog.strategies]
    pins: list[str | None] = [None, *(model.name for model in world.models)]
    return [(s, p) for s in strategies for p in pins if s or p]


def facts_of(models: Iterable[Model]) -> list[Facts]:
    """What the catalog says of the models, and what the map says of each deployment."""
    return [f for m in models for f in (m.facts, *(d.known for d in m.deployments if d.known))]


def sizes_of(models: Iterable[Model]) -> list[int]:
    """Prompts at the edge of each window and tier, and one token more; a short one first."""
    found = facts_of(models)
    edges = {facts.context_window for facts in found if facts.context_window}
    edges |= {above for facts in found if facts.price for above, _, _ in facts.price.tiers}
    return [2, *sorted({edge + more for edge in edges for more in (0, 1)})]


def demands(world: World, models: list[Model]) -> list[Json]:
    """What requests ask for beside whom and which kind: each edge of each requirement, and each size."""
    providers = list(world.catalog.providers)
    places = sorted({p.residency for p in world.catalog.providers.values() if p.residency})
    sizes = sizes_of(models)[1:]
    longest = {facts.max_output_tokens for facts in facts_of(models) if facts.max_output_tokens}
    answers = sorted({edge + more for edge in longest for more in (0, 1)})
    plain: list[Json] = [{}, {"answer": 1}]
    plain += [{"size": size, "answer": 1} for size in sizes]
    plain += [{"answer": answer} for answer in answers]
    plain += [{"uses": (name,)} for name in _USED]
    required: list[Json] = [{"residency": place} for place in places]
    required += [{"providers": [name]} for name in providers]
    required += [{"exclude_providers": [name]} for name in providers]
    required += [{"min_context_window": size} for size in sizes]
    required += [{"min_output_tokens": answer} for answer in answers]
    required += [{"min_quality": value + 1} for value in _values(models, "quality")]
    required += [{"max_latency_ms": value - 1} for value in _values(models, "latency_ms")]
    required += [{"capabilities": [name]} for name in (*_USED, "reasoning")]
    required += [{"residency": place, "exclude_providers": [providers[0]]} for place in places]
    return [*plain, *({"requires": one} for one in required), *_priced(models)]


def _values(models: Iterable[Model], fact: str) -> list[float]:
    return sorted({value for model in models if (value := getattr(model, fact)) is not None})


def _priced(models: Iterable[Model]) -> Iterator[Json]:
    """Ceilings of price and cost, of prompts on each side of each tier."""
    found = [facts.price for facts in facts_of(models) if facts.price]
    sides = {(side, getattr(price, side)) for price in found for side in ("input", "output")}
    tiers = sorted({above + 1 for price in found for above, _, _ in price.tiers})
    for size in (2, *tiers):
        for side, value in sorted(sides):
            yield {"size": size, "answer": 1, "requires": {"max_price": {side: value}}}
        yield {"size": size, "answer": 50, "requires": {"max_cost_usd": 0.002}}


def every_ask(world: World, random: Random) -> Iterator[Ask]:
    """The partition; everything where a model or a strategy's requirements are met for the first time.

    A model is checked alike on whichever route it stands, so that elsewhere a few demands are drawn.
    """
    everything, models = demands(world, world.models), world.catalog.models
    for strategy, pin in scopes(world):
        both = bool(strategy and pin)
        own = demands(world, [models[pin]]) if pin and not both else everything
        for mode in MODES:
            if world.thorough:
                some = everything
            elif not both and (mode in models[pin].modes if pin else _wants_all(world, strategy, mode)):
                some = own
            else:
                some = [*everything[:1], *random.sample(everything[1:], 1)]
            yield from (Ask(strategy, pin, mode, **demand) for demand in some)
            if strategy and mode == "embedding":
                users = world.users(strategy, _trial(world, strategy))
                yield from (Ask(strategy, pin, mode, user=user) for user in users)
            if not both or mode == "embedding":
                yield from (Ask(strategy, pin, mode, down=(one,)) for one in world.catalog.providers)


def _trial(world: World, strategy: str) -> str:
    canary = world.catalog.strategies[strategy].canary
    return canary.model if canary else ""


def _wants_all(world: World, name: str | None, mode: str) -> bool:
    """Whether a strategy requires something of its own, or may embed with several models."""
    strategy = world.catalog.strategies[str(name)]
    embedders = [m for m in world.models if m.name in strategy.candidates and "embedding" in m.modes]
    return bool(strategy.requirements) or (mode == "embedding" and len(embedders) > 1)


def asks_for(world: World, model: Model, strategy: str | None, pin: str | None) -> Iterator[Ask]:
    """Requests that a model of a route would get if any does: requiring all that it has, at every size."""
    yield from asks_without_requirements(world, model, strategy, pin)
    strengths: Json = {"capabilities": list(model.facts.capabilities or ())}
    strengths |= {"min_context_window": model.facts.context_window} if model.facts.context_window else {}
    strengths |= {"min_output_tokens": model.facts.max_output_tokens} if model.facts.max_output_tokens else {}
    strengths |= {"min_quality": model.quality} if model.quality is not None else {}
    strengths |= {"max_latency_ms": model.latency_ms} if model.latency_ms is not None else {}
    for provider in model.providers:
        others = [name for name in world.catalog.providers if name != provider]
        for ask in asks_without_requirements(world, model, strategy, pin, using=False):
            required = strengths | {"exclude_providers": others}
            cap = _price_at(model, ask.size)
            yield _with(ask, required | ({"max_price": cap} if cap else {}))
            yield _with(ask, required)
            yield _with(ask, {"providers": [provider]})


def _with(ask: Ask, required: Json) -> Ask:
    return Ask(ask.strategy, ask.model, ask.mode, ask.size, ask.answer, ask.uses, required, user=ask.user)


def _price_at(model: Model, size: int) -> Json | None:
    price = model.facts.price
    if price is None:
        return None
    sides = (price.input, price.output)
    for above, tier_in, tier_out in price.tiers:
        sides = (tier_in, tier_out) if size > above else sides
    return {"input": sides[0], "output": sides[1]}


def asks_without_requirements(
    world: World, model: Model, strategy: str | None, pin: str | None, *, using: bool = True
) -> Iterator[Ask]:
    """From the easiest to the hardest that the model still serves, in each of its modes."""
    for user in world.users(strategy, model.name):
        yield from _for_user(world, model, Ask(strategy, pin, user=user), using)


def _for_user(world: World, model: Model, to: Ask, using: bool) -> Iterator[Ask]:
    offered = tuple(c for c in _USED if model.facts.capabilities is None or c in model.facts.capabilities)
    window, most = model.facts.context_window or 10**6, model.facts.max_output_tokens or 10**7
    for mode in model.modes:
        for uses in dict.fromkeys(((), offered, *((one,) for one in offered)) if using else ((),)):
            yield _like(to, mode, 0, None, uses)
            yield _like(to, mode, 0, 1, uses)
            hold = sum(1211 if name in _PARTS else 5 for name in uses)
            yield _like(to, mode, 0, max(1, min(most, window - hold)), uses)
            for size in [*world.sizes, window] if uses in ((), offered) else ():
                for answer in (1, max(1, min(most, window - size))):
                    yield _like(to, mode, size - 1, answer, uses)


def _like(to: Ask, mode: str, size: int, answer: int | None, uses: tuple[str, ...]) -> Ask:
    return Ask(to.strategy, to.model, mode, size, answer, uses, user=to.user)


def upstreams_of(model: Model) -> set[str]:
    """By which a model is known to its vendors: two models that share one are the same by two names."""
    return {row.upstream.rpartition("/")[2] for row in model.deployments}


def flatten(levels: Iterable[Iterable[str]]) -> list[str]:
    return list(chain.from_iterable(levels))
