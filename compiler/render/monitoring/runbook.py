"""RUNBOOK.md: a section an alert, with this catalog's own names in its commands."""

from collections.abc import Iterator, Mapping, Sequence
from string import Template

from compiler.catalog import Catalog
from compiler.render.monitoring.alerts_of_tables import SPREAD
from compiler.render.monitoring.promql import MINUTE, number, spoken
from compiler.render.monitoring.recording import outage_window
from compiler.render.monitoring.rules import Alert, Group
from compiler.resources import read_text

_HEADING = "\n## "


def runbook(catalog: Catalog, groups: Sequence[Group]) -> str:
    """The template's sections of the alerts that there are.

    A line of the template that names `${gateway}` is written once for each, and so is one with `${provider}`.
    """
    alerts = [rule for group in groups for rule in group.rules if isinstance(rule, Alert)]
    head, *sections = read_text("templates", "monitoring", "RUNBOOK.md").split(_HEADING)
    written = {section.partition("\n")[0]: section for section in sections}
    wanted = dict.fromkeys(alert.section for alert in alerts)
    parts = [head, *(_section(name, written[name], alerts) for name in wanted)]
    lines = _filled(_HEADING.join(parts).splitlines(), catalog)
    return "\n".join(lines) + "\n"


def _section(name: str, text: str, alerts: Sequence[Alert]) -> str:
    """The section, which begins with the alerts that it is about."""
    about = {alert.name: alert.severity for alert in alerts if alert.section == name}
    told = ", ".join(f"`{alert}` ({severity})" for alert, severity in about.items())
    return text.replace("\n", f"\n\n{told}\n", 1)


def _filled(lines: Sequence[str], catalog: Catalog) -> Iterator[str]:
    common = _common(catalog)
    gateways = [
        {**common, "gateway": gateway.name, "namespace": gateway.namespace}
        for _, gateway in sorted(catalog.gateways.items())
    ]
    providers = [
        {**names, "provider": provider.name}
        for names in gateways
        for provider in catalog.direct_providers(catalog.gateways[names["gateway"]])
    ]
    for line in lines:
        of_each = providers if "${provider}" in line else gateways if "${gateway}" in line else [common]
        for names in of_each:
            yield Template(line).substitute(names) if "$" in line else line


def _common(catalog: Catalog) -> Mapping[str, str]:
    observability, fallback, front = catalog.observability, catalog.fallback, catalog.front
    slo = observability.slo
    return {
        "catalog": catalog.name,
        "front": front.name,
        "front_namespace": front.namespace,
        "min_replicas": str(front.replicas.min),
        "max_replicas": str(front.replicas.max),
        "prometheus_namespace": observability.namespace,
        "availability": _number(slo.availability),
        "p95_latency_ms": _number(slo.p95_latency_ms),
        "hourly_budget_usd": _number(observability.hourly_budget_usd),
        "timeout_s": number(fallback.timeout_s),
        "max_attempts": str(fallback.max_attempts),
        "cooldown_s": number(fallback.cooldown_s),
        "cooldown_failures": str(fallback.cooldown_failures),
        "outage": spoken(outage_window(catalog)),
        "spread": str(SPREAD // MINUTE),
    }


def _number(value: float | None) -> str:
    """Nothing where the catalog does not say; nor is there the section then."""
    return "" if value is None else number(value)
