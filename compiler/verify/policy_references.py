"""Whether network policies fit the pods: whose they are, on which ports, and that none is forgotten."""

from collections.abc import Iterator, Sequence
from itertools import product

from compiler.verify.finding import Finding, brief
from compiler.verify.index import Index, listens
from compiler.verify.objects import Object
from compiler.verify.reach import Peer, Policy, Port, Rule, policies

# Whoever selects pods by the name of the catalog means pods of this bundle.
_OURS = "app.kubernetes.io/instance"
_DNS = 53


def check(index: Index) -> Iterator[Finding]:
    found = list(policies(index))
    lonely = [finding for policy in found for finding in _pods(policy, index)]
    yield from lonely
    if not lonely:
        yield from _forgotten(found, index)
    ruled = [finding for policy in found for rule in policy.rules for finding in _rule(policy, rule, index)]
    yield from ruled
    if not ruled:
        for policy in found:
            yield from _one_sided(policy, found, index)


def _pods(policy: Policy, index: Index) -> Iterator[Finding]:
    if any(policy.selector.values()) and not policy.selected(index):
        yield policy.item.finding(policy.pointer, "selects no pods of the bundle")


def _rule(policy: Policy, rule: Rule, index: Index) -> Iterator[Finding]:
    """What comes to the selected pods comes to a port of theirs; what they call, to one of the peer."""
    if rule.inward:
        for port in rule.ports:
            yield from _nobody_listens(policy.item, port, policy.selected(index))
    for peer in rule.peers:
        pods = _pods_of(peer, index)
        if not pods and _is_ours(peer, index):
            yield policy.item.finding(peer.pointer, "selects no pods of the bundle")
        if not rule.inward and pods:
            for port in rule.ports:
                yield from _nobody_listens(policy.item, port, pods)


def _one_sided(policy: Policy, found: Sequence[Policy], index: Index) -> Iterator[Finding]:
    """Between pods of the bundle, what one side lets pass the other must let pass too."""
    for rule in policy.rules:
        for peer in (one for one in rule.peers if _is_ours(one, index)):
            for pod, own in product(_pods_of(peer, index), policy.selected(index)):
                others = [other for other in found if pod in other.selected(index)]
                sided = [other for other in others if (other.outward if rule.inward else other.inward)]
                passing = (one for other in sided for one in other.rules if one.inward != rule.inward)
                if sided and not any(one.admits(own) for one in passing):
                    way = "call" if rule.inward else "let in"
                    yield policy.item.finding(
                        peer.pointer, f"the policies of {pod.title} do not {way} {own.title}"
                    )


def _nobody_listens(item: Object, port: Port, pods: Sequence[Object]) -> Iterator[Finding]:
    if port.target is None or not pods:
        return
    if not any(listens(pod, port.target, port.protocol, port.end) for pod in pods):
        what = (
            f"{pods[0].title} has no {port.protocol} port {brief(port.target)} (policies see the pods' ports)"
        )
        yield item.finding(port.pointer, what)


def _pods_of(peer: Peer, index: Index) -> list[Object]:
    if not any(peer.selector.values()):
        return []  # all pods of a namespace, of which the bundle's are a part
    if peer.namespace is not None:
        return index.selected(peer.namespace, peer.selector)
    namespaces = {pod.namespace for pod in index.all_workloads}
    return [pod for name in sorted(namespaces) for pod in index.selected(name, peer.selector)]


def _is_ours(peer: Peer, index: Index) -> bool:
    wanted = peer.selector.get("matchLabels", {}).get(_OURS)
    return wanted is not None and any(pod.pod_labels.get(_OURS) == wanted for pod in index.all_workloads)


def _forgotten(found: Sequence[Policy], index: Index) -> Iterator[Finding]:
    """Where one Deployment has a policy, each has one, for both directions, and can still ask for names."""
    covered = {policy.item.namespace for policy in found}
    for pod in index.of("Deployment"):
        if pod.namespace not in covered:
            continue
        own = [policy for policy in found if pod in policy.selected(index)]
        at = "spec.template.metadata.labels"
        if not own:
            yield pod.finding(at, "no policy is for these pods, while other pods of the bundle have one")
        elif not any(policy.inward for policy in own):
            yield own[0].item.finding("spec", f"nothing limits who may call the pods of {pod.title}")
        elif not any(policy.outward for policy in own):
            yield own[0].item.finding("spec", f"nothing limits what the pods of {pod.title} may call")
        elif not any(_takes_dns(rule) for policy in own for rule in policy.rules):
            yield own[0].item.finding(
                "spec.egress", f"the pods of {pod.title} cannot ask for names: port 53, UDP"
            )


def _takes_dns(rule: Rule) -> bool:
    return not rule.inward and (
        not rule.ports
        or any(port.target in {_DNS, "dns", None} and port.protocol in {"ANY", "UDP"} for port in rule.ports)
    )
