"""What the API server asks of one container: names, image, environment, ports, resources, probes, mounts."""

from collections.abc import Iterator
from typing import Any

from compiler.quantities import quantity
from compiler.verify import syntax
from compiler.verify.finding import Problem, brief, child
from compiler.verify.syntax import unique, wrong

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_HANDLERS = ("exec", "grpc", "httpGet", "sleep", "tcpSocket")
_PROBE_LEAST = {
    "failureThreshold": 1,
    "initialDelaySeconds": 0,
    "periodSeconds": 1,
    "successThreshold": 1,
    "timeoutSeconds": 1,
}


def container(at: str, one: dict[str, Any]) -> Iterator[Problem]:
    yield from wrong(f"{at}.name", syntax.dns_label(one["name"]))
    yield from _image(f"{at}.image", one.get("image", ""))
    yield from _environment(at, one)
    yield from _ports(f"{at}.ports", one.get("ports", []))
    yield from _resources(f"{at}.resources", one.get("resources", {}))
    yield from _probes(at, one)
    yield from _mounts(f"{at}.volumeMounts", one.get("volumeMounts", []))


def _image(at: str, image: str) -> Iterator[Problem]:
    if not image or image != image.strip():
        yield at, f"{brief(image)!r} is no image"


def _environment(at: str, one: dict[str, Any]) -> Iterator[Problem]:
    entries = [(f"{at}.env[{index}]", entry) for index, entry in enumerate(one.get("env", []))]
    for pointer, entry in entries:
        yield from wrong(f"{pointer}.name", syntax.env_name(entry["name"]))
        if "valueFrom" in entry and ("value" in entry or len(entry["valueFrom"]) != 1):
            yield f"{pointer}.valueFrom", "a variable has a value or exactly one source of it"
    # legal on create, but the last one wins and server-side apply refuses the list
    yield from unique(((f"{pointer}.name", entry["name"]) for pointer, entry in entries), "the variable")
    for index, source in enumerate(one.get("envFrom", [])):
        if len({"configMapRef", "secretRef"} & source.keys()) != 1:
            yield f"{at}.envFrom[{index}]", "wants exactly one of configMapRef and secretRef"


def _ports(at: str, ports: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, entry in enumerate(ports):
        yield from wrong(f"{at}[{index}].containerPort", syntax.port(entry["containerPort"]))
        if "name" in entry:
            yield from wrong(f"{at}[{index}].name", syntax.port_name(entry["name"]))
    names = ((f"{at}[{index}].name", entry["name"]) for index, entry in enumerate(ports) if "name" in entry)
    yield from unique(names, "the name")
    numbers = (
        (f"{at}[{index}].containerPort", (entry["containerPort"], entry.get("protocol", "TCP")))
        for index, entry in enumerate(ports)
    )
    yield from unique(numbers, "the port")


def _resources(at: str, resources: dict[str, Any]) -> Iterator[Problem]:
    for field in ("limits", "requests"):
        for name, value in resources.get(field, {}).items():
            number = quantity(value)
            if number is None or number < 0:
                yield child(f"{at}.{field}", name), f"{brief(value)!r} is not a quantity such as 500m or 2Gi"
    for name, limit in resources.get("limits", {}).items():
        most, least = quantity(limit), quantity(resources.get("requests", {}).get(name, 0))
        if most is not None and least is not None and least > most:
            yield child(f"{at}.requests", name), f"over the limit of {brief(limit)}"


def _probes(at: str, one: dict[str, Any]) -> Iterator[Problem]:
    for field in _PROBES:
        if field in one:
            yield from _probe(f"{at}.{field}", one[field], one)
    for field, handler in one.get("lifecycle", {}).items():
        if field in {"postStart", "preStop"}:
            yield from _handler(f"{at}.lifecycle.{field}", handler, one)


def _probe(at: str, probe: dict[str, Any], one: dict[str, Any]) -> Iterator[Problem]:
    yield from _handler(at, probe, one)
    for field, least in _PROBE_LEAST.items():
        if probe.get(field, least) < least:
            yield f"{at}.{field}", f"{probe[field]} is below {least}"
    if not at.endswith("readinessProbe") and probe.get("successThreshold", 1) != 1:
        yield f"{at}.successThreshold", "must be 1 for a liveness or startup probe"


def _handler(at: str, fields: dict[str, Any], one: dict[str, Any]) -> Iterator[Problem]:
    """The one way a probe or hook acts, and that the port it names is a port of the container."""
    handlers = [name for name in _HANDLERS if name in fields]
    if len(handlers) != 1:
        yield at, f"{len(handlers)} handlers: exactly one of {', '.join(_HANDLERS)} is wanted"
    for name in handlers:
        if "port" not in fields[name]:
            continue
        target = fields[name]["port"]
        named = {entry.get("name") for entry in one.get("ports", [])}
        reason = syntax.port(target)
        if not reason and isinstance(target, str) and target not in named:
            reason = f"the container has no port named {target!r}"
        yield from wrong(f"{at}.{name}.port", reason)


def _mounts(at: str, mounts: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, mount in enumerate(mounts):
        path = mount["mountPath"]
        if not path or ":" in path:
            yield f"{at}[{index}].mountPath", f"{brief(path)!r} is no path to mount at"
        sub_path = mount.get("subPath", "")
        if sub_path.startswith("/") or ".." in sub_path.split("/"):
            yield f"{at}[{index}].subPath", "must be a path within the volume"
    yield from unique(
        ((f"{at}[{i}].mountPath", mount["mountPath"]) for i, mount in enumerate(mounts)), "the path"
    )
