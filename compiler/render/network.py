"""The network policies of one gateway: who may call its pods, and what they may call."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Any

from compiler.catalog import Catalog
from compiler.catalog_gateways import Caller, Destination, Gateway
from compiler.render.egress import HTTPS, Calls, Name, Pods, Range, callers, calls
from compiler.render.pods import METRICS_PORT, PORT
from compiler.render.templates import Templates, labels, selector

# Ports are those of pods: policies see pods, and know nothing of a Service's ports.
Peer = dict[str, Any]  # of a rule, or a port of one

# Where the nodes themselves answer pods' DNS: NodeLocal DNSCache, GKE's Cloud DNS, AKS's LocalDNS.
_NODE_DNS = ("169.254.20.10/32",)
_PLATFORM_DNS = {"gke": ("169.254.169.254/32",), "aks": ("169.254.10.11/32",)}

# Addresses that are no provider's: this host, private, carrier-grade NAT, loopback, link-local (the nodes'
# metadata servers), protocol assignments, benchmarks, multicast, reserved (GKE gives some of them to pods).
_NOT_PUBLIC = {
    "0.0.0.0/0": (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4",
    ),
    "::/0": ("::1/128", "fc00::/7", "fe80::/10", "ff00::/8"),
}  # fmt: skip
_NOT_METADATA = {"0.0.0.0/0": ("127.0.0.0/8", "169.254.0.0/16"), "::/0": ("::1/128", "fe80::/10")}


def policies(catalog: Catalog, gateway: Gateway, templates: Templates) -> Iterator[tuple[str, str]]:
    """File name and YAML of each policy. With `target.network_policy`, host names are in a second one."""
    found, kind = calls(catalog, gateway), catalog.target.network_policy
    common = {
        "gateway": gateway,
        "labels": labels(catalog, gateway),
        "selector": selector(catalog, gateway),
    }
    resolvers = [*_NODE_DNS, *_PLATFORM_DNS.get(catalog.target.platform, ())]
    names = _names(found)
    by_name = kind != "kubernetes" and bool(names)
    # Beside a plain rule for a port, Cilium leaves out what another rule says of the requests at that port.
    plain_dns = not (by_name and kind == "cilium")
    yield (
        "networkpolicy.yaml",
        templates.manifest(
            "networkpolicy",
            **common,
            **_ingress(catalog, gateway),
            **_egress(catalog, gateway, found, by_name=by_name),
            dns=[_namespace("kube-system"), *map(_block, resolvers)] if plain_dns else [],
        ),
    )
    if by_name:
        file = {"cilium": "ciliumnetworkpolicy", "gke_fqdn": "fqdnnetworkpolicy"}[kind]
        matches = list(_MATCHES[kind](names))
        yield f"{file}.yaml", templates.manifest(file, **common, names=matches, dns_addresses=resolvers)


def _ingress(catalog: Catalog, gateway: Gateway) -> dict[str, Any]:
    """Who may call. A rule with an empty list of peers would let everybody in: such a rule is left out."""
    observability = catalog.observability
    listed = gateway.allow_from is not None
    peers: list[Peer] = [] if gateway.outside else [{"namespaceSelector": {}}]
    if gateway.allow_from is not None:
        peers = [_caller(caller) for caller in gateway.allow_from]
        peers += [_gateway(catalog, other) for other in callers(catalog, gateway)]
    return {
        "everyone": gateway.outside is not None and not listed,
        "callers": _once(peers),
        "listed": listed,
        "google_front_ends": catalog.target.platform == "gke"
        and bool(gateway.ingress or gateway.gateway_api),
        "http_ports": [_port(PORT)],
        "metrics": [_namespace(observability.namespace)] if observability.metrics else [],
        "metrics_ports": [_port(METRICS_PORT)],
    }


def _egress(catalog: Catalog, gateway: Gateway, found: Calls, *, by_name: bool) -> dict[str, Any]:
    """What the pods may call. Names go by address, which is anywhere, unless another policy holds them."""
    names = [] if by_name else sorted(found.names)
    rules = {
        "gateways": [_gateway(catalog, other) for other in found.gateways],
        "redis": [] if by_name and isinstance(found.redis, Name) else _redis(found),
        "metadata": list(_by_port(found.metadata)),
        "pods": [_namespace(pods.namespace) for pods in sorted(found.pods)],
        "ranges": list(_by_port(found.ranges)),
        "names": [name.name if name.port == HTTPS else f"{name.name}:{name.port}" for name in names],
        "allow_to": [_destination(destination) for destination in dict.fromkeys(gateway.allow_to)],
    }
    return {
        **rules,
        "calls_nothing": not any(rules.values()),
        "redis_ports": [_port(gateway.redis.port)] if gateway.redis else [],
        "public": [_block(cidr, but) for cidr, but in _NOT_PUBLIC.items()],
        "public_ports": [_port(port) for port in sorted({name.port for name in names})],
    }


def _redis(found: Calls) -> list[Peer]:
    match found.redis:
        case None:
            return []
        case Pods(namespace):
            return [_namespace(namespace)]
        case Range(cidr):
            return [_block(cidr)]
    # A managed Redis has a name, and mostly a private address behind it.
    return [_block(cidr, but) for cidr, but in _NOT_METADATA.items()]


def _names(found: Calls) -> list[Name]:
    """Every name that the pods call, Redis' among them."""
    redis = {found.redis} if isinstance(found.redis, Name) else set()
    return sorted(found.names | redis, key=attrgetter("port", "name"))


