"""What settings of LiteLLM gain: the shipped gateway with one thing changed, beside the shipped one."""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from statistics import median

from bench.generate import generated as catalog_of
from bench.runtime import report
from bench.runtime.proxies import Contender, Proxy, generated, providers, proxies, upstream
from bench.runtime.throughput import GATEWAY, MESSAGES, MODELS, STRATEGY, Arm, Round, arm, in_turn, least_cpu
from bench.runtime.variants import SETTINGS, Setting

SHIPPED = "as shipped"
AT_ONCE = 8  # proxies that run beside the shipped one: memory, and what an idle one takes
IN_FLIGHT, REQUESTS, SLICES = 16, 32, 1
ROUNDS, QUICK_ROUNDS = 14, 6
WARM_UP = 150


def run(workdir: Path, *, quick: bool) -> list[str]:
    """The lines of the report. Raises UnansweredError when a proxy does not answer."""
    catalog = workdir / "models.yaml"
    catalog.write_text(catalog_of(MODELS), encoding="utf-8")
    chosen = [setting for setting in SETTINGS if setting.quick or not quick]
    there = [setting for setting in chosen if not setting.needs or find_spec(setting.needs)]
    rows: list[list[str]] = []
    with upstream(providers(catalog, GATEWAY)) as reached:
        ours = replace(generated(catalog, GATEWAY)(reached), name=SHIPPED)
        for number, batch in enumerate(_batches(there)):
            folder = workdir / f"batch-{number}"
            with proxies([ours, *(_changed(ours, setting) for setting in batch)], folder) as started:
                rows += asyncio.run(_measured(batch, started, QUICK_ROUNDS if quick else ROUNDS))
    rows += [
        [setting.name, f"skipped: no {setting.needs}"] + [""] * 4
        for setting in chosen
        if setting not in there
    ]
    title = f"as shipped, and {IN_FLIGHT} in flight, but"
    heads = [title, "requests/s", "CPU a request", "least CPU", "requests per CPU second", "MiB"]
    return ["## What single settings gain: ratios to the shipped gateway", "", *report.table(heads, rows), ""]


def _batches(settings: Sequence[Setting]) -> Iterator[list[Setting]]:
    waiting = iter(settings)
    while batch := list(islice(waiting, AT_ONCE)):
        yield batch


def _changed(ours: Contender, setting: Setting) -> Contender:
    return Contender(
        setting.name,
        setting.change(ours.config),
        {**ours.files, **setting.files},
        setting.arguments,
        setting.env,
    )


async def _measured(batch: Sequence[Setting], started: Mapping[str, Proxy], rounds: int) -> list[list[str]]:
    whole = {"routing_strategy": STRATEGY, "messages": MESSAGES}
    rows = []
    for streams in (False, True):
        settings = [setting for setting in batch if setting.streams == streams]
        if settings:
            body = {**whole, "stream": True} if streams else whole
            arms = {name: arm(started[name], body) for name in (SHIPPED, *(one.name for one in settings))}
            rows += await _rows(arms, started, rounds)
    return rows


async def _rows(arms: Mapping[str, Arm], started: Mapping[str, Proxy], rounds: int) -> list[list[str]]:
    print(f"settings: {', '.join(arms)} …", file=sys.stderr, flush=True)
    for one in arms.values():
        await one.round(WARM_UP, 4)
    measured = await in_turn(arms, IN_FLIGHT, REQUESTS, SLICES, rounds)
    base = measured.pop(SHIPPED)
    memory = {name: started[name].memory_mib() or 0 for name in arms}
    rows = [
        [name, *_ratios(own, base), f"{memory[name] / (memory[SHIPPED] or 1):.2f}"]
        for name, own in measured.items()
    ]
    print("\n".join(map(" | ".join, rows)), file=sys.stderr, flush=True)  # the table comes minutes later
    return rows


def _ratios(rounds: Sequence[Round], base: Sequence[Round]) -> Iterator[str]:
    pairs = list(zip(rounds, base, strict=True))
    yield report.spread([theirs.load.wall / own.load.wall for own, theirs in pairs])
    spent = [own.cpu / theirs.cpu for own, theirs in pairs if own.cpu and theirs.cpu]
    yield report.spread(spent)
    yield least_cpu(rounds, base)
    yield f"{1 / median(spent):.3f}" if spent else "not known"
