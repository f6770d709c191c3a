"""What the declared traffic costs, and who answers during an outage."""

from typing import Any

import pytest

from compiler.matrix import outage_matrix
from compiler.pipeline import validate_text
from compiler.table import routing_table
from compiler.traffic import DAYS_A_MONTH, LineCost, costs

CATALOG = """
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  dear: {provider: anthropic, context_window: 200000, max_output_tokens: 4096, modes: [chat],
         capabilities: [],
         price: {input: 10, output: 50, tiers: [{above_context: 100000, input: 20, output: 100}]}}
  cheap: {provider: openai, context_window: 16000, max_output_tokens: 4096, modes: [chat], capabilities: [],
          price: {input: 1, output: 2}}
strategies:
  best: {default: true, candidates: [dear, cheap]}
  cost: {order: cost, canary: {model: dear, percent: 25}}
traffic:
  - {name: short, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
  - {name: long, requests_per_day: 10, prompt_tokens: 150000, completion_tokens: 1000}
  - {name: saving, strategy: cost, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
  - {name: pinned, model: cheap, requests_per_day: 1, prompt_tokens: 0.5, completion_tokens: 0}
  - {name: too long, requests_per_day: 1, prompt_tokens: 500000, completion_tokens: 0}
"""


@pytest.fixture(scope="module")
def priced() -> dict[str, LineCost]:
    catalog = validate_text(CATALOG.encode(), "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    return {one.line.name: one for one in costs(routing_table(catalog, catalog.front), catalog.traffic)}


@pytest.mark.parametrize(
    ("line", "usd_a_day"),
    [
        ("short", 1000 * (1000 * 10 + 100 * 50) / 1e6),
        ("long", 10 * (150_000 * 20 + 1000 * 100) / 1e6),
        ("saving", 750 * (1000 * 1 + 100 * 2) / 1e6 + 250 * (1000 * 10 + 100 * 50) / 1e6),
        ("pinned", 0.5e-6),
    ],
)
def test_a_line_costs(priced: dict[str, LineCost], line: str, usd_a_day: float) -> None:
    assert priced[line].usd_a_month == pytest.approx(usd_a_day * DAYS_A_MONTH)


def test_a_line_that_is_refused_has_no_cost(priced: dict[str, LineCost]) -> None:
    assert priced["too long"].usd_a_month is None
    assert priced["too long"].shares[0].model is None


def test_a_canary_has_its_share(priced: dict[str, LineCost]) -> None:
    assert [(share.of, share.model) for share in priced["saving"].shares] == [(0.75, "cheap"), (0.25, "dear")]


def test_traffic_moves_with_an_outage() -> None:
    catalog = validate_text(CATALOG.encode(), "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    table = routing_table(catalog, catalog.front)
    (short, *_) = costs(table, catalog.traffic, down=["anthropic"])
    assert short.shares[0].model == "cheap"


def test_the_matrix_says_who_answers() -> None:
    catalog = validate_text(CATALOG.encode(), "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    matrix = outage_matrix(routing_table(catalog, catalog.front))
    assert matrix.strategies == ("best", "cost")
    assert matrix.providers == ("anthropic", "openai")
    routes: Any = {
        (s, p): matrix.cells[s][p].route for s in matrix.strategies for p in (None, *matrix.providers)
    }
    assert routes == {
        ("best", None): ("dear", "cheap"),
        ("best", "anthropic"): ("cheap",),
        ("best", "openai"): ("dear",),
        ("cost", None): ("cheap", "dear"),
        ("cost", "anthropic"): ("cheap",),
        ("cost", "openai"): ("dear",),
    }
