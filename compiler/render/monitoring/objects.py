"""The rules and the dashboard as Kubernetes objects, and the list of what is applied."""

from collections.abc import Iterable, Mapping

from compiler.catalog import Catalog
from compiler.emit import document, scalar
from compiler.render.monitoring.promql import indented


def prometheus_rule(catalog: Catalog, rules: str) -> str:
    """`rules` is the text of rules.yaml: the same groups."""
    head = _head(
        catalog, "monitoring.coreos.com/v1", "PrometheusRule", catalog.name, catalog.observability.labels
    )
    return f"{head}spec:\n{indented(rules.rstrip())}\n"


def dashboard_config_map(catalog: Catalog, dashboard: str) -> str:
    """A ConfigMap that Grafana's sidecar finds by its label."""
    head = _head(catalog, "v1", "ConfigMap", f"{catalog.name}-dashboard", {"grafana_dashboard": "1"})
    return f"{head}data:\n  {scalar(f'{catalog.name}.json')}: |\n{indented(dashboard.rstrip(), 4)}\n"


def _head(catalog: Catalog, version: str, kind: str, name: str, labels: Mapping[str, str]) -> str:
    own = {
        "app.kubernetes.io/instance": catalog.name,
        "app.kubernetes.io/component": "monitoring",
        "app.kubernetes.io/managed-by": "interlock",
    }
    metadata = {"name": name, "namespace": catalog.front.namespace, "labels": {**labels, **own}}
    return document({"apiVersion": version, "kind": kind, "metadata": metadata})


def kustomization(resources: Iterable[str]) -> str:
    """What `kubectl apply -k` applies of a folder, in this order."""
    return document(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": list(resources),
        }
    )
