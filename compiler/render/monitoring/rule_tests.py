"""rules.test.yaml: every rule of rules.yaml at work, for `promtool test rules`."""

from collections.abc import Iterator, Sequence
from typing import Any

from compiler.render.monitoring.promql import escaped
from compiler.render.monitoring.rules import Alert, Case, Group, Inputs, Recording

_DIGITS = 0.0001  # to which values are compared: sums of fractions have noise


def tests(catalog: str, groups: Sequence[Group]) -> dict[str, Any]:
    """For each recording rule its value, for each alert when it fires and when it does not."""
    rules = [rule for group in groups for rule in group.rules]
    every_alert: dict[str, list[Alert]] = {}
    for rule in rules:
        if isinstance(rule, Alert):
            every_alert.setdefault(rule.name, []).append(rule)
    found = _values(catalog, [rule for rule in rules if isinstance(rule, Recording)])
    for alike in every_alert.values():
        found += _firing(catalog, alike)
    return {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "group_eval_order": [group.name for group in groups],
        "tests": found,
    }


def _test(name: str, inputs: Inputs, **what: Any) -> dict[str, Any]:
    series = [{"series": key, "values": values} for key, values in inputs.items()]
    return {"name": name, "interval": "1m", "input_series": series, **what}


def _values(catalog: str, rules: Sequence[Recording]) -> list[dict[str, Any]]:
    """A test for all the rules that look at the same series."""
    alike: dict[tuple[tuple[str, str], ...], list[Recording]] = {}
    for rule in rules:
        alike.setdefault(tuple(rule.inputs.items()), []).append(rule)
    return [
        _test(
            f"recorded from {next(iter(inputs))[0].partition('{')[0]}",
            dict(inputs),
            promql_expr_test=[_value(catalog, rule) for rule in of_these],
        )
        for inputs, of_these in alike.items()
    ]


def _value(catalog: str, rule: Recording) -> dict[str, Any]:
    samples = [
        {"labels": _series({"catalog": catalog, **labels}), "value": value} for labels, value in rule.expected
    ]
    return {"expr": f"round({rule.name}, {_DIGITS})", "eval_time": f"{rule.at}m", "exp_samples": samples}


def _series(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{escaped(value)}"' for name, value in labels.items()) + "}"


def _firing(catalog: str, alike: Sequence[Alert]) -> Iterator[dict[str, Any]]:
    """Alerts of one name: what fires for one gateway's sake must not for another's."""
    for alert in alike:
        others = {key: "1+0x100" for other in alike if other is not alert for key in _healthy(other)}
        for case in alert.cases:
            yield _case(catalog, alert, case, others)


def _healthy(alert: Alert) -> Inputs:
    return alert.cases[-1].inputs


def _case(catalog: str, alert: Alert, case: Case, others: Inputs) -> dict[str, Any]:
    expected = [
        {
            "exp_labels": {**alert.own_labels(catalog), **firing.labels},
            "exp_annotations": alert.annotations(firing),
        }
        for firing in case.firing
    ]
    check = {"eval_time": f"{case.at}m", "alertname": alert.name, "exp_alerts": expected}
    return _test(f"{alert.name}: {case.title}", {**case.inputs, **others}, alert_rule_test=[check])
