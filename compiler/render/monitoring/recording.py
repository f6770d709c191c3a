"""The recording rules: tokens, cost, latency, failures and fallbacks, by label and never one a model."""

import math
from collections.abc import Iterator

from compiler.catalog import Catalog
from compiler.render.monitoring import burn
from compiler.render.monitoring.promql import MINUTE, Selector, bucket, counter, duration, total
from compiler.render.monitoring.rules import Group, Recording

COST_HOUR = "catalog:llm_cost_usd:increase1h"
COST_DAY_BY_STRATEGY = "strategy_model:llm_request_cost_usd:increase1d"
COST_DAY_BY_PROVIDER = "provider_model:llm_cost_usd:increase1d"
VERTEX = "model_type:vertex_tokens:rate1h"
FALLBACKS = "strategy:interlock_fallbacks:ratio_rate5m"
# A request that a provider finds wrong says nothing about the provider.
PROVIDERS_FAULT = 'status!~"400|413|422"'
FAILED = "catalog:llm_requests_failed"
REQUESTS = "catalog:llm_requests"
_QUANTILES = (("p50", 0.5, 0.5556), ("p95", 0.95, 1.5), ("p99", 0.99, 1.9))


def groups(catalog: Catalog) -> list[Group]:
    """In an order in which each reads what stands before it."""
    of = Selector(catalog.name)
    name = catalog.name
    return [
        Group(f"{name}.requests", burn.INTERVAL, list(_requests(catalog, of))),
        Group(f"{name}.latency", burn.INTERVAL, list(_latency(of))),
        Group(f"{name}.providers", burn.INTERVAL, [_fallbacks(of), _failed_attempts(catalog, of)]),
        Group(f"{name}.usage", burn.INTERVAL, list(_usage(catalog, of))),
        # A day of every pod's series, which nobody needs by the minute.
        Group(f"{name}.cost", 5 * MINUTE, list(_cost(of))),
    ]


def has_vertex(catalog: Catalog) -> bool:
    return any(provider.type == "vertex_ai" for provider in catalog.providers.values())


# --- requests ------------------------------------------------------------------------------------------


def _requests(catalog: Catalog, of: Selector) -> Iterator[Recording]:
    yield from _failed(of)
    slo = catalog.observability.slo
    for objective in burn.objectives(slo, of):
        if objective.name == "Latency" and slo.p95_latency_ms is not None:
            yield from _slow(burn.latency_seconds(slo.p95_latency_ms), of)
        yield from burn.ratios(objective, of, objective.lengths)
    if slo.availability is None:  # what is left to look at without a promise
        yield _failed_ratio(of)


def _failed_ratio(of: Selector) -> Recording:
    return Recording(
        f"{FAILED}:ratio_rate5m",
        burn.ratio(FAILED, REQUESTS, 5 * MINUTE, of),
        burn.failing(of, [(15, 60, 10)]),
        [({}, 0.25)],
    )


def _failed(of: Selector) -> Iterator[Recording]:
    metric = "llm_request_duration_seconds_count"
    inputs = burn.failing(of, [(15, 60, 10)])
    every = total(f"rate({of(metric)}[5m])")
    yield Recording(f"{REQUESTS}:rate5m", every, inputs, [({}, 1)])
    failed = total(f"rate({of(metric, outcome='failed')}[5m])")
    # 0 where there were requests and none has failed
    yield Recording(
        f"{FAILED}:rate5m", f"{failed}\nor on () 0 * {of(REQUESTS + ':rate5m')}", inputs, [({}, 0.25)]
    )


def _slow(seconds: float, of: Selector) -> Iterator[Recording]:
    metric = "llm_request_duration_seconds"
    inputs = burn.slow(of, seconds, [(15, 60, 10)])
    answered = f"rate({of(metric + '_count', outcome='answered')}[5m])"
    within = f"rate({of(metric + '_bucket', outcome='answered', le=bucket(seconds))}[5m])"
    yield Recording("catalog:llm_requests_answered:rate5m", total(answered), inputs, [({}, 1)])
    # Each series less its own bucket: a pod from before the objective has no such bucket, and is not slow.
    yield Recording(
        "catalog:llm_requests_slow:rate5m",
        total(f"{answered}\n- ignoring (le) {within}"),
        inputs,
        [({}, 0.25)],
    )


# --- latency -------------------------------------------------------------------------------------------


def _latency(of: Selector) -> Iterator[Recording]:
    yield from _quantiles("strategy", "llm_request_duration_seconds", of)
    yield from _quantiles("provider", "llm_provider_duration_seconds", of)


