"""What the API server asks of every object's metadata, and of selectors."""

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem, child
from compiler.verify.objects import CLUSTER_KINDS, Object
from compiler.verify.syntax import labels, wrong

MAX_ANNOTATIONS_BYTES = 256 * 1024

# Labels whose value is the name of a namespace: Kubernetes' own, and what Cilium makes of it.
_NAMESPACE_LABELS = frozenset({"io.kubernetes.pod.namespace", "kubernetes.io/metadata.name"})
_NAMES: dict[str, syntax.Rule] = {
    "Namespace": syntax.dns_label,
    "Service": syntax.dns_1035_label,
    "Job": syntax.job_name,
    "Role": syntax.path_segment,
    "RoleBinding": syntax.path_segment,
}


def metadata(item: Object) -> Iterator[Problem]:
    yield from wrong("metadata.name", _NAMES.get(item.kind, syntax.dns_subdomain)(item.name))
    yield from wrong("metadata.namespace", _namespace(item))
    yield from described("metadata", item.metadata)


def described(at: str, fields: dict[str, Any]) -> Iterator[Problem]:
    """The labels and annotations of an object or of a pod template."""
    yield from labels(f"{at}.labels", fields.get("labels", {}))
    yield from _annotations(f"{at}.annotations", fields.get("annotations", {}))


def _namespace(item: Object) -> str:
    if item.kind in CLUSTER_KINDS:
        return f"a {item.kind} stands in no namespace" if item.namespace else ""
    if not item.namespace:
        # legal, but the object would go wherever the user's context points, away from what refers to it
        return "no namespace is given"
    return syntax.dns_label(item.namespace)


def _annotations(at: str, annotations: Mapping[str, str]) -> Iterator[Problem]:
    for key in annotations:
        yield from wrong(child(at, key), syntax.qualified_key(key.lower()))
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > MAX_ANNOTATIONS_BYTES:
        yield at, f"{size} bytes of annotations, over the limit of {MAX_ANNOTATIONS_BYTES}"


def selector(at: str, selector: Mapping[str, Any]) -> Iterator[Problem]:
    """A label selector; an empty one is legal."""
    yield from labels(f"{at}.matchLabels", selector.get("matchLabels", {}))
    for key in _NAMESPACE_LABELS & selector.get("matchLabels", {}).keys():
        yield from wrong(child(f"{at}.matchLabels", key), syntax.dns_label(selector["matchLabels"][key]))
    for index, expression in enumerate(selector.get("matchExpressions", [])):
        pointer = f"{at}.matchExpressions[{index}]"
        values = expression.get("values", [])
        yield from wrong(f"{pointer}.key", syntax.qualified_key(expression["key"]))
        for place, value in enumerate(values):
            yield from wrong(f"{pointer}.values[{place}]", syntax.label_value(value))
        if bool(values) != (expression["operator"] in {"In", "NotIn"}):
            yield f"{pointer}.values", f"the operator {expression['operator']} does not go with these values"
