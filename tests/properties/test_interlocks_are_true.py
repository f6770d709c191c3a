"""Proof, not luck: the interlocks and brute force say the same of random catalogs.

Where brute force finds a promise broken, an interlock of that promise has fired, about that model, strategy
or gateway; where none has fired it finds nothing. What an interlock says is true too: brute force finds it,
and the request that it shows goes wrong as it says.
More: INTERLOCK_CATALOGS=20000, INTERLOCK_SEED=7, INTERLOCK_THOROUGH=1.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from compiler import facts
from compiler.diagnostics import Diagnostic
from compiler.facts import CostMap
from compiler.pipeline import Outcome, validate_text
from tests.properties.brute_force import World
from tests.properties.counter_examples import goes_wrong
from tests.properties.promises import Broken, broken
from tests.properties.random_hazards import AS_OF, hazardous

CATALOGS = int(os.environ.get("INTERLOCK_CATALOGS", "1000"))
SEED = int(os.environ.get("INTERLOCK_SEED", "4"))
THOROUGH = bool(os.environ.get("INTERLOCK_THOROUGH"))
SHOWN = 12  # disagreements that a failure tells in full

# What fires only where brute force finds this; the others have counter-examples, or judge no route.
_CAUSES = {
    "IL302": ("P1",), "IL304": ("P2",), "IL312": ("P3", "P3b", "P3b by cost"), "IL314": ("P5",),
    "IL502": ("P6 outside",), "IL503": ("P6 key",), "IL601": ("P4 last day",), "IL602": ("P3",),
    "IL303": ("P8 cycle",), "IL701": ("P7",), "IL702": ("P7 outage",),
}  # fmt: skip


@dataclass
class Tally:
    """What came of all the catalogs."""

    catalogs: int = 0
    passed: int = 0
    silent: int = 0
    requests: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    disagreements: list[str] = field(default_factory=list)

    def report(self) -> str:
        rows = [
            "the interlocks and brute force",
            f"catalogs: {self.catalogs}; passed: {self.passed}; no warning either: {self.silent}",
            f"requests decided: {self.requests}; disagreements: {len(self.disagreements)}",
            "catalogs in which it fired: " + _counts(self.fired),
            "catalogs in which brute force found it broken: " + _counts(self.found),
            "counter-examples that went wrong as they say: " + _counts(self.shown),
        ]
        return "\n".join(rows)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], tuple[World, list[Diagnostic], Outcome]]:
    def judge(number: int) -> tuple[World, list[Diagnostic], Outcome]:
        data, entries = hazardous(SEED, number)
        monkeypatch.setattr(facts, "load_cost_map", lambda: CostMap(entries))
        outcome = validate_text(json.dumps(data).encode(), "catalog.yaml", AS_OF)
        assert outcome.catalog is not None, outcome.diagnostics
        return World(data, outcome.catalog, AS_OF, thorough=THOROUGH), outcome.diagnostics, outcome

    return judge


def test_what_passes_is_safe_and_what_is_refused_is_not(
    judged: Callable[[int], tuple[World, list[Diagnostic], Outcome]],
    record_property: Callable[[str, object], None],
) -> None:
    tally = Tally()
    for number in range(CATALOGS):
        world, said, outcome = judged(number)
        found = broken(world)
        tally.catalogs += 1
        tally.passed += outcome.ok
        tally.silent += all(one.severity == "note" for one in said)
        tally.fired.update({one.code for one in said})
        tally.found.update({one.promise for one in found})
        problems = [*_unsaid(_left(found, said, outcome), said), *_unfounded(found, said)]
        problems += _false_examples(world, said, tally)
        tally.requests += world.asked
        tally.disagreements += [f"catalog {number}: {problem}" for problem in problems]
    record_property("report", tally.report())
    assert not tally.disagreements, "\n".join([tally.report(), *tally.disagreements[:SHOWN]])
    if CATALOGS >= 1000:
        assert 0.2 < tally.passed / tally.catalogs < 0.6
        assert set(_CAUSES) <= set(tally.fired)
        assert {cause for causes in _CAUSES.values() for cause in causes} <= set(tally.found)


def _left(found: list[Broken], said: list[Diagnostic], outcome: Outcome) -> list[Broken]:
    """Less what needs no saying where no strategy has a model: that nothing of a route can be chosen."""
    strategies = outcome.catalog.strategies if outcome.catalog else ()
    none = sum(one.code == "IL302" for one in said) == len(strategies)
    return [one for one in found if not (none and one.promise == "P3")]


def _unsaid(found: list[Broken], said: list[Diagnostic]) -> list[str]:
    """Broken promises of which no interlock speaks."""
    return [
        f"{one.promise} of {', '.join(sorted(one.names))} is broken and not said: {one.what}"
        for one in found
        if " by " not in one.promise
        and not any(d.code in one.codes and one.names.intersection(map(str, d.path)) for d in said)
    ]


def _unfounded(found: list[Broken], said: list[Diagnostic]) -> list[str]:
    """What interlocks say and brute force does not find."""
    return [
        f"{d.code} fired at {'.'.join(map(str, d.path))} and brute force finds no {causes[0]}: {d.message}"
        for d in said
        if (causes := _CAUSES.get(d.code))
        and (d.request or d.code != "IL601")  # of a model to which nothing comes it is said all the same
        and not any(
            d.code == "IL314" and o.code == "IL312" and o.path[: len(d.path)] == d.path for o in said
        )  # it is said too late
        and not any(one.promise in causes and one.names.intersection(map(str, d.path)) for one in found)
    ]


def _false_examples(world: World, said: list[Diagnostic], tally: Tally) -> list[str]:
    problems = []
    for one in said:
        if one.request is None:
            continue
        if goes_wrong(world, one):
            tally.shown[one.code] += 1
        else:
            problems.append(
                f"the counter-example of {one.code} does not go wrong: {one.request}; {one.message}"
            )
    return problems