def _quantiles(label: str, metric: str, of: Selector) -> Iterator[Recording]:
    series = f"{metric}_bucket"
    rates = {"1.0": 90, "2.0": 100, "+Inf": 100}
    inputs = {of(series, le=le, **{label: "a"}): counter((rate, 10)) for le, rate in rates.items()}
    for name, quantile, expected in _QUANTILES:
        yield Recording(
            f"{label}:{metric}:{name}_5m",
            f"histogram_quantile({quantile},\n  sum by (le, {label}) (rate({of(series)}[5m]))\n)",
            inputs,
            [({label: "a"}, expected)],
        )


# --- providers -----------------------------------------------------------------------------------------


def _fallbacks(of: Selector) -> Recording:
    """Of a strategy's requests, those that their first choice did not answer.

    It was called, and another after it, or it was cooling down, and another was called in its place.
    """
    count, first = "interlock_request_attempts_count", "interlock_request_attempts_bucket"
    every = f"sum by (strategy) (rate({of(count)}[5m]))"
    once = f"sum by (strategy) (rate({of(first, le='1.0')}[5m]))"
    resting = f"sum by (strategy) (rate({of('interlock_decisions_total', reason='cooling_down')}[5m]))"
    return Recording(
        FALLBACKS,
        f"clamp_max(\n  (\n    {every}\n    - {once}\n    + ({resting} or 0 * {every})\n  )\n"
        f"  / ({every} > 0),\n  1\n)",
        {
            of(count, strategy="s"): counter((60, 10)),
            of(first, strategy="s", le="1.0"): counter((54, 10)),
            of("interlock_decisions_total", strategy="s", reason="cooling_down"): counter((12, 10)),
        },
        [({"strategy": "s"}, 0.3)],
    )


def outage_window(catalog: Catalog) -> int:
    """Seconds in which a provider that is down is seen to fail: it is called once in a cool-down or so."""
    return max(5 * MINUTE, math.ceil(3 * catalog.fallback.cooldown_s / MINUTE) * MINUTE)


def failed_attempts(catalog: Catalog) -> str:
    return f"provider:interlock_failed_attempts:ratio_rate{duration(outage_window(catalog))}"


def _failed_attempts(catalog: Catalog, of: Selector) -> Recording:
    span = duration(outage_window(catalog))
    failed = f"sum by (provider) (rate({of('interlock_failed_attempts_total', PROVIDERS_FAULT)}[{span}]))"
    answered = f"sum by (provider) (rate({of('interlock_answered_attempts_total')}[{span}]))"
    return Recording(
        failed_attempts(catalog),
        # a provider that has answered nothing has no counter of answers, nor has a healthy one of failures
        f"({failed} or 0 * {answered})\n"
        f"/ ((\n  ({failed} or 0 * {answered})\n  + ({answered} or 0 * {failed})\n) > 0)",
        {
            of("interlock_failed_attempts_total", provider="p", model="m", status="500"): counter((15, 10)),
            of("interlock_failed_attempts_total", provider="p", model="m", status="400"): counter((90, 10)),
            of("interlock_answered_attempts_total", provider="p", model="m"): counter((45, 10)),
            of("interlock_failed_attempts_total", provider="q", model="m", status="500"): counter((1, 10)),
            of("interlock_answered_attempts_total", provider="r", model="m"): counter((1, 10)),
        },
        [({"provider": "p"}, 0.25), ({"provider": "q"}, 1), ({"provider": "r"}, 0)],
    )


# --- tokens and money ----------------------------------------------------------------------------------


def _usage(catalog: Catalog, of: Selector) -> Iterator[Recording]:
    if has_vertex(catalog):
        yield Recording(
            VERTEX,
            total(f"rate({of('vertex_tokens_total')}[1h])", "model", "type"),
            {of("vertex_tokens_total", model="m", type="input"): counter((360, 10))},
            [({"model": "m", "type": "input"}, 1)],
        )
    names = {"provider": "p", "model": "m", "type": "output"}
    yield Recording(
        "provider_model_type:llm_tokens:rate1h",
        total(f"rate({of('llm_tokens_total')}[1h])", "provider", "model", "type"),
        {of("llm_tokens_total", **names): counter((360, 10))},
        [(names, 1)],
    )
    yield Recording(
        COST_HOUR,
        total(f"increase({of('llm_cost_usd_total')}[1h])"),
        {of("llm_cost_usd_total", provider="p", model=model): counter((1.5, 10)) for model in "mn"},
        [({}, 30)],
    )


def _cost(of: Selector) -> Iterator[Recording]:
    for name, metric, label in (
        (COST_DAY_BY_STRATEGY, "llm_request_cost_usd_total", "strategy"),
        (COST_DAY_BY_PROVIDER, "llm_cost_usd_total", "provider"),
    ):
        one = {label: "a", "model": "m"}
        yield Recording(
            name,
            total(f"increase({of(metric)}[1d])", label, "model"),
            {of(metric, instance=pod, **one): counter((1.5, 10)) for pod in "ab"},
            [(one, 30)],
        )