def _by_port(ranges: Iterable[Range]) -> Iterator[tuple[list[Peer], list[Peer]]]:
    """(addresses, their port), as a rule has them."""
    for port, group in groupby(sorted(ranges, key=attrgetter("port", "cidr")), key=attrgetter("port")):
        yield [_block(one.cidr) for one in group], [_port(port)]


def _cilium(names: Iterable[Name]) -> Iterator[tuple[list[Peer], list[Peer]]]:
    for port, group in groupby(names, key=attrgetter("port")):
        found = [{"matchPattern" if "*" in one.name else "matchName": one.name} for one in group]
        yield found, [{"port": str(port), "protocol": "TCP"}]


def _gke_fqdn(names: Iterable[Name]) -> Iterator[tuple[list[Peer], list[Peer]]]:
    for port, group in groupby(names, key=attrgetter("port")):
        yield [{"pattern" if "*" in one.name else "name": one.name} for one in group], [_port(port)]


_MATCHES = {"cilium": _cilium, "gke_fqdn": _gke_fqdn}


def _caller(caller: Caller) -> Peer:
    """In one peer, for two would let in every pod of the namespace, and pods with the labels elsewhere."""
    if caller.cidr:
        return _block(caller.cidr)
    chosen = {"podSelector": {"matchLabels": dict(caller.labels)}} if caller.labels else {}
    return {**_namespace(str(caller.namespace)), **chosen}


def _destination(destination: Destination) -> tuple[list[Peer], list[Peer]]:
    peer = _block(destination.cidr) if destination.cidr else _namespace(str(destination.namespace))
    return [peer], [_port(destination.port)]


def _port(number: int | None) -> dict[str, Any]:
    """A TCP port; every one for None."""
    return {"protocol": "TCP"} if number is None else {"protocol": "TCP", "port": number}


def _gateway(catalog: Catalog, gateway: Gateway) -> Peer:
    return {**_namespace(gateway.namespace), "podSelector": {"matchLabels": selector(catalog, gateway)}}


def _namespace(name: str) -> Peer:
    """By the label that the API server itself gives each namespace, and that nobody can change."""
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


def _block(cidr: str, but: Iterable[str] = ()) -> Peer:
    left_out = list(but)
    return {"ipBlock": {"cidr": cidr, "except": left_out} if left_out else {"cidr": cidr}}


def _once(peers: Iterable[Peer]) -> list[Peer]:
    found: list[Peer] = []
    for peer in peers:
        if peer not in found:
            found.append(peer)
    return found
