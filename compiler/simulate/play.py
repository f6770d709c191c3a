"""Plays requests through a gateway as it is and, beside it, under a scenario."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway
from compiler.simulate.engine import Engine
from compiler.simulate.memory import rules_of
from compiler.simulate.plant import plant
from compiler.simulate.scenario import Scenario, limit, priced, schedule
from compiler.simulate.spec import Request
from compiler.simulate.tally import Tally
from compiler.table import RoutingTable

_STEP = 8192  # requests between two words of progress


@dataclass(frozen=True, slots=True)
class Played:
    """The tallies of the same requests, and the seconds from the first to the last."""

    baseline: Tally
    scenario: Tally | None
    requests: int
    seconds: float


def engine_of(  # noqa: PLR0913  # keyword-only
    catalog: Catalog,
    gateway: Gateway,
    table: RoutingTable,
    scenario: Scenario | None = None,
    *,
    seed: int = 1,
    replicas: int = 1,
) -> Engine:
    """The engine of one gateway, under a scenario if one is given."""
    wanted = scenario or Scenario()
    own = priced(table, wanted.prices) if wanted.prices else table
    made = plant(catalog, gateway, own, wanted.prices)
    limit(made, wanted)
    engine = Engine(made, own, rules_of(catalog.fallback), seed=seed, replicas=replicas)
    schedule(engine, wanted.faults)
    return engine


def play(  # noqa: PLR0913  # keyword-only
    requests: Iterable[Request],
    baseline: Engine,
    scenario: Engine | None = None,
    *,
    growth: float = 1.0,
    seed: int = 1,
    began: Callable[[], float | None] = lambda: None,
    progress: Callable[[int, float], None] | None = None,
) -> Played:
    """Plays each request in both engines; `growth` times as often in the scenario's.

    `began` is asked for the Unix time of the first request, once there is one; `progress` is told how many
    were played, and the time of the last, every few thousand requests.
    """
    engines = [engine for engine in (baseline, scenario) if engine is not None]
    copies, whole, part = random.Random(f"{seed}/growth"), int(growth), growth % 1  # noqa: S311
    count, now = 0, 0.0
    for now, spec, luck in requests:
        if not count:
            for engine in engines:
                engine.began(began() or 0.0)
        baseline.arrive(now, spec, luck)
        if scenario is not None:
            times = 1 if growth == 1 else whole + (copies.random() < part)
            for _ in range(times):
                scenario.arrive(now, spec, luck)
        count += 1
        if progress is not None and not count % _STEP:
            progress(count, now)
    for engine in engines:
        engine.finish()
    return Played(baseline.tally, scenario.tally if scenario else None, count, now)
