"""Whether the mounts, volumes and variables of a workload find what they name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.verify.finding import Problem, brief
from compiler.verify.index import Index
from compiler.verify.objects import Object, containers

_SPEC = "spec.template.spec"


@dataclass(frozen=True, slots=True)
class Use:
    """A ConfigMap or Secret that a workload reads, and the keys it needs: pointer → key."""

    pointer: str
    kind: str
    fields: dict[str, Any]
    keys: dict[str, str]

    @property
    def name(self) -> str:
        name: str = self.fields.get("secretName", self.fields.get("name", ""))
        return name


def mounts(item: Object, index: Index) -> Iterator[Problem]:
    """Each mount has its volume, and a mounted `subPath` is a file of the ConfigMap or Secret behind it."""
    volumes = {volume["name"]: volume for volume in item.pod_spec.get("volumes", [])}
    for at, one in containers(item.pod_spec, _SPEC):
        for place, mount in enumerate(one.get("volumeMounts", [])):
            pointer = f"{at}.volumeMounts[{place}]"
            volume = volumes.get(mount["name"])
            if volume is None:
                yield f"{pointer}.name", f"the pod has no volume {brief(mount['name'])}"
                continue
            files = _files(volume, item.namespace, index)
            if mount.get("subPath") and files is not None and mount["subPath"] not in files:
                yield f"{pointer}.subPath", f"the volume {brief(mount['name'])} has no such file"
    yield from _unmounted(item, volumes)
    for place, volume in enumerate(item.pod_spec.get("volumes", [])):
        yield from _overwritten(f"{_SPEC}.volumes[{place}].projected", volume, item, index)


def _unmounted(item: Object, volumes: dict[str, Any]) -> Iterator[Problem]:
    mounted = {
        mount["name"] for _, one in containers(item.pod_spec, "") for mount in one.get("volumeMounts", [])
    }
    if mounted - volumes.keys():
        return  # a mount with a typo, which has been told
    for place, volume in enumerate(item.pod_spec.get("volumes", [])):
        if volume["name"] not in mounted:
            yield f"{_SPEC}.volumes[{place}].name", "no container mounts it"


def _overwritten(at: str, volume: dict[str, Any], item: Object, index: Index) -> Iterator[Problem]:
    """Of two sources with a file of the same name, the second wins without a word."""
    seen: set[str] = set()
    for place, source in enumerate(volume.get("projected", {}).get("sources", [])):
        files = _files(source, item.namespace, index) or set()
        for name in sorted(files & seen):
            yield f"{at}.sources[{place}]", f"a source before it has the file {brief(name)} too"
        seen |= files


def keys(item: Object, index: Index) -> Iterator[Problem]:
    """Each key that a volume or variable reads is there, when the bundle holds the ConfigMap or Secret."""
    for use in uses(item.pod_spec):
        if use.fields.get("optional"):
            continue
        found = index.find(use.kind, item.namespace, use.name)
        elsewhere = index.namespace_of(use.kind, use.name)
        if found is None and elsewhere is not None:
            yield (
                use.pointer,
                f"{use.kind} {use.name} is in the namespace {elsewhere}, not in {item.namespace}",
            )
        for pointer, key in use.keys.items():
            if found is not None and key not in _stored(found):
                yield pointer, f"{found.title} has no key {brief(key)}"


def uses(pod_spec: dict[str, Any]) -> Iterator[Use]:
    for place, volume in enumerate(pod_spec.get("volumes", [])):
        at = f"{_SPEC}.volumes[{place}]"
        yield from _sources(at, volume)
        for index, source in enumerate(volume.get("projected", {}).get("sources", [])):
            yield from _sources(f"{at}.projected.sources[{index}]", source)
    for at, one in containers(pod_spec, _SPEC):
        for place, entry in enumerate(one.get("env", [])):
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if reference := entry.get("valueFrom", {}).get(field):
                    pointer = f"{at}.env[{place}].valueFrom.{field}"
                    yield Use(f"{pointer}.name", kind, reference, {f"{pointer}.key": reference["key"]})
        for place, source in enumerate(one.get("envFrom", [])):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    yield Use(f"{at}.envFrom[{place}].{field}.name", kind, source[field], {})


def _sources(at: str, source: dict[str, Any]) -> Iterator[Use]:
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if field in source:
            entries = enumerate(source[field].get("items", []))
            wanted = {f"{at}.{field}.items[{place}].key": entry["key"] for place, entry in entries}
            yield Use(f"{at}.{field}", kind, source[field], wanted)


def _files(volume: dict[str, Any], namespace: str, index: Index) -> set[str] | None:
    """The files of a volume made from one object of the bundle; None when only the cluster can tell."""
    for use in _sources("", volume):
        found = index.find(use.kind, namespace, use.name)
        if use.keys:
            return {entry["path"] for entry in use.fields["items"]}
        return None if found is None else _stored(found)
    return None


def _stored(item: Object) -> set[str]:
    return {key for field in ("data", "binaryData", "stringData") for key in item.data.get(field, {})}
