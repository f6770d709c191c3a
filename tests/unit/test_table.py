"""The routing table: the contract between the compiler and the plugin."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from compiler.catalog import Catalog
from compiler.pipeline import Outcome, validate, validate_text
from compiler.resources import read_text
from compiler.runtime.table import digest
from compiler.table import routing_table


def catalog_of(outcome: Outcome) -> Catalog:
    assert outcome.catalog is not None, outcome.diagnostics
    return outcome.catalog


@pytest.fixture(scope="module")
def catalog(reference: Path) -> Catalog:
    return catalog_of(validate(reference))


def tables(catalog: Catalog) -> dict[str, dict[str, Any]]:
    return {name: routing_table(catalog, gateway) for name, gateway in catalog.gateways.items()}


def test_every_table_keeps_the_contract(catalog: Catalog) -> None:
    validator = jsonschema_rs.validator_for(read_text("schemas", "routing_table.schema.json"))
    for table in tables(catalog).values():
        validator.validate(json.loads(json.dumps(table)))
        assert table["digest"] == digest(table)


def test_the_digest_names_the_content(catalog: Catalog) -> None:
    table = tables(catalog)["llm-router"]
    assert digest({**table, "max_attempts": 2}) != table["digest"]


def test_an_inner_gateway_knows_its_own_models_alone(catalog: Catalog) -> None:
    inner = tables(catalog)["vertex-ai-gateway"]
    assert {p for row in inner["models"].values() for p in row["providers"]} == {"vertex-ai"}
    assert inner["models"]["gemini-1.5-pro-001"]["fallbacks"] == []
    assert inner["strategies"]["quality"]["candidates"] == ["gemini-1.5-pro-001"]
    assert inner["default_strategy"] == "quality"


def test_a_gateway_that_no_strategy_reaches_offers_its_best_first(catalog: Catalog) -> None:
    inner = tables(catalog)["bedrock-gateway"]
    assert list(inner["strategies"]) == ["default"]
    assert inner["strategies"]["default"]["candidates"][0] == "anthropic.claude-3-opus-20240229-v1:0"


def test_orders_by_facts_put_what_is_not_known_last() -> None:
    text = b"""
apiVersion: interlock/v1
name: orders
providers: {p: {type: openai_compatible, base_url: "http://p.test/v1"}}
models:
  a: {provider: p, context_window: 1000, quality: 10, latency_ms: 300}
  b: {provider: p, context_window: 3000, quality: 30}
  c: {provider: p, context_window: 2000, latency_ms: 100}
strategies:
  by_latency: {order: latency, default: true}
  by_quality: {order: quality}
  by_window: {order: context_window}
  all: {}
"""
    table = tables(catalog_of(validate_text(text, "orders.yaml")))["llm-router"]
    candidates = {name: strategy["candidates"] for name, strategy in table["strategies"].items()}
    assert candidates == {
        "by_latency": ["c", "a", "b"],
        "by_quality": ["b", "a", "c"],
        "by_window": ["b", "c", "a"],
        "all": ["a", "b", "c"],
    }


def test_the_day_a_model_retires_is_told_of_those_in_service_where_it_is_known() -> None:
    text = b"""
apiVersion: interlock/v1
name: ending
providers: {p: {type: openai_compatible, base_url: "http://p.test/v1"}}
models:
  stated: {provider: p, lifecycle: {retires_on: 2027-03-01}}
  unknown: {provider: p}
  over: {provider: p, lifecycle: {status: retired, retires_on: 2025-03-01}}
strategies: {all: {candidates: [stated, unknown], single_provider: a test}}
"""
    catalog = catalog_of(validate_text(text, "ending.yaml"))
    table = tables(catalog)["llm-router"]
    jsonschema_rs.validator_for(read_text("schemas", "routing_table.schema.json")).validate(table)
    days = {name: row.get("retires_on") for name, row in table["models"].items()}
    assert days == {"stated": "2027-03-01", "unknown": None, "over": None}


def test_a_day_that_is_none_is_not_written(catalog: Catalog) -> None:
    model = next(model for model in catalog.models.values() if model.in_service)
    odd = replace(model, facts=replace(model.facts, retires_on="some day of next year"))
    changed = replace(catalog, models={**catalog.models, model.name: odd})
    assert "retires_on" not in tables(changed)["llm-router"]["models"][model.name]
