"""What the API server asks of a Deployment, a Job and the pods they start."""

from collections.abc import Iterator
from typing import Any

from compiler.verify import syntax
from compiler.verify.containers import container
from compiler.verify.finding import Problem
from compiler.verify.metadata import described, selector
from compiler.verify.objects import Object, containers
from compiler.verify.syntax import labels, unique, wrong

_MAX_ID = 2**31 - 1


def deployment(item: Object) -> Iterator[Problem]:
    spec = item.spec
    yield from selector("spec.selector", spec["selector"])
    if not any(spec["selector"].values()):
        yield "spec.selector", "an empty selector"
    yield from at_least(spec, "spec", {"replicas": 0, "minReadySeconds": 0, "revisionHistoryLimit": 0})
    if spec.get("minReadySeconds", 0) >= spec.get("progressDeadlineSeconds", 600):
        yield "spec.progressDeadlineSeconds", "must be greater than minReadySeconds"
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
        yield from wrong(f"{at}.rollingUpdate.{field}", syntax.count_or_percentage(value))
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
    yield from labels(f"{at}.nodeSelector", spec.get("nodeSelector", {}))
    yield from at_least(spec, at, {"terminationGracePeriodSeconds": 0, "activeDeadlineSeconds": 1})
    yield from ids(f"{at}.securityContext", spec.get("securityContext", {}))
    yield from _spread(at, spec)
    yield from _volumes(at, spec)
    for pointer, one in containers(spec, at):
        yield from container(pointer, one)
        yield from ids(f"{pointer}.securityContext", one.get("securityContext", {}))


def _names(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    if "serviceAccountName" in spec:
        yield from wrong(f"{at}.serviceAccountName", syntax.dns_subdomain(spec["serviceAccountName"]))
    for index, secret in enumerate(spec.get("imagePullSecrets", [])):
        yield from wrong(f"{at}.imagePullSecrets[{index}].name", syntax.dns_subdomain(secret.get("name", "")))
    yield from unique(((f"{pointer}.name", one["name"]) for pointer, one in containers(spec, at)), "the name")


def _spread(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    for index, constraint in enumerate(spec.get("topologySpreadConstraints", [])):
        pointer = f"{at}.topologySpreadConstraints[{index}]"
        yield from at_least(constraint, pointer, {"maxSkew": 1, "minDomains": 1})
        yield from wrong(f"{pointer}.topologyKey", syntax.qualified_key(constraint["topologyKey"]))
        yield from selector(f"{pointer}.labelSelector", constraint.get("labelSelector", {}))


def _volumes(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    volumes = [(f"{at}.volumes[{index}]", volume) for index, volume in enumerate(spec.get("volumes", []))]
    for pointer, volume in volumes:
        yield from wrong(f"{pointer}.name", syntax.dns_label(volume["name"]))
        if len(volume) != 2:  # the name and the one source
            yield pointer, f"{len(volume) - 1} sources: a volume has exactly one"
    yield from unique(((f"{pointer}.name", volume["name"]) for pointer, volume in volumes), "the name")


def ids(at: str, context: dict[str, Any]) -> Iterator[Problem]:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        if not 0 <= context.get(field, 0) <= _MAX_ID:
            yield f"{at}.{field}", f"{context[field]} is not an id: 0 to {_MAX_ID}"


def at_least(fields: dict[str, Any], at: str, least: dict[str, int]) -> Iterator[Problem]:
    """A problem for each of the fields that is present and below its least value."""
    for field, limit in least.items():
        if fields.get(field, limit) < limit:
            yield f"{at}.{field}", f"{fields[field]} is below {limit}"
