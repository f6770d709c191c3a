"""The bundle's objects by name, and its pods by label."""

from collections.abc import Mapping, Sequence
from typing import Any

from compiler.verify.objects import Object, containers


class Index:
    def __init__(self, items: Sequence[Object]) -> None:
        self._by_kind: dict[str, list[Object]] = {}
        self._by_name = {(item.kind, item.namespace, item.name): item for item in items}
        self._workloads: dict[str, list[Object]] = {}
        self._namespaces: dict[tuple[str, str], str] = {}
        for item in items:
            self._by_kind.setdefault(item.kind, []).append(item)
            self._namespaces[item.kind, item.name] = item.namespace
            if item.pod_template is not None:
                self._workloads.setdefault(item.namespace, []).append(item)

    def find(self, kind: str, namespace: str, name: str) -> Object | None:
        return self._by_name.get((kind, namespace, name))

    def of(self, *kinds: str) -> list[Object]:
        """All objects of these kinds."""
        return [item for kind in kinds for item in self._by_kind.get(kind, [])]

    def namespace_of(self, kind: str, name: str) -> str | None:
        """A namespace that holds an object of that name, or None when none does."""
        return self._namespaces.get((kind, name))

    def workloads(self, namespace: str) -> list[Object]:
        """What starts pods in the namespace: its Deployments and Jobs."""
        return self._workloads.get(namespace, [])

    @property
    def all_workloads(self) -> list[Object]:
        return [item for items in self._workloads.values() for item in items]

    def selected(self, namespace: str, selector: Mapping[str, Any]) -> list[Object]:
        """The workloads whose pods a label selector selects; an empty selector selects all of them."""
        return [item for item in self.workloads(namespace) if selects(selector, item.pod_labels)]


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    return selector.get("matchLabels", {}).items() <= labels.items() and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions", [])
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", [])
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
    return key not in labels


def ports(workload: Object) -> list[dict[str, Any]]:
    """The ports of its containers."""
    return [port for _, one in containers(workload.pod_spec, "") for port in one.get("ports", [])]


def loose(labels: Mapping[str, str], workload: Object) -> bool:
    """Whether labels select more than the pods that a Deployment knows for its own."""
    own = workload.spec.get("selector", {}).get("matchLabels", {})
    return own.items() <= workload.pod_labels.items() and not own.items() <= labels.items()


def listens(workload: Object, target: str | int, protocol: str, end: int | None = None) -> bool:
    """Whether a container has the port, by its number or its name, or one of `target` to `end`."""
    return any(
        protocol in {port.get("protocol", "TCP"), "ANY"}
        for port in ports(workload)
        if target in {port["containerPort"], port.get("name")}
        or (end is not None and isinstance(target, int) and target <= port["containerPort"] <= end)
    )
