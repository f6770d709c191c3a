"""A Kubernetes object of the bundle, and the two things every rule asks it for: its identity and its pods."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.verify.documents import Document
from compiler.verify.finding import Finding, brief

CLUSTER_KINDS = frozenset({"Namespace"})

Identity = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Object:
    """One document of a manifest. Its data is any mapping at all until the schema has judged it."""

    path: str
    number: int  # the document's place in its file
    data: dict[str, Any]

    @property
    def api_version(self) -> str:
        return _text(self.data.get("apiVersion"))

    @property
    def kind(self) -> str:
        return _text(self.data.get("kind"))

    @property
    def name(self) -> str:
        return _text(self.metadata.get("name"))

    @property
    def namespace(self) -> str:
        return _text(self.metadata.get("namespace"))

    @property
    def metadata(self) -> dict[str, Any]:
        metadata = self.data.get("metadata")
        return metadata if isinstance(metadata, dict) else {}

    @property
    def spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = self.data.get("spec", {})
        return spec

    @property
    def identity(self) -> Identity:
        """What the API server tells objects apart by; the group without its version."""
        group = self.api_version.rpartition("/")[0]
        return group, self.kind, self.namespace, self.name

    @property
    def title(self) -> str:
        if not self.kind:
            return f"document {self.number}"
        return brief(
            f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"
        )

    @property
    def pod_template(self) -> dict[str, Any] | None:
        """The template of the pods this object starts (spec.template), or None when it starts none."""
        template: dict[str, Any] | None = self.spec.get("template")
        return template if self.kind in {"Deployment", "Job"} else None

    @property
    def pod_labels(self) -> dict[str, str]:
        labels: dict[str, str] = (self.pod_template or {}).get("metadata", {}).get("labels", {})
        return labels

    @property
    def pod_spec(self) -> dict[str, Any]:
        spec: dict[str, Any] = (self.pod_template or {}).get("spec", {})
        return spec

    def finding(self, pointer: str, message: str) -> Finding:
        return Finding(self.path, self.title, pointer, message)


def as_object(document: Document) -> Object:
    """The document as an object; what is no mapping becomes one without fields, which no schema accepts."""
    data = document.data if isinstance(document.data, dict) else {}
    return Object(document.path, document.number, data)


def containers(pod_spec: dict[str, Any], at: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each container, init containers first, and its pointer; `at` is the pointer of the pod's spec."""
    for field in ("initContainers", "containers"):
        for index, container in enumerate(pod_spec.get(field, [])):
            yield f"{at}.{field}[{index}]", container


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
