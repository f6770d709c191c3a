"""Who reads the gateways' metrics: PodMonitors for the Prometheus Operator, scrape_configs without it."""

from typing import Any

from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway
from compiler.emit import document
from compiler.render.templates import labels, selector

INTERVAL = "30s"  # the rules look at five minutes, for which a scrape in a minute is the least
PORT_NAME, PAGE = "metrics", "/metrics"
_POD = "__meta_kubernetes_pod"
_APP = f"{_POD}_label_app_kubernetes_io"
# The labels of a target by which every rule selects.
_TARGET = (("catalog", f"{_APP}_instance"), ("gateway", f"{_APP}_name"))
_HEADER = """\
# For a Prometheus without the operator: a file of its scrape_config_files (2.43 and later), or its own job.
# Its service account must be allowed to list and watch pods in the namespaces named here.
"""


def pod_monitor(catalog: Catalog, gateway: Gateway) -> str:
    """The PodMonitor of one gateway, beside its pods."""
    endpoint: dict[str, Any] = {
        "port": PORT_NAME,
        "path": PAGE,
        "interval": INTERVAL,
        "honorLabels": False,
        "relabelings": [
            {"action": "replace", "sourceLabels": [source], "targetLabel": label} for label, source in _TARGET
        ],
    }
    return document(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PodMonitor",
            "metadata": {
                "name": gateway.name,
                "namespace": gateway.namespace,
                "labels": {**catalog.observability.labels, **labels(catalog, gateway)},
            },
            "spec": {
                "selector": {"matchLabels": selector(catalog, gateway)},
                "podMetricsEndpoints": [endpoint],
            },
        }
    )


def scrape_configs(catalog: Catalog) -> str:
    """One job that finds the pods of every gateway, and gives them the labels that a PodMonitor would."""
    namespaces = sorted({gateway.namespace for gateway in catalog.gateways.values()})
    job = {
        "job_name": catalog.name,
        "scrape_interval": INTERVAL,
        "metrics_path": PAGE,
        "honor_labels": False,
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": namespaces}}],
        "relabel_configs": [
            _keep(f"{_APP}_instance", catalog.name),
            _keep(f"{_APP}_component", "gateway"),
            _keep(f"{_POD}_container_port_name", PORT_NAME),
            {"action": "drop", "source_labels": [f"{_POD}_phase"], "regex": "Pending|Succeeded|Failed"},
            *({"action": "replace", "source_labels": [source], "target_label": label}
              for label, source in (*_TARGET, ("namespace", "__meta_kubernetes_namespace"),
                                    ("pod", f"{_POD}_name"))),
        ],
    }  # fmt: skip
    return _HEADER + document({"scrape_configs": [job]})


def _keep(label: str, value: str) -> dict[str, Any]:
    return {"action": "keep", "source_labels": [label], "regex": value}
