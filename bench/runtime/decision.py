"""`decide()` alone: microseconds of CPU, for catalogs of several sizes, beside reading the request's JSON."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.generate import FAMILIES
from bench.generate import generated as catalog_of
from bench.runtime import report
from bench.runtime.load import quantile
from compiler.pipeline import validate
from compiler.runtime.routing_plugin import decide
from compiler.table import routing_table

GATEWAY = "llm-router"
SIZES = (10, 200, 2_000)
SECONDS, QUICK_SECONDS = 2.0, 0.25  # of calls, for each case
MOST_CALLS = 20_000
WARM_UP = 100  # calls
AIM = (200, 50)  # models, µs at p99 with an allow-list of three
_MESSAGES = [{"role": "user", "content": "Summarise ticket 4711: the printer on floor 3 is on fire."}]


@dataclass(frozen=True, slots=True)
class Case:
    """One way to ask, and the three names of the key that asks so."""

    name: str
    request: Mapping[str, Any]
    allowed: frozenset[str]


def run(workdir: Path, *, quick: bool) -> list[str]:
    """The lines of the report."""
    rows, missed = [], []
    for size in SIZES:
        print(f"decision, {size:,} models …", file=sys.stderr, flush=True)
        table = _table(size, workdir)
        for case in _cases(size):
            for allowed in (None, case.allowed):
                p50, p99, ratio = _measured(table, case, allowed, QUICK_SECONDS if quick else SECONDS)
                listed = "three names" if allowed else "none"
                rows.append([f"{size:,}", case.name, listed, f"{p50:.1f}", f"{p99:.1f}", f"{ratio:.1f}"])
                if size == AIM[0] and allowed and p99 >= AIM[1]:
                    missed.append(f"{case.name} ({p99:.0f} µs)")
    heads = ["models", "asked for", "allow-list", "p50 µs", "p99 µs", "p50 ÷ `json.loads`"]
    aim = f"Aim: p99 under {AIM[1]} µs for {AIM[0]} models with an allow-list of three"
    verdict = f"missed: {', '.join(missed)}" if missed else "met"
    return ["## The decision alone, µs of CPU", "", *report.table(heads, rows), "", f"{aim}: {verdict}.", ""]


def _table(size: int, workdir: Path) -> Mapping[str, Any]:
    path = workdir / f"models-{size}.yaml"
    path.write_text(catalog_of(size), encoding="utf-8")
    catalog = validate(path).catalog
    assert catalog is not None
    # through text, as the plugin reads it: other strings are one object, these are not
    table: dict[str, Any] = json.loads(json.dumps(routing_table(catalog, catalog.gateways[GATEWAY])))
    return table


def _cases(size: int) -> Iterator[Case]:
    """The last model of each family is at the end of the catalog, and listed by the strategies."""
    last = {family.stem: f"{family.stem}-{size - len(FAMILIES) + n:05}" for n, family in enumerate(FAMILIES)}
    best = [last[stem] for stem in ("gemini-pro", "claude-opus", "gpt-turbo")]
    three = frozenset(best)
    yield Case("a strategy of three", {"model": "auto", "routing_strategy": "quality"}, three)
    yield Case("order: cost, all models", {"model": "auto", "routing_strategy": "cost"}, three)
    yield Case("a model, provider chain", {"model": best[-1]}, three)


def _measured(
    table: Mapping[str, Any], case: Case, allowed: frozenset[str] | None, seconds: float
) -> tuple[float, float, float]:
    """p50 and p99 in µs, and how many times as long as `json.loads` of the same request, called in turn."""
    request = {**case.request, "messages": _MESSAGES}
    body = json.dumps(request)
    decision = decide(table, request, allowed=allowed)
    assert decision.route, decision.refusal
    ours: list[float] = []
    theirs: list[float] = []
    end = time.monotonic() + seconds
    while len(ours) < MOST_CALLS and time.monotonic() < end:
        ours.append(_timed(lambda: decide(table, request, allowed=allowed)))
        theirs.append(_timed(lambda: json.loads(body)))
    ours, theirs = ours[WARM_UP:] or ours, theirs[WARM_UP:] or theirs
    return quantile(ours, 0.5), quantile(ours, 0.99), quantile(ours, 0.5) / quantile(theirs, 0.5)


def _timed(call: Callable[[], object]) -> float:
    """µs of this thread's CPU: a call that the system interrupts for another program takes no longer."""
    start = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - start) / 1000
