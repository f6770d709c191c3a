"""The gateways of a catalog, and what surrounds them: monitoring and where Secrets come from."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from compiler.catalog_gateways import (
    Caller,
    Destination,
    Gateway,
    GatewayRoute,
    Ingress,
    Keda,
    Observability,
    Redis,
    Replicas,
    SecretRef,
    Secrets,
    SecretStore,
    Service,
    Slo,
)
from compiler.diagnostics import BAD_VALUE
from compiler.quantities import at_least_zero
from compiler.scope import Scope
from compiler.source import Path_

# A second CPU keeps a process of one worker from ever being throttled, and a runaway one from the node.
DEFAULT_RESOURCES = {
    "requests": {"cpu": "500m", "memory": "1Gi"},
    "limits": {"cpu": "2", "memory": "2Gi"},
}


def resolve_gateway(name: str, data: Mapping[str, Any], scope: Scope) -> Gateway:
    """One gateway with its defaults; a range of addresses that is none is reported and left out."""
    path: Path_ = ("gateways", name)
    service, callers = data.get("service") or {}, data.get("allow_from")
    return Gateway(
        name=name,
        path=path,
        namespace=data.get("namespace", "default"),
        replicas=_replicas(data.get("replicas") or {}),
        service=Service(
            type=service.get("type", "ClusterIP"),
            port=int(service.get("port", 80)),  # JSON Schema takes 80.0 for a whole number
            internal=service.get("internal", False),
            annotations=in_order(service.get("annotations") or {}),
        ),
        master_key=_master_key(name, data.get("auth")),
        resources=_resources(data.get("resources") or {}),
        redis=_redis(data.get("redis")),
        allow_from=None if callers is None else tuple(_callers(callers, (*path, "allow_from"), scope)),
        allow_to=tuple(_destinations(data.get("allow_to") or (), (*path, "allow_to"), scope)),
        ingress=_ingress(data.get("ingress")),
        gateway_api=_route(data.get("gateway_api")),
        priority_class=data.get("priority_class"),
    )


def _replicas(data: Mapping[str, Any]) -> Replicas:
    most = int(data.get("max", max(10, data.get("min", 2))))
    keda = data.get("keda")
    return Replicas(
        min=int(data.get("min", min(2, most))),
        max=most,
        target_cpu_percent=int(data.get("target_cpu_percent", 70)),
        keda=None if keda is None else Keda(keda.get("prometheus"), keda.get("requests_per_second", 20)),
    )


def _resources(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What is written, and a default for the rest; a default gives way to the other side that is written."""
    requests, limits = dict(data.get("requests") or {}), dict(data.get("limits") or {})
    for name, default in DEFAULT_RESOURCES["requests"].items():
        requests.setdefault(name, min(default, limits.get(name, default), key=at_least_zero))
    for name, default in DEFAULT_RESOURCES["limits"].items():
        limits.setdefault(name, max(default, requests.get(name, default), key=at_least_zero))
    return {"requests": in_order(requests), "limits": in_order(limits)}


def _redis(data: Mapping[str, Any] | None) -> Redis | None:
    if not data:
        return None
    return Redis(data["host"], int(data.get("port", 6379)), secret(data.get("password")))


def _master_key(gateway: str, auth: Any) -> SecretRef | None:
    if auth == "none":
        return None
    return secret((auth or {}).get("master_key")) or SecretRef(f"{gateway}-auth", "master-key")


def secret(data: Mapping[str, str] | None) -> SecretRef | None:
    return SecretRef(data["secret"], data["key"]) if data else None


def _callers(rows: Iterable[Mapping[str, Any]], path: Path_, scope: Scope) -> Iterator[Caller]:
    for index, row in enumerate(rows):
        if _is_network(row, (*path, index), scope):
            yield Caller(row.get("namespace"), in_order(row.get("labels") or {}), row.get("cidr"))


def _destinations(rows: Iterable[Mapping[str, Any]], path: Path_, scope: Scope) -> Iterator[Destination]:
    for index, row in enumerate(rows):
        if _is_network(row, (*path, index), scope):
            port = row.get("port")
            yield Destination(row.get("namespace"), row.get("cidr"), None if port is None else int(port))


def _is_network(row: Mapping[str, Any], path: Path_, scope: Scope) -> bool:
    """Whether the range of addresses of a row, if it has one, is what Kubernetes takes for one."""
    text = row.get("cidr")
    try:
        given = ip_network(text, strict=False) if text else None
    except ValueError:
        message, hint = f"{text!r} is no range of addresses", "write it like 10.0.0.0/8 or fd00::/8"
    else:
        if given is None or str(given) == text:
            return True
        message, hint = f"{text!r} is not written as a network", f"write {given}"
    scope.found.append(BAD_VALUE.at(scope.document.span((*path, "cidr")), message, hint))
    return False


def _ingress(data: Mapping[str, Any] | None) -> Ingress | None:
    if not data:
        return None
    annotations = in_order(data.get("annotations") or {})
    return Ingress(data["host"], data.get("tls_secret"), data.get("class"), annotations)


def _route(data: Mapping[str, Any] | None) -> GatewayRoute | None:
    if not data:
        return None
    return GatewayRoute(
        data["parent"], data.get("parent_namespace"), data.get("section"), data.get("hostname")
    )


def resolve_observability(data: Mapping[str, Any]) -> Observability:
    """`observability` with its defaults."""
    slo = data.get("slo") or {}
    return Observability(
        metrics=data.get("metrics", "prometheus") == "prometheus",
        operator=data.get("operator", False),
        namespace=data.get("namespace", "monitoring"),
        labels=in_order(data.get("labels") or {}),
        slo=Slo(slo.get("availability"), slo.get("p95_latency_ms")),
        hourly_budget_usd=data.get("hourly_budget_usd"),
        dashboard=data.get("dashboard", True),
    )


def resolve_secrets(data: Mapping[str, Any]) -> Secrets:
    """`secrets` with its defaults; a store means something for the backend external_secrets alone."""
    store = data.get("store") if data.get("backend") == "external_secrets" else None
    return Secrets(
        store=store
        and SecretStore(
            store["name"],
            store.get("kind", "ClusterSecretStore"),
            store.get("entries", "secret"),
            store.get("prefix", ""),
        ),
        refresh=data.get("refresh", "1h"),
        reloader=data.get("reloader", False),
    )


def in_order(data: Any) -> Any:
    """A mapping by its keys: the order in which they are written must not show in the output."""
    return {key: in_order(data[key]) for key in sorted(data)} if isinstance(data, dict) else data
