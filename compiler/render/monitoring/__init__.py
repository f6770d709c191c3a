"""What is measured of a catalog's gateways, and who is told: rules, their tests, a dashboard, a runbook."""

from collections.abc import Iterator, Sequence

from compiler.catalog import Catalog
from compiler.emit import document
from compiler.render.litellm import GatewayFiles
from compiler.render.monitoring import alerts, objects, recording, rule_tests, scrape
from compiler.render.monitoring.dashboard import dashboard
from compiler.render.monitoring.objects import kustomization
from compiler.render.monitoring.rules import Group
from compiler.render.monitoring.runbook import runbook

__all__ = ["FOLDER", "MANIFESTS", "kustomization", "monitoring", "rule_groups"]

FOLDER = "monitoring"
MANIFESTS = f"{FOLDER}/manifests/"  # what the Prometheus Operator and Grafana's sidecar read


def monitoring(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> dict[str, str]:
    """Path below out/<name>/ → text. Nothing where nothing is measured."""
    if not catalog.observability.metrics:
        return {}
    return {f"{FOLDER}/{path}": text for path, text in sorted(_files(catalog, gateways))}


def _files(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> Iterator[tuple[str, str]]:
    groups = rule_groups(catalog)
    rules = document({"groups": [group.data(catalog.name) for group in groups]})
    yield "rules.yaml", rules
    yield "rules.test.yaml", document(rule_tests.tests(catalog.name, groups))
    yield "scrape.yaml", scrape.scrape_configs(catalog)
    yield "RUNBOOK.md", runbook(catalog, groups)
    manifests = {
        f"podmonitor-{files.gateway.name}.yaml": scrape.pod_monitor(catalog, files.gateway)
        for files in gateways
    }
    manifests["prometheusrule.yaml"] = objects.prometheus_rule(catalog, rules)
    if catalog.observability.dashboard:
        shown = dashboard(catalog)
        yield "dashboard.json", shown
        manifests["configmap-dashboard.yaml"] = objects.dashboard_config_map(catalog, shown)
    for name, text in manifests.items():
        yield f"manifests/{name}", text
    yield "kustomization.yaml", kustomization(sorted(f"manifests/{name}" for name in manifests))


def rule_groups(catalog: Catalog) -> list[Group]:
    """Every rule, those first that others read."""
    return [*recording.groups(catalog), *alerts.groups(catalog)]
