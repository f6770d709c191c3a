"""Alerts on what a gateway has in force: its models' last days, its routing table, itself being scraped."""

from collections.abc import Iterator, Sequence

from compiler.render.monitoring.promql import DAY, MINUTE, Selector, constant
from compiler.render.monitoring.rules import Alert, Case, Firing, Inputs

# A ConfigMap takes two minutes to be in every pod; the pods of a rolling update differ while it lasts.
SPREAD = 15 * MINUTE
_NEAR_DAYS, _NOW_DAYS = 30, 7
_HELD_MINUTES = 20


def retirements(of: Selector) -> Iterator[Alert]:
    metric = of("interlock_model_retirement_timestamp_seconds")
    days = f"(min by (model) ({metric}) - time()) / {DAY}"
    yield Alert(
        "InterlockModelRetiresSoon",
        "InterlockModelRetires",
        "warning",
        f"{days} < {_NEAR_DAYS}\nand {days} > {_NOW_DAYS}",
        15 * MINUTE,
        "{{ $labels.model }} retires within 30 days",
        'The vendor of {{ $labels.model }} retires it in {{ $value | printf "%.0f" }} days.',
        [
            _retiring("in time", (29.2, 7.2), of, fires=True),
            _retiring("too early, too late", (30.8, 6.8), of),
        ],
    )
    yield Alert(
        "InterlockModelRetiresNow",
        "InterlockModelRetires",
        "critical",
        # For a week after its day too, or the alert would end when the trouble begins.
        f"{days} < {_NOW_DAYS}\nand {days} > -{_NOW_DAYS}",
        15 * MINUTE,
        "{{ $labels.model }} retires within 7 days, or has",
        'The vendor of {{ $labels.model }} retires it in {{ $value | printf "%.0f" }} days (below zero: it'
        " has). Calls of it fail from that day on.",
        [
            _retiring("in time", (6.8, -6.8), of, fires=True),
            _retiring("not yet, no more", (7.2, -7.2), of),
        ],
    )


def _retiring(title: str, days: Sequence[float], of: Selector, *, fires: bool = False) -> Case:
    """A model each that retires so many days after the alert is looked at."""
    models = {f"model-{number}": left for number, left in enumerate(days)}
    series = {
        of("interlock_model_retirement_timestamp_seconds", instance=pod, model=model): constant(
            _HELD_MINUTES * MINUTE + left * DAY, _HELD_MINUTES
        )
        for model, left in models.items()
        for pod in "ab"
    }
    firing = tuple(
        Firing(f"{left:.0f}", {"catalog": of.catalog, "model": model})
        for model, left in models.items()
        if fires
    )
    return Case(title, series, _HELD_MINUTES, firing)


def tables(of: Selector) -> Iterator[Alert]:
    yield _refused(of)
    yield _stale(of)


def _refused(of: Selector) -> Alert:
    refused = of("interlock_table_reloads_total", result="refused")
    names = {"gateway": "g", "instance": "a", "result": "refused"}

    def reloads(values: str) -> Inputs:
        return {of("interlock_table_reloads_total", **names): values}

    firing = (Firing("1", {"catalog": of.catalog, "gateway": "g"}),)
    return Alert(
        "InterlockTableRefused",
        "InterlockTableRefused",
        "warning",
        # Not increase(): the first refusal makes the counter, and a new counter has increased by nothing.
        f"sum by (gateway) (\n  {refused}\n  - ({refused} offset 30m or 0 * {refused})\n) > 0",
        10 * MINUTE,
        "{{ $labels.gateway }} has refused a routing table",
        "Routing tables that pods of {{ $labels.gateway }} refused in the last 30 minutes: {{ $value }}. They"
        " go on with the one before.",
        [
            Case("the first refusal", reloads(constant(1, 30, after=15)), 30, firing),
            Case("one more", reloads("3+0x32 4+0x14"), 46, firing),
            Case("only just now", reloads(constant(1, 30, after=22)), 30),
            Case("long ago", reloads(constant(1, 44)), 44),
        ],
    )


def _stale(of: Selector) -> Alert:
    def in_force(*values: str) -> Inputs:
        return {
            of("interlock_table_info", digest=f"d{number}", gateway="g", instance=str(number)): text
            for number, text in enumerate(values)
        }

    firing = (Firing("2", {"catalog": of.catalog, "gateway": "g"}),)
    return Alert(
        "InterlockTableStale",
        "InterlockTableStale",
        "warning",
        f"count by (gateway) (\n  count by (gateway, digest) ({of('interlock_table_info')})\n) > 1",
        SPREAD,
        "Pods of {{ $labels.gateway }} do not agree on the routing table",
        "{{ $value }} routing tables have been in force at {{ $labels.gateway }} for more than 15 minutes:"
        " some of its pods route by an old one.",
        [
            Case("two tables", in_force("1+0x20", "1+0x20"), 20, firing),
            Case("one table", in_force("1+0x20"), 20),
            Case("a change that spreads", in_force("1+0x12 stale", "_x8 1+0x20"), 20),
        ],
    )


def scraped(gateway: str, of: Selector) -> Alert:
    metric, minute = "interlock_table_info", 15
    series = of(metric, digest="d", gateway=gateway, instance="a")
    firing = (Firing("1", {"catalog": of.catalog, "gateway": gateway}),)
    return Alert(
        "InterlockGatewayNotScraped",
        "InterlockGatewayNotScraped",
        "critical",
        f"absent({of(metric, gateway=gateway)})",
        10 * MINUTE,
        f"{gateway} is down, or no Prometheus scrapes it",
        f"There have been no metrics of {gateway} for 10 minutes. No other alert can tell what it does.",
        [
            Case("gone", {series: "1+0x3 stale"}, minute, firing),
            Case("gone just now", {series: "1+0x10 stale"}, minute),
            Case("there", {series: "1+0x20"}, minute),
        ],
        {"gateway": gateway},
    )
