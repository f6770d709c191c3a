"""Who may reach the gateways, and what they hold: keys, entrances, network policies, identities.

Read off the manifests, so that it is the same for a catalog and for a folder of output.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from compiler.plan.marks import name, names
from compiler.plan.objects import Object, ObjectChange

_MASTER_KEY = "LITELLM_MASTER_KEY"
_ENTRANCES = ("Ingress", "HTTPRoute")
_BY_NAME = ("CiliumNetworkPolicy", "FQDNNetworkPolicy")
_EVERYONE: Object = {}
_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Access:
    """One difference: `worse`, `better`, `needed` (what must exist before it is applied) or `other`."""

    effect: str
    gateway: str
    words: str


def compare(objects: tuple[ObjectChange, ...]) -> list[Access]:
    """What the changed objects mean for access; of a gateway that goes altogether, nothing."""
    gone = {one.gateway for one in objects if one.kind == "Deployment" and one.what == "removed"}
    left = [one for one in objects if one.gateway and one.gateway not in gone]
    found = [Access(effect, one.gateway, words) for one in left for effect, words in _of(one)]
    return list(dict.fromkeys(found))


def _of(one: ObjectChange) -> Iterator[tuple[str, str]]:
    if one.kind == "Deployment":
        yield from _key(one)
        yield from _secrets(one)
    elif one.kind == "Service":
        yield from _service(one)
    elif one.kind in _ENTRANCES:
        yield from _entrance(one)
    elif one.kind == "NetworkPolicy":
        yield from _policy(one)
    elif one.kind in _BY_NAME:
        yield from _by_name(one)
    elif one.kind == "ServiceAccount":
        yield from _identity(one)


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _environment(deployment: Object | None) -> dict[str, Any]:
    containers = _at(deployment, "spec", "template", "spec", "containers") or [{}]
    return {one["name"]: one for one in containers[0].get("env", ()) if "name" in one}


def _key(one: ObjectChange) -> Iterator[tuple[str, str]]:
    before, after = (_MASTER_KEY in _environment(side) for side in (one.before, one.after))
    if not after and (before or one.before is None):
        yield "worse", f"{name(one.gateway)} answers without a key"
    elif after and not before and one.before is not None:
        yield "better", f"{name(one.gateway)} asks for a key"


def _secrets(one: ObjectChange) -> Iterator[tuple[str, str]]:
    before, after = (_read(side) for side in (one.before, one.after))
    for secret, key in sorted(after - before):
        yield "needed", f"Secret {name(secret)} with key {name(key)} in namespace {name(one.namespace)}"
    for secret, key in sorted(before - after):
        yield "other", f"{name(one.gateway)} no longer reads key {name(key)} of Secret {name(secret)}"


def _read(deployment: Object | None) -> set[tuple[str, str]]:
    found = [_at(one, "valueFrom", "secretKeyRef") for one in _environment(deployment).values()]
    return {(str(one.get("name")), str(one.get("key"))) for one in found if one}


def _service(one: ObjectChange) -> Iterator[tuple[str, str]]:
    reach = ("inside the cluster", "inside the network", "from the internet")
    before, after = (_open(side) for side in (one.before, one.after))
    if one.before is None:
        if after:
            yield "worse", f"{name(one.gateway)} is reached {reach[after]} by its Service"
    elif before != after:
        yield (
            "worse" if after > before else "better",
            f"{name(one.gateway)} is reached {reach[after]} by its Service, and was {reach[before]}",
        )


def _open(service: Object | None) -> int:
    """How far a Service reaches: 0 the cluster, 1 the network around it, 2 the internet."""
    if _at(service, "spec", "type") in (None, "ClusterIP"):
        return 0
    annotations = _at(service, "metadata", "annotations") or {}
    internal = any(
        "internal" in f"{key} {value}".lower() and value != "false" for key, value in annotations.items()
    )
    return 1 if internal or _at(service, "spec", "type") == "NodePort" else 2


def _entrance(one: ObjectChange) -> Iterator[tuple[str, str]]:
    before, after = (_hosts(side) for side in (one.before, one.after))
    if one.before is None:
        yield (
            "worse",
            f"{name(one.gateway)} is reached from outside the cluster at {names(after)} ({one.kind})",
        )
    elif one.after is None:
        yield "better", f"{name(one.gateway)} is not reached from outside by {one.kind} at {names(before)}"
    elif before != after:
        yield "other", f"{name(one.gateway)} is reached at {names(after)}, and was at {names(before)}"
    if _at(one.before, "spec", "tls") and one.after is not None and not _at(one.after, "spec", "tls"):
        yield "worse", f"{name(one.gateway)} is reached without TLS"


def _hosts(entrance: Object | None) -> list[str]:
    rules = _at(entrance, "spec", "rules") or []
    return list(_at(entrance, "spec", "hostnames") or [rule["host"] for rule in rules if rule.get("host")])


def _policy(one: ObjectChange) -> Iterator[tuple[str, str]]:
    if one.after is None:
        yield (
            "worse",
            f"{name(one.gateway)} loses its NetworkPolicy: anything may call it, and it may call anything",
        )
        return
    if one.before is None:
        return
    before, after = (_callers(side) for side in (one.before, one.after))
    for caller in after:
        if not any(_covers(old, caller) for old in before):
            yield "worse", f"{name(one.gateway)} may be called by {_words(caller)}"
    for caller in before:
        if not any(_covers(new, caller) for new in after):
            yield "better", f"{name(one.gateway)} is no longer called by {_words(caller)}"
    old, new = (_destinations(side) for side in (one.before, one.after))
    yield from (("other", f"{name(one.gateway)} may call {_words(peer)}") for peer in new if peer not in old)
    yield from (
        ("other", f"{name(one.gateway)} may not call {_words(peer)} any more")
        for peer in old
        if peer not in new
    )


def _callers(policy: Object | None) -> list[Object]:
    """Whom a policy lets in at the API's port; a rule without peers lets everybody in."""
    rules = [rule for rule in _at(policy, "spec", "ingress") or () if _is_api(rule)]
    return [peer for rule in rules for peer in rule.get("from") or [_EVERYONE]]


