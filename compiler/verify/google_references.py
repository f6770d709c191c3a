"""Whether what Google's load balancers are told is of a Service, and asks for health where pods listen."""

import json
from collections.abc import Iterator

from compiler.verify.finding import Finding, Problem, brief, child
from compiler.verify.index import Index, listens
from compiler.verify.objects import Object

_ANNOTATION = "cloud.google.com/backend-config"


def policy(item: Object, index: Index) -> Iterator[Problem]:
    """A GCPBackendPolicy or HealthCheckPolicy."""
    name = item.spec["targetRef"]["name"]
    service = index.find("Service", item.namespace, name)
    if service is None:
        yield "spec.targetRef.name", f"no Service {item.namespace}/{brief(name)} in the bundle"
    elif item.kind == "HealthCheckPolicy":
        check = item.spec["default"]["config"]["httpHealthCheck"]
        yield from _asked("spec.default.config.httpHealthCheck.port", check["port"], service, index)


def backend_configs(index: Index) -> Iterator[Finding]:
    """Each is named by a Service, and each Service names one that is there."""
    named: dict[tuple[str, str], Object] = {}
    for service in index.of("Service"):
        text = service.metadata.get("annotations", {}).get(_ANNOTATION)
        for name in () if text is None else _names(text):
            named[service.namespace, name] = service
            if index.find("BackendConfig", service.namespace, name) is None:
                at = child("metadata.annotations", _ANNOTATION)
                yield service.finding(at, f"no BackendConfig {service.namespace}/{brief(name)} in the bundle")
    for item in index.of("BackendConfig"):
        user = named.get((item.namespace, item.name))
        if user is None:
            yield item.finding("metadata.name", f"no Service names it in its annotation {_ANNOTATION}")
        elif "healthCheck" in item.spec:
            for problem in _asked("spec.healthCheck.port", item.spec["healthCheck"]["port"], user, index):
                yield item.finding(*problem)


def _names(text: str) -> list[str]:
    """The names in the annotation, {"default": …, "ports": {…}}; one that no object has for what is none."""
    try:
        data = json.loads(text)
    except ValueError:
        return [text]
    if not isinstance(data, dict) or not isinstance(data.get("ports", {}), dict):
        return [text]
    found = [*([data["default"]] if "default" in data else []), *data.get("ports", {}).values()]
    return [str(name) for name in found]


def _asked(at: str, port: int, service: Object, index: Index) -> Iterator[Problem]:
    pods = index.selected(service.namespace, {"matchLabels": service.spec.get("selector", {})})
    if pods and not any(listens(pod, port, "TCP") for pod in pods):
        yield at, f"{pods[0].title} has no TCP port {port}"
