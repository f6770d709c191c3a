"""Writes `<minor>.json` beside this script: the Kubernetes kinds Interlock emits, as one strict JSON Schema.

    python schemas/kubernetes/generate.py            # needs kubernetes-validate, a development dependency

The source is the OpenAPI of Kubernetes as the PyPI package `kubernetes-validate` carries it (its strict
variant: an unknown field is an error). What is changed on the way, and why:

- only the definitions reachable from `KINDS` are kept, without descriptions and `x-kubernetes-*` hints;
- null is no legal value: the API server reads it as "absent", so in generated output it is a slip;
- int-or-string and quantity become a plain list of types, so that messages name the value;
- apiVersion, kind and metadata are required of each document, and `spec` where nothing goes without;
- int32 gets the bounds that decoding holds it to;
- what only the server writes, and what pods of ours never are, is left out (`LEFT_OUT`): it is a slip too;
- the legal words of a field, which the OpenAPI has only as prose, are added (`WORDS`).

The output is deterministic, with one definition a line so that two versions can be compared.
"""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

MINORS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
KINDS = (
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "io.k8s.api.batch.v1.Job",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.Namespace",
    "io.k8s.api.core.v1.Secret",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.networking.v1.Ingress",
    "io.k8s.api.networking.v1.NetworkPolicy",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
    "io.k8s.api.rbac.v1.Role",
    "io.k8s.api.rbac.v1.RoleBinding",
)
# Kinds whose `spec` decides everything: without one the API server refuses them or they do nothing.
NEEDS_SPEC = (
    "Deployment",
    "HorizontalPodAutoscaler",
    "Ingress",
    "Job",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "Service",
)
INCLUSION = ("Honor", "Ignore")
PROFILES = ("Localhost", "RuntimeDefault", "Unconfined")
PROTOCOLS = ("SCTP", "TCP", "UDP")
TRAFFIC = ("Cluster", "Local")
# From the constants in k8s.io/api; the same in every version of MINORS.
WORDS = {
    "apps.v1.DeploymentStrategy.type": ("Recreate", "RollingUpdate"),
    "autoscaling.v2.HPAScalingPolicy.type": ("Percent", "Pods"),
    "autoscaling.v2.HPAScalingRules.selectPolicy": ("Disabled", "Max", "Min"),
    "autoscaling.v2.MetricSpec.type": ("ContainerResource", "External", "Object", "Pods", "Resource"),
    "autoscaling.v2.MetricTarget.type": ("AverageValue", "Utilization", "Value"),
    "batch.v1.JobSpec.completionMode": ("Indexed", "NonIndexed"),
    "batch.v1.JobSpec.podReplacementPolicy": ("Failed", "TerminatingOrFailed"),
    "core.v1.AppArmorProfile.type": PROFILES,
    "core.v1.Container.imagePullPolicy": ("Always", "IfNotPresent", "Never"),
    "core.v1.Container.terminationMessagePolicy": ("FallbackToLogsOnError", "File"),
    "core.v1.ContainerPort.protocol": PROTOCOLS,
    "core.v1.EmptyDirVolumeSource.medium": ("", "Memory"),
    "core.v1.HTTPGetAction.scheme": ("HTTP", "HTTPS"),
    "core.v1.NodeSelectorRequirement.operator": ("DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"),
    "core.v1.PodSecurityContext.fsGroupChangePolicy": ("Always", "OnRootMismatch"),
    "core.v1.PodSpec.dnsPolicy": ("ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"),
    "core.v1.PodSpec.preemptionPolicy": ("Never", "PreemptLowerPriority"),
    "core.v1.PodSpec.restartPolicy": ("Always", "Never", "OnFailure"),
    "core.v1.SeccompProfile.type": PROFILES,
    "core.v1.SecurityContext.procMount": ("Default", "Unmasked"),
    "core.v1.ServicePort.protocol": PROTOCOLS,
    "core.v1.ServiceSpec.externalTrafficPolicy": TRAFFIC,
    "core.v1.ServiceSpec.internalTrafficPolicy": TRAFFIC,
    "core.v1.ServiceSpec.ipFamilies": ("IPv4", "IPv6"),
    "core.v1.ServiceSpec.ipFamilyPolicy": ("PreferDualStack", "RequireDualStack", "SingleStack"),
    "core.v1.ServiceSpec.sessionAffinity": ("ClientIP", "None"),
    "core.v1.ServiceSpec.trafficDistribution": ("PreferClose", "PreferSameNode", "PreferSameZone"),
    "core.v1.ServiceSpec.type": ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort"),
    "core.v1.Toleration.effect": ("NoExecute", "NoSchedule", "PreferNoSchedule"),
    "core.v1.Toleration.operator": ("Equal", "Exists"),
    "core.v1.TopologySpreadConstraint.nodeAffinityPolicy": INCLUSION,
    "core.v1.TopologySpreadConstraint.nodeTaintsPolicy": INCLUSION,
    "core.v1.TopologySpreadConstraint.whenUnsatisfiable": ("DoNotSchedule", "ScheduleAnyway"),
    "core.v1.VolumeMount.mountPropagation": ("Bidirectional", "HostToContainer", "None"),
    "networking.v1.HTTPIngressPath.pathType": ("Exact", "ImplementationSpecific", "Prefix"),
    "networking.v1.NetworkPolicyPort.protocol": PROTOCOLS,
    "networking.v1.NetworkPolicySpec.policyTypes": ("Egress", "Ingress"),
    "policy.v1.PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": ("AlwaysAllow", "IfHealthyBudget"),
    "rbac.v1.RoleRef.kind": ("ClusterRole", "Role"),
    "rbac.v1.Subject.kind": ("Group", "ServiceAccount", "User"),
}
# Also the `status` of each of KINDS.
LEFT_OUT = {
    "io.k8s.api.core.v1.PodSpec": ("ephemeralContainers", "serviceAccount"),
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta": (
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generateName",
        "generation",
        "managedFields",
        "ownerReferences",
        "resourceVersion",
        "selfLink",
        "uid",
    ),
}
SELECTOR = "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement"
REF = "#/$defs/"

