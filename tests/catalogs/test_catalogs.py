"""No false alarms: catalogs as organisations keep them pass, and are as safe as that says.

They were written from the format alone, before anybody looked at what the interlocks want. When one of them
fails here, first ask whether the rule is wrong: a catalog is changed only for a hazard that it really has.
"""

from pathlib import Path
from typing import Any

import pytest

from compiler.catalog import Catalog, Strategy
from compiler.pipeline import Outcome, render, validate
from compiler.runtime.decision import decide
from compiler.table import routing_table

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parent.parent / "catalog"
REALISTIC = sorted(HERE.glob("*.yaml"))
EVERY = [*REALISTIC, *sorted(SHIPPED.glob("*.yaml"))]
BODIES: dict[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
    "completion": {"prompt": "hello"},
    "embedding": {"input": "hello"},
}
of_each = pytest.mark.parametrize("path", EVERY, ids=lambda path: path.stem)


def test_there_are_as_many_as_promised() -> None:
    assert len(REALISTIC) >= 20


@of_each
def test_a_realistic_catalog_raises_no_alarm(path: Path) -> None:
    found = [d for d in validate(path).diagnostics if d.severity != "note"]
    assert [f"{d.severity} {d.code}: {d.message}" for d in found] == []


@of_each
def test_it_renders_and_the_output_is_verified(path: Path) -> None:
    outcome = render(path)
    assert outcome.bundle is not None
    assert outcome.name == path.stem
    assert f"{path.stem}.yaml" in outcome.bundle


@of_each
def test_every_strategy_answers_whichever_provider_is_down(path: Path) -> None:
    catalog = catalog_of(validate(path))
    table = routing_table(catalog, catalog.front)
    for strategy in catalog.strategies.values():
        mode = mode_of(catalog, strategy)
        request = {"routing_strategy": strategy.name, **BODIES[mode]}
        assert decide(table, request, mode=mode).route, strategy.name
        for provider in () if strategy.single_provider else catalog.providers:
            decision = decide(table, request, mode=mode, down=[provider])
            assert decision.refusal is None, (strategy.name, provider, decision.refusal)
            hops = [catalog.models[name].providers for name in decision.route]
            assert hops, (strategy.name, provider)
            assert all(set(providers) != {provider} for providers in hops), (strategy.name, provider)


def test_how_many_notes_they_get(record_property: Any) -> None:
    lines = []
    for path in EVERY:
        codes = [d.code for d in validate(path).diagnostics if d.severity == "note"]
        counted = ", ".join(f"{codes.count(code)} {code}" for code in sorted(set(codes)))
        lines.append(f"{path.stem}: {counted or 'none'}")
    record_property("report", "\n".join(["notes on realistic catalogs", *lines]))


def catalog_of(outcome: Outcome) -> Catalog:
    assert outcome.catalog is not None, [d.message for d in outcome.diagnostics]
    return outcome.catalog


def mode_of(catalog: Catalog, strategy: Strategy) -> str:
    """The kind of request that a strategy is for: the first that all its models serve, else that any does."""
    served = [catalog.models[name].modes for name in strategy.candidates if catalog.models[name].in_service]
    common = [mode for mode in BODIES if all(mode in modes for modes in served)]
    return (common or [mode for mode in BODIES if any(mode in modes for modes in served)])[0]
