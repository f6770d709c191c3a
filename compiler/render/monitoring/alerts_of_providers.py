"""Alerts on providers that fail, and on what the gateway does about it: fallbacks and cool-downs."""

from compiler.catalog import Catalog, Fallback
from compiler.render.monitoring.promql import (
    HOUR,
    MINUTE,
    Selector,
    counter,
    duration,
    growing,
    number,
    spoken,
)
from compiler.render.monitoring.recording import FALLBACKS, PROVIDERS_FAULT, failed_attempts, outage_window
from compiler.render.monitoring.rules import Alert, Case, Firing, Inputs

MOST_FALLBACKS = 0.25  # of the requests of a strategy
MOST_FAILED_ATTEMPTS = 0.5  # of the calls of a provider
MOST_RESTING = 0.5  # of the time of a deployment
MIN_REQUESTS = 20
LONGEST_REST = HOUR  # with a longer cool-down nothing cools down often enough to call it a storm


def provider_down(catalog: Catalog, of: Selector) -> Alert:
    window, fallback = outage_window(catalog), catalog.fallback
    few = 4 if fallback.cooldown_failures > 1 else 2  # three cool-downs fit in, and each needs so many
    labels, (_, minutes) = {"model": "m", "provider": "vertex-ai"}, growing(few, window)

    def calls(failed: float, share: float, status: str = "500") -> Inputs:
        answered = failed / share - failed
        return {
            of("interlock_failed_attempts_total", status=status, **labels): growing(failed, window)[0],
            of("interlock_answered_attempts_total", **labels): growing(answered, window)[0],
        }

    firing = Firing("55%", {"catalog": of.catalog, "provider": "vertex-ai"})
    failed = of("interlock_failed_attempts_total", PROVIDERS_FAULT)
    return Alert(
        "InterlockProviderDown",
        "InterlockProviderDown",
        "warning",
        f"{of(failed_attempts(catalog))} > {MOST_FAILED_ATTEMPTS}\n"
        f"and on (provider) sum by (provider) (increase({failed}[{duration(window)}])) > {few}",
        2 * MINUTE,
        f"{{{{ $labels.provider }}}} does not answer {of.catalog}",
        "{{ $value | humanizePercentage }} of the calls of {{ $labels.provider }} failed over"
        f" {spoken(window)}. Its deployments rest for {_seconds(fallback.cooldown_s)} after"
        f" {fallback.cooldown_failures} failures within that time, and other models answer in their place.",
        [
            Case("just above", calls(few * 1.3, 0.55), minutes, (firing,)),
            Case("just below", calls(few * 10, 0.45), minutes),
            Case("too few to tell", calls(few * 0.8, 1), minutes),
            Case("the clients' fault", calls(few * 10, 0.9, "400"), minutes),
        ],
    )


def _seconds(value: float) -> str:
    return f"{number(value)} s"


def fallbacks(fallback: Fallback, of: Selector) -> Alert:
    count, first = "interlock_request_attempts_count", "interlock_request_attempts_bucket"
    a_minute = MIN_REQUESTS / 10

    def steady(requests: float, again: float, resting: float = 0) -> Inputs:
        return {
            of(count, strategy="s"): counter((requests, 25)),
            of(first, strategy="s", le="1.0"): counter((requests * (1 - again), 25)),
            of("interlock_decisions_total", strategy="s", model="m", reason="cooling_down"): counter(
                (requests * resting, 25)
            ),
        }

    firing = (Firing("30%", {"catalog": of.catalog, "strategy": "s"}),)
    return Alert(
        "InterlockFallbackRateHigh",
        "InterlockFallbackRateHigh",
        "warning",
        f"{of(FALLBACKS)} > {MOST_FALLBACKS}\n"
        f"and on (strategy) sum by (strategy) (increase({of(count)}[10m])) > {MIN_REQUESTS}",
        10 * MINUTE,
        f"Strategy {{{{ $labels.strategy }}}} of {of.catalog} often falls back",
        "The first choice of strategy {{ $labels.strategy }} did not answer"
        f" {{{{ $value | humanizePercentage }}}} of its requests: another model did, or none. At most"
        f" {fallback.max_attempts} are tried for a request.",
        [
            Case("just above", steady(a_minute * 1.3, 0.3), 25, firing),
            Case("the first choice rests", steady(a_minute * 1.3, 0, 0.3), 25, firing),
            Case("just below", steady(100, 0.1, 0.1), 25),
            Case("too few to tell", steady(a_minute * 0.8, 0.9), 25),
        ],
    )


def cooldown_storm(fallback: Fallback, of: Selector) -> Alert:
    rest = fallback.cooldown_s
    window = max(15 * MINUTE, _window_of_rests(rest))
    cooled = of("litellm_deployment_cooled_down_total")
    labels, (_, minutes) = {"gateway": "g", "model_id": "d"}, growing(1, window)

    def resting(share: float) -> Inputs:
        half, _ = growing(share * window / rest / 2, window)  # of either status
        statuses = [
            {"instance": pod, "exception_status": status} for pod in "ab" for status in ("500", "429")
        ]
        return {of("litellm_deployment_cooled_down_total", **labels, **status): half for status in statuses}

    return Alert(
        "InterlockCooldownStorm",
        "InterlockCooldownStorm",
        "warning",
        f"avg by (gateway, model_id) (\n  sum by (gateway, model_id, instance) (\n"
        f"    increase({cooled}[{duration(window)}])\n  )\n) * {number(rest)} / {window} > {MOST_RESTING}",
        5 * MINUTE,
        "{{ $labels.model_id }} rests most of the time at {{ $labels.gateway }}",
        "The deployment {{ $labels.model_id }} was cooling down for {{ $value | humanizePercentage }} of the"
        f" last {spoken(window)} at {{{{ $labels.gateway }}}}, {_seconds(rest)} at a time: it fails again as"
        " soon as it is called.",
        [
            Case("just above", resting(0.55), minutes, (Firing("55%", labels),)),
            Case("just below", resting(0.45), minutes),
        ],
    )


def _window_of_rests(rest: float) -> int:
    """Seconds, whole minutes, in which four cool-downs fit."""
    return -int(-4 * rest // MINUTE) * MINUTE
