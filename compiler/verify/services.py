"""What the API server asks of a Service."""

from collections.abc import Iterator
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem
from compiler.verify.objects import Object
from compiler.verify.syntax import labels, unique, wrong

_DAY_SECONDS = 24 * 60 * 60
_OUTER_TYPES = frozenset({"LoadBalancer", "NodePort"})
_OUTER_FIELDS = (
    "allocateLoadBalancerNodePorts",
    "loadBalancerClass",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
)


def service(item: Object) -> Iterator[Problem]:
    spec = item.spec
    ports = [(f"spec.ports[{index}]", port) for index, port in enumerate(spec.get("ports", []))]
    if not ports and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        yield "spec.ports", "no port"
    for pointer, port in ports:
        yield from _service_port(pointer, port, named=len(ports) > 1)
    named = ((f"{pointer}.name", port["name"]) for pointer, port in ports if "name" in port)
    yield from unique(named, "the name")
    pairs = ((f"{pointer}.port", (port["port"], port.get("protocol", "TCP"))) for pointer, port in ports)
    yield from unique(pairs, "the port")
    yield from labels("spec.selector", spec.get("selector", {}))
    for index, source in enumerate(spec.get("loadBalancerSourceRanges", [])):
        yield from wrong(f"spec.loadBalancerSourceRanges[{index}]", syntax.cidr(source.strip()))
    numbers = ((f"{pointer}.nodePort", port["nodePort"]) for pointer, port in ports if "nodePort" in port)
    yield from unique(numbers, "the port")
    yield from _service_type(spec, spec.get("type", "ClusterIP"))
    yield from _affinity("spec.sessionAffinityConfig", spec)


def _service_type(spec: dict[str, Any], kind: str) -> Iterator[Problem]:
    """What goes with one type of Service only."""
    for field in _OUTER_FIELDS:
        if field in spec and kind != "LoadBalancer":
            yield f"spec.{field}", "only for the type LoadBalancer"
    if "externalTrafficPolicy" in spec and kind not in _OUTER_TYPES:
        yield "spec.externalTrafficPolicy", "only for a Service that is reached from outside"
    for index, port in enumerate(spec.get("ports", [])):
        if "nodePort" in port and kind not in _OUTER_TYPES:
            yield f"spec.ports[{index}].nodePort", "only for a Service that is reached from outside"
    cluster_ip = spec.get("clusterIP", "")
    if cluster_ip == "None" and kind in _OUTER_TYPES:
        yield "spec.clusterIP", f"None does not go with the type {kind}"
    elif cluster_ip not in {"", "None"}:
        yield from wrong("spec.clusterIP", syntax.address(cluster_ip))
    if kind == "ExternalName":
        yield from wrong("spec.externalName", syntax.dns_subdomain(spec.get("externalName", "").rstrip(".")))
    for index, address in enumerate(spec.get("externalIPs", [])):
        yield from wrong(f"spec.externalIPs[{index}]", syntax.address(address))


def _affinity(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    if "sessionAffinityConfig" not in spec:
        return
    if spec.get("sessionAffinity") != "ClientIP":
        yield at, "goes with the sessionAffinity ClientIP and no other"
    seconds = spec["sessionAffinityConfig"].get("clientIP", {}).get("timeoutSeconds", 1)
    if not 1 <= seconds <= _DAY_SECONDS:
        yield f"{at}.clientIP.timeoutSeconds", f"{seconds} is not 1 to {_DAY_SECONDS}"


def _service_port(at: str, port: dict[str, Any], *, named: bool) -> Iterator[Problem]:
    yield from wrong(f"{at}.port", syntax.port(port["port"]))
    for field in ("nodePort", "targetPort"):
        if field in port:
            yield from wrong(f"{at}.{field}", syntax.port(port[field]))
    if named or "name" in port:
        yield from wrong(f"{at}.name", syntax.dns_label(port.get("name", "")))
