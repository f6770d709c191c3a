"""The dashboard's rows on what is behind the gateways, and on themselves."""

from collections.abc import Iterator

from compiler.render.monitoring.look import PER_SECOND, PROVIDER, SECONDS, SHARE, STRATEGY, TOKENS, USD, Look
from compiler.render.monitoring.panels import About, Panel, Query, bars, coloured, lines, stat, table
from compiler.render.monitoring.promql import DAY, number
from compiler.render.monitoring.recording import (
    COST_DAY_BY_PROVIDER,
    COST_DAY_BY_STRATEGY,
    COST_HOUR,
    has_vertex,
)

_MOST_BARS = 15


def cost(look: Look) -> Iterator[Panel]:
    yield _hourly(look)
    spent = look.calls("llm_cost_usd_total")
    yield lines(
        About(
            "Cost of the hour before, by provider",
            USD,
            "At each moment, what the hour before it cost, by the provider that was called.",
        ),
        Query(f"sum by (provider) (increase({spent}[1h]))", "{{provider}}"),
        stacked=True,
    )
    yield _dearest(
        "Cost of a day by strategy and model",
        "What clients asked for in the last 24 hours.",
        look.of(COST_DAY_BY_STRATEGY, STRATEGY),
        "{{strategy}}: {{model}}",
    )
    yield _dearest(
        "Cost of a day by provider and model",
        "What vendors will bill for the last 24 hours.",
        look.of(COST_DAY_BY_PROVIDER, PROVIDER),
        "{{provider}}: {{model}}",
    )


def _hourly(look: Look) -> Panel:
    budget = look.catalog.observability.hourly_budget_usd
    spent = Query(look.of(COST_HOUR), "spent")
    title, about = "Cost of the hour before", "At each moment, what the hour before it cost at all providers."
    if budget is None:
        return lines(About(title, USD, f"{about} The catalog has no hourly budget."), spent)
    return lines(
        About(title, USD, f"{about} Red: the catalog's hourly budget."),
        spent,
        Query(f"vector({number(budget)})", "budget"),
        overrides=coloured({"spent": "blue", "budget": "red"}),
    )


def _dearest(title: str, about: str, series: str, legend: str) -> Panel:
    query = Query(f"sort_desc(topk({_MOST_BARS}, {series}))", legend, instant=True)
    return bars(About(title, USD, f"{about} The {_MOST_BARS} dearest."), query, decimals=2)


def tokens(look: Look) -> Iterator[Panel]:
    width = 8 if has_vertex(look.catalog) else 12
    if has_vertex(look.catalog):
        yield lines(
            About(
                "Vertex AI tokens by model",
                TOKENS,
                "As Vertex AI counts them, a second, over the hour before each moment.",
            ),
            Query(
                f"sum(rate({look.pods('vertex_tokens_total')}[1h])) by (model, type)", "{{model}} {{type}}"
            ),
            width=width,
        )
    yield lines(
        About(
            "Tokens by provider",
            TOKENS,
            "As the providers count them, prompts and answers together, a second.",
        ),
        Query(look.rate(look.calls("llm_tokens_total"), "provider"), "{{provider}}"),
        stacked=True,
        width=width,
    )
    yield lines(
        About(
            "Tokens of requests, in and out",
            TOKENS,
            "Tokens of clients' prompts (input) and of their answers (output), a second.",
        ),
        Query(look.rate(look.requests("llm_request_tokens_total"), "type"), "{{type}}"),
        stacked=True,
        width=width,
        overrides=coloured({"input": "blue", "output": "purple"}),
    )


def providers(look: Look) -> Iterator[Panel]:
    yield lines(
        About("Answered calls by provider", PER_SECOND, "Calls of providers that were answered, a second."),
        Query(look.rate(look.calls("interlock_answered_attempts_total"), "provider"), "{{provider}}"),
        stacked=True,
    )
    yield lines(
        About(
            "Failed calls by provider and status",
            PER_SECOND,
            "Calls of providers that failed: 408 is a timeout, 429 a quota.",
        ),
        Query(
            look.rate(look.calls("interlock_failed_attempts_total"), "provider", "status"),
            "{{provider}} {{status}}",
        ),
        stacked=True,
    )
    yield lines(
        About(
            "Share of failed calls",
            SHARE,
            "Of a provider's calls, those that failed by its own fault. From one half on it counts as down.",
        ),
        Query(look.failed_calls(), "{{provider}}"),
        steps=((None, "transparent"), (0.5, "red")),
        max=1,
    )
    rest = number(look.catalog.fallback.cooldown_s)
    cooled = look.pods("litellm_deployment_cooled_down_total")
    yield lines(
        About(
            "Cool-downs by deployment",
            "short",
            f"How often a deployment was put to rest, for {rest} s each time, in the ten minutes before.",
        ),
        Query(f"sum by (gateway, model_id) (increase({cooled}[10m]))", "{{gateway}}: {{model_id}}"),
    )


def housekeeping(look: Look) -> Iterator[Panel]:
    info = look.pods("interlock_table_info")
    yield table(
        About(
            "Routing tables in force",
            "none",
            "Pods by gateway and digest of their table: one line a gateway, but while a change spreads.",
        ),
        Query(f"count by (gateway, digest) ({info})", "{{gateway}} {{digest}}", "table", instant=True),
    )
    yield _retirements(look)
    yield lines(
        About("Pods", "short", "Pods that Prometheus reads, by gateway."),
        Query(f"count by (gateway) ({look.pods('up')} == 1)", "{{gateway}}"),
        width=8,
        decimals=0,
    )
    loaded = look.pods("interlock_table_loaded_timestamp_seconds")
    yield stat(
        About(
            "Time since a table was loaded",
            SECONDS,
            "By gateway, of the pod whose routing table is the oldest.",
        ),
        Query(f"time() - min by (gateway) ({loaded})", "{{gateway}}", instant=True),
        width=12,
    )
    refused, every = (
        f"sum by (gateway) ({look.pods('interlock_table_reloads_total', **labels)})"
        for labels in ({"result": "refused"}, {})
    )
    yield stat(
        About(
            "Refused tables",
            "short",
            "By gateway, routing tables that running pods have refused since they started.",
        ),
        Query(f"{refused} or 0 * {every}", "{{gateway}}", instant=True),
        width=12,
        steps=((None, "green"), (1, "red")),
    )


def _retirements(look: Look) -> Panel:
    day = look.pods("interlock_model_retirement_timestamp_seconds")
    return bars(
        About(
            "Days until a model retires",
            "d",
            "By its vendor's word; below zero it has. Models in service, the next first.",
        ),
        Query(f"sort((min by (model) ({day}) - time()) / {DAY})", "{{model}}", instant=True),
        width=8,
        steps=((None, "red"), (7, "orange"), (30, "green")),
        decimals=0,
        min=0,
        max=365,
    )
