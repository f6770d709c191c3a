"""Who may reach whom under a set of NetworkPolicies: the semantics of networking.k8s.io/v1, nothing of ours.

https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

Policy = Mapping[str, Any]
Rule = Mapping[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod, the labels of its namespace, and the names of its ports."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    ip: str | None = None
    namespace_labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def labels_of_namespace(self) -> Mapping[str, str]:
        """With the one that the API server gives every namespace."""
        return {**self.namespace_labels, "kubernetes.io/metadata.name": self.namespace}


@dataclass(frozen=True)
class Outside:
    """An address that is no pod's."""

    ip: str


Party = Pod | Outside


@dataclass(frozen=True)
class _Door:
    """Where a connection goes: ports are always the target's, whichever side is asked."""

    target: Party
    port: int
    protocol: str


def may_reach(
    policies: Iterable[Policy], source: Party, target: Party, port: int, protocol: str = "TCP"
) -> bool:
    """Whether a connection comes through: the source's egress and the target's ingress must both allow it."""
    found, door = list(policies), _Door(target, port, protocol)
    return _allowed(found, "Egress", source, target, door) and _allowed(
        found, "Ingress", target, source, door
    )


def _allowed(policies: list[Policy], kind: str, own: Party, peer: Party, door: _Door) -> bool:
    """A pod that no policy of the kind selects is open; else what any one of them allows is allowed."""
    isolating = [p for p in policies if isinstance(own, Pod) and _selects(p, own) and kind in _types(p)]
    return not isolating or any(
        _has(rule, "from" if kind == "Ingress" else "to", peer, _namespace(policy)) and _is_open(rule, door)
        for policy in isolating
        for rule in policy["spec"].get(kind.lower()) or []
    )


def _namespace(policy: Policy) -> str:
    return str(policy["metadata"].get("namespace", "default"))


def _types(policy: Policy) -> list[str]:
    spec = policy["spec"]
    return list(spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])])


def _selects(policy: Policy, pod: Pod) -> bool:
    chosen = _chosen(policy["spec"].get("podSelector") or {}, pod.labels)
    return chosen and _namespace(policy) == pod.namespace


def _has(rule: Rule, peers: str, party: Party, namespace: str) -> bool:
    """An empty or missing list of peers means everybody."""
    return not rule.get(peers) or any(_is(peer, party, namespace) for peer in rule[peers])


def _is_open(rule: Rule, door: _Door) -> bool:
    """An empty or missing list of ports means all of them."""
    return not rule.get("ports") or any(_leads_to(port, door) for port in rule["ports"])


def _is(peer: Rule, party: Party, namespace: str) -> bool:
    if "ipBlock" in peer:
        return party.ip is not None and _within(peer["ipBlock"], party.ip)
    if not isinstance(party, Pod):
        return False
    if "namespaceSelector" in peer:
        here = _chosen(peer["namespaceSelector"], party.labels_of_namespace)
    else:
        here = party.namespace == namespace
    return here and _chosen(peer.get("podSelector") or {}, party.labels)


def _within(block: Rule, address: str) -> bool:
    """Plugins differ on whether an ipBlock means pods' addresses too; here it does, the worst case."""
    left_out = any(_holds(hole, address) for hole in block.get("except") or [])
    return _holds(block["cidr"], address) and not left_out


@cache  # the same few pairs, in every connection of every mutant
def _holds(network: str, address: str) -> bool:
    return ip_address(address) in ip_network(network)


def _leads_to(wanted: Rule, door: _Door) -> bool:
    if wanted.get("protocol", "TCP") != door.protocol:
        return False
    number = wanted.get("port")
    if isinstance(number, str):
        return isinstance(door.target, Pod) and door.target.ports.get(number) == door.port
    return number is None or bool(number <= door.port <= wanted.get("endPort", number))


def _chosen(selector: Rule, labels: Mapping[str, str]) -> bool:
    exact = all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items())
    return exact and all(_expression(one, labels) for one in selector.get("matchExpressions") or [])


def _expression(one: Rule, labels: Mapping[str, str]) -> bool:
    value = labels.get(one["key"])
    match one["operator"]:
        case "In":
            return value in one["values"]
        case "NotIn":
            return value not in one["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(one["operator"])
