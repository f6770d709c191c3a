"""What a provider that is down costs: ours, LiteLLM as it comes, and LiteLLM without its retries.

Two providers with a model each, the second the fallback of the first. Added time is a request's while the
first provider is down, less that of healthy ones just before, on the same proxy.
"""

import asyncio
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.runtime import report
from bench.runtime.proxies import Contender, Proxy, Upstream, generated, providers, proxies, upstream
from bench.runtime.throughput import Arm, arm

GATEWAY = "gateway"
FIRST, SECOND = "first", "second"
FAULTS = ("500", "429", "refused", "hang")
TIMEOUT_S, COOLDOWN_S = 1, 3
FAILURES = 3  # before the provider is left alone
HEALTHY, COOLED = 15, 15  # requests
OURS, DEFAULTS, TUNED = "ours", "LiteLLM as it comes", "LiteLLM, `num_retries: 0`"
SLOW = frozenset({DEFAULTS})  # some seconds a request, on every one: measured once, without cooling down
DEAD_AIM_MS, HANG_AIM_MS = 15, 1000 * TIMEOUT_S + 15

CATALOG = f"""\
apiVersion: interlock/v1
name: failover
target: {{kubernetes: "1.34", platform: gke, litellm: {{version: "1.106.2"}}}}
gateways:
  {GATEWAY}:
    namespace: production
    replicas: {{min: 2, max: 4}}
    service: {{type: ClusterIP, port: 80}}
    auth: {{master_key: {{secret: gateway-auth, key: master-key}}}}
providers:
  {FIRST}: {{type: openai_compatible, base_url: "http://first.models.svc:8000/v1"}}
  {SECOND}: {{type: openai_compatible, base_url: "http://second.models.svc:8000/v1"}}
models:
  model-1:
    provider: {FIRST}
    context_window: 32768
    price: {{input: 1, output: 1}}
    quality: 80
    capabilities: []
  model-2:
    provider: {SECOND}
    context_window: 32768
    price: {{input: 1, output: 1}}
    quality: 70
    capabilities: []
strategies:
  best: {{description: The better one first., default: true, candidates: [model-1, model-2]}}
observability: {{metrics: none}}
fallback:
  max_attempts: 2
  timeout_s: {TIMEOUT_S}
  cooldown: {{failures: {FAILURES}, seconds: {COOLDOWN_S}}}
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: milliseconds until the answer, and of the proxy's CPU."""

    wall: float
    cpu: float


@dataclass(slots=True)
class Seen:
    """What one proxy took: healthy requests, those that meet the dead provider, those after cooling down."""

    healthy: list[Asked] = field(default_factory=list)
    first: list[Asked] = field(default_factory=list)
    failing: list[Asked] = field(default_factory=list)
    cooled: list[Asked] = field(default_factory=list)

    def added(self, asked: Sequence[Asked]) -> tuple[float, float, float]:
        """Added by a request, over a healthy one: median, the shortest, and the median of CPU."""
        healthy = [one.wall for one in self.healthy]
        return (
            median(one.wall for one in asked) - median(healthy),
            min(one.wall for one in asked) - min(healthy),
            median(one.cpu for one in asked) - median(one.cpu for one in self.healthy),
        )


def run(workdir: Path, *, quick: bool) -> list[str]:
    """The lines of the report."""
    catalog = workdir / "models.yaml"
    catalog.write_text(CATALOG, encoding="utf-8")
    with upstream(providers(catalog, GATEWAY)) as reached:
        contenders = [generated(catalog, GATEWAY)(reached), *_bare(reached)]
        with proxies(contenders, workdir) as started:
            return list(_table(asyncio.run(_measured(started, reached, 2 if quick else 8))))


def _bare(reached: Upstream) -> Iterator[Contender]:
    """What the documentation of LiteLLM has one write; only the timeout is ours: its own is 6,000 s."""
    models = [
        {
            "model_name": f"model-{place}",
            "litellm_params": {"model": f"openai/model-{place}", "api_base": f"{url}/v1", "api_key": "none"},
        }
        for place, url in enumerate((reached.urls[FIRST], reached.urls[SECOND]), start=1)
    ]
    router: dict[str, Any] = {"fallbacks": [{"model-1": ["model-2"]}], "timeout": TIMEOUT_S}
    yield Contender(DEFAULTS, {"model_list": models, "router_settings": router})
    tuned = {**router, "num_retries": 0}
    settings = {"num_retries": 0}
    yield Contender(TUNED, {"model_list": models, "router_settings": tuned, "litellm_settings": settings})