Schema = dict[str, Any]


def upstream(minor: str) -> dict[str, Schema]:
    """Every definition of that Kubernetes version, by its OpenAPI name."""
    folder = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{minor}.0-local-strict"
    definitions: dict[str, Schema] = json.loads((folder / "_definitions.json").read_text("utf-8"))["$defs"]
    return definitions


def slim(schema: Schema) -> Schema:
    """The same schema without prose, hints and null; the keywords it may hold are the ones handled here."""
    kept: Schema = {}
    for keyword, value in schema.items():
        if keyword == "properties":
            kept[keyword] = {name: slim(child) for name, child in value.items()}
        elif keyword in {"items", "additionalProperties"} and isinstance(value, dict):
            kept[keyword] = slim(value)
        elif keyword == "oneOf":
            kept["type"] = [slim(branch)["type"] for branch in value]
        elif keyword == "type":
            kept[keyword] = not_null(value)
        elif keyword in {"$ref", "additionalProperties", "enum", "format", "required"}:
            kept[keyword] = value
        elif keyword not in {"default", "description"} and not keyword.startswith("x-kubernetes-"):
            raise ValueError(
                f"kubernetes-validate uses the keyword {keyword!r}, which this script does not know"
            )
    if kept.get("format") == "int32":
        kept |= {"minimum": -(2**31), "maximum": 2**31 - 1}
    return kept


def not_null(types: str | list[str]) -> str | list[str]:
    left = [name for name in types if name != "null"] if isinstance(types, list) else [types]
    return left[0] if len(left) == 1 else left


def references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix(REF)
        for child in schema.values():
            yield from references(child)


def closure(definitions: dict[str, Schema]) -> dict[str, Schema]:
    """The definitions that `KINDS` reach, slimmed."""
    reached: dict[str, Schema] = {}
    waiting = list(KINDS)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = without(slim(definitions[name]), left_out(name))
            waiting.extend(references(reached[name]))
    return reached


def left_out(name: str) -> tuple[str, ...]:
    return ("status",) if name in KINDS else LEFT_OUT.get(name, ())


def without(schema: Schema, fields: tuple[str, ...]) -> Schema:
    """The same schema, in which these fields are unknown ones."""
    if not fields:
        return schema
    kept = {field: child for field, child in schema["properties"].items() if field not in fields}
    return {**schema, "properties": kept}


def add_what_is_prose(definitions: dict[str, Schema]) -> None:
    """The required fields and legal words that the OpenAPI does not carry; a name it lost is a KeyError."""
    for kind in KINDS:
        fields = ["apiVersion", "kind", "metadata"]
        fields += ["spec"] if kind.endswith(tuple(f".{name}" for name in NEEDS_SPEC)) else []
        definitions[kind]["required"] = sorted({*fields, *definitions[kind].get("required", [])})
    for place, words in WORDS.items():
        definition, _, field = place.rpartition(".")
        schema = definitions[f"io.k8s.api.{definition}"]["properties"][field]
        schema.get("items", schema)["enum"] = list(words)
    definitions[SELECTOR]["properties"]["operator"]["enum"] = ["DoesNotExist", "Exists", "In", "NotIn"]


def generate(minor: str) -> str:
    """The text of `<minor>.json`."""

    def line(value: Any) -> str:
        return json.dumps(value, sort_keys=True, separators=(",", ":"))

    definitions = closure(upstream(minor))
    add_what_is_prose(definitions)
    head = {
        "$comment": f"Kubernetes {minor}, Apache-2.0; derived by generate.py, see NOTICE. Do not edit.",
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "oneOf": [{"$ref": REF + kind} for kind in KINDS],
    }
    body = ",\n".join(f"{line(name)}:{line(definitions[name])}" for name in sorted(definitions))
    return f'{line(head)[:-1]},\n"$defs":{{\n{body}\n}}}}\n'


def main() -> None:
    for minor in MINORS:
        target = Path(__file__).with_name(f"{minor}.json")
        target.write_text(generate(minor), encoding="utf-8")
        print(f"{target.name}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
