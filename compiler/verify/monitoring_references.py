"""Whether what Prometheus is to watch is there: the pods and ports of a monitor."""

import re
from collections.abc import Iterator
from typing import Any

from compiler.verify.finding import Problem, brief
from compiler.verify.index import Index, ports, selects
from compiler.verify.objects import Object

# How the labels of a pod are called before relabelling.
_POD_LABEL = "__meta_kubernetes_pod_label_"
_NO_WORD = re.compile(r"[^a-zA-Z0-9_]")


def pod_monitor(item: Object, index: Index) -> Iterator[Problem]:
    names = _namespaces(item, index)
    pods = [pod for name in names for pod in index.selected(name, item.spec["selector"])]
    if not pods:
        yield "spec.selector", "selects no pods of the bundle in the namespaces it looks into"
    for place, endpoint in enumerate(item.spec["podMetricsEndpoints"]):
        yield from _sources(f"spec.podMetricsEndpoints[{place}]", endpoint, pods)
        for field, own in (("port", "name"), ("portNumber", "containerPort")):
            for pod in pods if field in endpoint else ():
                if endpoint[field] not in [port.get(own) for port in ports(pod)]:
                    where = f"spec.podMetricsEndpoints[{place}].{field}"
                    yield where, f"{pod.title} has no container port {brief(endpoint[field])}"


def _sources(at: str, endpoint: dict[str, Any], pods: list[Object]) -> Iterator[Problem]:
    """A target's label that is made of a label of the pods is made of one that they have."""
    for index, rule in enumerate(endpoint.get("relabelings", [])):
        for place, source in enumerate(rule.get("sourceLabels", [])):
            for pod in pods if source.startswith(_POD_LABEL) else ():
                if source.removeprefix(_POD_LABEL) not in {_NO_WORD.sub("_", key) for key in pod.pod_labels}:
                    yield f"{at}.relabelings[{index}].sourceLabels[{place}]", f"{pod.title} has no such label"


def service_monitor(item: Object, index: Index) -> Iterator[Problem]:
    names = _namespaces(item, index)
    services = [
        service
        for service in index.of("Service")
        if service.namespace in names and selects(item.spec["selector"], service.metadata.get("labels", {}))
    ]
    if not services:
        yield "spec.selector", "selects no Service of the bundle in the namespaces it looks into"
    for place, endpoint in enumerate(item.spec["endpoints"]):
        for service in services if "port" in endpoint else ():
            if endpoint["port"] not in [port.get("name") for port in service.spec.get("ports", [])]:
                where = f"spec.endpoints[{place}].port"
                yield where, f"{service.title} has no port named {brief(endpoint['port'])}"


def _namespaces(item: Object, index: Index) -> list[str]:
    where: dict[str, Any] = item.spec.get("namespaceSelector", {})
    if where.get("any"):
        return sorted({one.namespace for one in (*index.all_workloads, *index.of("Service"))})
    return where.get("matchNames") or [item.namespace]
