"""Exposure: who can reach a gateway, and what with."""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network

from compiler.catalog_gateways import Gateway
from compiler.diagnostics import KEY_BYPASS, OPEN_GATEWAY, PLAIN_HTTP, SHUT_ENTRANCE, Diagnostic, Path_
from compiler.interlocks.case import Case, ask

_Network = IPv4Network | IPv6Network
# Where Google's load balancers ask for the health of what is behind them, the internal ones too.
_GOOGLE = (ip_network("130.211.0.0/22"), ip_network("35.191.0.0/16"))
# Annotations by which a load balancer stays private, or speaks TLS itself.
_PRIVATE_OR_TLS = re.compile(r"internal|private|ssl|tls|cert|https", re.IGNORECASE)


def outside_needs_a_key(case: Case) -> Iterator[Diagnostic]:
    """IL502: a gateway that the outside can reach asks for a key."""
    for gateway in case.catalog.gateways.values():
        if gateway.master_key is None and gateway.outside:
            found = OPEN_GATEWAY.on_value(
                case.document,
                (*gateway.path, "auth"),
                f"gateway {gateway.name!r} is reachable from outside the cluster and asks for no key",
                "remove `auth: none` (a master key is the default), or use ClusterIP and no ingress",
            )
            yield found.with_related(case.document.span(gateway.outside, key=True), "reachable here")


def keys_hold_on_every_hop(case: Case) -> Iterator[Diagnostic]:
    """IL503: what one gateway asks a key for, no other gateway serves without one."""
    for gateway in case.catalog.gateways.values():
        keyed = _asks_a_key_for_the_same(case, gateway) if gateway.master_key is None else None
        if keyed is not None:
            name, other = keyed
            found = KEY_BYPASS.on_value(
                case.document,
                (*gateway.path, "auth"),
                f"gateway {gateway.name!r} serves {name!r} to every pod of the cluster without a key, "
                f"and {other.name!r} asks for one",
                "remove `auth: none`: calls between gateways carry a key of their own",
            )
            found = found.with_related(
                case.document.span(other.path, key=True), "the gateway whose keys it makes void"
            )
            mode = case.catalog.models[name].modes[0]
            body = ask(mode, model=name)
            yield (
                found.with_request(body, f"is answered by {gateway.name} without a key", mode=mode)
                if case.reaches(case.catalog.models[name], mode)
                else found
            )


def _asks_a_key_for_the_same(case: Case, gateway: Gateway) -> tuple[str, Gateway] | None:
    """(a model that both serve, the other gateway), the first by name."""
    own = {model.name for model in case.catalog.served(gateway)}
    for other in case.catalog.gateways.values():
        if other.master_key is not None:
            common = own & {model.name for model in case.catalog.served(other)}
            if common:
                return min(common), other
    return None


def the_internet_is_encrypted(case: Case) -> Iterator[Diagnostic]:
    """IL504: clients never send their keys across the internet in the clear."""
    for gateway in case.catalog.gateways.values():
        if gateway.master_key is None:
            continue  # IL502 has more to say of it
        service = gateway.service
        # What a load balancer is on any other platform, and who reaches it, only the user knows.
        public = service.type == "LoadBalancer" and not service.internal
        if (
            case.catalog.target.platform != "generic"
            and public
            and not is_private_or_tls(service.annotations)
        ):
            yield _in_the_clear(
                case, gateway, (*gateway.path, "service", "type"), "a public load balancer that speaks",
                "say `internal: true`, or use ClusterIP behind an ingress that terminates TLS",
            )  # fmt: skip
        ingress = gateway.ingress
        if ingress and not ingress.tls_secret and not is_private_or_tls(ingress.annotations):
            yield _in_the_clear(
                case, gateway, (*gateway.path, "ingress", "host"), "an ingress that speaks",
                "add `tls_secret`, the Secret with the certificate of this host",
            )  # fmt: skip


def is_private_or_tls(annotations: Mapping[str, str]) -> bool:
    """Whether annotations tell a load balancer to stay private, or to speak TLS itself."""
    return any(_PRIVATE_OR_TLS.search(f"{key}={value}") for key, value in annotations.items())


def _in_the_clear(case: Case, gateway: Gateway, path: Path_, by: str, hint: str) -> Diagnostic:
    what = f"gateway {gateway.name!r} gets {by} plain HTTP"
    message = f"{what}: keys and prompts cross the network unencrypted"
    return PLAIN_HTTP.on_value(case.document, path, message, hint)


def entrances_let_somebody_in(case: Case) -> Iterator[Diagnostic]:
    """IL505: what a load balancer or node port is opened for is not shut out by `allow_from`."""
    for gateway in case.catalog.gateways.values():
        if gateway.allow_from is None:
            continue
        networks = [ip_network(caller.cidr) for caller in gateway.allow_from if caller.cidr]
        kind = gateway.service.type
        if kind != "ClusterIP" and not networks:
            yield _shut(
                case, gateway, f"has a {kind}, and `allow_from` names no addresses",
                "add the addresses of the callers, such as `{cidr: 10.0.0.0/8}`, or use a ClusterIP service",
            )  # fmt: skip
        elif case.catalog.behind_google(gateway) and not all(_within(one, networks) for one in _GOOGLE):
            yield _shut(
                case, gateway, "is behind Google's load balancer, and `allow_from` leaves out its addresses",
                "add " + " and ".join(f"`{{cidr: {one}}}`" for one in _GOOGLE)
                + "; health checks come from there, and of an internal one also the proxy-only subnet",
            )  # fmt: skip


def _shut(case: Case, gateway: Gateway, what: str, hint: str) -> Diagnostic:
    message = f"gateway {gateway.name!r} {what}: its network policy shuts out whoever calls through it"
    found = SHUT_ENTRANCE.on(case.document, (*gateway.path, "allow_from"), message, hint)
    return found.with_related(case.document.span(gateway.outside or (), key=True), "opened here")


def _within(address: _Network, networks: Iterable[_Network]) -> bool:
    return any(
        one.version == address.version and address.subnet_of(one)  # type: ignore[arg-type]
        for one in networks
    )
