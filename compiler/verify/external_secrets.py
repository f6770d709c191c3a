"""What the External Secrets Operator asks of an ExternalSecret beside its schema."""

from collections.abc import Iterator

from compiler.verify import syntax
from compiler.verify.finding import Problem
from compiler.verify.objects import Object
from compiler.verify.syntax import labels, unique, wrong


def external_secret(item: Object) -> Iterator[Problem]:
    spec = item.spec
    yield from wrong("spec.refreshInterval", syntax.go_duration(spec.get("refreshInterval", "1h")))
    if not spec.get("data") and not spec.get("dataFrom"):
        yield "spec.data", "neither data nor dataFrom: there would be nothing in the Secret"
    for index, entry in enumerate(spec.get("data", [])):
        yield from wrong(f"spec.data[{index}].secretKey", syntax.data_key(entry["secretKey"]))
    keys = (
        (f"spec.data[{index}].secretKey", entry["secretKey"])
        for index, entry in enumerate(spec.get("data", []))
    )
    yield from unique(keys, "the key")
    template = spec.get("target", {}).get("template", {})
    yield from labels("spec.target.template.metadata.labels", template.get("metadata", {}).get("labels", {}))
    if spec.get("target", {}).get("creationPolicy", "Owner") not in {"Orphan", "Owner"}:
        yield "spec.target.creationPolicy", "must be Owner or Orphan: nothing else makes the Secret"


def made(item: Object) -> str:
    """The name of the Secret that an ExternalSecret makes, in its own namespace."""
    name: str = item.spec.get("target", {}).get("name", item.name)
    return name
