"""Exposure: who can reach a gateway, and what with."""

import re
from collections.abc import Iterator

from compiler.catalog import Gateway
from compiler.diagnostics import KEY_BYPASS, OPEN_GATEWAY, PLAIN_HTTP, Diagnostic
from compiler.interlocks.case import Case, ask

# Annotations by which a load balancer stays private, or speaks TLS itself.
_PRIVATE_OR_TLS = re.compile(r"internal|private|ssl|tls|cert|https", re.IGNORECASE)


def outside_needs_a_key(case: Case) -> Iterator[Diagnostic]:
    """IL502: a gateway that the outside can reach asks for a key."""
    for gateway in case.catalog.gateways.values():
        if gateway.master_key is None and gateway.service.type != "ClusterIP":
            found = OPEN_GATEWAY.on_value(
                case.document,
                (*gateway.path, "auth"),
                f"gateway {gateway.name!r} is reachable from outside the cluster and asks for no key",
                "remove `auth: none` (a master key is the default), or use a ClusterIP service",
            )
            yield found.with_related(case.document.span((*gateway.path, "service", "type")), "reachable here")


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
    """IL504: no gateway has a public load balancer, to which clients would send their keys in the clear."""
    if case.catalog.target.platform == "generic":
        return  # what a load balancer is there, and who reaches it, only the user knows
    for gateway in case.catalog.gateways.values():
        service = gateway.service
        told = any(_PRIVATE_OR_TLS.search(f"{key}={value}") for key, value in service.annotations.items())
        if service.type == "LoadBalancer" and not service.internal and gateway.master_key and not told:
            yield PLAIN_HTTP.on_value(
                case.document,
                (*gateway.path, "service", "type"),
                f"gateway {gateway.name!r} gets a public load balancer that speaks plain HTTP: "
                "keys and prompts cross the internet unencrypted",
                "say `internal: true`, or use ClusterIP behind an ingress of yours that terminates TLS",
            )
