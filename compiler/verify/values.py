"""The API server's value rules, which the OpenAPI leaves out: which rules hold for which kind.

They run on objects that the schema has accepted, and so may rely on types and required fields.
"""

from collections.abc import Callable, Iterator

from compiler.verify.finding import Finding, Problem
from compiler.verify.metadata import metadata
from compiler.verify.network import ingress, network_policy, service
from compiler.verify.objects import Object
from compiler.verify.pods import deployment, job
from compiler.verify.scaling import autoscaler, disruption_budget
from compiler.verify.stored import stored

Rule = Callable[[Object], Iterator[Problem]]


def role(item: Object) -> Iterator[Problem]:
    for index, rule in enumerate(item.data.get("rules", [])):
        if not rule["verbs"] or not (rule.get("resources") and "apiGroups" in rule):
            yield f"rules[{index}]", "a rule wants apiGroups, resources and verbs"


_RULES: dict[str, Rule] = {
    "ConfigMap": stored,
    "Deployment": deployment,
    "HorizontalPodAutoscaler": autoscaler,
    "Ingress": ingress,
    "Job": job,
    "NetworkPolicy": network_policy,
    "PodDisruptionBudget": disruption_budget,
    "Role": role,
    "Secret": stored,
    "Service": service,
}


def check(item: Object) -> Iterator[Finding]:
    for rule in (metadata, _RULES.get(item.kind)):
        if rule is not None:
            for problem in rule(item):
                yield item.finding(*problem)
