"""The soak: the real gateway under steady load, while providers flap and routing tables change.

    python bench/soak.py             ten minutes
    python bench/soak.py 0.5 --rate 5    half a minute, 5 requests a second

Needs the extra `interlock-llm[proxy]`. Prints a line a minute. Exits with 1 when a request was lost that a
healthy model could have served, or when the gateway's memory grew; a run below eight minutes says nothing of
memory.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from soak_faults import Outages, flap, reload_tables, table_path
from soak_load import SHOWN, Load, Outcomes, requests, steady

from compiler.dev import DevGateways
from compiler.dev.session import files_of
from compiler.pipeline import render
from compiler.runtime.routing_plugin import load_table

FLAPPERS = 2  # of three providers, two may be down at once
RELOAD_EVERY_S = 5.0
SAMPLE_EVERY_S = 2.0
# LiteLLM by itself, without the plugin, grows by some 100 MB over its first five to ten thousand requests.
WARM_UP_S = 360.0
JUDGED_S = 120.0  # the least that has to follow
GROWTH_MB = (
    12.0  # of the last minute over the first one after the warm-up; an idle LiteLLM wavers by half of it
)
COOLDOWN_S = 2
TIMEOUT_S = 3
GATEWAY = "llm-router"
CATALOG = f"""
apiVersion: interlock/v1
name: soak
providers:
  alpha: {{type: openai, api_key: {{secret: keys, key: alpha}}}}
  beta: {{type: anthropic, api_key: {{secret: keys, key: beta}}}}
  gamma: {{type: mistral, api_key: {{secret: keys, key: gamma}}}}
models:
  large: {{provider: alpha, id: large-1, context_window: 200000, price: {{input: 3, output: 15}}}}
  medium: {{provider: beta, id: medium-1, context_window: 100000, price: {{input: 1, output: 5}}}}
  small: {{provider: gamma, id: small-1, context_window: 32000, price: {{input: 0.1, output: 0.4}}}}
  vector-a: {{provider: alpha, id: vector-1, context_window: 8000, modes: [embedding]}}
  vector-b: {{provider: beta, id: vector-2, context_window: 8000, modes: [embedding]}}
  vector-c: {{provider: gamma, id: vector-3, context_window: 8000, modes: [embedding]}}
strategies:
  quality: {{default: true, candidates: [large, medium, small]}}
  cost: {{order: cost, candidates: [large, medium, small]}}
  embed: {{candidates: [vector-a, vector-b, vector-c]}}
fallback:
  providers: [alpha, beta, gamma]
  max_attempts: 4
  timeout_s: {TIMEOUT_S}
  cooldown: {{failures: 3, seconds: {COOLDOWN_S}}}
allow:
  - {{rule: IL314, path: strategies.embed, reason: nobody keeps these vectors}}
