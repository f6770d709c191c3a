"""Routing tests: what is run, what fails with which words, and what a failure explains."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.catalog import Catalog
from compiler.catalog_tests import Expectation, RoutingTest
from compiler.diagnostics import Span
from compiler.pipeline import validate_text
from compiler.policy import Result, coverage_of, run
from compiler.policy.beginning import first_tests
from compiler.policy.explanation import explanation
from compiler.policy.reports import Tally, as_json, as_junit, as_text
from compiler.policy.running import judge
from compiler.resources import read_text
from compiler.table import routing_table

CATALOG = """\
apiVersion: interlock/v1
name: gateway
gateways:
  llm-router: {}
  eu-gateway: {}
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, residency: us, api_key: {secret: anthropic-api-key, key: api-key}}
  bedrock:
    type: bedrock
    region: eu-central-1
    residency: eu
    gateway: eu-gateway
    identity: {service_account: bedrock-sa, aws_role_arn: "arn:aws:iam::210987654321:role/llm"}
models:
  large:
    deployments:
      - {provider: anthropic, id: claude-opus-5-5}
      - {provider: bedrock, id: eu.anthropic.claude-opus-5-5}
    context_window: 200000
    price: {input: 10, output: 50}
    quality: 95
  small: {provider: openai, id: gpt-5.4, context_window: 8000, price: {input: 1, output: 2}, quality: 70}
  vectors: {provider: openai, id: text-embedding-3-small, modes: [embedding]}
strategies:
  quality: {default: true, candidates: [large, small]}
  cost: {candidates: [large, small], order: cost}
  search: {candidates: [vectors], single_provider: vectors of another model do not compare}
