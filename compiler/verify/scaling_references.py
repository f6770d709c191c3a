"""Whether what scales or protects pods finds them, and that no two do so to the same pods."""

from collections.abc import Iterator
from typing import Any

from compiler.verify.finding import Finding, Problem, brief
from compiler.verify.index import Index, loose, selects
from compiler.verify.objects import Object, containers

_SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
_FEWEST = {"HorizontalPodAutoscaler": ("minReplicas", 1), "ScaledObject": ("minReplicaCount", 0)}
_KINDS = {"apiVersion": "apps/v1", "kind": "Deployment"}  # what KEDA takes where nothing is said


def autoscaler(item: Object, index: Index) -> Iterator[Problem]:
    workload = _target(item, index)
    if workload is None:
        yield "spec.scaleTargetRef", _none(item.spec["scaleTargetRef"])
        return
    for place, metric in enumerate(item.spec.get("metrics", [])):
        resource = metric.get("resource", {})
        if "averageUtilization" in resource.get("target", {}) and not _requested(workload, resource["name"]):
            yield f"spec.metrics[{place}].resource", f"a container of {workload.title} does not request it"


def scaled_object(item: Object, index: Index) -> Iterator[Problem]:
    target, workload = item.spec["scaleTargetRef"], _target(item, index)
    if workload is None:
        yield "spec.scaleTargetRef", _none(target)
        return
    names = {one["name"] for _, one in containers(workload.pod_spec, "")}
    if target.get("envSourceContainerName", next(iter(names), "")) not in names:
        yield "spec.scaleTargetRef.envSourceContainerName", f"{workload.title} has no such container"
    for place, trigger in enumerate(item.spec["triggers"]):
        kind = trigger["type"]
        if kind in {"cpu", "memory"} and not _requested(workload, kind):
            yield f"spec.triggers[{place}].type", f"a container of {workload.title} does not request it"


def _target(item: Object, index: Index) -> Object | None:
    target = {**(_KINDS if item.kind == "ScaledObject" else {}), **item.spec["scaleTargetRef"]}
    workload = index.find(target["kind"], item.namespace, target["name"])
    wanted = ("Deployment", target.get("apiVersion"))
    return workload if workload and (workload.kind, workload.api_version) == wanted else None


def _none(target: dict[str, str]) -> str:
    return f"no such object in the bundle: {brief(' '.join(target.values()))}"


def _requested(workload: Object, resource: str) -> bool:
    """Whether utilization, which is relative to the request, is defined for the pods."""
    asked: list[dict[str, Any]] = [
        one.get("resources", {}) for one in workload.pod_spec.get("containers", [])
    ]
    return all(resource in one.get("requests", {}) | one.get("limits", {}) for one in asked)


def budget(item: Object, index: Index) -> Iterator[Problem]:
    selector = item.spec.get("selector")
    if selector is None:
        yield "spec.selector", "selects the pods of no Deployment"
        return
    hits = [hit for hit in index.selected(item.namespace, selector) if hit.kind == "Deployment"]
    if not hits:
        yield "spec.selector", "selects the pods of no Deployment"
    elif len(hits) > 1:
        yield "spec.selector", f"selects the pods of {hits[0].title} and of {hits[1].title}"
    elif set(selector) == {"matchLabels"} and loose(selector["matchLabels"], hits[0]):
        yield (
            "spec.selector",
            f"would select other pods too: not all the labels by which {hits[0].title} does",
        )
    wanted = item.spec.get("minAvailable", 0)
    for hit in hits:
        least = _least(hit, index)
        if least is not None and isinstance(wanted, int) and wanted >= max(least, 1):
            yield (
                "spec.minAvailable",
                f"{hit.title} may have {least} pods: it would block the drain of a node",
            )


def _least(workload: Object, index: Index) -> int | None:
    """The fewest pods that a Deployment has when all is well; None when neither it nor a scaler says so."""
    counts = [
        scaler.spec.get(*_FEWEST[scaler.kind])
        for scaler in index.of(*_SCALERS)
        if _target(scaler, index) is workload
    ]
    replicas: int | None = min(counts, default=workload.spec.get("replicas"))
    return replicas


def shared(index: Index) -> Iterator[Finding]:
    """Pods with two scalers, two budgets, or a number of replicas beside a scaler."""
    scaled: dict[int, Object] = {}
    for scaler in index.of(*_SCALERS):
        workload = _target(scaler, index)
        if workload is None:
            continue
        if other := scaled.get(id(workload)):
            yield scaler.finding("spec.scaleTargetRef", f"{other.title} scales {workload.title} already")
        elif "replicas" in workload.spec:
            yield workload.finding("spec.replicas", f"{scaler.title} decides it: each apply would undo that")
        scaled[id(workload)] = scaler
    yield from _two_budgets(index)


def _two_budgets(index: Index) -> Iterator[Finding]:
    budgets = [item for item in index.of("PodDisruptionBudget") if "selector" in item.spec]
    for workload in index.of("Deployment"):
        hits = [
            item
            for item in budgets
            if item.namespace == workload.namespace and selects(item.spec["selector"], workload.pod_labels)
        ]
        for item in hits[1:]:
            yield item.finding(
                "spec.selector", f"{hits[0].title} is for the pods of {workload.title} already"
            )
