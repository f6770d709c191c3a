"""What a change does to the cluster: objects, pods that restart or take it up as they run, handwork."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.pipeline import Bundle
from compiler.plan.objects import Field, Object, ObjectChange, changed_objects, differences, parsed

_TEMPLATE = "spec.template"
_DIGEST = "spec.template.metadata.annotations[interlock.dev/config-digest]"
_SETTINGS = ("litellm_settings", "router_settings", "general_settings")
_IDENTITIES = ("iam.gke.io/", "eks.amazonaws.com/", "azure.workload.identity/")


@dataclass(frozen=True, slots=True)
class Rollout:
    """What becomes of a Deployment's pods: `restarts`, `reloads`, `scales`, `starts` or `stops`; and why.

    Of one that scales, `why` is how many pods there are, and were.
    """

    name: str
    namespace: str
    what: str
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What `kubectl apply` does not do: a command, and why. `first`: before applying, else after it."""

    command: str
    why: str
    first: bool = False


@dataclass(frozen=True, slots=True)
class Resources:
    """What differs between two bundles. `settings` are LiteLLM's, by gateway: (gateway, what differs)."""

    objects: tuple[ObjectChange, ...] = ()
    rollouts: tuple[Rollout, ...] = ()
    steps: tuple[Step, ...] = ()
    settings: tuple[tuple[str, tuple[Field, ...]], ...] = ()
    unread: tuple[str, ...] = ()

    def deployments(self, what: str) -> list[str]:
        """The names of those that restart, reload, start or stop."""
        return [rollout.name for rollout in self.rollouts if rollout.what == what]


def compare(before: Bundle, after: Bundle) -> Resources:
    """What differs between what two catalogs are rendered to."""
    objects, unread = changed_objects(before, after)
    return Resources(
        tuple(objects),
        tuple(_rollouts(objects)),
        tuple(_steps(objects)),
        tuple(_settings(before, after)),
        tuple(unread),
    )


def _of(objects: list[ObjectChange], kind: str, gateway: str | None = None) -> list[ObjectChange]:
    return [one for one in objects if one.kind == kind and gateway in (None, one.gateway)]


def _rollouts(objects: list[ObjectChange]) -> Iterator[Rollout]:
    rolled = set()
    for one in _of(objects, "Deployment"):
        if one.what != "changed":
            yield Rollout(one.name, one.namespace, {"added": "starts", "removed": "stops"}[one.what])
            rolled.add(one.gateway)
        elif why := tuple(_reasons(one, objects)):
            yield Rollout(one.name, one.namespace, "restarts", why)
            rolled.add(one.gateway)
    yield from _scaled(objects)
    reloaded = {one.gateway: one.namespace for one in _of(objects, "ConfigMap") if _is_part(one, "routing")}
    for gateway, namespace in sorted(reloaded.items()):
        if gateway not in rolled:
            yield Rollout(gateway, namespace, "reloads", ("the routing table",))


def _scaled(objects: list[ObjectChange]) -> Iterator[Rollout]:
    for one in objects:
        before, after = (_pods(side) for side in (one.before, one.after))
        if one.what == "changed" and before != after:
            yield Rollout(one.name, one.namespace, "scales", (after, before))


def _pods(side: Object | None) -> str:
    """How many pods an object asks for, in words; nothing where it asks for none."""
    spec = (side or {}).get("spec") or {}
    match (side or {}).get("kind"):
        case "HorizontalPodAutoscaler":
            return f"{spec.get('minReplicas')} to {spec.get('maxReplicas')} pods"
        case "ScaledObject":
            return f"{spec.get('minReplicaCount')} to {spec.get('maxReplicaCount')} pods"
        case "Deployment" if "replicas" in spec:
            return f"{spec['replicas']} pods"
    return ""


def _reasons(deployment: ObjectChange, objects: list[ObjectChange]) -> Iterator[str]:
    """What of the pods differs, in the words of the manifest."""
    inside = [one.path for one in deployment.fields if one.path.startswith((_TEMPLATE, "spec.selector"))]
    if _DIGEST in inside:
        parts = {"config": "LiteLLM's configuration", "plugin": "the routing plugin"}
        maps = _of(objects, "ConfigMap", deployment.gateway)
        found = [words for part, words in parts.items() if any(_is_part(one, part) for one in maps)]
        yield " and ".join(found) or "LiteLLM's configuration"
    yield from sorted({short(path) for path in inside if path != _DIGEST})


def short(path: str) -> str:
    """The part of a Deployment that differs: `image`, `env[PROJECT_ID]`, `resources`."""
    inner = path.removeprefix(f"{_TEMPLATE}.").removeprefix("spec.").removeprefix("containers[litellm].")
    if path == _DIGEST:
        return "config-digest"
    for whole in ("resources", "volumes", "topologySpreadConstraints"):
        if inner.startswith(whole):
            return whole
    return inner.replace(".valueFrom", "").split("]")[0] + "]" if inner.startswith("env[") else inner


def _is_part(config_map: ObjectChange, part: str) -> bool:
    name = config_map.name.removeprefix(f"{config_map.gateway}-")
    return name == part or name.startswith(f"{part}-")


def _steps(objects: list[ObjectChange]) -> Iterator[Step]:
    for one in objects:
        if one.what == "removed":
            yield Step(
                _kubectl("delete", one.kind, one.name, one.namespace),
                "applying removes nothing (Argo CD and Flux do, where pruning is on)",
            )
    for one in _of(objects, "Deployment"):
        if any(changed.path.startswith("spec.selector") for changed in one.fields):
            yield Step(
                _kubectl("delete", "Deployment", one.name, one.namespace),
                "its selector cannot be changed in place: its pods are gone until it is applied again",
                first=True,
            )
    yield from _stale_identities(objects)


def _stale_identities(objects: list[ObjectChange]) -> Iterator[Step]:
    """Pods take on an identity when they start."""
    rolled = {one.gateway for one in _of(objects, "Deployment") if any(_reasons(one, objects))}
    for one in _of(objects, "ServiceAccount"):
        moved = any(mark in changed.path for changed in one.fields for mark in _IDENTITIES)
        if moved and one.gateway not in rolled:
            yield Step(
                f"kubectl rollout restart deployment/{one.gateway} -n {one.namespace}",
                f"the cloud identity of account {one.name} changes, and running pods keep the old one",
            )


def _kubectl(verb: str, kind: str, name: str, namespace: str) -> str:
    return f"kubectl {verb} {kind.lower()} {name}" + (f" -n {namespace}" if namespace else "")


def _settings(before: Bundle, after: Bundle) -> Iterator[tuple[str, tuple[Field, ...]]]:
    """LiteLLM's own settings; models, prices and limits are told of as the catalog has them."""
    for path in sorted({**before, **after}):
        parts = path.split("/")
        both = before.get(path), after.get(path)
        if len(parts) == 3 and parts[0] == "litellm" and parts[2] == "config.yaml" and None not in both:
            found = () if both[0] == both[1] else tuple(_of_config(*both))
            if found:
                yield parts[1], found


def _of_config(before: bytes | None, after: bytes | None) -> Iterator[Field]:
    for one in differences(_config(before), _config(after)):
        # Routing groups repeat the strategies, for lists and grants: nobody is routed by them.
        if one.path.startswith(_SETTINGS) and not one.path.startswith("router_settings.routing_groups"):
            yield one


def _config(raw: bytes | None) -> Any:
    found = parsed(raw or b"")
    return (
        {key: value for key, value in found.items() if key != "model_list"}
        if isinstance(found, dict)
        else None
    )