tests:
"""
BEST = {"model": "large", "fallbacks": ["small"]}


def catalog_with(*tests: dict[str, Any], text: str = CATALOG) -> Catalog:
    rows = [{"name": f"test {n}", "request": {}, **test} for n, test in enumerate(tests, 1)]
    outcome = validate_text((text + yaml.safe_dump(rows)).encode(), "gateway.yaml")
    assert outcome.catalog is not None, [d.message for d in outcome.diagnostics]
    return outcome.catalog


_PLAIN = catalog_with({"expect": BEST})
TABLE = routing_table(_PLAIN, _PLAIN.front)


def result_of(text: str = CATALOG, **test: Any) -> Result:
    catalog = catalog_with(test, text=text)
    (result,) = run(catalog, catalog.tests)
    return result


def failures_of(**test: Any) -> list[str]:
    return [failure.text for failure in result_of(**test).failures]


@pytest.mark.parametrize(
    "test",
    [
        {"expect": BEST},
        {"request": {"model": "auto/cost"}, "expect": {"model": "small", "fallbacks": ["large"]}},
        {"header": "cost", "expect": {"model": "small"}},
        {"header": "cost", "request": {"routing_strategy": "quality"}, "expect": {"model": "large"}},
        {"down": ["anthropic"], "expect": {"model": "large", "provider": "bedrock"}},
        {"down": ["anthropic", "bedrock"], "expect": {"model": "small", "fallbacks": []}},
        {"prompt_tokens": 9000, "expect": {"fallbacks": []}},
        {"prompt_tokens": 1000, "request": {"max_tokens": 10}, "expect": {"max_cost_usd": 0.0105}},
        {"request": {"requirements": {"residency": "eu"}}, "expect": {"residency": "eu", "fallbacks": []}},
        {"gateway": "eu-gateway", "expect": {"model": "large", "fallbacks": [], "provider": "bedrock"}},
        {"key_models": ["small"], "expect": {"model": "small", "fallbacks": []}},
        {"key_models": ["auto/cost"], "request": {"model": "auto/cost"}, "expect": {"fallbacks": ["large"]}},
        {"mode": "embedding", "request": {"routing_strategy": "search"}, "expect": {"model": "vectors"}},
        {"request": {"messages": [{"role": "user", "content": "x" * 40_000}]}, "expect": {"fallbacks": []}},
        {"request": {"routing_strategy": "qualty"}, "expect": {"code": "unknown_strategy"}},
        {"request": {"model": "gpt-4"}, "expect": {"refused": True, "code": "model_not_found"}},
        {"request": {"requirements": {"cheap": 1}}, "expect": {"code": "unknown_requirement"}},
        {"request": {"requirements": {"min_quality": "x"}}, "expect": {"code": "invalid_requirement"}},
        {"request": {"max_tokens": 0}, "prompt_tokens": 5, "expect": {"code": "invalid_request"}},
        {"request": {"requirements": {"min_quality": 99}}, "expect": {"code": "no_eligible_model"}},
        {"expect": {"refused": False}},
    ],
)
def test_what_holds_passes(test: dict[str, Any]) -> None:
    assert failures_of(**test) == []


@pytest.mark.parametrize(
    ("test", "said"),
    [
        ({"expect": {"model": "small"}}, ["model: expected small, came large"]),
        ({"expect": {"fallbacks": []}}, ["fallbacks: expected none, came small"]),
        ({"expect": {"fallbacks": ["large", "small"]}}, ["fallbacks: expected large → small, came small"]),
        ({"expect": {"refused": True}}, ["refused: expected a refusal, came large → small"]),
        (
            {"expect": {"code": "unknown_strategy"}},
            ["code: expected a refusal (unknown_strategy), came large → small"],
        ),
        (
            {"request": {"model": "x"}, "expect": {"code": "unknown_strategy"}},
            ["code: expected a refusal (unknown_strategy), came a refusal (model_not_found)"],
        ),
        (
            {"request": {"model": "x"}, "expect": {"refused": False}},
            ["refused: expected no refusal, came a refusal (model_not_found)"],
        ),
        (
            {"request": {"model": "x"}, "expect": {**BEST, "provider": "openai"}},
            ["model: expected large, came a refusal (model_not_found)"],
        ),
        ({"expect": {"provider": "bedrock"}}, ["provider: expected bedrock, came anthropic"]),
        (
            {"prompt_tokens": 1000, "request": {"max_tokens": 10}, "expect": {"max_cost_usd": 0.0104}},
            ["max_cost_usd: expected at most $0.0104, came about $0.010500 (large)"],
        ),
        ({"expect": {"residency": "eu"}}, ["residency: expected eu on every hop, came us (large)"]),
        (
            {"request": {"routing_strategy": "cost"}, "expect": {"residency": "eu"}},
            ["residency: expected eu on every hop, came a residency that is not known (small)"],
        ),
        (
            {"expect": {"model": "small", "fallbacks": ["large"], "provider": "openai"}},
            ["model: expected small, came large", "fallbacks: expected large, came small",
             "provider: expected openai, came anthropic"],
        ),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_said(test: dict[str, Any], said: list[str]) -> None:
    assert failures_of(**test) == said


def test_a_price_that_is_not_known_is_not_below_any() -> None:
    text = CATALOG.replace("id: gpt-5.4, context_window: 8000, price: {input: 1, output: 2}", "id: our-own")
    result = result_of(text, request={"model": "small"}, expect={"max_cost_usd": 9})
    assert [failure.came for failure in result.failures] == ["a price that is not known (small)"]


def test_of_deployments_that_share_both_providers_are_named() -> None:
    text = CATALOG.replace("id: claude-opus-5-5}", "id: claude-opus-5-5, weight: 1}").replace(
        "{provider: bedrock, id: eu.anthropic.claude-opus-5-5}", "{provider: openai, id: gpt-5.6, weight: 1}"
    )
    (failure,) = result_of(text, expect={"provider": "anthropic"}).failures
    assert failure.text == "provider: expected anthropic, came anthropic or openai"


def test_a_canary_is_decided_as_the_plugin_does() -> None:
    trial = "candidates: [small], canary: {model: large, percent: 50}}"
    text = CATALOG.replace("candidates: [large, small]}", trial, 1)
    users = [{"request": {"user": f"u{n}"}, "expect": {"model": "small"}} for n in range(20)]
    catalog = catalog_with(*users, text=text)
    results = run(catalog, catalog.tests)
    assert [r.decision.route for r in results] == [r.decision.route for r in run(catalog, catalog.tests)]
    assert {result.passed for result in results} == {True, False}
    assert {result.decision.reason for result in results if not result.passed} == {"canary"}


def test_a_failure_shows_every_candidate_with_its_reasons() -> None:
    result = result_of(
        down=["openai"],
        request={"routing_strategy": "cost", "requirements": {"residency": "eu"}},
        expect={"model": "small"},
    )
    assert explanation(result) == [
        "asked: strategy cost; prompt about 0 tokens; openai down",
        "route: large",
        "  ✗  small  residency is not known; provider openai is down",
        "  1. large  about $0.025000",
    ]


def test_a_refusal_before_any_candidate_is_explained_by_its_message() -> None:
    lines = explanation(result_of(request={"routing_strategy": "qualty"}, expect=BEST))
    assert lines[1].startswith("refused (unknown_strategy): strategy 'qualty' does not exist")
    lines = explanation(result_of(request={"requirements": {"min_quality": 99}}, expect=BEST))
    assert lines[1:3] == ["route: none, the request is refused", "  ✗  large  quality 95 is less than 99"]


def test_what_else_was_asked_is_said() -> None:
    result = result_of(
        gateway="eu-gateway", mode="completion", prompt_tokens=7, key_models=["small", "large"],
        request={"model": "large", "tools": [{"type": "function"}]}, expect={"model": "small"},
    )  # fmt: skip
    (asked, *_) = explanation(result)
    assert asked == (
        "asked: pinned large; mode completion; prompt about 7 tokens; uses function_calling; "
        "key for large, small; gateway eu-gateway"
    )


def test_a_long_list_of_candidates_is_cut() -> None:
    many = "".join(f"  m{n:02}: {{provider: openai, id: gpt-5.4}}\n" for n in range(30))
    text = CATALOG.replace("strategies:\n", f"{many}strategies:\n").replace(
        "[large, small], order", "[M], order"
    )
    text = text.replace("[M]", f"[{', '.join(f'm{n:02}' for n in range(30))}]")
    lines = explanation(result_of(text, request={"routing_strategy": "cost"}, expect={"model": "large"}))
    assert (len(lines), lines[-1]) == (2 + 20 + 1, "  and 10 more")


def test_any_request_is_decided() -> None:
    odd: list[Any] = [
        {"model": 5}, {"messages": 5}, {"requirements": []}, {"tools": {"a": [None]}}, {"user": {}}
    ]  # fmt: skip
    catalog = catalog_with(*({"request": body, "expect": {"refused": False}} for body in odd))
    passed = [result.passed for result in run(catalog, catalog.tests)]
    assert passed == [False, True, False, True, True]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("model", "routing_strategy", "requirements", "messages", "max_tokens", "tools", "user", "input")


@settings(max_examples=150, deadline=None)
@given(
    request=st.dictionaries(st.sampled_from(FIELDS), JSON | st.sampled_from(("auto", "large", "cost"))),
    header=st.none() | st.text(max_size=5),
    size=st.none() | st.integers(0, 10**9),
)
def test_any_test_at_all_has_a_result_that_can_be_reported(
    request: dict[str, Any], header: str | None, size: int | None
) -> None:
    expect = Expectation("small", ("large",), None, None, "openai", 0.1, "eu")
    test = RoutingTest(
        "odd", Span("a.yaml", 1, 1, 2), request, expect, "chat", ("openai",), header, None, size
    )
    tested = Tally("a.yaml", "a", [judge(TABLE, test)], coverage_of(TABLE, [judge(TABLE, test)]), 100)
    assert as_text(tested, everything=True)
    assert json.loads(as_json([tested]))
    assert as_junit([tested]).isascii()


def test_the_tests_to_begin_with_pass() -> None:
    catalog = catalog_with({"expect": BEST})
    text = first_tests(routing_table(catalog, catalog.front))
    tests = yaml.safe_load(text)["tests"]
    assert [test["expect"] for test in tests] == [BEST, {"model": "large", "provider": "bedrock"}]
    again = catalog_with(*tests)
    assert all(result.passed for result in run(again, again.tests))


def test_the_codes_of_the_schema_are_those_of_the_decision(root: Path) -> None:
    schema = yaml.safe_load(read_text("schemas", "catalog.schema.json"))
    enum = schema["$defs"]["expectation"]["properties"]["code"]["enum"]
    sources = "".join(
        (root / "compiler" / "runtime" / f"{name}.py").read_text("utf-8") for name in ("decision", "request")
    )
    said = re.findall(r'"((?:invalid|unknown|no|model)_[a-z_]+)"', sources)
    assert sorted(enum) == sorted(set(said))


def test_a_test_knows_where_it_stands() -> None:
    catalog = catalog_with({"expect": BEST}, {"expect": BEST, "down": ["openai"]})
    lines = [test.where.line for test in catalog.tests]
    assert all(test.where.file == "gateway.yaml" for test in catalog.tests)
    assert lines == sorted(set(lines))
    assert isinstance(catalog.tests[0], RoutingTest)
    assert catalog.tests[0].expect == Expectation(model="large", fallbacks=("small",))
