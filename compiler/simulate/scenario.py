"""What is supposed to happen: faults, prices, limits and growth, made true of an engine."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from compiler.runtime.models import Table
from compiler.simulate.engine import Engine
from compiler.simulate.plant import Plant, Target


@dataclass(frozen=True, slots=True)
class During:
    """A time, in seconds since the first request."""

    start: float = 0.0
    end: float = inf


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a provider or model for a time: refuses connections, fails some calls, is slow.

    `status` 0 is a call that hangs until the timeout; `slow` is the factor by which answers take longer.
    """

    name: str
    during: During = During()
    down: bool = False
    rate: float = 0.0
    status: int = 503
    slow: float = 1.0


@dataclass(frozen=True, slots=True)
class NewPrice:
    """USD per million tokens; or the factor of what it was. What is None stays."""

    input: float | None = None
    output: float | None = None
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class NewLimit:
    """Calls or tokens a minute, None: without a limit; or the factor of what it was."""

    value: int | None = None
    factor: float | None = None

    def of(self, was: int | None) -> int | None:
        if self.factor is None:
            return self.value
        return None if was is None else max(1, round(was * self.factor))


@dataclass(frozen=True, slots=True)
class Scenario:
    """`words` are how it was said, for reports. Prices and limits are by model."""

    words: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    prices: Mapping[str, NewPrice] = field(default_factory=dict)
    rpm: Mapping[str, NewLimit] = field(default_factory=dict)
    tpm: Mapping[str, NewLimit] = field(default_factory=dict)
    no_limits: bool = False
    growth: float = 1.0


def priced(table: Table, prices: Mapping[str, NewPrice]) -> Table:
    """The table at the new prices, by which it decides as well."""
    models = {
        name: {**row, "price": _new_price(row["price"], prices[name])} if name in prices else row
        for name, row in table["models"].items()
    }
    return {**table, "models": models}


def _new_price(was: Mapping[str, Any] | None, new: NewPrice) -> Mapping[str, Any] | None:
    """A price that is named holds for prompts of every size: its tiers go."""
    if new.factor is not None:
        by = new.factor
        return was and {
            "input": was["input"] * by,
            "output": was["output"] * by,
            "tiers": [[above, side_in * by, side_out * by] for above, side_in, side_out in was["tiers"]],
        }
    old = was or {"input": 0, "output": 0}
    return {
        "input": old["input"] if new.input is None else new.input,
        "output": old["output"] if new.output is None else new.output,
        "tiers": [],
    }


def limit(plant: Plant, scenario: Scenario) -> None:
    """Sets the limits of the scenario."""
    for target in plant.targets:
        if scenario.no_limits:
            target.rpm = target.tpm = None
        if target.model in scenario.rpm:
            target.rpm = scenario.rpm[target.model].of(target.rpm)
        if target.model in scenario.tpm:
            target.tpm = scenario.tpm[target.model].of(target.tpm)
        target.changed()


def schedule(engine: Engine, faults: tuple[Fault, ...]) -> None:
    """Has each fault begin and end in its time."""
    moments = {
        moment for fault in faults for moment in (fault.during.start, fault.during.end) if moment < inf
    }
    for moment in sorted(moments):
        engine.at(moment, lambda t, _: _set(engine.plant, faults, t))


def _set(plant: Plant, faults: tuple[Fault, ...], t: float) -> None:
    """What is wrong from `t` on. Several faults of one target add up; the share of the last one holds."""
    now = [fault for fault in faults if fault.during.start <= t < fault.during.end]
    hit: dict[Target, Fault] = {}
    for fault in now:
        for target in plant.of(fault.name):
            before = hit.get(target, Fault(target.id))
            hit[target] = replace(
                before,
                down=before.down or fault.down,
                rate=fault.rate or before.rate,
                status=fault.status if fault.rate else before.status,
                slow=before.slow * fault.slow,
            )
    for target in plant.targets:
        wrong = hit.get(target, Fault(target.id))
        target.down, target.rate, target.status = wrong.down, wrong.rate, wrong.status
        target.slow = wrong.slow
        target.changed()
