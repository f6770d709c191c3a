"""What a security context may say, and the Pod Security standard `restricted`, under which all our pods run.

https://kubernetes.io/docs/concepts/security/pod-security-standards: a namespace that enforces it refuses pods
that do not say all of this.
"""

from collections.abc import Iterator
from typing import Any

from compiler.verify.finding import Problem
from compiler.verify.objects import containers
from compiler.verify.syntax import unique

_MAX_ID = 2**31 - 1
_HOST_FIELDS = ("hostIPC", "hostNetwork", "hostPID")
_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_PROFILES = frozenset({"Localhost", "RuntimeDefault"})


def security(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    """`spec` is that of a pod, `at` its pointer."""
    shared = spec.get("securityContext", {})
    yield from _context(f"{at}.securityContext", shared)
    yield from _host(at, spec)
    for pointer, one in containers(spec, at):
        own = one.get("securityContext", {})
        yield from _context(f"{pointer}.securityContext", own)
        yield from _restricted(f"{pointer}.securityContext", own, {**shared, **own})
        for index, port in enumerate(one.get("ports", [])):
            if port.get("hostPort"):
                yield f"{pointer}.ports[{index}].hostPort", "the pods are restricted: no port of the node"


def _context(at: str, context: dict[str, Any]) -> Iterator[Problem]:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        if not 0 <= context.get(field, 0) <= _MAX_ID:
            yield f"{at}.{field}", f"{context[field]} is not an id: 0 to {_MAX_ID}"
    if context.get("runAsUser") == 0:
        yield f"{at}.runAsUser", "the pods are restricted: the user 0 is root"
    profile = context.get("seccompProfile", {})
    if (profile.get("type") == "Localhost") != ("localhostProfile" in profile):
        yield f"{at}.seccompProfile", "localhostProfile goes with the type Localhost and no other"


def _host(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    for field in _HOST_FIELDS:
        if spec.get(field):
            yield f"{at}.{field}", "the pods are restricted: nothing of the node"
    if spec.get("securityContext", {}).get("sysctls"):
        yield f"{at}.securityContext.sysctls", "the pods are restricted: no kernel settings"
    for index, volume in enumerate(spec.get("volumes", [])):
        for source in sorted(volume.keys() - {"name"} - _VOLUMES):
            yield f"{at}.volumes[{index}].{source}", "the pods are restricted: no volume of this kind"


def _restricted(at: str, own: dict[str, Any], whole: dict[str, Any]) -> Iterator[Problem]:
    """`own` is the container's context, `whole` with what it has from the pod."""
    why = "the pods are restricted"
    if whole.get("runAsNonRoot") is not True:
        yield f"{at}.runAsNonRoot", f"{why}: it must be true here or for the whole pod"
    if whole.get("seccompProfile", {}).get("type") not in _PROFILES:
        yield f"{at}.seccompProfile", f"{why}: RuntimeDefault or Localhost here or for the whole pod"
    if own.get("allowPrivilegeEscalation") is not False:
        yield f"{at}.allowPrivilegeEscalation", f"{why}: it must be false"
    if own.get("privileged"):
        yield f"{at}.privileged", f"{why}: it must not be true"
    if own.get("procMount", "Default") != "Default":
        yield f"{at}.procMount", f"{why}: it must be Default"
    yield from _capabilities(f"{at}.capabilities", own.get("capabilities", {}))


def _capabilities(at: str, capabilities: dict[str, Any]) -> Iterator[Problem]:
    if "ALL" not in capabilities.get("drop", []):
        yield f"{at}.drop", "the pods are restricted: ALL must be dropped"
    for index, name in enumerate(capabilities.get("add", [])):
        if name != "NET_BIND_SERVICE":
            yield f"{at}.add[{index}]", "the pods are restricted: NET_BIND_SERVICE alone may be added"
    dropped = ((f"{at}.drop[{i}]", name) for i, name in enumerate(capabilities.get("drop", [])))
    yield from unique(dropped, "the capability")
