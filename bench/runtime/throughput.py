"""Latency and throughput: ours beside the bare proxy, in turn, over the same upstream."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.generate import generated as catalog_of
from bench.runtime import report
from bench.runtime.load import Load, Target, quantile
from bench.runtime.proxies import Contender, Proxy, generated, providers, proxies, upstream

MODELS = 30  # of the catalog
GATEWAY = "llm-router"
MODEL, STRATEGY = "qwen-coder-00027", "code"  # the strategy's first candidate is that model
MESSAGES = [{"role": "user", "content": "Summarise ticket 4711: the printer on floor 3 is on fire."}]
BARE, AGAIN = "bare", "bare, once more"
PINNED, ROUTED = "ours, model pinned", "ours, `routing_strategy`"
SLICES = 10  # of a round: the arms take turns this often in it
# (requests in flight, requests of one arm in a slice, rounds, rounds of --quick)
LOADS = ((1, 10, 15, 3), (16, 48, 6, 2))
WARM_UP = 150  # requests


@dataclass(frozen=True, slots=True)
class Round:
    """One arm's part of one round. `cpu` is seconds of the proxy's; None where the system does not say."""

    load: Load
    cpu: float | None

    @classmethod
    def of(cls, slices: Sequence["Round"]) -> "Round":
        latencies = tuple(latency for one in slices for latency in one.load.latencies)
        spent = [one.cpu for one in slices if one.cpu is not None]
        whole = Load(latencies, sum(one.load.wall for one in slices))
        return cls(whole, sum(spent) if len(spent) == len(slices) else None)


@dataclass(frozen=True, slots=True)
class Arm:
    proxy: Proxy
    target: Target

    async def round(self, requests: int, in_flight: int) -> Round:
        before = self.proxy.cpu_s()
        load = await self.target.round(requests, in_flight)
        after = self.proxy.cpu_s()
        return Round(load, None if before is None or after is None else after - before)


def arm(proxy: Proxy, body: Mapping[str, Any]) -> Arm:
    return Arm(proxy, Target(proxy.port, body))


def bare(ours: Contender) -> Contender:
    """The same config.yaml, and nothing of ours in it."""
    settings = {k: v for k, v in ours.config["litellm_settings"].items() if k != "callbacks"}
    return replace(ours, name=BARE, config={**ours.config, "litellm_settings": settings}, files={})


async def in_turn(
    arms: Mapping[str, Arm], in_flight: int, requests: int, slices: int, rounds: int
) -> dict[str, list[Round]]:
    """Every arm in slices of some requests, forwards and backwards by turns: what else runs falls on all."""
    measured: dict[str, list[Round]] = {name: [] for name in arms}
    for turn in range(rounds):
        sliced: dict[str, list[Round]] = {name: [] for name in arms}
        for number in range(slices):
            for name in list(arms)[:: 1 if (turn * slices + number) % 2 == 0 else -1]:
                sliced[name].append(await arms[name].round(requests, in_flight))
        for name, parts in sliced.items():
            measured[name].append(Round.of(parts))
    return measured


def run(workdir: Path, *, quick: bool) -> list[str]:
    """The lines of the report. Raises UnansweredError when a proxy does not answer."""
    catalog = workdir / "models.yaml"
    catalog.write_text(catalog_of(MODELS), encoding="utf-8")
    with upstream(providers(catalog, GATEWAY)) as reached:
        ours = generated(catalog, GATEWAY)(reached)
        plain = bare(ours)
        contenders = [plain, ours] if quick else [plain, ours, replace(plain, name=AGAIN)]
        with proxies(contenders, workdir) as started:
            return asyncio.run(_measured(started, quick=quick))


async def _measured(started: Mapping[str, Proxy], *, quick: bool) -> list[str]:
    pinned = {"model": MODEL, "messages": MESSAGES}
    arms = {BARE: arm(started[BARE], pinned)}
    if AGAIN in started:
        arms[AGAIN] = arm(started[AGAIN], pinned)
    arms[PINNED] = arm(started["ours"], pinned)
    arms[ROUTED] = arm(started["ours"], {"routing_strategy": STRATEGY, "messages": MESSAGES})
    for one in arms.values():
        await one.round(WARM_UP, 4)
    lines = ["## Throughput and latency", ""]
    for in_flight, requests, rounds, few in LOADS:
        count = few if quick else rounds
        print(f"throughput, {in_flight} in flight, {count} rounds …", file=sys.stderr, flush=True)
        table = _table(in_flight, requests, await in_turn(arms, in_flight, requests, SLICES, count))
        print(*table, sep="\n", file=sys.stderr, flush=True)  # the report comes minutes later
        lines += table
    return lines


def _table(in_flight: int, requests: int, measured: Mapping[str, Sequence[Round]]) -> list[str]:
    base = measured[BARE]
    title = f"{in_flight} in flight, {len(base)} rounds of {SLICES * requests} requests"
    rows = [[BARE, *_absolute(base)]]
    rows += [[name, *_ratios(rounds, base)] for name, rounds in measured.items() if name != BARE]
    heads = [title, "p50", "p99", "requests/s", "CPU a request", "least CPU"]
    return [*report.table(heads, rows), ""]


def _figures(one: Round) -> tuple[float, float, float, float | None]:
    load = one.load
    count = len(load.latencies)
    cpu = None if one.cpu is None else one.cpu / count
    return quantile(load.latencies, 0.5), quantile(load.latencies, 0.99), count / load.wall, cpu


def _absolute(rounds: Sequence[Round]) -> list[str]:
    p50, p99, rate, cpu = zip(*map(_figures, rounds), strict=True)
    spent = [value for value in cpu if value is not None]
    shown = [f"{median(p50) * 1000:.2f} ms", f"{median(p99) * 1000:.2f} ms", f"{median(rate):.1f}"]
    of_cpu = (
        [f"{value * 1000:.2f} ms" for value in (median(spent), min(spent))] if spent else ["not known"] * 2
    )
    return [*shown, *of_cpu]


def _ratios(rounds: Sequence[Round], base: Sequence[Round]) -> list[str]:
    pairs = [zip(_figures(a), _figures(b), strict=True) for a, b in zip(rounds, base, strict=True)]
    columns = zip(*([x / y if x and y else None for x, y in pair] for pair in pairs), strict=True)
    spreads = [report.spread([value for value in column if value is not None]) for column in columns]
    return [*spreads, least_cpu(rounds, base)]


def least_cpu(rounds: Sequence[Round], base: Sequence[Round]) -> str:
    """The ratio of the CPU of the cheapest rounds: what a machine full of other programs slows down least."""
    spent = [
        min((r.cpu / len(r.load.latencies) for r in side if r.cpu), default=0) for side in (rounds, base)
    ]
    return f"{spent[0] / spent[1]:.3f}" if all(spent) else "not known"
