"""What a rule is: its expression, and the cases by which promtool proves it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from compiler.render.monitoring.promql import duration

Inputs = Mapping[str, str]  # a series → its samples, one a minute, in promtool's notation

_LABEL = re.compile(r"\{\{ \$labels\.(\w+) \}\}")
_VALUE = re.compile(r"\{\{ \$value[^}]*\}\}")


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule. After `at` minutes of the inputs it has the values of `expected`, by label."""

    name: str
    expression: str
    inputs: Inputs
    expected: Sequence[tuple[Mapping[str, str], float]]
    at: int = 10

    def rule(self, catalog: str) -> dict[str, Any]:
        """The label `catalog` comes back: two catalogs in one Prometheus have rules of the same names."""
        return {"record": self.name, "expr": self.expression, "labels": {"catalog": catalog}}


@dataclass(frozen=True, slots=True)
class Firing:
    """One alert that fires: its own labels, and its value as the description shows it."""

    value: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """What an alert does `at` minutes after the inputs began: fires, or nothing."""

    title: str
    inputs: Inputs
    at: int
    firing: tuple[Firing, ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule. `hold` is how long it must be so, in seconds; `section` is the runbook's."""

    name: str
    section: str
    severity: str
    expression: str
    hold: int
    summary: str
    description: str
    cases: Sequence[Case]
    labels: Mapping[str, str] = field(default_factory=dict)

    def rule(self, catalog: str) -> dict[str, Any]:
        return {
            "alert": self.name,
            "expr": self.expression,
            "for": duration(self.hold),
            "labels": self.own_labels(catalog),
            "annotations": self._annotations(),
        }

    def own_labels(self, catalog: str) -> dict[str, str]:
        return {"severity": self.severity, "catalog": catalog, **self.labels}

    def _annotations(self) -> dict[str, str]:
        runbook = f"RUNBOOK.md#{self.section.lower()}"
        return {"summary": self.summary, "description": self.description, "runbook": runbook}

    def annotations(self, firing: Firing) -> dict[str, str]:
        """The annotations as Prometheus fills them in for one alert that fires."""
        labels = {**self.labels, **firing.labels}

        def filled(text: str) -> str:
            return _VALUE.sub(firing.value, _LABEL.sub(lambda found: labels[found[1]], text))

        return {name: filled(text) for name, text in self._annotations().items()}


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another, every `interval` seconds."""

    name: str
    interval: int
    rules: Sequence[Recording | Alert]

    def data(self, catalog: str) -> dict[str, Any]:
        return {
            "name": self.name,
            "interval": duration(self.interval),
            "rules": [rule.rule(catalog) for rule in self.rules],
        }


def percent(ratio: float) -> str:
    """As Prometheus' `humanizePercentage` prints it."""
    return f"{ratio * 100:.4g}%"