async def _measured(
    started: Mapping[str, Proxy], reached: Upstream, times: int
) -> dict[tuple[str, str], Seen]:
    arms = {name: arm(proxy, _body(name)) for name, proxy in started.items()}
    for one in arms.values():
        await one.round(100, 4)
    found = {(fault, name): Seen() for fault in FAULTS for name in arms}
    for fault in FAULTS:
        print(f"failover, {fault}, {times} times …", file=sys.stderr, flush=True)
        for number in range(times):
            taking_part = {name: arms[name] for name in arms if number == 0 or name not in SLOW}
            await _once(
                fault, reached, {name: (found[fault, name], one) for name, one in taking_part.items()}
            )
    return found


async def _once(fault: str, reached: Upstream, arms: Mapping[str, tuple[Seen, Arm]]) -> None:
    """The provider goes down, every proxy meets that, and it comes back."""
    for seen, one in arms.values():
        seen.healthy += [await _asked(one) for _ in range(HEALTHY)]
    reached.become(FIRST, fault)
    try:
        for name, (seen, one) in arms.items():
            down = [await _asked(one) for _ in range(1 if name in SLOW else FAILURES)]
            seen.first.append(down[0])
            seen.failing += down
            if name not in SLOW:
                seen.cooled += [await _asked(one) for _ in range(3 if fault == "hang" else COOLED)]
    finally:
        reached.become(FIRST, "ok")
    await asyncio.sleep(COOLDOWN_S * 1.2)  # the provider is asked again
    for _, one in arms.values():
        await one.round(5, 1)


async def _asked(one: Arm) -> Asked:
    measured = await one.round(1, 1)
    return Asked(measured.load.latencies[0] * 1000, (measured.cpu or 0) * 1000)


def _body(contender: str) -> dict[str, Any]:
    asked = {"routing_strategy": "best"} if contender == OURS else {"model": "model-1"}
    return {**asked, "messages": [{"role": "user", "content": "Is anybody there?"}]}


def _table(found: Mapping[tuple[str, str], Seen]) -> Iterator[str]:
    rows = [
        [_NAMES[fault], name, *_cells(found[fault, name])]
        for fault in FAULTS
        for name in (OURS, TUNED, DEFAULTS)
    ]
    heads = [
        "fault",
        "proxy",
        "first request",
        f"first {FAILURES}",
        "cooled down",
        "CPU, first",
        "CPU, cooled down",
    ]
    yield "## What a provider that is down adds to a request, ms: median (shortest)"
    yield ""
    yield from report.table(heads, rows)
    yield ""
    yield from _verdict(found)
    yield ""


_NAMES = {
    "500": "500",
    "429": "429",
    "refused": "connection refused",
    "hang": f"hangs, timeout {TIMEOUT_S} s",
}


def _cells(seen: Seen) -> Iterator[str]:
    first, failing = seen.added(seen.first), seen.added(seen.failing)
    yield _ms(first)
    yield _ms(failing)
    cooled = seen.added(seen.cooled) if seen.cooled else None
    yield _ms(cooled) if cooled else "never cools down"
    yield f"{first[2]:.1f}"
    yield f"{cooled[2]:.1f}" if cooled else ""


def _ms(added: tuple[float, float, float]) -> str:
    return f"{added[0]:,.1f} ({added[1]:,.1f})"


def _verdict(found: Mapping[tuple[str, str], Seen]) -> Iterator[str]:
    """On medians: of the requests that met the dead provider, and of those after it cooled down."""
    for fault in FAULTS:
        ours, defaults = found[fault, OURS], found[fault, DEFAULTS]
        limit = HANG_AIM_MS if fault == "hang" else DEAD_AIM_MS
        added, _, _ = ours.added(ours.failing)
        after, _, _ = ours.added(ours.cooled)
        theirs, _, _ = defaults.added(defaults.first)
        verdict = "met" if added <= limit else "missed"
        yield (
            f"- {_NAMES[fault]}: {verdict}, {added:,.1f} ms of {limit:,.0f}, then {after:,.1f} ms; "
            f"LiteLLM as it comes adds {theirs / added:,.0f} times as much"
        )
