"""What the API server asks of one container: names, image, environment, ports, resources, probes, mounts."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from compiler.quantities import quantity, slip
from compiler.verify import syntax
from compiler.verify.finding import Problem, brief, child
from compiler.verify.syntax import at_least, unique, wrong

_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
_POD_FIELDS = frozenset(
    {
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.serviceAccountName",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    }
)
_POD_ENTRY = re.compile(r"metadata\.(?:labels|annotations)\['[^']+'\]")
_EXPANSION = re.compile(r"(?<!\$)\$\((?P<name>[-._A-Za-z][-._A-Za-z0-9]*)\)")
_RESOURCES = frozenset({"cpu", "ephemeral-storage", "memory"})
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
    yield from wrong(f"{at}.image", syntax.image(one.get("image", "")))
    yield from _environment(at, one)
    yield from _ports(f"{at}.ports", one.get("ports", []))
    yield from _listening(at, one)
    yield from _resources(f"{at}.resources", one.get("resources", {}))
    yield from _probes(at, one)
    yield from _mounts(f"{at}.volumeMounts", one.get("volumeMounts", []))


def _environment(at: str, one: dict[str, Any]) -> Iterator[Problem]:
    entries = [(f"{at}.env[{index}]", entry) for index, entry in enumerate(one.get("env", []))]
    for pointer, entry in entries:
        yield from wrong(f"{pointer}.name", syntax.env_name(entry["name"]))
        if "valueFrom" in entry and ("value" in entry or len(entry["valueFrom"]) != 1):
            yield f"{pointer}.valueFrom", "a variable has a value or exactly one source of it"
        if "valueFrom" not in entry and "value" not in entry:
            yield pointer, "neither a value nor a source of it"
        yield from _source(f"{pointer}.valueFrom", entry.get("valueFrom", {}))
    # legal on create, but the last one wins and server-side apply refuses the list
    yield from unique(((f"{pointer}.name", entry["name"]) for pointer, entry in entries), "the variable")
    for index, source in enumerate(one.get("envFrom", [])):
        if len({"configMapRef", "secretRef"} & source.keys()) != 1:
            yield f"{at}.envFrom[{index}]", "wants exactly one of configMapRef and secretRef"
        for field in source.keys() & {"configMapRef", "secretRef"}:
            name = source[field].get("name", "")
            yield from wrong(f"{at}.envFrom[{index}].{field}.name", syntax.dns_subdomain(name))
    yield from _expansions(at, one)


def _source(at: str, source: dict[str, Any]) -> Iterator[Problem]:
    for field in source.keys() & {"configMapKeyRef", "secretKeyRef"}:
        reference = source[field]
        yield from wrong(f"{at}.{field}.name", syntax.dns_subdomain(reference.get("name", "")))
        yield from wrong(f"{at}.{field}.key", syntax.data_key(reference["key"]))
    path = source.get("fieldRef", {}).get("fieldPath", "metadata.name")
    if path not in _POD_FIELDS and not _POD_ENTRY.fullmatch(path):
        yield f"{at}.fieldRef.fieldPath", f"{brief(path)!r} is no field that a variable can have"


def _expansions(at: str, one: dict[str, Any]) -> Iterator[Problem]:
    """`$(NAME)` stays as it is when NAME is not set, or set only further down."""
    if one.get("envFrom"):
        return  # only the cluster knows the names
    known: set[str] = set()
    texts = []
    for index, entry in enumerate(one.get("env", [])):
        texts.append((f"{at}.env[{index}].value", entry.get("value", ""), frozenset(known)))
        known.add(entry["name"])
    for field in ("command", "args"):
        texts += [(f"{at}.{field}[{i}]", text, frozenset(known)) for i, text in enumerate(one.get(field, []))]
    for pointer, text, names in texts:
        for match in _EXPANSION.finditer(text) if "$(" in text else ():
            if match["name"] not in names:
                yield pointer, f"the variable {brief(match['name'])} is not set before it is used"


def _ports(at: str, ports: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, entry in enumerate(ports):
        yield from wrong(f"{at}[{index}].containerPort", syntax.port(entry["containerPort"]))
        if "name" in entry:
            yield from wrong(f"{at}[{index}].name", syntax.port_name(entry["name"]))


def _listening(at: str, one: dict[str, Any]) -> Iterator[Problem]:
    """The port that the process is told to listen on is one that the container has."""
    args = one.get("args", [])
    numbers = {str(entry["containerPort"]) for entry in one.get("ports", [])}
    for index, (option, value) in enumerate(pairwise(args), start=1):
        if option == "--port" and numbers and value not in numbers:
            yield f"{at}.args[{index}]", f"the container has no port {brief(value)}"


def _resources(at: str, resources: dict[str, Any]) -> Iterator[Problem]:
    for field in ("limits", "requests"):
        for name, value in resources.get(field, {}).items():
            yield from wrong(child(f"{at}.{field}", name), _resource(name) or _amount(name, value))
    for name, limit in resources.get("limits", {}).items():
        most, least = quantity(limit), quantity(resources.get("requests", {}).get(name, 0))
        if most is not None and least is not None and least > most:
            yield child(f"{at}.requests", name), f"over the limit of {brief(limit)}"


def _resource(name: str) -> str:
    if (
        name in _RESOURCES
        or name.startswith("hugepages-")
        or ("/" in name and not syntax.qualified_key(name))
    ):
        return ""
    return f"{brief(name)!r} is no resource: cpu, memory, ephemeral-storage or one with a domain"


def _amount(name: str, value: str | float) -> str:
    wrong = slip(name, value)
    return f"{brief(value)!r} {wrong}" if wrong else ""


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
    if "terminationGracePeriodSeconds" in probe:
        if at.endswith("readinessProbe"):
            yield f"{at}.terminationGracePeriodSeconds", "a readiness probe stops nothing"
        yield from at_least(probe, at, {"terminationGracePeriodSeconds": 1})


def _handler(at: str, fields: dict[str, Any], one: dict[str, Any]) -> Iterator[Problem]:
    """The one way a probe or hook acts, and that the port it names is a port of the container."""
    handlers = [name for name in _HANDLERS if name in fields]
    if len(handlers) != 1:
        yield at, f"{len(handlers)} handlers: exactly one of {', '.join(_HANDLERS)} is wanted"
    for name in handlers:
        yield from wrong(f"{at}.{name}.port", _target(fields[name], one))
    if "exec" in handlers and not fields["exec"].get("command"):
        yield f"{at}.exec.command", "no command"
    path = fields.get("httpGet", {}).get("path", "/")
    if not path.startswith("/"):
        yield f"{at}.httpGet.path", f"{brief(path)!r} does not begin with /"


def _target(handler: dict[str, Any], one: dict[str, Any]) -> str:
    """A probe of a port on which nothing listens fails for ever: the container says what it listens on."""
    if "port" not in handler:
        return ""
    target = handler["port"]
    ports = one.get("ports", [])
    if reason := syntax.port(target):
        return reason
    if isinstance(target, str) and target not in {entry.get("name") for entry in ports}:
        return f"the container has no port named {target!r}"
    if isinstance(target, int) and ports and target not in {entry["containerPort"] for entry in ports}:
        return f"the container has no port {target}"
    return ""


def _mounts(at: str, mounts: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, mount in enumerate(mounts):
        path = mount["mountPath"]
        if not path.startswith("/") or ":" in path or ".." in path.split("/"):
            yield f"{at}[{index}].mountPath", f"{brief(path)!r} is no path to mount at"
        if mount.get("subPath"):
            yield from wrong(f"{at}[{index}].subPath", syntax.file_path(mount["subPath"]))
        if "subPath" in mount and "subPathExpr" in mount:
            yield f"{at}[{index}].subPathExpr", "does not go with subPath"
    paths = ((f"{at}[{i}].mountPath", mount["mountPath"].rstrip("/")) for i, mount in enumerate(mounts))
    yield from unique(paths, "the path")
