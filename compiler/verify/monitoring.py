"""What the Prometheus Operator and Prometheus ask of monitors and rules."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.verify import promql, syntax
from compiler.verify.finding import Problem, brief, child
from compiler.verify.metadata import selector
from compiler.verify.objects import Object
from compiler.verify.promql import duration_ms
from compiler.verify.syntax import unique, wrong

# relabelling action → the fields it cannot do without
_NEEDS = {
    "dropequal": ("sourceLabels", "targetLabel"),
    "hashmod": ("sourceLabels", "targetLabel", "modulus"),
    "keepequal": ("sourceLabels", "targetLabel"),
    "lowercase": ("sourceLabels", "targetLabel"),
    "replace": ("targetLabel",),
    "uppercase": ("sourceLabels", "targetLabel"),
}
_TEMPLATED = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")  # a target label may begin with two underscores here


def pod_monitor(item: Object) -> Iterator[Problem]:
    yield from _monitor(item, "podMetricsEndpoints", ("port", "portNumber"))


def service_monitor(item: Object) -> Iterator[Problem]:
    yield from _monitor(item, "endpoints", ("port", "targetPort"))


def _monitor(item: Object, field: str, ports: tuple[str, str]) -> Iterator[Problem]:
    spec = item.spec
    yield from selector("spec.selector", spec["selector"])
    if not any(spec["selector"].values()):
        yield "spec.selector", "an empty selector: it would watch whatever runs there"
    where = spec.get("namespaceSelector", {})
    if where.get("any") and where.get("matchNames"):
        yield "spec.namespaceSelector", "any and matchNames do not go together"
    for index, name in enumerate(where.get("matchNames", [])):
        yield from wrong(f"spec.namespaceSelector.matchNames[{index}]", syntax.dns_label(name))
    for names in ("podTargetLabels", "targetLabels"):
        for index, name in enumerate(spec.get(names, [])):
            yield from wrong(f"spec.{names}[{index}]", syntax.qualified_key(name))
    for index, endpoint in enumerate(spec[field]):
        pointer = f"spec.{field}[{index}]"
        if len(ports & endpoint.keys()) != 1:
            yield f"{pointer}.port", f"exactly one of {' and '.join(ports)} is wanted"
        yield from _endpoint(pointer, endpoint)
    places = (
        (f"spec.{field}[{index}].port", (*(one.get(name) for name in ports), one.get("path", "/metrics")))
        for index, one in enumerate(spec[field])
    )
    yield from unique(places, "the page")


def _endpoint(at: str, endpoint: Mapping[str, Any]) -> Iterator[Problem]:
    for field in endpoint.keys() & {"port", "targetPort"}:
        yield from wrong(f"{at}.{field}", syntax.port(endpoint[field]))
    if not endpoint.get("path", "/metrics").startswith("/"):
        yield f"{at}.path", f"{brief(endpoint['path'])!r} does not begin with /"
    timeout, interval = (duration_ms(endpoint.get(name, "")) for name in ("scrapeTimeout", "interval"))
    if interval and timeout > interval:
        yield f"{at}.scrapeTimeout", f"longer than the interval, {endpoint['interval']}"
    for field in ("relabelings", "metricRelabelings"):
        for index, rule in enumerate(endpoint.get(field, [])):
            yield from _relabelling(f"{at}.{field}[{index}]", rule)


def _relabelling(at: str, rule: Mapping[str, Any]) -> Iterator[Problem]:
    action = rule.get("action", "replace")
    for field in _NEEDS.get(action, ()):
        if not rule.get(field):
            yield f"{at}.{field}", f"the action {action} wants it"
    if action == "replace" and not rule.get("sourceLabels") and "replacement" not in rule:
        yield f"{at}.sourceLabels", "neither sourceLabels nor a replacement: the label would be empty"
    for index, name in enumerate(rule.get("sourceLabels", [])):
        if not _TEMPLATED.fullmatch(name):
            yield f"{at}.sourceLabels[{index}]", f"{brief(name)!r} is no label of a target"
    target = rule.get("targetLabel", "")
    if target and "$" not in target and not _TEMPLATED.fullmatch(target):
        yield f"{at}.targetLabel", f"{brief(target)!r} is no label of a target"
    yield from wrong(f"{at}.regex", promql.regex(rule.get("regex", "")))


def prometheus_rule(item: Object) -> Iterator[Problem]:
    groups = item.spec["groups"]
    yield from unique(
        ((f"spec.groups[{i}].name", group["name"]) for i, group in enumerate(groups)), "the name"
    )
    recorded = promql.recorded(groups)
    for index, group in enumerate(groups):
        at = f"spec.groups[{index}]"
        places = ((f"{at}.rules[{i}]", _identity(rule)) for i, rule in enumerate(group["rules"]))
        yield from unique(places, "the rule")
        for place, rule in enumerate(group["rules"]):
            pointer = f"{at}.rules[{place}]"
            yield from _rule(pointer, rule)
            yield from wrong(f"{pointer}.expr", promql.expression(rule["expr"], recorded))


def _identity(rule: Mapping[str, Any]) -> object:
    return rule.get("alert"), rule.get("record"), tuple(sorted(rule.get("labels", {}).items()))


def _rule(at: str, rule: Mapping[str, Any]) -> Iterator[Problem]:
    if len({"alert", "record"} & rule.keys()) != 1:
        yield at, "exactly one of alert and record is wanted"
    if "record" in rule:
        yield from wrong(f"{at}.record", syntax.metric_name(rule["record"]))
        for field in ("annotations", "for", "keep_firing_for"):
            if field in rule:
                yield f"{at}.{field}", "only for an alert"
    elif not rule.get("alert") or rule["alert"] != rule["alert"].strip():
        yield f"{at}.alert", "no name, or blanks round it"
    for field in ("annotations", "labels"):
        for name, text in rule.get(field, {}).items():
            pointer = child(f"{at}.{field}", name)
            yield from wrong(pointer, syntax.metric_label(name) or promql.template(text))
