"""The alerting rules. An alert is by label or by gateway, so that there are as many for a thousand models."""

from collections.abc import Iterator

from compiler.catalog import Catalog
from compiler.render.monitoring import burn
from compiler.render.monitoring.alerts_of_providers import (
    LONGEST_REST,
    MIN_REQUESTS,
    cooldown_storm,
    fallbacks,
    provider_down,
)
from compiler.render.monitoring.alerts_of_tables import retirements, scraped, tables
from compiler.render.monitoring.promql import MINUTE, Selector, counter, number
from compiler.render.monitoring.recording import COST_HOUR, FAILED
from compiler.render.monitoring.rules import Alert, Case, Firing, Group, Inputs

MOST_FAILED = 0.5  # of all requests, where no availability is promised
MOST_REFUSED = 0.2  # of all requests, for one reason


def groups(catalog: Catalog) -> list[Group]:
    of = Selector(catalog.name)
    return [Group(f"{catalog.name}.alerts", burn.INTERVAL, list(_alerts(catalog, of)))]


def _alerts(catalog: Catalog, of: Selector) -> Iterator[Alert]:
    slo, fallback = catalog.observability.slo, catalog.fallback
    for objective in burn.objectives(slo, of):
        yield from burn.alerts(objective, of)
    if slo.availability is None:
        yield _most_fail(of)
    yield provider_down(catalog, of)
    yield fallbacks(fallback, of)
    if fallback.cooldown_s <= LONGEST_REST:
        yield cooldown_storm(fallback, of)
    yield _refusals(of)
    budget = catalog.observability.hourly_budget_usd
    if budget is not None:
        yield _budget(budget, of)
    yield from retirements(of)
    yield from tables(of)
    for gateway in sorted(catalog.gateways):
        yield scraped(gateway, of)


def _most_fail(of: Selector) -> Alert:
    few = burn.MIN_BAD / 10  # bad requests a minute
    ratio, count = f"{FAILED}:ratio_rate5m", burn.bad_count(FAILED, 10 * MINUTE, of)

    def steady(bad: float, share: float) -> Inputs:
        return burn.failing(of, [(bad, bad / share, 20)])

    return Alert(
        "InterlockMostRequestsFail",
        "InterlockMostRequestsFail",
        "critical",
        f"{of(ratio)} > {MOST_FAILED}\nand {count} > {burn.MIN_BAD}",
        5 * MINUTE,
        f"{of.catalog} fails most of its requests",
        "{{ $value | humanizePercentage }} of the requests of the last 5 minutes failed: no model of their"
        " routes has answered.",
        [
            Case("just above", steady(few * 1.5, 0.55), 20, (Firing("55%", {"catalog": of.catalog}),)),
            Case("just below", steady(10, 0.45), 20),
            Case("too few to tell", steady(few * 0.8, 1), 20),
        ],
    )


# --- what clients ask, and what it costs -----------------------------------------------------------------


def _refusals(of: Selector) -> Alert:
    refused, decided = of("interlock_refusals_total"), of("interlock_decisions_total")
    a_minute = MIN_REQUESTS / 15
    labels = {"code": "no_eligible_model"}

    def steady(bad: float, share: float) -> Inputs:
        return {
            of("interlock_refusals_total", **labels): counter((bad, 30)),
            of("interlock_decisions_total", strategy="s", model="m", reason="best"): counter(
                (bad / share - bad, 30)
            ),
        }

    only_refused = {of("interlock_refusals_total", **labels): counter((a_minute * 1.3, 30))}
    of_labels = {"catalog": of.catalog, **labels}
    return Alert(
        "InterlockRefusals",
        "InterlockRefusals",
        "warning",
        f"sum by (code) (rate({refused}[15m]))\n/ on () group_left () (\n"
        f"  sum (rate({refused}[15m])) + (sum (rate({decided}[15m])) or vector(0))\n) > {MOST_REFUSED}\n"
        f"and on (code) sum by (code) (increase({refused}[15m])) > {MIN_REQUESTS}",
        5 * MINUTE,
        f"{of.catalog} refuses many requests: {{{{ $labels.code }}}}",
        "{{ $value | humanizePercentage }} of the requests of the last 15 minutes were refused with a 400 and"
        " the code {{ $labels.code }}.",
        [
            Case("just above", steady(a_minute * 1.3, 0.22), 30, (Firing("22%", of_labels),)),
            Case("none is decided", only_refused, 30, (Firing("100%", of_labels),)),
            Case("just below", steady(100, 0.18), 30),
            Case("too few to tell", steady(a_minute * 0.8, 0.9), 30),
        ],
    )


def _budget(usd: float, of: Selector) -> Alert:
    above = (int(usd * 105) + 1) / 100  # whole cents, so that it prints as it is

    def spent(amount: float) -> Inputs:
        pods = {"a": amount / 2, "b": amount / 2}
        return {
            of("llm_cost_usd_total", instance=pod, model="m", provider="p"): counter((part / 10, 10), (0, 10))
            for pod, part in pods.items()
        }

    return Alert(
        "InterlockHourlyBudget",
        "InterlockHourlyBudget",
        "warning",
        f"{of(COST_HOUR)} > {number(usd)}",
        5 * MINUTE,
        f"{of.catalog} has spent more than its budget of an hour",
        f'${{{{ $value | printf "%.2f" }}}} in the last hour; the budget is ${number(usd)}.',
        [
            Case("just above", spent(above), 20, (Firing(f"{above:.2f}", {"catalog": of.catalog}),)),
            Case("just below", spent(usd * 0.95), 20),
        ],
    )
