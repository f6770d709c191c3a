"""What the API server asks of a HorizontalPodAutoscaler and a PodDisruptionBudget."""

from collections.abc import Iterator
from typing import Any

from compiler.quantities import quantity
from compiler.verify import syntax
from compiler.verify.finding import Problem, brief
from compiler.verify.metadata import selector
from compiler.verify.objects import Object
from compiler.verify.pods import at_least
from compiler.verify.syntax import wrong

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
    for index, policy in enumerate(rules.get("policies", [])):
        yield from at_least(policy, f"{at}.policies[{index}]", {"value": 1})
        if not 1 <= policy["periodSeconds"] <= _POLICY_SECONDS:
            yield f"{at}.policies[{index}].periodSeconds", f"must be 1 to {_POLICY_SECONDS}"


def disruption_budget(item: Object) -> Iterator[Problem]:
    spec = item.spec
    fields = [field for field in ("maxUnavailable", "minAvailable") if field in spec]
    if len(fields) != 1:
        yield "spec", f"{len(fields)} of minAvailable and maxUnavailable: exactly one is wanted"
    for field in fields:
        yield from wrong(f"spec.{field}", syntax.count_or_percentage(spec[field]))
    yield from selector("spec.selector", spec.get("selector", {}))
