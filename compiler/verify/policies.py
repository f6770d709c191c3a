"""What the API server and the controllers ask of the policies of a network: plain, of Cilium and of GKE."""

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem
from compiler.verify.metadata import selector
from compiler.verify.objects import Object
from compiler.verify.syntax import wrong

_RULES = (("ingress", "from", "Ingress"), ("egress", "to", "Egress"))
_TO_PEERS = ("toCIDR", "toCIDRSet", "toEndpoints", "toEntities", "toFQDNs")


def network_policy(item: Object) -> Iterator[Problem]:
    spec = item.spec
    yield from _whose("spec.podSelector", spec.get("podSelector", {}))
    types = spec.get("policyTypes", [])
    if not types:
        yield "spec.policyTypes", "not given: an empty list of egress rules would then limit nothing"
    if len(set(types)) != len(types):
        yield "spec.policyTypes", "a type stands there twice"
    for field, peers, kind in _RULES:
        if field in spec and types and kind not in types:
            yield f"spec.{field}", f"no rule of it holds: policyTypes does not name {kind}"
        for index, rule in enumerate(spec.get(field, [])):
            pointer = f"spec.{field}[{index}]"
            yield from _open(pointer, rule)
            for place, port in enumerate(rule.get("ports", [])):
                yield from _port(f"{pointer}.ports[{place}]", port)
            for place, peer in enumerate(rule.get(peers, [])):
                yield from _peer(f"{pointer}.{peers}[{place}]", peer)


def _whose(at: str, found: Mapping[str, Any]) -> Iterator[Problem]:
    yield from selector(at, found)
    if not any(found.values()):
        yield at, "an empty selector: it would hold for every pod of the namespace, whoever's it is"


def _open(at: str, rule: Mapping[str, Any]) -> Iterator[Problem]:
    """What is left out is not limited; an empty list is mostly meant to be the contrary."""
    if not rule:
        yield at, "an empty rule"
    for field in sorted(rule):
        if rule[field] == []:
            yield f"{at}.{field}", "an empty list: leave it out for all, or the rule for none"


def _port(at: str, port: Mapping[str, Any]) -> Iterator[Problem]:
    if not port:
        yield at, "an empty port: it wants a protocol, a port or both"
    if "port" in port:
        yield from wrong(f"{at}.port", syntax.port(port["port"]))
    if "endPort" in port:
        first = port.get("port")
        if not isinstance(first, int) or not first <= port["endPort"] <= 65535:
            yield f"{at}.endPort", "must not be below a numeric port, nor over 65535"


def _peer(at: str, peer: Mapping[str, Any]) -> Iterator[Problem]:
    if not peer:
        yield at, "an empty peer: it wants an ipBlock, a podSelector or a namespaceSelector"
    if "ipBlock" in peer:
        if len(peer) > 1:
            yield f"{at}.ipBlock", "does not go with selectors in the same peer"
        yield from _block(f"{at}.ipBlock", peer["ipBlock"])
    for field in ("namespaceSelector", "podSelector"):
        yield from selector(f"{at}.{field}", peer.get(field, {}))


def _block(at: str, block: Mapping[str, Any]) -> Iterator[Problem]:
    yield from wrong(f"{at}.cidr", syntax.cidr(block["cidr"]))
    for index, hole in enumerate(block.get("except", [])):
        yield from wrong(f"{at}.except[{index}]", syntax.within(hole, block["cidr"]))


def cilium_policy(item: Object) -> Iterator[Problem]:
    spec = item.spec
    yield from _whose("spec.endpointSelector", plain(spec["endpointSelector"]))
    for field, side, _ in _RULES:
        for index, rule in enumerate(spec.get(field, [])):
            pointer = f"spec.{field}[{index}]"
            yield from _open(pointer, rule)
            yield from _cilium_peers(pointer, side, rule)
            for place, entry in enumerate(rule.get("toPorts", [])):
                yield from _cilium_ports(f"{pointer}.toPorts[{place}]", entry)
    rules = spec.get("egress", [])
    named = [index for index, rule in enumerate(rules) if "toFQDNs" in rule]
    if named and not any("rules" in entry for rule in rules for entry in rule.get("toPorts", [])):
        yield (
            f"spec.egress[{named[0]}].toFQDNs",
            "no rule for dns: Cilium learns the addresses of names there",
        )


def _cilium_peers(at: str, side: str, rule: Mapping[str, Any]) -> Iterator[Problem]:
    given = [field for field in _TO_PEERS if field in rule]
    if len(given) > 1:
        yield f"{at}.{given[1]}", f"does not go with {given[0]} in the same rule"
    for index, peer in enumerate(rule.get(f"{side}Endpoints", [])):
        yield from selector(f"{at}.{side}Endpoints[{index}]", plain(peer))
    for index, name in enumerate(rule.get("toFQDNs", []) if side == "to" else ()):
        for field, text in name.items():
            yield from wrong(f"{at}.toFQDNs[{index}].{field}", _name(text))
    for index, network in enumerate(rule.get(f"{side}CIDR", [])):
        yield from wrong(f"{at}.{side}CIDR[{index}]", syntax.cidr(network))
    for index, block in enumerate(rule.get(f"{side}CIDRSet", [])):
        yield from _block(f"{at}.{side}CIDRSet[{index}]", block)


def _cilium_ports(at: str, entry: Mapping[str, Any]) -> Iterator[Problem]:
    for index, port in enumerate(entry["ports"]):
        pointer, number = f"{at}.ports[{index}]", as_port(port["port"])
        yield from wrong(f"{pointer}.port", syntax.port(number))
        if "endPort" in port and not (isinstance(number, int) and number <= port["endPort"]):
            yield f"{pointer}.endPort", "must not be below a numeric port"
        if "rules" in entry and number != 53:
            yield f"{pointer}.port", "rules for dns are for the port 53"


def fqdn_policy(item: Object) -> Iterator[Problem]:
    yield from _whose("spec.podSelector", item.spec["podSelector"])
    for index, rule in enumerate(item.spec["egress"]):
        yield from _open(f"spec.egress[{index}]", rule)
        for place, name in enumerate(rule["matches"]):
            for field, text in name.items():
                yield from wrong(f"spec.egress[{index}].matches[{place}].{field}", _name(text))


def _name(text: str) -> str:
    """A host's name, in which stars may stand."""
    return syntax.dns_subdomain(text.rstrip(".").replace("*", "x"))


def as_port(text: str) -> str | int:
    """Cilium has every port as text."""
    return int(text) if text.isdecimal() else text


def plain(found: Mapping[str, Any]) -> dict[str, Any]:
    """A selector of Cilium, whose keys may say where a label comes from (`k8s:app`), without that."""
    expressions = [{**one, "key": _key(one["key"])} for one in found.get("matchExpressions", [])]
    return {
        "matchLabels": {_key(key): value for key, value in found.get("matchLabels", {}).items()},
        "matchExpressions": expressions,
    }


def _key(key: str) -> str:
    return key.removeprefix("k8s:").removeprefix("any:")
