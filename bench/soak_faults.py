"""What a soak does to a gateway: providers that fail and recover, and routing tables that change."""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from compiler.dev import DevGateways
from compiler.runtime.table import digest

Fault = Mapping[str, Any]
# Every way to fail that can be answered by another model. A stream that dies half way cannot.
FAULTS: tuple[Fault, ...] = (
    {"status": 500},
    {"status": 503},
    {"status": 429},
    {"status": 429, "retry_after": 1},
    {"status": 401},
    {"status": 404},
    {"refused": True},
    {"timeout": True},
    {"latency_ms": 300},
    {"first_byte_ms": 300},
)
_UP_S = (0.5, 4.0)  # how long all are healthy
_DOWN_S = (0.5, 5.0)  # how long one is not


@dataclass(slots=True)
class Outages:
    """When each provider was unwell, in the seconds of `time.monotonic`; an open end is in the future."""

    rest_s: float  # a provider that recovered may be left alone for this long: its last errors cool it down
    spans: dict[str, list[list[float]]] = field(default_factory=dict)

    def begin(self, provider: str) -> None:
        self.spans.setdefault(provider, []).append([time.monotonic(), float("inf")])

    def end(self, provider: str) -> None:
        self.spans[provider][-1][1] = time.monotonic()

    def is_down(self, provider: str) -> bool:
        return provider in self.spans and self.spans[provider][-1][1] == float("inf")

    def healthy(self, provider: str, start: float, end: float) -> bool:
        """Nothing was wrong with it from `start` to `end`, and it had rested by then."""
        spans = self.spans.get(provider, ())
        return not any(down <= end and up + self.rest_s >= start for down, up in spans)


async def flap(
    gateways: DevGateways, groups: Sequence[frozenset[str]], outages: Outages, random: Random
) -> None:
    """Lets one provider after the other fail for some seconds, for good; two of these may run at once.

    `groups` are the providers of each strategy: one of each stays healthy, and rested, all the time.
    """
    while True:
        await asyncio.sleep(random.uniform(*_UP_S))
        provider = random.choice([name for name in gateways.providers if not outages.is_down(name)])
        now = time.monotonic()
        others = [group - {provider} for group in groups if provider in group]
        if not all(any(outages.healthy(name, now, now) for name in group) for group in others):
            continue
        outages.begin(provider)
        await asyncio.to_thread(lambda name=provider: gateways.set_fault(name, **random.choice(FAULTS)))
        await asyncio.sleep(random.uniform(*_DOWN_S))
        await asyncio.to_thread(gateways.clear, provider)
        outages.end(provider)


def table_path(workdir: Path, gateway: str) -> Path:
    """Where a gateway of DevGateways reads its routing table."""
    return next((workdir / gateway).rglob("routing_table.json"))


def swap(path: Path, table: Mapping[str, Any]) -> None:
    """Puts a table in the place of another at once, as a kubelet does with a ConfigMap."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(table), encoding="utf-8")
    beside.replace(path)


def variants(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The table with every strategy's candidates in turn first, for good; no two have the same digest."""
    turn = 0
    while True:
        turn += 1
        strategies = {
            name: {**strategy, "candidates": _turned(strategy["candidates"], turn)}
            for name, strategy in table["strategies"].items()
        }
        models = {name: {**model, "latency_ms": turn} for name, model in table["models"].items()}
        changed = {**table, "strategies": strategies, "models": models}
        yield {**changed, "digest": digest(changed)}


def _turned(names: list[str], turn: int) -> list[str]:
    at = turn % len(names)
    return names[at:] + names[:at]


async def reload_tables(path: Path, table: dict[str, Any], every_s: float, written: list[str]) -> None:
    """Writes another table every some seconds, for good, and notes its digest."""
    for variant in variants(table):
        await asyncio.sleep(every_s)
        await asyncio.to_thread(swap, path, variant)
        written.append(variant["digest"])
