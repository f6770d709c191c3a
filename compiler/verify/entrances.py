"""What the API server asks of an Ingress, and which requests it or an HTTPRoute takes to which Service."""

from collections.abc import Iterator
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem, brief
from compiler.verify.objects import Object
from compiler.verify.syntax import unique, wrong

_CLASS_ANNOTATION = "kubernetes.io/ingress.class"


def ingress(item: Object) -> Iterator[Problem]:
    spec = item.spec
    if not spec.get("rules") and "defaultBackend" not in spec:
        yield "spec.rules", "neither a rule nor a default backend"
    if "ingressClassName" in spec:
        yield from wrong("spec.ingressClassName", syntax.dns_subdomain(spec["ingressClassName"]))
        if _CLASS_ANNOTATION in item.metadata.get("annotations", {}):
            yield "spec.ingressClassName", f"does not go with the annotation {_CLASS_ANNOTATION}"
    for index, rule in enumerate(spec.get("rules", [])):
        yield from _host(f"spec.rules[{index}].host", rule.get("host", ""))
        if not rule.get("http", {}).get("paths") and "defaultBackend" not in spec:
            yield f"spec.rules[{index}].http", "no path, and no default backend"
    yield from _tls(spec)
    yield from _paths(item)
    for pointer, backend in backends(item):
        target = backend.get("service", {}).get("port", {})
        if len(backend) != 1 or ("service" in backend and len(target) != 1):
            yield pointer, "wants one service with the name or the number of its port"


def _tls(spec: dict[str, Any]) -> Iterator[Problem]:
    for index, tls in enumerate(spec.get("tls", [])):
        if "secretName" in tls:
            yield from wrong(f"spec.tls[{index}].secretName", syntax.dns_subdomain(tls["secretName"]))
        for place, host in enumerate(tls.get("hosts", [])):
            yield from _host(f"spec.tls[{index}].hosts[{place}]", host)


def encrypted(item: Object) -> Iterator[Problem]:
    """With TLS, all of it: a host without is served with a certificate of another, or in the clear."""
    hosts = [rule.get("host", "") for rule in item.spec.get("rules", [])]
    covered = [
        (f"spec.tls[{index}].hosts[{place}]", host)
        for index, tls in enumerate(item.spec.get("tls", []))
        for place, host in enumerate(tls.get("hosts", []))
    ]
    for pointer, pattern in covered:
        if any(hosts) and not any(_covers(pattern, host) for host in hosts):
            yield pointer, f"no rule is for the host {brief(pattern)}"
    for index, host in enumerate(hosts):
        if covered and not host:
            yield f"spec.rules[{index}].host", "no host: tls is for some only"
        elif covered and not any(_covers(pattern, host) for _, pattern in covered):
            yield f"spec.rules[{index}].host", f"no entry of tls is for the host {brief(host)}"


def _covers(pattern: str, host: str) -> bool:
    return host == pattern or (pattern.startswith("*.") and host.partition(".")[2] == pattern[2:])


def _paths(item: Object) -> Iterator[Problem]:
    for pointer, path in paths(item):
        if path["pathType"] != "ImplementationSpecific" or path.get("path"):
            yield from wrong(f"{pointer}.path", syntax.absolute_path(path.get("path", "")))
    places = (
        (f"{pointer}.path", (host, path.get("path", ""), path["pathType"]))
        for (pointer, path), host in zip(paths(item), _hosts(item), strict=True)
    )
    yield from unique(places, "the path")


def _hosts(item: Object) -> Iterator[str]:
    """The host of each of `paths`."""
    for rule in item.spec.get("rules", []):
        for _ in rule.get("http", {}).get("paths", []):
            yield rule.get("host", "")


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
        yield from wrong(at, syntax.host(host))


def routed(item: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every backend an HTTPRoute names, and its pointer."""
    for index, rule in enumerate(item.spec["rules"]):
        for place, backend in enumerate(rule.get("backendRefs", [])):
            yield f"spec.rules[{index}].backendRefs[{place}]", backend


def requests(item: Object) -> Iterator[tuple[str, object]]:
    """What an Ingress or HTTPRoute takes: two that take the same fight over it. And the pointers."""
    if item.kind == "Ingress":
        where = item.spec.get("ingressClassName", "")
        for (pointer, path), host in zip(paths(item), _hosts(item), strict=True):
            yield pointer, (where, host, path.get("path", ""), path["pathType"])
        return
    for parent in item.spec["parentRefs"]:
        where = (parent.get("namespace", item.namespace), parent["name"], parent.get("sectionName", ""))
        for host in item.spec.get("hostnames", [""]):
            for index, rule in enumerate(item.spec["rules"]):
                for match in rule.get("matches", [{}]):
                    yield f"spec.rules[{index}]", (where, host, repr(match))
