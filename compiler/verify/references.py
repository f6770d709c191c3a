"""Whether what the objects name is there: pods a selector selects, ports, volumes, keys, accounts, targets.

A ConfigMap, Secret or Gateway that the bundle does not hold is the user's own and allowed; any other name
must resolve within the bundle. Runs on objects that the schema has accepted.
"""

from collections.abc import Callable, Iterator, Sequence

from compiler.verify import (
    google_references,
    monitoring_references,
    policy_references,
    scaling_references,
    secret_references,
)
from compiler.verify.entrances import backends, encrypted, requests, routed
from compiler.verify.finding import Finding, Problem, brief
from compiler.verify.index import Index, listens, loose, selects
from compiler.verify.objects import Object, containers
from compiler.verify.volumes import keys, mounts

Rule = Callable[[Object, Index], Iterator[Problem]]


def check(items: Sequence[Object], secrets: str | None = None) -> Iterator[Finding]:
    """`secrets` is the text of SECRETS.md, where the bundle has one."""
    index = Index(items)
    twice = list(_twice(items))
    yield from twice
    if twice:
        return  # who is meant by a name is not sure
    yield from _namespace_first(items)
    for item in items:
        for rule in _RULES.get(item.kind, ()):
            for problem in rule(item, index):
                yield item.finding(*problem)
    for whole in _TOGETHER:
        yield from whole(index)
    if secrets is not None:
        yield from secret_references.told(index, secrets)


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


def _spread(item: Object, index: Index) -> Iterator[Problem]:
    """A constraint on other pods than its own spreads nothing."""
    for place, constraint in enumerate(item.pod_spec.get("topologySpreadConstraints", [])):
        at = f"spec.template.spec.topologySpreadConstraints[{place}].labelSelector"
        counted = constraint.get("labelSelector")
        if counted is None or not selects(counted, item.pod_labels):
            yield at, "does not match the labels of the pod template"
            continue
        for other in index.of("Deployment"):
            if other.namespace == item.namespace and other is not item and selects(counted, other.pod_labels):
                yield at, f"counts the pods of {other.title} too"


def _service(item: Object, index: Index) -> Iterator[Problem]:
    selector = item.spec.get("selector")
    if not selector:
        if item.spec.get("type") != "ExternalName":
            yield "spec.selector", "no selector: the Service leads to no pods"
        return
    selected = index.selected(item.namespace, {"matchLabels": selector})
    if not selected:
        yield "spec.selector", "selects no pods of the bundle"
    if len(selected) > 1:
        yield "spec.selector", f"selects the pods of {selected[0].title} and of {selected[1].title}"
    elif selected and loose(selector, selected[0]):
        yield (
            "spec.selector",
            f"would select other pods too: not all the labels by which {selected[0].title} does",
        )
    for workload in selected:
        for place, port in enumerate(item.spec.get("ports", [])):
            target, protocol = port.get("targetPort", port["port"]), port.get("protocol", "TCP")
            if not listens(workload, target, protocol):
                yield f"spec.ports[{place}].targetPort", f"{workload.title} has no {protocol} port {target}"


def _ready(item: Object, index: Index) -> Iterator[Problem]:
    """Without a readiness probe a Service sends requests to a process that has not started."""
    for service in index.of("Service"):
        chosen = service.spec.get("selector")
        if (
            service.namespace != item.namespace
            or not chosen
            or not selects({"matchLabels": chosen}, item.pod_labels)
        ):
            continue
        for at, one in containers(item.pod_spec, "spec.template.spec"):
            if one.get("ports") and "readinessProbe" not in one:
                yield f"{at}.readinessProbe", f"no probe, and {service.title} sends requests there"
        return


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


def _tls(item: Object, _: Index) -> Iterator[Problem]:
    yield from encrypted(item)


def _route(item: Object, index: Index) -> Iterator[Problem]:
    for at, backend in routed(item):
        if backend.get("kind", "Service") != "Service" or backend.get("group"):
            yield f"{at}.kind", "no Service: nothing else stands behind our routes"
            continue
        namespace = backend.get("namespace", item.namespace)
        service = index.find("Service", namespace, backend["name"])
        if namespace != item.namespace:
            yield f"{at}.namespace", "another namespace, which wants a ReferenceGrant there"
        elif service is None:
            yield f"{at}.name", f"no Service {namespace}/{brief(backend['name'])} in the bundle"
        elif backend.get("port") not in [port["port"] for port in service.spec.get("ports", [])]:
            yield f"{at}.port", f"{service.title} has no port {backend.get('port', '(none is given)')}"


def _entrances(index: Index) -> Iterator[Finding]:
    """No two Ingresses or routes take the same requests."""
    taken: dict[object, Object] = {}
    for item in index.of("Ingress", "HTTPRoute"):
        for pointer, request in requests(item):
            if other := taken.get(request):
                yield item.finding(pointer, f"{other.title} takes these requests already")
        for _, request in requests(item):
            taken.setdefault(request, item)


def _role(item: Object, index: Index) -> Iterator[Problem]:
    role = item.data["roleRef"]
    if role["kind"] == "Role" and index.find("Role", item.namespace, role["name"]) is None:
        yield "roleRef.name", f"no Role {item.namespace}/{brief(role['name'])} in the bundle"
    for place, subject in enumerate(item.data.get("subjects", [])):
        namespace, name = subject.get("namespace", ""), subject["name"]
        if subject["kind"] != "ServiceAccount" or name == "default":
            continue
        if index.find("ServiceAccount", namespace, name) is None:
            yield f"subjects[{place}].name", f"no ServiceAccount {namespace}/{brief(name)} in the bundle"


_PODS: tuple[Rule, ...] = (_account, _spread, mounts, keys, secret_references.keys)
_RULES: dict[str, tuple[Rule, ...]] = {
    "Deployment": (_own_pods, _ready, *_PODS),
    "GCPBackendPolicy": (google_references.policy,),
    "HTTPRoute": (_route,),
    "HealthCheckPolicy": (google_references.policy,),
    "HorizontalPodAutoscaler": (scaling_references.autoscaler,),
    "Ingress": (_backends, _tls),
    "Job": _PODS,
    "PodDisruptionBudget": (scaling_references.budget,),
    "PodMonitor": (monitoring_references.pod_monitor,),
    "RoleBinding": (_role,),
    "ScaledObject": (scaling_references.scaled_object,),
    "Service": (_service,),
    "ServiceMonitor": (monitoring_references.service_monitor,),
}
_TOGETHER: tuple[Callable[[Index], Iterator[Finding]], ...] = (
    scaling_references.shared,
    policy_references.check,
    secret_references.check,
    _entrances,
    google_references.backend_configs,
)
