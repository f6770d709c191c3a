"""The hops of the simulation are those of the plugin: of the journey in LiteLLM, with the same faults."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from compiler.runtime import journey as journeys
from compiler.runtime.decision import Decision
from compiler.runtime.journey import HOP, Journey
from compiler.simulate.engine import Engine
from compiler.simulate.memory import Rules
from compiler.simulate.plans import Plan, Stop
from compiler.simulate.plant import Plant, Replica, Seat, Target, Upstream
from compiler.simulate.spec import Ask, Spec
from compiler.simulate.walk import Walk

STATUSES = (0, 400, 401, 404, 408, 422, 429, 500, 503)
LAPS = 3


def made_plant(levels: dict[str, list[int]]) -> Plant:
    """A plant with one upstream for each level of each model: nothing is left to a lot."""
    vendors = ("openai", "anthropic", "mistral")
    targets, upstreams = [], {}
    for model, places in levels.items():
        for place in places:
            number = len(targets)
            name = f"{model}-{place}"
            vendor = vendors[number % 3]
            target = Target(number, name, model, vendor, 1, place, 100, (1e-6, 1e-6), (), 500, None, None)
            targets.append(target)
            upstreams[name] = Upstream(name, number, vendor, 1, (target,), is_direct=True)
    return Plant(tuple(targets), upstreams, len(targets), shared=False)


def route_of(plant: Plant, levels: dict[str, list[int]]) -> tuple[Stop, ...]:
    found = []
    for model, places in levels.items():
        own = tuple(plant.upstreams[f"{model}-{place}"] for place in places)
        found.append(Stop(model, tuple((one,) for one in own), own))
    return tuple(found)


class ProviderError(Exception):
    def __init__(self, status: int) -> None:
        self.status_code = status


async def walked(
    route: tuple[Stop, ...], resting: dict[str, bool], limited: set[str], faults: dict[str, Iterator[int]]
) -> list[str]:
    """The calls of the real journey, walked as LiteLLM walks it."""
    rows = {up.id: {"model_info": {"id": up.id}} for stop in route for up in stop.upstreams}
    vendors = {up.id: up.vendor for stop in route for up in stop.upstreams}
    ordered = sorted(route, key=lambda stop: all(up.id in resting for up in stop.upstreams))
    upstreams = {stop.model: tuple((up.id,) for up in stop.upstreams) for stop in ordered}
    decision = Decision(route=tuple(stop.model for stop in ordered), upstreams=upstreams)
    kept = {name: None if waits else rows[name] for name, waits in resting.items()}
    one = Journey(decision, {"attempts": LAPS - 1, "backoff_ms": 0}, vendors, resting=kept)
    healthy: list[Any] = [row for name, row in rows.items() if name not in resting]
    calls: list[str] = []
    for hop in [one.route[0], *one.fallbacks()]:
        model = hop if isinstance(hop, str) else hop["model"]
        await one.enter(journeys.lap_of({} if isinstance(hop, str) else {HOP: hop[HOP]}))
        while (chosen := one.next_of(model, healthy)) and chosen[0]["model_info"]["id"] in limited:
            one.turned_away()
        if chosen:
            name = chosen[0]["model_info"]["id"]
            calls.append(name)
            status = next(faults[name])
            if not status:
                break
            one.note(ProviderError(status), another_may=False)
    assert one.attempts == len(calls)
    return calls


def simulated(
    plant: Plant,
    route: tuple[Stop, ...],
    resting: dict[str, bool],
    limited: set[str],
    faults: dict[str, Iterator[int]],
) -> list[str]:
    engine = Engine(plant, EMPTY, Rules(30, LAPS, 0.0, 10**6, 30), seed=1)
    replica = Replica([Seat() for _ in plant.targets], rests_until=1000.0 if resting else -1.0)
    for name, waits in resting.items():
        seat = replica.seats[plant.upstreams[name].seat]
        seat.rests_until, seat.waits = 1000.0, waits
    calls: list[str] = []

    def attempt(_walk: Walk, target: Target) -> tuple[int, float, float | None]:
        calls.append(target.id)
        return next(faults[target.id]), 0.0, 1.0

    def is_over_limit(_t: float, _seat: Seat, target: Target) -> bool:
        return target.id in limited

    engine._try = attempt  # type: ignore[method-assign]
    engine._memory.is_over_limit = is_over_limit  # type: ignore[method-assign]
    spec = Spec(Ask({}, "chat", 0), 1, 1, 1, 1)
    engine._go(0.0, Walk(spec, Plan(route), replica, 0.0, 0, LAPS))
    engine.finish()
    assert engine.tally.attempts == {len(calls): 1}
    return calls


EMPTY: dict[str, Any] = {"models": {}, "strategies": {}, "default_strategy": ""}


@pytest.mark.parametrize("seed", range(300))
def test_the_calls_are_the_journeys(seed: int) -> None:
    lots = random.Random(seed)  # noqa: S311
    levels = {f"m{at}": list(range(1, lots.randint(1, 3) + 1)) for at in range(lots.randint(1, 4))}
    plant = made_plant(levels)
    route = route_of(plant, levels)
    names = sorted(plant.upstreams)
    resting = {name: lots.random() < 0.3 for name in names if lots.random() < 0.3}
    faults = {
        name: [lots.choice(STATUSES[1:] if lots.random() < 0.8 else STATUSES) for _ in range(20)]
        for name in names
    }
    limited = {name for name in names if seed % 2 and lots.random() < 0.3}
    real = asyncio.run(walked(route, resting, limited, {name: iter(faults[name]) for name in names}))
    assert simulated(plant, route, resting, limited, {name: iter(faults[name]) for name in names}) == real


def test_such_requests_do_go_on_and_on() -> None:
    """What is compared above is worth comparing: many calls, laps, models that rest."""
    levels = {"m0": [1], "m1": [1, 2]}
    plant = made_plant(levels)
    always = {name: iter([503] * 20) for name in plant.upstreams}
    calls = simulated(plant, route_of(plant, levels), {"m0-1": False}, set(), always)
    assert calls == ["m1-1", "m1-2", "m0-1", *["m1-1", "m1-2", "m0-1"] * 2]
