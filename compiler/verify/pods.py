"""What the API server asks of a Deployment, a Job and the pods they start."""

from collections.abc import Iterator
from typing import Any

from compiler.verify import syntax
from compiler.verify.containers import container
from compiler.verify.finding import Problem
from compiler.verify.metadata import described, selector
from compiler.verify.objects import Object, containers
from compiler.verify.scheduling import scheduling
from compiler.verify.security import security
from compiler.verify.syntax import at_least, unique, wrong
from compiler.verify.volume_sources import volumes

_GRACE = 30  # Kubernetes' own terminationGracePeriodSeconds


def deployment(item: Object) -> Iterator[Problem]:
    spec = item.spec
    yield from selector("spec.selector", spec["selector"])
    if not any(spec["selector"].values()):
        yield "spec.selector", "an empty selector"
    yield from at_least(spec, "spec", {"replicas": 0, "minReadySeconds": 0, "revisionHistoryLimit": 0})
    if spec.get("minReadySeconds", 0) >= spec.get("progressDeadlineSeconds", 600):
        yield "spec.progressDeadlineSeconds", "must be greater than minReadySeconds"
    if "activeDeadlineSeconds" in item.pod_spec:
        yield "spec.template.spec.activeDeadlineSeconds", "the pods of a Deployment have no end"
    yield from _strategy("spec.strategy", spec.get("strategy", {}))
    yield from _template(item, ("Always",))


def job(item: Object) -> Iterator[Problem]:
    counts = dict.fromkeys(("activeDeadlineSeconds", "backoffLimit", "completions", "parallelism"), 0)
    yield from at_least(item.spec, "spec", counts | {"ttlSecondsAfterFinished": 0})
    yield from _template(item, ("Never", "OnFailure"))


def _strategy(at: str, strategy: dict[str, Any]) -> Iterator[Problem]:
    rolling = strategy.get("rollingUpdate")
    if rolling is None:
        return
    if strategy.get("type") == "Recreate":
        yield f"{at}.rollingUpdate", "does not go with the type Recreate"
    for field, value in rolling.items():
        rule = syntax.count_or_share if field == "maxUnavailable" else syntax.count_or_percentage
        yield from wrong(f"{at}.rollingUpdate.{field}", rule(value))
    if all(rolling.get(field, "25%") in {0, "0%"} for field in ("maxSurge", "maxUnavailable")):
        yield f"{at}.rollingUpdate.maxUnavailable", "no pod could ever be replaced: maxSurge is 0 too"


def _template(item: Object, policies: tuple[str, ...]) -> Iterator[Problem]:
    template = item.pod_template or {}
    yield from described("spec.template.metadata", template.get("metadata", {}))
    at, spec = "spec.template.spec", item.pod_spec
    if spec.get("restartPolicy", "Always") not in policies:
        yield f"{at}.restartPolicy", f"a {item.kind} wants {' or '.join(policies)}"
    if not spec.get("containers"):
        yield f"{at}.containers", "no container"
    yield from _names(at, spec)
    yield from at_least(spec, at, {"terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": 1})
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig", {}).get("nameservers"):
        yield f"{at}.dnsPolicy", "None leaves the pods without a name server"
    yield from security(at, spec)
    yield from scheduling(at, spec)
    yield from volumes(at, spec)
    for pointer, one in containers(spec, at):
        yield from container(pointer, one)
        yield from _stop(f"{pointer}.lifecycle.preStop", one, spec)
    yield from _ports(at, spec)


def _names(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    if "serviceAccountName" in spec:
        yield from wrong(f"{at}.serviceAccountName", syntax.dns_subdomain(spec["serviceAccountName"]))
    for index, secret in enumerate(spec.get("imagePullSecrets", [])):
        yield from wrong(f"{at}.imagePullSecrets[{index}].name", syntax.dns_subdomain(secret.get("name", "")))
    yield from unique(((f"{pointer}.name", one["name"]) for pointer, one in containers(spec, at)), "the name")


def _stop(at: str, one: dict[str, Any], spec: dict[str, Any]) -> Iterator[Problem]:
    seconds = one.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    grace = spec.get("terminationGracePeriodSeconds", _GRACE)
    if not 0 <= seconds <= max(grace, 0):
        yield f"{at}.sleep.seconds", f"{seconds} is not within the {grace} seconds that the pod has to stop"


def _ports(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    """The containers of a pod share its address: a port is one container's."""
    ports = [
        (f"{pointer}.ports[{index}]", port)
        for pointer, one in containers(spec, at)
        if ".initContainers[" not in pointer
        for index, port in enumerate(one.get("ports", []))
    ]
    yield from unique(
        ((f"{pointer}.name", port["name"]) for pointer, port in ports if "name" in port), "the name"
    )
    numbers = (
        (f"{pointer}.containerPort", (port["containerPort"], port.get("protocol", "TCP")))
        for pointer, port in ports
    )
    yield from unique(numbers, "the port")
