"""The dashboard's rows on clients' requests: overview, latency, routes."""

from collections.abc import Iterator

from compiler.render.monitoring.look import DURATION, PER_SECOND, PROVIDER, SECONDS, SHARE, USD, Look
from compiler.render.monitoring.panels import About, Panel, Query, coloured, heat, lines, stat, timeline
from compiler.render.monitoring.promql import duration, number
from compiler.render.monitoring.recording import COST_DAY_BY_PROVIDER

_FEW: tuple[tuple[float | None, str], ...] = ((None, "green"), (0.1, "orange"), (0.25, "red"))


def overview(look: Look) -> Iterator[Panel]:
    yield from _numbers(look)
    count = look.requests(f"{DURATION}_count")
    yield lines(
        About(
            "Requests by strategy",
            PER_SECOND,
            "Clients' requests that ended. `none`: a model was named, and no strategy.",
        ),
        Query(look.rate(count, "strategy"), "{{strategy}}"),
        stacked=True,
    )
    yield _pace(look) or _outcomes(look)
    fires = look.of("ALERTS", alertstate="firing")
    yield timeline(
        "Alerts",
        "The alerts of this catalog that fire. RUNBOOK.md has a section for each.",
        Query(f"max by (alertname, severity) ({fires})", "{{alertname}} ({{severity}})"),
    )


def _numbers(look: Look) -> Iterator[Panel]:
    yield stat(
        About("Requests", PER_SECOND, "Clients' requests that ended, a second."),
        Query(look.rate(look.requests(f"{DURATION}_count")), "requests"),
    )
    yield stat(
        About(
            "Answered",
            SHARE,
            f"Of the requests, those that some model of their route answered.{look.promise()}",
        ),
        Query(look.answered(), "answered"),
        steps=look.availability_steps(),
        decimals=2,
    )
    yield stat(
        About(
            "Latency, 19 in 20",
            SECONDS,
            f"95th percentile of answered requests, to their last word.{look.latency_promise()}",
        ),
        Query(look.quantile(0.95), "p95"),
        steps=look.latency_steps("green"),
        decimals=2,
    )
    yield stat(
        About("Cost, last 24 h", USD, "By the catalog's prices, at every provider."),
        Query(f"sum({look.of(COST_DAY_BY_PROVIDER, PROVIDER)})", "24 h"),
        decimals=2,
    )
    yield stat(
        About("Fallbacks", SHARE, "Of the requests, those for which more than one provider was called."),
        Query(look.fallbacks(), "fell back"),
        steps=_FEW,
        decimals=1,
    )
    yield _budget_left(look) or _worst_provider(look)


def _budget_left(look: Look) -> Panel | None:
    if look.availability is None:
        return None
    names = (look.availability.bad, look.availability.every)
    bad, every = (f"sum_over_time({look.of(name + ':rate5m')}[30d])" for name in names)
    return stat(
        About(
            "Error budget left", SHARE, f"Of 30 days, or as long as Prometheus keeps data.{look.promise()}"
        ),
        Query(f"1 - {bad} / ({every} > 0) / {number(look.availability.budget)}", "left", instant=True),
        steps=((None, "red"), (0, "orange"), (0.25, "green")),
        decimals=1,
    )


def _worst_provider(look: Look) -> Panel:
    return stat(
        About(
            "Failed calls, worst provider",
            SHARE,
            "Of the calls of the provider that fails most, those that failed.",
        ),
        Query(f"max(\n{look.failed_calls('5m')}\n)", "worst"),
        steps=((None, "green"), (0.1, "orange"), (0.5, "red")),
        decimals=1,
    )


def _pace(look: Look) -> Panel | None:
    objective = look.availability
    if objective is None:
        return None
    budget = number(objective.budget)
    queries = (
        Query(f"{look.of(objective.ratio(window.long))} / {budget}", f"over {duration(window.long)}")
        for window in objective.windows
    )
    return lines(
        About(
            "Pace of the error budget",
            "short",
            f"1 spends exactly the budget of 30 days, 14.4 all of it in two days.{look.promise()}",
        ),
        *queries,
        steps=((None, "transparent"), (1, "orange"), (14.4, "red")),
    )


