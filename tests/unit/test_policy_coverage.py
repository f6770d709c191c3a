"""What routing tests cover: strategies, hops, requirements, outages. To cover is to look at it."""

from typing import Any

import pytest
import yaml

from compiler.catalog import Catalog
from compiler.pipeline import validate_text
from compiler.policy import Coverage, coverage_of, run
from compiler.policy.reports import percent
from compiler.table import routing_table

CATALOG = """\
apiVersion: interlock/v1
name: gateway
requirements: {max_cost_usd: 0.5, max_latency_ms: 9000}
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  claude-sonnet-5:
    {provider: anthropic, context_window: 200000, price: {input: 3, output: 15}, latency_ms: 900}
  gpt-5.4: {provider: openai, context_window: 8000, price: {input: 1, output: 4}, latency_ms: 500}
strategies:
  quality: {default: true, candidates: [claude-sonnet-5, gpt-5.4]}
  fast: {candidates: [gpt-5.4, claude-sonnet-5], requirements: {max_latency_ms: 1000}}
  long:
    candidates: [claude-sonnet-5]
    requirements: {min_context_window: 100000}
    single_provider: nobody else has a window of that size
"""
TOO_DEAR = {
    "request": {"model": "claude-sonnet-5"},
    "prompt_tokens": 190000,
    "expect": {"refused": True},
}


def catalog_with(*tests: dict[str, Any]) -> Catalog:
    rows = [{"name": f"test {n}", "request": {}, **test} for n, test in enumerate(tests, 1)]
    outcome = validate_text((CATALOG + yaml.safe_dump({"tests": rows})).encode(), "gateway.yaml")
    assert outcome.ok, [d.message for d in outcome.diagnostics]
    assert outcome.catalog is not None
    return outcome.catalog


def coverage(*tests: dict[str, Any]) -> Coverage:
    catalog = catalog_with(*tests)
    return coverage_of(routing_table(catalog, catalog.front), run(catalog, catalog.tests))


def covered(*tests: dict[str, Any]) -> set[str]:
    return {item.text for item in coverage(*tests).items if item.tests}


def test_what_there_is_to_cover() -> None:
    found = coverage()
    assert [item.text for item in found.items] == [
        "strategy fast",
        "strategy long",
        "strategy quality",
        "strategy fast, hop 1 (gpt-5.4)",
        "strategy fast, hop 2 (claude-sonnet-5)",
        "strategy fast with openai down (claude-sonnet-5 answers, by anthropic)",
        "strategy long, hop 1 (claude-sonnet-5)",
        "strategy long with anthropic down (nobody answers)",
        "strategy quality, hop 1 (claude-sonnet-5)",
        "strategy quality, hop 2 (gpt-5.4)",
        "strategy quality with anthropic down (gpt-5.4 answers, by openai)",
        "max_cost_usd of the catalog",
        "min_context_window of strategy long",
    ]
    assert found.missing == found.items
    assert (found.percent, found.of("hop"), found.of("outage")) == (0, (0, 5), (0, 3))


def test_what_every_model_meets_is_not_counted() -> None:
    assert not any("max_latency_ms" in item.text for item in coverage().items)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"expect": {"refused": False}}, {"strategy quality"}),
        (
            {"expect": {"model": "claude-sonnet-5"}},
            {"strategy quality", "strategy quality, hop 1 (claude-sonnet-5)"},
        ),
        (
            {"request": {"model": "auto/fast"}, "expect": {"fallbacks": ["claude-sonnet-5"]}},
            {"strategy fast", "strategy fast, hop 2 (claude-sonnet-5)"},
        ),
        (
            {"down": ["anthropic"], "expect": {"model": "gpt-5.4"}},
            {"strategy quality", "strategy quality, hop 2 (gpt-5.4)",
             "strategy quality with anthropic down (gpt-5.4 answers, by openai)"},
        ),
        ({"down": ["anthropic", "openai"], "expect": {"refused": True}}, {"strategy quality"}),
        ({"down": ["openai"], "expect": {"refused": False}}, {"strategy quality"}),
        ({"request": {"model": "gpt-5.4"}, "expect": {"model": "gpt-5.4"}}, set()),
        (
            {"request": {"model": "gpt-5.4", "routing_strategy": "fast"}, "expect": {"model": "gpt-5.4"}},
            {"strategy fast"},
        ),
        ({"request": {"routing_strategy": "fats"}, "expect": {"code": "unknown_strategy"}}, set()),
    ],
)  # fmt: skip
def test_what_a_test_covers(test: dict[str, Any], expected: set[str]) -> None:
    assert covered(test) == expected


def test_a_requirement_that_leaves_a_model_fewer_deployments_counts() -> None:
    text = CATALOG.replace("max_latency_ms: 9000", "exclude_providers: [openai]").replace(
        "gpt-5.4: {provider: openai,",
        "gpt-5.4: {deployments: [{provider: openai}, {provider: anthropic, id: claude-haiku-5}],",
    )
    catalog = validate_text(text.encode(), "gateway.yaml").catalog
    assert catalog is not None
    found = coverage_of(routing_table(catalog, catalog.front), ())
    assert "exclude_providers of the catalog" in {item.text for item in found.items}


def test_a_requirement_is_covered_by_a_test_that_would_fail_without_it() -> None:
    looks_away = {"request": {"routing_strategy": "long"}, "expect": {"model": "claude-sonnet-5"}}
    assert not any("min_context_window" in text for text in covered(looks_away))
    looks = {
        "request": {"routing_strategy": "long", "model": "gpt-5.4"},
        "expect": {"model": "claude-sonnet-5"},
    }
    assert "min_context_window of strategy long" in covered(looks)
    assert covered(TOO_DEAR) == {"max_cost_usd of the catalog"}


def test_a_test_that_fails_covers_no_requirement() -> None:
    fails = {"request": {"routing_strategy": "long", "model": "gpt-5.4"}, "expect": {"model": "gpt-5.4"}}
    assert not any("min_context_window" in text for text in covered(fails))


def test_all_can_be_covered() -> None:
    tests = (
        {"expect": {"model": "claude-sonnet-5", "fallbacks": ["gpt-5.4"]}},
        {"expect": {"model": "gpt-5.4"}, "down": ["anthropic"]},
        {
            "request": {"routing_strategy": "fast"},
            "expect": {"fallbacks": ["claude-sonnet-5"], "model": "gpt-5.4"},
        },
        {"request": {"routing_strategy": "fast"}, "down": ["openai"], "expect": {"model": "claude-sonnet-5"}},
        {"request": {"routing_strategy": "long", "model": "gpt-5.4"}, "expect": {"model": "claude-sonnet-5"}},
        {"request": {"routing_strategy": "long"}, "down": ["anthropic"], "expect": {"refused": True}},
        TOO_DEAR,
    )
    found = coverage(*tests)
    assert [item.text for item in found.missing] == []
    assert found.percent == 100
    assert coverage(*tests[:-1]).percent == pytest.approx(100 * 12 / 13)


def test_tests_of_another_gateway_cover_nothing_of_the_one_that_clients_call() -> None:
    catalog = catalog_with({"expect": {"model": "claude-sonnet-5"}})
    results = run(catalog, catalog.tests)
    table = {**routing_table(catalog, catalog.front), "gateway": "another"}
    assert coverage_of(table, results).percent == 0


@pytest.mark.parametrize(
    ("value", "text"), [(100.0, "100 %"), (99.99, "99.9 %"), (0.0, "0 %"), (66.666, "66.6 %")]
)
def test_a_percentage_is_never_rounded_up(value: float, text: str) -> None:
    assert percent(value) == text
