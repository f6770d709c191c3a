"""What the API server asks of where pods may run: node labels, tolerations, affinity, spread."""

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem, brief
from compiler.verify.metadata import selector
from compiler.verify.syntax import at_least, labels, unique, wrong

_TOPOLOGIES = frozenset(
    {
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
_ALWAYS = "requiredDuringSchedulingIgnoredDuringExecution"
_RATHER = "preferredDuringSchedulingIgnoredDuringExecution"


def scheduling(at: str, spec: dict[str, Any]) -> Iterator[Problem]:
    """`spec` is that of a pod, `at` its pointer."""
    yield from labels(f"{at}.nodeSelector", spec.get("nodeSelector", {}))
    if "priorityClassName" in spec:
        yield from wrong(f"{at}.priorityClassName", syntax.dns_subdomain(spec["priorityClassName"]))
    for index, toleration in enumerate(spec.get("tolerations", [])):
        yield from _toleration(f"{at}.tolerations[{index}]", toleration)
    yield from _spread(f"{at}.topologySpreadConstraints", spec.get("topologySpreadConstraints", []))
    affinity = spec.get("affinity", {})
    for field in ("podAffinity", "podAntiAffinity"):
        yield from _pods(f"{at}.affinity.{field}", affinity.get(field, {}))
    yield from _nodes(f"{at}.affinity.nodeAffinity", affinity.get("nodeAffinity", {}))


def _toleration(at: str, toleration: Mapping[str, Any]) -> Iterator[Problem]:
    key, exists = toleration.get("key", ""), toleration.get("operator") == "Exists"
    if key:
        yield from wrong(f"{at}.key", syntax.qualified_key(key))
    elif not exists:
        yield f"{at}.operator", "must be Exists where no key is given"
    if exists and toleration.get("value"):
        yield f"{at}.value", "the operator Exists has no value"
    yield from wrong(f"{at}.value", syntax.label_value(toleration.get("value", "")))
    if "tolerationSeconds" in toleration and toleration.get("effect") != "NoExecute":
        yield f"{at}.tolerationSeconds", "goes with the effect NoExecute and no other"


def _spread(at: str, constraints: list[dict[str, Any]]) -> Iterator[Problem]:
    for index, constraint in enumerate(constraints):
        pointer = f"{at}[{index}]"
        yield from at_least(constraint, pointer, {"maxSkew": 1, "minDomains": 1})
        yield from wrong(f"{pointer}.topologyKey", _topology(constraint["topologyKey"]))
        yield from selector(f"{pointer}.labelSelector", constraint.get("labelSelector", {}))
        if "minDomains" in constraint and constraint["whenUnsatisfiable"] != "DoNotSchedule":
            yield f"{pointer}.minDomains", "goes with DoNotSchedule and no other"
    pairs = (
        (f"{at}[{index}].topologyKey", (one["topologyKey"], one["whenUnsatisfiable"]))
        for index, one in enumerate(constraints)
    )
    yield from unique(pairs, "the constraint")


def _topology(key: str) -> str:
    prefix = key.partition("/")[0]
    if prefix in {"kubernetes.io", "topology.kubernetes.io"} and key not in _TOPOLOGIES:
        return f"{brief(key)!r} is no label that Kubernetes gives nodes: {', '.join(sorted(_TOPOLOGIES))}"
    return syntax.qualified_key(key)


def _pods(at: str, affinity: Mapping[str, Any]) -> Iterator[Problem]:
    terms = [(f"{at}.{_ALWAYS}[{index}]", term) for index, term in enumerate(affinity.get(_ALWAYS, []))]
    for index, weighted in enumerate(affinity.get(_RATHER, [])):
        yield from _weight(f"{at}.{_RATHER}[{index}]", weighted)
        terms.append((f"{at}.{_RATHER}[{index}].podAffinityTerm", weighted["podAffinityTerm"]))
    for pointer, term in terms:
        yield from wrong(f"{pointer}.topologyKey", _topology(term["topologyKey"]))
        yield from selector(f"{pointer}.labelSelector", term.get("labelSelector", {}))


def _nodes(at: str, affinity: Mapping[str, Any]) -> Iterator[Problem]:
    if _ALWAYS in affinity and not affinity[_ALWAYS]["nodeSelectorTerms"]:
        yield f"{at}.{_ALWAYS}.nodeSelectorTerms", "no term: no node would do"
    for index, weighted in enumerate(affinity.get(_RATHER, [])):
        yield from _weight(f"{at}.{_RATHER}[{index}]", weighted)


def _weight(at: str, weighted: Mapping[str, Any]) -> Iterator[Problem]:
    if not 1 <= weighted["weight"] <= 100:
        yield f"{at}.weight", f"{weighted['weight']} is not 1 to 100"
