"""What Gateway API asks of an HTTPRoute, mostly as CEL."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem, brief
from compiler.verify.objects import Object
from compiler.verify.syntax import unique, wrong

_MAX_MATCHES = 128
_MILLISECONDS = {"h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_PART = re.compile(r"([0-9]{1,5})(ms|h|m|s)")


def http_route(item: Object) -> Iterator[Problem]:
    spec = item.spec
    for index, host in enumerate(spec.get("hostnames", [])):
        yield from wrong(f"spec.hostnames[{index}]", syntax.host(host))
    yield from unique(
        ((f"spec.hostnames[{i}]", host) for i, host in enumerate(spec.get("hostnames", []))), "the host"
    )
    yield from _parents(spec["parentRefs"])
    if sum(len(rule.get("matches", [{}])) for rule in spec["rules"]) > _MAX_MATCHES:
        yield "spec.rules", f"over {_MAX_MATCHES} matches in all"
    for index, rule in enumerate(spec["rules"]):
        yield from _rule(f"spec.rules[{index}]", rule)
    names = (
        (f"spec.rules[{i}].name", rule["name"]) for i, rule in enumerate(spec["rules"]) if "name" in rule
    )
    yield from unique(names, "the name")
    yield from unique(iter(_matches(spec["rules"])), "the match")


def _parents(parents: list[dict[str, Any]]) -> Iterator[Problem]:
    fields = ("group", "kind", "namespace", "name", "sectionName", "port")
    places = (
        (f"spec.parentRefs[{index}].name", tuple(parent.get(field, "") for field in fields))
        for index, parent in enumerate(parents)
    )
    yield from unique(places, "the parent")
    for index, parent in enumerate(parents):
        yield from wrong(f"spec.parentRefs[{index}].name", syntax.dns_subdomain(parent["name"]))


def _rule(at: str, rule: Mapping[str, Any]) -> Iterator[Problem]:
    backends = rule.get("backendRefs", [])
    if not backends:
        yield f"{at}.backendRefs", "no backend: every request would get 500"
    elif not any(backend.get("weight", 1) for backend in backends):
        yield f"{at}.backendRefs[0].weight", "no backend has a weight: every request would get 500"
    for index, match in enumerate(rule.get("matches", [])):
        path = match.get("path", {})
        if path.get("type", "PathPrefix") != "RegularExpression":
            value = path.get("value", "/")
            yield from wrong(f"{at}.matches[{index}].path.value", syntax.absolute_path(value))
    timeouts = rule.get("timeouts", {})
    whole, one = (_milliseconds(timeouts.get(field, "")) for field in ("request", "backendRequest"))
    if whole and one > whole:
        yield f"{at}.timeouts.backendRequest", f"longer than the whole request: {brief(timeouts['request'])}"


def _matches(rules: list[dict[str, Any]]) -> list[tuple[str, object]]:
    return [
        (f"spec.rules[{index}].matches[{place}]", match)
        for index, rule in enumerate(rules)
        for place, match in enumerate(_hashable(rule.get("matches", [])))
    ]


def _hashable(matches: list[dict[str, Any]]) -> Iterator[str]:
    for match in matches:
        yield repr(sorted(match.items()))


def _milliseconds(text: str) -> int:
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))
