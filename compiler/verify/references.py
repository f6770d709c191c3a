"""Whether what the objects name is there: pods a selector selects, ports, volumes, keys, accounts, targets.

A ConfigMap or Secret that the bundle does not hold is the user's own and allowed; any other name must resolve
within the bundle. Runs on objects that the schema has accepted.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from compiler.verify.finding import Finding, Problem, brief
from compiler.verify.index import Index, selects
from compiler.verify.network import backends
from compiler.verify.objects import Object, containers
from compiler.verify.volumes import keys, mounts

Rule = Callable[[Object, Index], Iterator[Problem]]


def check(items: Sequence[Object]) -> Iterator[Finding]:
    index = Index(items)
    yield from _twice(items)
    yield from _namespace_first(items)
    for item in items:
        for rule in _RULES.get(item.kind, ()):
            for problem in rule(item, index):
                yield item.finding(*problem)


def _twice(items: Sequence[Object]) -> Iterator[Finding]:
    seen = set()
    for item in items:
        if item.identity in seen:
            yield item.finding("metadata.name", "an object of this kind, namespace and name stands before it")
        seen.add(item.identity)


def _namespace_first(items: Sequence[Object]) -> Iterator[Finding]:
    places = {item.name: place for place, item in enumerate(items) if item.kind == "Namespace"}
    for place, item in enumerate(items):
        if places.get(item.namespace, -1) > place:
            yield item.finding(
                "metadata.namespace", f"Namespace {item.namespace} comes only after this object"
            )


def _account(item: Object, index: Index) -> Iterator[Problem]:
    name = item.pod_spec.get("serviceAccountName", "default")  # every namespace has its `default`
    if name != "default" and index.find("ServiceAccount", item.namespace, name) is None:
        yield (
            "spec.template.spec.serviceAccountName",
            f"no ServiceAccount {item.namespace}/{name} in the bundle",
        )


def _own_pods(item: Object, index: Index) -> Iterator[Problem]:
    selector = item.spec["selector"]
    if not selects(selector, item.pod_labels):
        yield "spec.selector", "does not match the labels of the pod template"
    for other in index.workloads(item.namespace):
        if other is not item and selects(selector, other.pod_labels):
            yield "spec.selector", f"matches the pods of {other.title} too, which it would take over"


def _service(item: Object, index: Index) -> Iterator[Problem]:
    selector = item.spec.get("selector")
    if not selector:
        return
    selected = index.selected(item.namespace, {"matchLabels": selector})
    if not selected:
        yield "spec.selector", "selects no pods of the bundle"
    for workload in selected:
        ports = [port for _, one in containers(workload.pod_spec, "") for port in one.get("ports", [])]
        for place, port in enumerate(item.spec.get("ports", [])):
            target = port.get("targetPort", port["port"])
            protocol = port.get("protocol", "TCP")
            if not any(
                target in {one["containerPort"], one.get("name")} and one.get("protocol", "TCP") == protocol
                for one in ports
            ):
                yield f"spec.ports[{place}].targetPort", f"{workload.title} has no {protocol} port {target}"


def _scale_target(item: Object, index: Index) -> Iterator[Problem]:
    target = item.spec["scaleTargetRef"]
    workload = index.find(target["kind"], item.namespace, target["name"])
    if workload is None or workload.kind != "Deployment" or workload.api_version != target.get("apiVersion"):
        yield "spec.scaleTargetRef", f"no such object in the bundle: {brief(' '.join(target.values()))}"
        return
    for place, metric in enumerate(item.spec.get("metrics", [])):
        resource = metric.get("resource", {})
        if "averageUtilization" in resource.get("target", {}) and not _all_request(
            workload, resource["name"]
        ):
            yield f"spec.metrics[{place}].resource", f"a container of {workload.title} does not request it"


def _all_request(workload: Object, resource: str) -> bool:
    """Whether utilization, which is relative to the request, is defined for the pods."""
    asked: list[dict[str, Any]] = [
        one.get("resources", {}) for one in workload.pod_spec.get("containers", [])
    ]
    return all(resource in one.get("requests", {}) | one.get("limits", {}) for one in asked)


def _budget(item: Object, index: Index) -> Iterator[Problem]:
    selector = item.spec.get("selector")
    hits = [] if selector is None else index.selected(item.namespace, selector)
    if not any(hit.kind == "Deployment" for hit in hits):
        yield "spec.selector", "selects the pods of no Deployment"


def _policy(item: Object, index: Index) -> Iterator[Problem]:
    selector = item.spec.get("podSelector", {})
    if any(selector.values()) and not index.selected(item.namespace, selector):
        yield "spec.podSelector", "selects no pods of the bundle"


def _backends(item: Object, index: Index) -> Iterator[Problem]:
    for pointer, backend in backends(item):
        if "service" not in backend:
            continue
        name, port = backend["service"]["name"], backend["service"].get("port", {})
        service = index.find("Service", item.namespace, name)
        if service is None:
            yield f"{pointer}.service.name", f"no Service {item.namespace}/{brief(name)} in the bundle"
        elif not any(
            port in ({"number": one["port"]}, {"name": one.get("name")})
            for one in service.spec.get("ports", [])
        ):
            yield f"{pointer}.service.port", f"{service.title} has no such port"


def _role(item: Object, index: Index) -> Iterator[Problem]:
    role = item.data["roleRef"]
    if role["kind"] == "Role" and index.find("Role", item.namespace, role["name"]) is None:
        yield "roleRef.name", f"no Role {item.namespace}/{brief(role['name'])} in the bundle"


_PODS: tuple[Rule, ...] = (_account, mounts, keys)
_RULES: dict[str, tuple[Rule, ...]] = {
    "Deployment": (_own_pods, *_PODS),
    "HorizontalPodAutoscaler": (_scale_target,),
    "Ingress": (_backends,),
    "Job": _PODS,
    "NetworkPolicy": (_policy,),
    "PodDisruptionBudget": (_budget,),
    "RoleBinding": (_role,),
    "Service": (_service,),
}
