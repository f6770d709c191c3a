"""The policies of a network, whichever kind, in one form: whose pods, and what may pass."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.verify.index import Index, selects
from compiler.verify.objects import Object
from compiler.verify.policies import as_port, plain

KINDS = ("NetworkPolicy", "CiliumNetworkPolicy", "FQDNNetworkPolicy")
_NAMESPACE = "kubernetes.io/metadata.name"
_CILIUM_NAMESPACES = ("io.kubernetes.pod.namespace", f"io.cilium.k8s.namespace.labels.{_NAMESPACE}")


@dataclass(frozen=True, slots=True)
class Port:
    """A port by number or name, None for all of the protocol. `pointer` is its place in the policy."""

    pointer: str
    target: str | int | None
    protocol: str
    end: int | None


@dataclass(frozen=True, slots=True)
class Peer:
    """Pods by label. `namespace` is None where the policy does not say one by its name."""

    pointer: str
    namespace: str | None
    selector: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """May pass; no ports are all ports. `peers` are those given by label, `anyone` where there are none."""

    inward: bool
    anyone: bool
    peers: tuple[Peer, ...]
    ports: tuple[Port, ...]

    def admits(self, pod: Object) -> bool:
        """Whether the pods are among the peers, by their labels."""
        return self.anyone or any(
            peer.namespace in {None, pod.namespace} and selects(peer.selector, pod.pod_labels)
            for peer in self.peers
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """`inward`, `outward`: whether the policy limits what comes to the pods, what they may call."""

    item: Object
    pointer: str  # of the selector
    selector: Mapping[str, Any]
    inward: bool
    outward: bool
    rules: tuple[Rule, ...]

    def selected(self, index: Index) -> list[Object]:
        return index.selected(self.item.namespace, self.selector)


def policies(index: Index) -> Iterator[Policy]:
    """`index` holds objects that the schema has accepted."""
    for item in index.of(*KINDS):
        spec = item.spec
        if item.kind == "NetworkPolicy":
            types = spec.get("policyTypes", [])
            selector = spec.get("podSelector", {})
            yield Policy(
                item, "spec.podSelector", selector, "Ingress" in types, "Egress" in types, tuple(_plain(item))
            )
        elif item.kind == "CiliumNetworkPolicy":
            selector = plain(spec["endpointSelector"])
            sides = ("ingress" in spec, "egress" in spec)
            yield Policy(item, "spec.endpointSelector", selector, *sides, tuple(_cilium(item)))
        else:
            rules = tuple(_named(item))
            yield Policy(
                item, "spec.podSelector", spec["podSelector"], inward=False, outward=True, rules=rules
            )


def _plain(item: Object) -> Iterator[Rule]:
    for field, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(item.spec.get(field, [])):
            at = f"spec.{field}[{index}]"
            ports = tuple(
                Port(
                    f"{at}.ports[{i}].port",
                    port.get("port"),
                    port.get("protocol", "TCP"),
                    port.get("endPort"),
                )
                for i, port in enumerate(rule.get("ports", []))
            )
            peers = (_peer(f"{at}.{side}[{i}]", peer, item) for i, peer in enumerate(rule.get(side, [])))
            yield Rule(field == "ingress", side not in rule, tuple(peer for peer in peers if peer), ports)


def _peer(at: str, peer: Mapping[str, Any], item: Object) -> Peer | None:
    if "ipBlock" in peer:
        return None
    namespace: str | None = item.namespace
    if "namespaceSelector" in peer:
        namespace = peer["namespaceSelector"].get("matchLabels", {}).get(_NAMESPACE)
    return Peer(f"{at}.podSelector", namespace, peer.get("podSelector", {}))


def _cilium(item: Object) -> Iterator[Rule]:
    for field, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(item.spec.get(field, [])):
            at = f"spec.{field}[{index}]"
            ports = tuple(
                Port(
                    f"{at}.toPorts[{i}].ports[{j}].port",
                    as_port(port["port"]),
                    port.get("protocol", "ANY"),
                    port.get("endPort"),
                )
                for i, entry in enumerate(rule.get("toPorts", []))
                for j, port in enumerate(entry["ports"])
            )
            found = rule.get(f"{side}Endpoints", [])
            peers = tuple(_endpoint(f"{at}.{side}Endpoints[{i}]", peer, item) for i, peer in enumerate(found))
            limits = rule.keys() & {
                f"{side}Endpoints",
                f"{side}CIDR",
                f"{side}CIDRSet",
                f"{side}Entities",
                "toFQDNs",
            }
            yield Rule(field == "ingress", not limits, peers, ports)


def _endpoint(at: str, peer: Mapping[str, Any], item: Object) -> Peer:
    selector = plain(peer)
    labels = dict(selector["matchLabels"])
    namespaces = [labels.pop(name) for name in _CILIUM_NAMESPACES if name in labels]
    return Peer(at, namespaces[0] if namespaces else item.namespace, {**selector, "matchLabels": labels})


def _named(item: Object) -> Iterator[Rule]:
    for index, rule in enumerate(item.spec["egress"]):
        ports = (
            Port(f"spec.egress[{index}].ports[{i}].port", port.get("port"), port.get("protocol", "TCP"), None)
            for i, port in enumerate(rule.get("ports", []))
        )
        yield Rule(inward=False, anyone=False, peers=(), ports=tuple(ports))
