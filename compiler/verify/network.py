"""What the API server asks of a Service, an Ingress and a NetworkPolicy."""

from collections.abc import Iterator
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem, brief
from compiler.verify.metadata import selector
from compiler.verify.objects import Object
from compiler.verify.syntax import labels, unique, wrong


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
    if "externalTrafficPolicy" in spec and spec.get("type") not in {"LoadBalancer", "NodePort"}:
        yield "spec.externalTrafficPolicy", "only for a Service that is reached from outside"


def _service_port(at: str, port: dict[str, Any], *, named: bool) -> Iterator[Problem]:
    yield from wrong(f"{at}.port", syntax.port(port["port"]))
    for field in ("nodePort", "targetPort"):
        if field in port:
            yield from wrong(f"{at}.{field}", syntax.port(port[field]))
    if named or "name" in port:
        yield from wrong(f"{at}.name", syntax.dns_label(port.get("name", "")))


def ingress(item: Object) -> Iterator[Problem]:
    spec = item.spec
    if not spec.get("rules") and "defaultBackend" not in spec:
        yield "spec.rules", "neither a rule nor a default backend"
    for index, rule in enumerate(spec.get("rules", [])):
        yield from _host(f"spec.rules[{index}].host", rule.get("host", ""))
    for index, tls in enumerate(spec.get("tls", [])):
        for place, host in enumerate(tls.get("hosts", [])):
            yield from _host(f"spec.tls[{index}].hosts[{place}]", host)
    for pointer, path in paths(item):
        if path["pathType"] != "ImplementationSpecific" and not path.get("path", "").startswith("/"):
            yield f"{pointer}.path", f"{brief(path.get('path', ''))!r} does not begin with /"
    for pointer, backend in backends(item):
        target = backend.get("service", {}).get("port", {})
        if len(backend) != 1 or ("service" in backend and len(target) != 1):
            yield pointer, "wants one service with the name or the number of its port"


def paths(item: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, rule in enumerate(item.spec.get("rules", [])):
        for place, path in enumerate(rule.get("http", {}).get("paths", [])):
            yield f"spec.rules[{index}].http.paths[{place}]", path


def backends(item: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every backend an Ingress names, and its pointer."""
    if "defaultBackend" in item.spec:
        yield "spec.defaultBackend", item.spec["defaultBackend"]
    for pointer, path in paths(item):
        yield f"{pointer}.backend", path["backend"]


def _host(at: str, host: str) -> Iterator[Problem]:
    if host:
        yield from wrong(at, syntax.dns_subdomain(host.removeprefix("*.")))


def network_policy(item: Object) -> Iterator[Problem]:
    yield from selector("spec.podSelector", item.spec.get("podSelector", {}))
    for field, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(item.spec.get(field, [])):
            pointer = f"spec.{field}[{index}]"
            for place, port in enumerate(rule.get("ports", [])):
                yield from _policy_port(f"{pointer}.ports[{place}]", port)
            for place, peer in enumerate(rule.get(peers, [])):
                yield from _peer(f"{pointer}.{peers}[{place}]", peer)


def _policy_port(at: str, port: dict[str, Any]) -> Iterator[Problem]:
    if "port" in port:
        yield from wrong(f"{at}.port", syntax.port(port["port"]))
    if "endPort" in port:
        first = port.get("port")
        if not isinstance(first, int) or not first <= port["endPort"] <= 65535:
            yield f"{at}.endPort", "must not be below a numeric port, nor over 65535"


def _peer(at: str, peer: dict[str, Any]) -> Iterator[Problem]:
    if not peer:
        yield at, "an empty peer: it wants an ipBlock, a podSelector or a namespaceSelector"
    if "ipBlock" in peer:
        if len(peer) > 1:
            yield f"{at}.ipBlock", "does not go with selectors in the same peer"
        block = peer["ipBlock"]
        yield from wrong(f"{at}.ipBlock.cidr", syntax.cidr(block["cidr"]))
        for index, hole in enumerate(block.get("except", [])):
            yield from wrong(f"{at}.ipBlock.except[{index}]", syntax.within(hole, block["cidr"]))
    for field in ("namespaceSelector", "podSelector"):
        yield from selector(f"{at}.{field}", peer.get(field, {}))