def _is_api(rule: Object) -> bool:
    from compiler.render.pods import PORT  # noqa: PLC0415  # beside what was rendered

    ports = [port.get("port") for port in rule.get("ports") or ()]
    return not ports or PORT in ports


def _destinations(policy: Object | None) -> list[Object]:
    return [peer for rule in _at(policy, "spec", "egress") or () for peer in rule.get("to") or [_EVERYONE]]


def _covers(wide: Object, narrow: Object) -> bool:
    if wide in (_EVERYONE, narrow):
        return True
    blocks = [_at(peer, "ipBlock", "cidr") for peer in (wide, narrow)]
    if all(blocks):
        return _contains(str(blocks[0]), str(blocks[1])) and not _at(wide, "ipBlock", "except")
    namespaces = [_at(peer, "namespaceSelector") for peer in (wide, narrow)]
    if None in namespaces or _at(wide, "podSelector") not in (None, _at(narrow, "podSelector")):
        return False
    return namespaces[0] in ({}, namespaces[1])


def _contains(wide: str, narrow: str) -> bool:
    try:
        one, other = ip_network(wide, strict=False), ip_network(narrow, strict=False)
    except ValueError:
        return False
    return one.version == other.version and bool(other.subnet_of(one))  # type: ignore[arg-type]


def _words(peer: Object) -> str:
    if peer == _EVERYONE:
        return "everybody"
    if cidr := _at(peer, "ipBlock", "cidr"):
        return f"addresses in {name(cidr)}"
    labels = _at(peer, "podSelector", "matchLabels")
    space = _at(peer, "namespaceSelector", "matchLabels", _NAMESPACE)
    pods = f"pods with {name(json.dumps(labels, sort_keys=True))}" if labels else "every pod"
    return f"{pods} of namespace {name(space)}" if space else f"{pods} of the cluster"


def _by_name(one: ObjectChange) -> Iterator[tuple[str, str]]:
    if one.after is None:
        yield "worse", f"{name(one.gateway)} is not held to its providers' host names any more ({one.kind})"
    elif one.before is None:
        yield "better", f"{name(one.gateway)} is held to its providers' host names ({one.kind})"


def _identity(one: ObjectChange) -> Iterator[tuple[str, str]]:
    before, after = (_at(side, "metadata", "annotations") or {} for side in (one.before, one.after))
    for key, value in sorted(after.items()):
        if before.get(key) != value:
            yield "needed", f"account {name(one.name)} acts as {name(value)}, which must trust it"
    for key, value in sorted(before.items()):
        if key not in after:
            yield "other", f"account {name(one.name)} no longer acts as {name(value)}"