def _outcomes(look: Look) -> Panel:
    count = look.requests(f"{DURATION}_count")
    return lines(
        About(
            "Requests by outcome",
            PER_SECOND,
            "answered: by some model of the route. failed: by none. refused: wrong in itself.",
        ),
        Query(look.rate(count, "outcome"), "{{outcome}}"),
        stacked=True,
        overrides=coloured({"answered": "green", "failed": "red", "refused": "yellow"}),
    )


def latency(look: Look) -> Iterator[Panel]:
    buckets = look.requests(f"{DURATION}_bucket", outcome="answered")
    yield heat(
        About(
            "Duration of answers",
            SECONDS,
            "How many requests were answered in how long, from routing to the last word.",
        ),
        Query(f"sum by (le) (increase({buckets}[$__rate_interval]))", "{{le}}", "heatmap"),
    )
    yield lines(
        About(
            "Latency by strategy",
            SECONDS,
            f"19 in 20 answers took less than p95, half of them less than p50.{look.latency_promise()}",
        ),
        Query(look.quantile(0.95, "strategy"), "{{strategy}} p95"),
        Query(look.quantile(0.5, "strategy"), "{{strategy}} p50"),
        steps=look.latency_steps("transparent"),
    )
    calls = look.calls("llm_provider_duration_seconds_bucket")
    yield lines(
        About(
            "Latency by provider",
            SECONDS,
            "95th percentile of one answered call, without the failed ones before it.",
        ),
        Query(f"histogram_quantile(0.95, {look.rate(calls, 'le', 'provider')})", "{{provider}} p95"),
    )
    yield _in_time(look) or lines(
        About("Mean latency by model", SECONDS, "Of one answered call of a provider."),
        Query(look.mean("llm_provider_duration_seconds", "calls", "model"), "{{model}}"),
    )


def _in_time(look: Look) -> Panel | None:
    if look.slo.p95_latency_ms is None:
        return None
    return lines(
        About(
            "Answers in time",
            SHARE,
            f"Of the answers, those within the promised time.{look.latency_promise()}",
        ),
        Query(look.in_time(look.slo.p95_latency_ms), "{{strategy}}"),
        steps=((None, "red"), (0.95, "transparent")),
        max=1,
    )


def routes(look: Look) -> Iterator[Panel]:
    decisions = look.requests("interlock_decisions_total")
    yield lines(
        About("First choices", PER_SECOND, "Requests by strategy and the model that was chosen first."),
        Query(look.rate(decisions, "strategy", "model"), "{{strategy}}: {{model}}"),
        stacked=True,
    )
    yield lines(
        About(
            "Why it was chosen",
            PER_SECOND,
            "best: the strategy's first. filtered: that one could not serve it. cooling_down: it rests."
            " pinned: the client named it. canary: a model on trial.",
        ),
        Query(look.rate(decisions, "reason"), "{{reason}}"),
        stacked=True,
        overrides=coloured({"best": "green", "cooling_down": "orange", "pinned_unfit": "red"}),
    )
    yield lines(
        About("Refusals by code", PER_SECOND, "Requests that got a 400 and reached no provider."),
        Query(look.rate(look.pods("interlock_refusals_total"), "code"), "{{code}}"),
        stacked=True,
        width=8,
    )
    yield lines(
        About(
            "Calls for one request",
            "short",
            "Providers called for one request, on average: 1 when first choices answer.",
        ),
        Query(look.mean("interlock_request_attempts", "requests", "strategy"), "{{strategy}}"),
        width=8,
        decimals=2,
    )
    yield lines(
        About(
            "Fallbacks by strategy",
            SHARE,
            "Of the requests, those for which more than one provider was called.",
        ),
        Query(look.fallbacks("strategy"), "{{strategy}}"),
        width=8,
        max=1,
    )
