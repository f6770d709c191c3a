"""The value rules of the API server and the controllers, which schemas leave out: which hold for which kind.

They run on objects that the schema has accepted, and so may rely on types and required fields.
"""

from collections.abc import Callable, Iterator

from compiler.verify.entrances import ingress
from compiler.verify.external_secrets import external_secret
from compiler.verify.finding import Finding, Problem
from compiler.verify.metadata import metadata
from compiler.verify.monitoring import pod_monitor, prometheus_rule, service_monitor
from compiler.verify.objects import Object
from compiler.verify.pods import deployment, job
from compiler.verify.policies import cilium_policy, fqdn_policy, network_policy
from compiler.verify.routes import http_route
from compiler.verify.scaling import autoscaler, disruption_budget, scaled_object
from compiler.verify.services import service
from compiler.verify.stored import applied, stored

Rule = Callable[[Object], Iterator[Problem]]


def role(item: Object) -> Iterator[Problem]:
    for index, rule in enumerate(item.data.get("rules", [])):
        if not rule["verbs"] or not (rule.get("resources") and "apiGroups" in rule):
            yield f"rules[{index}]", "a rule wants apiGroups, resources and verbs"


_RULES: dict[str, Rule] = {
    "CiliumNetworkPolicy": cilium_policy,
    "ConfigMap": stored,
    "Deployment": deployment,
    "ExternalSecret": external_secret,
    "FQDNNetworkPolicy": fqdn_policy,
    "HTTPRoute": http_route,
    "HorizontalPodAutoscaler": autoscaler,
    "Ingress": ingress,
    "Job": job,
    "NetworkPolicy": network_policy,
    "PodDisruptionBudget": disruption_budget,
    "PodMonitor": pod_monitor,
    "PrometheusRule": prometheus_rule,
    "Role": role,
    "ScaledObject": scaled_object,
    "Secret": stored,
    "Service": service,
    "ServiceMonitor": service_monitor,
}


def check(item: Object) -> Iterator[Finding]:
    problems = [*metadata(item), *(_RULES[item.kind](item) if item.kind in _RULES else ())]
    for problem in problems or applied(item):
        yield item.finding(*problem)
