"""What the API server and KEDA ask of what scales pods, and of a PodDisruptionBudget."""

from collections.abc import Iterator
from typing import Any

from compiler.quantities import quantity
from compiler.verify import syntax
from compiler.verify.finding import Problem, brief, child
from compiler.verify.metadata import selector
from compiler.verify.objects import Object
from compiler.verify.syntax import at_least, unique, wrong

# MetricSpec.type → the field that must come with it, and no other.
_SOURCES = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}
# MetricTarget.type → the same.
_TARGETS = {"AverageValue": "averageValue", "Utilization": "averageUtilization", "Value": "value"}
# ScaledObject triggers of ours → the metadata that each must have.
_TRIGGERS = {"cpu": ("value",), "memory": ("value",), "prometheus": ("serverAddress", "query", "threshold")}
_NUMBERS = frozenset({"activationThreshold", "activationValue", "threshold", "value"})
_RESOURCES = frozenset({"cpu", "memory"})
_BLOCKS = frozenset({("maxUnavailable", 0), ("maxUnavailable", "0%"), ("minAvailable", "100%")})
_KEDA_MOST = 100  # KEDA's own maxReplicaCount
_POLICY_SECONDS = 1800
_WINDOW_SECONDS = 3600


def autoscaler(item: Object) -> Iterator[Problem]:
    spec = item.spec
    yield from at_least(spec, "spec", {"minReplicas": 1, "maxReplicas": 1})
    if spec["maxReplicas"] < spec.get("minReplicas", 1):
        yield "spec.maxReplicas", f"{spec['maxReplicas']} is below minReplicas"
    for index, metric in enumerate(spec.get("metrics", [])):
        yield from _metric(f"spec.metrics[{index}]", metric)
    for direction, rules in spec.get("behavior", {}).items():
        yield from _behavior(f"spec.behavior.{direction}", rules)


def _metric(at: str, metric: dict[str, Any]) -> Iterator[Problem]:
    field = _SOURCES[metric["type"]]
    if metric.keys() != {"type", field}:
        yield at, f"a metric of type {metric['type']} wants exactly the field {field}"
        return
    target = metric[field]["target"]
    wanted = _TARGETS[target["type"]]
    if target.keys() != {"type", wanted}:
        yield f"{at}.{field}.target", f"a target of type {target['type']} wants exactly the field {wanted}"
    elif wanted == "averageUtilization":
        yield from at_least(target, f"{at}.{field}.target", {wanted: 1})
    elif not quantity(target[wanted]):
        yield f"{at}.{field}.target.{wanted}", f"{brief(target[wanted])!r} is not a quantity above 0"


def _behavior(at: str, rules: dict[str, Any]) -> Iterator[Problem]:
    if not 0 <= rules.get("stabilizationWindowSeconds", 0) <= _WINDOW_SECONDS:
        yield f"{at}.stabilizationWindowSeconds", f"must be 0 to {_WINDOW_SECONDS}"
    if "policies" in rules and not rules["policies"]:
        yield f"{at}.policies", "no policy"
    for index, policy in enumerate(rules.get("policies", [])):
        yield from at_least(policy, f"{at}.policies[{index}]", {"value": 1})
        if not 1 <= policy["periodSeconds"] <= _POLICY_SECONDS:
            yield f"{at}.policies[{index}].periodSeconds", f"must be 1 to {_POLICY_SECONDS}"


def scaled_object(item: Object) -> Iterator[Problem]:
    spec = item.spec
    least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", _KEDA_MOST)
    if most < least:
        yield "spec.maxReplicaCount", f"{most} is below minReplicaCount"
    if spec.get("idleReplicaCount", -1) >= least:
        yield "spec.idleReplicaCount", f"must be below minReplicaCount, {least}"
    triggers = spec["triggers"]
    for index, trigger in enumerate(triggers):
        yield from _trigger(f"spec.triggers[{index}]", trigger)
    names = ((f"spec.triggers[{i}].name", one["name"]) for i, one in enumerate(triggers) if "name" in one)
    yield from unique(names, "the name")
    if not least and all(trigger["type"] in _RESOURCES for trigger in triggers):
        yield "spec.minReplicaCount", "must be 1 at least: no pod uses a resource where there is none"
    config = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
    for direction, rules in config.get("behavior", {}).items():
        yield from _behavior(f"spec.advanced.horizontalPodAutoscalerConfig.behavior.{direction}", rules)


def _trigger(at: str, trigger: dict[str, Any]) -> Iterator[Problem]:
    wanted = _TRIGGERS.get(trigger["type"])
    if wanted is None:
        yield f"{at}.type", f"{brief(trigger['type'])!r} is not one of {', '.join(sorted(_TRIGGERS))}"
        return
    fields = trigger["metadata"]
    for field in wanted:
        if not fields.get(field, "").strip():
            yield child(f"{at}.metadata", field), "a required field is missing or empty"
    for field in _NUMBERS & fields.keys():
        yield from wrong(child(f"{at}.metadata", field), _number(fields[field]))
    address = fields.get("serverAddress", "http://")
    if not address.startswith(("http://", "https://")):
        yield f"{at}.metadata.serverAddress", f"{brief(address)!r} is no http or https address"
    if trigger["type"] in _RESOURCES and trigger.get("metricType", "Utilization") == "Value":
        yield f"{at}.metricType", "a resource has Utilization or AverageValue"
    if trigger["type"] not in _RESOURCES and trigger.get("metricType") == "Utilization":
        yield f"{at}.metricType", "Utilization is of cpu and memory"


def _number(text: str) -> str:
    number = quantity(text)
    return "" if number is not None and number >= 0 else f"{brief(text)!r} is not a number"


def disruption_budget(item: Object) -> Iterator[Problem]:
    spec = item.spec
    fields = [field for field in ("maxUnavailable", "minAvailable") if field in spec]
    if len(fields) != 1:
        yield "spec", f"{len(fields)} of minAvailable and maxUnavailable: exactly one is wanted"
    for field in fields:
        yield from wrong(f"spec.{field}", syntax.count_or_share(spec[field]))
        if (field, spec[field]) in _BLOCKS:
            yield f"spec.{field}", "no pod may ever be evicted: it would block the drain of a node"
    yield from selector("spec.selector", spec.get("selector", {}))
    if not any(spec.get("selector", {"matchLabels": "none"}).values()):
        yield "spec.selector", "an empty selector: it would hold for every pod of the namespace"
