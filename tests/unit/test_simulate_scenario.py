"""The words of a scenario: what they mean, and what is said of those that mean nothing."""

from math import inf
from typing import Any

import pytest

from compiler.catalog import Catalog
from compiler.pipeline import validate_text
from compiler.simulate.play import engine_of
from compiler.simulate.scenario import During, Fault, NewLimit, NewPrice, Scenario, priced
from compiler.simulate.scenario_words import Said, ScenarioError, said_in, scenario_of, seconds_of
from compiler.table import routing_table

CATALOG = b"""
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  vertex-ai: {type: gemini, api_key: {secret: gemini-api-key, key: api-key}}
models:
  gpt-4: {provider: openai, rpm: 100, tpm: 5000,
          price: {input: 10, output: 20, tiers: [{above_context: 1000, input: 30, output: 40}]}}
  text-bison@002: {provider: vertex-ai, context_window: 8192, modes: [chat]}
strategies: {best: {candidates: [gpt-4, text-bison@002]}}
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    found = validate_text(CATALOG, "catalog.yaml", "2026-11-23").catalog
    assert found is not None
    return found


def scenario(catalog: Catalog, word: str, *texts: str) -> Scenario:
    said = Said()
    said.add(word, texts)
    return scenario_of(said, catalog)


@pytest.mark.parametrize(
    ("word", "text", "fault"),
    [
        ("down", "vertex-ai", Fault("vertex-ai", down=True)),
        ("down", "vertex-ai@10m..20m", Fault("vertex-ai", During(600, 1200), down=True)),
        ("down", "openai@1h30m..", Fault("openai", During(5400, inf), down=True)),
        ("down", "openai@..90s", Fault("openai", During(0, 90), down=True)),
        ("errors", "openai=5%", Fault("openai", rate=0.05)),
        ("errors", "gpt-4=0.5%:429@0s..1d", Fault("gpt-4", During(0, 86400), rate=0.005, status=429)),
        (
            "errors",
            "text-bison@002=100%:timeout@1s..2s",
            Fault("text-bison@002", During(1, 2), rate=1, status=0),
        ),
        ("slow", "openai=3x", Fault("openai", slow=3)),
        ("slow", "text-bison@002=1.5x@2m..3m", Fault("text-bison@002", During(120, 180), slow=1.5)),
    ],
)
def test_a_fault_is_said(catalog: Catalog, word: str, text: str, fault: Fault) -> None:
    found = scenario(catalog, word, text)
    assert found.faults == (fault,)
    assert found.words == (f"{word} {text}",)


def test_prices_limits_and_growth_are_said(catalog: Catalog) -> None:
    assert scenario(catalog, "price", "gpt-4=2x").prices == {"gpt-4": NewPrice(factor=2)}
    assert scenario(catalog, "price", "gpt-4=output:3").prices == {"gpt-4": NewPrice(output=3)}
    assert scenario(catalog, "rpm", "gpt-4=10").rpm == {"gpt-4": NewLimit(10)}
    assert scenario(catalog, "tpm", "gpt-4=off", "gpt-4=0.5x").tpm == {"gpt-4": NewLimit(factor=0.5)}
    assert scenario(catalog, "limits", "off").no_limits
    assert scenario(catalog, "growth", "2.5x").growth == 2.5


@pytest.mark.parametrize(
    ("word", "text", "message"),
    [
        ("down", "opnai", "'opnai' does not exist; did you mean 'openai'?"),
        ("down", "gpt-4", "'gpt-4' does not exist; there are: openai, vertex-ai"),
        ("down", "openai@10m", "is no time from..to"),
        ("down", "openai@20m..10m", "ends before it begins"),
        ("down", "openai@ten..20m", "'ten' is no time; write 90s, 10m, 1h30m or 2d"),
        ("errors", "openai", "write NAME=VALUE"),
        ("errors", "openai=5", "is no percentage from 0% to 100%"),
        ("errors", "openai=101%", "is no percentage"),
        ("errors", "openai=nan%", "is no number of zero or more"),
        ("errors", "openai=5%:200", "neither a status from 400 to 599 nor timeout"),
        ("errors", "gpt4=5%", "did you mean 'gpt-4'?"),
        ("slow", "openai=3", "is no factor such as 2x"),
        ("slow", "openai=0x", "is no factor"),
        ("price", "gpt-4=10", "a price has input and output"),
        ("price", "openai=2x", "'openai' does not exist"),
        ("price", "gpt-4=input:-1", "is no number of zero or more"),
        ("rpm", "gpt-4=0", "neither a number a minute"),
        ("growth", "twice", "'twice' is no number"),
        ("limits", "maybe", "limits are on or off"),
    ],
)
def test_what_means_nothing_is_told_with_what_would(
    catalog: Catalog, word: str, text: str, message: str
) -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(catalog, word, text)
    assert message in str(caught.value)
    assert caught.value.word == word


def test_a_file_says_the_same_words(catalog: Catalog) -> None:
    said = said_in({"description": "a bad day", "down": ["openai", "vertex-ai@1h.."], "growth": "2x"})
    found = scenario_of(said, catalog)
    assert found.words == ("down openai", "down vertex-ai@1h..", "growth 2x")
    assert len(found.faults) == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "a scenario is a mapping of: down, errors"),
        ({"dwn": "openai"}, "unknown word 'dwn'; did you mean 'down'?"),
        ({"weather": "bad"}, "there are: description, down"),
        ({"down": {"openai": True}}, "takes texts such as 'openai@10m..20m'"),
        ({"down": [True]}, "takes texts"),
        ({"growth": ["2x", "3x"]}, "is said once"),
    ],
)
def test_a_files_mistakes_are_told(data: Any, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        said_in(data)
    assert message in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1.5m", 90), ("1h30m", 5400), ("2d", 172_800)])
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


def test_a_factor_holds_for_every_tier_and_a_price_ends_them(catalog: Catalog) -> None:
    table = routing_table(catalog, catalog.front)
    doubled = priced(table, {"gpt-4": NewPrice(factor=2)})["models"]["gpt-4"]["price"]
    assert doubled == {"input": 20, "output": 40, "tiers": [[1000, 60, 80]]}
    flat = priced(table, {"gpt-4": NewPrice(input=1)})["models"]["gpt-4"]["price"]
    assert flat == {"input": 1, "output": 20, "tiers": []}
    assert table["models"]["gpt-4"]["price"]["input"] == 10, "the table itself is left alone"


def test_faults_of_one_target_come_and_go_together(catalog: Catalog) -> None:
    said = said_in({"slow": ["openai=2x", "gpt-4=3x@10s..20s"], "errors": "openai=5%:429@15s.."})
    table = routing_table(catalog, catalog.front)
    engine = engine_of(catalog, catalog.front, table, scenario_of(said, catalog))
    (target,) = engine.plant.of("gpt-4")
    seen = []
    for t in (0, 10, 15, 20):
        engine._until(t)
        seen.append((target.slow, target.rate, target.status))
    assert seen == [(2, 0, 503), (6, 0, 503), (6, 0.05, 429), (2, 0.05, 429)]
