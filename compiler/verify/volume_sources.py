"""What the API server asks of a pod's volumes: one source each, legal names, modes and paths."""

from collections.abc import Iterator
from typing import Any

from compiler.quantities import quantity
from compiler.verify import syntax
from compiler.verify.finding import Problem, brief
from compiler.verify.syntax import at_least, unique, wrong

_MAX_MODE = 0o777
_LEAST_TOKEN_SECONDS = 600


def volumes(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    """`spec` is that of a pod, `at` its pointer."""
    found = [(f"{at}.volumes[{index}]", volume) for index, volume in enumerate(spec.get("volumes", []))]
    for pointer, volume in found:
        yield from wrong(f"{pointer}.name", syntax.dns_label(volume["name"]))
        if len(volume) != 2:  # the name and the one source
            yield pointer, f"{len(volume) - 1} sources: a volume has exactly one"
        yield from _stored(pointer, volume, {"configMap": "name", "secret": "secretName"})
        yield from _scratch(f"{pointer}.emptyDir", volume.get("emptyDir", {}))
        if "projected" in volume:
            yield from _projected(f"{pointer}.projected", volume["projected"])
    yield from unique(((f"{pointer}.name", volume["name"]) for pointer, volume in found), "the name")


def _stored(at: str, source: dict[str, Any], names: dict[str, str]) -> Iterator[Problem]:
    """A ConfigMap or Secret as files. `names`: the field of each source that names the object."""
    for field, label in names.items():
        if field in source:
            fields, pointer = source[field], f"{at}.{field}"
            yield from wrong(f"{pointer}.{label}", syntax.dns_subdomain(fields.get(label, "")))
            yield from _files(pointer, fields)


def _files(at: str, fields: dict[str, Any]) -> Iterator[Problem]:
    yield from _mode(at, "defaultMode", fields)
    for index, entry in enumerate(fields.get("items", [])):
        pointer = f"{at}.items[{index}]"
        if "key" in entry:
            yield from wrong(f"{pointer}.key", syntax.data_key(entry["key"]))
        yield from wrong(f"{pointer}.path", syntax.file_path(entry["path"]))
        yield from _mode(pointer, "mode", entry)


def _mode(at: str, field: str, fields: dict[str, Any]) -> Iterator[Problem]:
    if not 0 <= fields.get(field, 0) <= _MAX_MODE:
        yield f"{at}.{field}", f"{fields[field]} is no mode: 0 to {_MAX_MODE} (octal 777)"


def _scratch(at: str, fields: dict[str, Any]) -> Iterator[Problem]:
    limit = quantity(fields.get("sizeLimit", 0))
    if limit is None or limit < 0 or str(fields.get("sizeLimit", "")).endswith("m"):
        yield f"{at}.sizeLimit", f"{brief(fields['sizeLimit'])!r} is not a size such as 64Mi"


def _projected(at: str, fields: dict[str, Any]) -> Iterator[Problem]:
    yield from _mode(at, "defaultMode", fields)
    sources = [(f"{at}.sources[{index}]", source) for index, source in enumerate(fields.get("sources", []))]
    if not sources:
        yield f"{at}.sources", "no source"
    for pointer, source in sources:
        if len(source) != 1:
            yield pointer, f"{len(source)} sources: one entry has exactly one"
        yield from _stored(pointer, source, {"configMap": "name", "secret": "name"})
        token = source.get("serviceAccountToken", {})
        yield from at_least(
            token, f"{pointer}.serviceAccountToken", {"expirationSeconds": _LEAST_TOKEN_SECONDS}
        )
        if token:
            yield from wrong(f"{pointer}.serviceAccountToken.path", syntax.file_path(token["path"]))
    yield from unique(iter(_paths(sources)), "the path")


def _paths(sources: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, object]]:
    return [
        (f"{pointer}.{field}.items[{index}].path", entry["path"])
        for pointer, source in sources
        for field in ("configMap", "downwardAPI", "secret")
        for index, entry in enumerate(source.get(field, {}).get("items", []))
    ]
