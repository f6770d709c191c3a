"""What the pods of one gateway call: where each address of the catalog is, as far as the address tells."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from compiler.catalog import (
    Catalog,
    Deployment,
    Model,
    Provider,
)
from compiler.catalog_gateways import Gateway
from compiler.targets.hosts import api_host, identity_hosts, metadata_servers

HTTPS = 443
_LABEL = "[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*")


@dataclass(frozen=True, slots=True, order=True)
class Pods:
    """The pods of a namespace. The ports of a Service say nothing of theirs."""

    namespace: str


@dataclass(frozen=True, slots=True, order=True)
class Range:
    """Addresses at a TCP port."""

    cidr: str
    port: int


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A host name outside the cluster at a TCP port. `*` stands for one label, or a part of one."""

    name: str
    port: int = HTTPS


Place = Pods | Range | Name


@dataclass(slots=True)
class Calls:
    """Every place that a gateway's pods call, besides DNS and what the catalog's `allow_to` adds."""

    gateways: list[Gateway]
    redis: Place | None = None
    metadata: set[Range] = field(default_factory=set)
    pods: set[Pods] = field(default_factory=set)
    ranges: set[Range] = field(default_factory=set)
    names: set[Name] = field(default_factory=set)

    def add(self, place: Place | None) -> None:
        if isinstance(place, Pods):
            self.pods.add(place)
        elif isinstance(place, Range):
            self.ranges.add(place)
        elif place:
            self.names.add(place)


def calls(catalog: Catalog, gateway: Gateway) -> Calls:
    """The places, by what calls them. A provider none of whose models is in service is not called."""
    found = Calls(called(catalog, gateway))
    if gateway.redis:
        found.redis = place(gateway.redis.host, gateway.redis.port, gateway.namespace)
    used: dict[str, Provider] = {}
    for provider, deployment, model in _direct(catalog, gateway):
        used[provider.name] = provider
        for name in api_host(provider, deployment, model):
            found.names.add(Name(name))
    for provider in used.values():
        if provider.base_url:
            found.add(_place_of(provider.base_url, gateway.namespace))
        found.names |= {Name(name) for name in identity_hosts(provider, catalog.target.platform)}
        for cidr, port in metadata_servers(provider.identity, catalog.target.platform):
            found.metadata.add(Range(cidr, port))
    return found


def _direct(catalog: Catalog, gateway: Gateway) -> Iterator[tuple[Provider, Deployment, Model]]:
    """Every deployment in service that this gateway's pods call themselves."""
    direct = {provider.name: provider for provider in catalog.direct_providers(gateway)}
    for model in catalog.served(gateway):
        for deployment in model.deployments:
            if deployment.provider in direct:
                yield direct[deployment.provider], deployment, model


def called(catalog: Catalog, gateway: Gateway) -> list[Gateway]:
    """The gateways that a gateway calls: a router, those of providers whose models are in service."""
    if not catalog.is_router(gateway):
        return []
    inner = (catalog.gateways[name] for name in sorted(catalog.provider_gateways))
    return [other for other in inner if catalog.served(other)]


def callers(catalog: Catalog, gateway: Gateway) -> list[Gateway]:
    """The gateways that call a gateway, by name."""
    return [other for _, other in sorted(catalog.gateways.items()) if gateway in called(catalog, other)]


def _place_of(url: str, namespace: str) -> Place | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # no port, or no address, that anything could call
        return None
    secure = parts.scheme == "https"
    return place(parts.hostname or "", port or (HTTPS if secure else 80), namespace, secure=secure)


def place(host: str, port: int, namespace: str, *, secure: bool = False) -> Place | None:
    """Where a host is, as far as its name tells, seen from a namespace. None: in the pod itself, or nowhere.

    `redis` and `redis.cache` are Services, as the cluster's DNS has it; a name of two labels that is
    called by TLS (`secure`) is somebody's domain.
    """
    host = host.lower().rstrip(".")
    if address := _address(host):
        return None if address.is_loopback else Range(f"{address}/{address.max_prefixlen}", port)
    if host == "localhost" or not _HOST.fullmatch(host):
        return None
    labels = host.split(".")
    if "svc" in labels[2:]:
        return Pods(labels[labels.index("svc", 2) - 1])
    if len(labels) == 1:
        return Pods(namespace)
    if len(labels) == 2 and not secure:
        return Pods(labels[1])
    return Name(host, port)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