"""


@dataclass(slots=True)
class Soak:
    """One run: what is counted while it lasts. Memory is (seconds since the start, MB)."""

    minutes: float
    per_second: float
    outages: Outages = field(default_factory=lambda: Outages(rest_s=TIMEOUT_S + COOLDOWN_S + 1))
    outcomes: Outcomes = field(default_factory=Outcomes)
    memory: list[tuple[float, float]] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    @property
    def reloads(self) -> int:
        """Of the tables that were written, those that answers were seen to come from."""
        return len(self.outcomes.tables.intersection(self.written))

    def growth_mb(self) -> float | None:
        """The median of the last minute less that of the first one after the warm-up; None in a short run."""
        warm = [sample for sample in self.memory if sample[0] >= WARM_UP_S]
        if not warm or warm[-1][0] - warm[0][0] < JUDGED_S:
            return None
        first = [mb for at, mb in warm if at <= warm[0][0] + 60]
        last = [mb for at, mb in warm if at >= warm[-1][0] - 60]
        return statistics.median(last) - statistics.median(first)

    def slope_mb_per_hour(self) -> float | None:
        warm = [sample for sample in self.memory if sample[0] >= WARM_UP_S]
        if len(warm) < 2:
            return None
        return statistics.linear_regression(*zip(*warm, strict=True)).slope * 3600


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="the gateway under load, faults and reloads")
    parser.add_argument("minutes", nargs="?", type=float, default=10.0)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    soak = Soak(options.minutes, options.rate)
    with tempfile.TemporaryDirectory(prefix="interlock-soak-") as folder:
        run(soak, Path(folder), Random(options.seed))  # noqa: S311  # no secret
    print("\n".join(verdict(soak)))
    growth = soak.growth_mb()
    return int(bool(soak.outcomes.lost) or (growth is not None and growth > GROWTH_MB))


def run(soak: Soak, workdir: Path, random: Random) -> None:
    path = workdir / "soak.yaml"
    path.write_text(CATALOG, encoding="utf-8")
    outcome = render(path)
    if outcome.bundle is None:
        raise RuntimeError(outcome.diagnostics)
    with DevGateways(files_of(outcome.bundle), workdir=workdir) as gateways:
        asyncio.run(_soak(soak, gateways, table_path(workdir, GATEWAY), random))


async def _soak(soak: Soak, gateways: DevGateways, path: Path, random: Random) -> None:
    table = load_table(str(path))
    providers = {
        name: frozenset(p for model in strategy["candidates"] for p in table["models"][model]["providers"])
        for name, strategy in table["strategies"].items()
    }

    def healthy(strategy: str, start: float, end: float) -> bool:
        return any(soak.outages.healthy(name, start, end) for name in providers[strategy])

    asked = requests(["quality", "cost"], "embed", random)
    groups = list(providers.values())
    background = [
        *(asyncio.create_task(flap(gateways, groups, soak.outages, random)) for _ in range(FLAPPERS)),
        asyncio.create_task(reload_tables(path, table, RELOAD_EVERY_S, soak.written)),
        asyncio.create_task(_watch(soak, gateways.pids()[GATEWAY])),
    ]
    load = Load(soak.per_second, soak.minutes * 60)
    await steady(gateways.url(GATEWAY), asked, load, soak.outcomes, healthy)
    for task in background:
        if task.done():
            task.result()  # one that ended has failed, and the run says nothing
        task.cancel()


async def _watch(soak: Soak, pid: int) -> None:
    """Samples the memory, and prints a line a minute."""
    print(_row("minute", "RSS MB", "requests", "answered", "excused", "lost", "tables"), flush=True)
    start = time.monotonic()
    printed = 0
    while True:
        await asyncio.sleep(SAMPLE_EVERY_S)
        passed = time.monotonic() - start
        soak.memory.append((passed, await asyncio.to_thread(rss_mb, pid)))
        if passed >= (printed + 1) * 60:
            printed += 1
            print(line(soak, str(printed)), flush=True)


def rss_mb(pid: int) -> float:
    """The resident memory of a process. Raises CalledProcessError when there is none."""
    command = ["ps", "-o", "rss=", "-p", str(pid)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout) / 1024


def line(soak: Soak, name: str) -> str:
    so_far, rss = soak.outcomes, soak.memory[-1][1] if soak.memory else 0.0
    counts = (so_far.sent, so_far.answered, so_far.excused, len(so_far.lost), soak.reloads)
    return _row(name, f"{rss:.0f}", *(str(count) for count in counts))


def _row(*cells: str) -> str:
    return "".join(f"{cell:>9}" for cell in cells)


def verdict(soak: Soak) -> list[str]:
    growth, slope = soak.growth_mb(), soak.slope_mb_per_hour()
    lines = [line(soak, "all")]
    spans = sum(len(found) for found in soak.outages.spans.values())
    lines.append(f"{spans} outages; {len(soak.written)} tables written, {soak.reloads} seen in answers")
    if growth is None or slope is None:
        lines.append("memory: the run is too short for a verdict")
    else:
        lines.append(
            f"memory after the warm-up: {growth:+.1f} MB (at most {GROWTH_MB:+.0f}), {slope:+.0f} MB an hour"
        )
    lines += [f"lost: {text}" for text in soak.outcomes.lost[:SHOWN]]
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
