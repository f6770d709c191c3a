"""The decision alone, on the reference catalog's table and on small tables of its own."""

import copy
from pathlib import Path
from typing import Any

import pytest

from compiler.pipeline import validate
from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import cost_usd
from compiler.runtime.request import Needs, merge
from compiler.runtime.table import load_table
from compiler.table import routing_table

Table = dict[str, Any]
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}


@pytest.fixture(scope="module")
def table(reference: Path) -> Table:
    catalog = validate(reference).catalog
    assert catalog is not None
    return routing_table(catalog, catalog.gateways["llm-router"])


def says(text: str, **rest: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], **rest}


def reasons(decision: Decision, model: str) -> str:
    return "; ".join(next(c.reasons for c in decision.candidates if c.model == model))


@pytest.mark.parametrize(
    ("request_", "route"),
    [
        ({}, ["gemini-1.5-pro-001", "claude-3-opus", "gpt-4-turbo-preview"]),
        ({"model": ""}, ["gemini-1.5-pro-001", "claude-3-opus", "gpt-4-turbo-preview"]),
        ({"routing_strategy": "fast"}, ["gemini-1.5-flash-001", "claude-3-haiku", "gpt-3.5-turbo"]),
        ({"routing_strategy": "long_context"}, ["gemini-1.5-pro-001", "claude-3-opus"]),
        ({"routing_strategy": "code"}, ["code-bison@002", "gpt-4-turbo-preview", "claude-3-opus"]),
        ({"model": "gemini-1.5-pro-001"}, ["gemini-1.5-pro-001", "gpt-4", "claude-3-opus"]),
        # no fallbacks of its own: the best of each other provider, in the catalog's order
        ({"model": "gpt-3.5-turbo"}, ["gpt-3.5-turbo", "gemini-1.5-pro-001", "claude-3-opus"]),
        ({"model": "command-a-03-2025"}, ["command-a-03-2025", "gemini-1.5-pro-001", "gpt-4-turbo-preview"]),
        # both: the model first, then the strategy's candidates
        ({"model": "gpt-3.5-turbo", "routing_strategy": "fast"},
         ["gpt-3.5-turbo", "gemini-1.5-flash-001", "claude-3-haiku"]),
        # a prompt that does not fit gpt-4's 8,192 tokens skips it
        (says("x" * 40_000, model="gemini-1.5-pro-001"), ["gemini-1.5-pro-001", "claude-3-opus"]),
        # a pinned model that cannot serve the request is not called at all
        (says("x" * 40_000, model="gpt-4"), ["gemini-1.5-pro-001", "claude-3-opus"]),
        (says("hi", routing_strategy="code", response_format={"type": "json_object"}),
         ["gpt-4-turbo-preview", "claude-3-opus"]),
        ({"messages": [{"role": "user", "content": [IMAGE]}]}, ["gemini-1.5-pro-001", "claude-3-opus"]),
        (says("hi", routing_strategy="fast", max_tokens=5000), ["gemini-1.5-flash-001"]),
        ({"requirements": {"residency": "eu"}}, ["gemini-1.5-pro-001"]),
        ({"requirements": {"providers": ["anthropic", "openai"]}}, ["claude-3-opus", "gpt-4-turbo-preview"]),
        ({"requirements": {"min_quality": 94}}, ["gemini-1.5-pro-001", "claude-3-opus"]),
        ({"requirements": {"max_price": {"input": 10}}}, ["gemini-1.5-pro-001", "gpt-4-turbo-preview"]),
        ({"requirements": {"capabilities": ["prompt_caching"]}}, ["gemini-1.5-pro-001", "claude-3-opus"]),
        ({"routing_strategy": "long_context", "requirements": {"max_latency_ms": None}},
         ["gemini-1.5-pro-001", "claude-3-opus"]),
    ],
)  # fmt: skip
def test_routes(table: Table, request_: Any, route: list[str]) -> None:
    assert list(decide(table, request_).route) == route


def test_a_strategys_requirement_holds_for_a_pinned_model_too(table: Table) -> None:
    decision = decide(table, {"model": "gpt-4", "routing_strategy": "fast"})
    assert decision.route == ("gemini-1.5-flash-001", "claude-3-haiku", "gpt-3.5-turbo")
    assert reasons(decision, "gpt-4") == "latency 2200 ms is over 1000 ms"


def test_cost_prices_this_request(table: Table) -> None:
    assert decide(table, says("hi", routing_strategy="cost")).route[0] == "gemini-1.5-flash-001"
    dearer = copy.deepcopy(table)
    dearer["models"]["gemini-1.5-flash-001"]["price"] = {"input": 0.4, "output": 9.0, "tiers": []}
    # cheap to read and dear to write: it wins where the answer is short
    assert (
        decide(dearer, says("x" * 20_000, routing_strategy="cost", max_tokens=10)).route[0]
        == "gemini-1.5-flash-001"
    )
    assert (
        decide(dearer, says("x" * 20_000, routing_strategy="cost", max_tokens=900)).route[0]
        == "gpt-3.5-turbo"
    )


def test_a_price_ceiling_is_of_the_price_for_this_prompt(table: Table) -> None:
    tiered = copy.deepcopy(table)
    tiered["models"]["gemini-1.5-flash-001"]["price"] = {
        "input": 0.1, "output": 0.3, "tiers": [[1000, 0.9, 0.3]],
    }  # fmt: skip
    asked = {"routing_strategy": "fast", "requirements": {"max_price": {"input": 0.5}}}
    assert "gemini-1.5-flash-001" in decide(tiered, says("hi", **asked)).route
    refused = decide(tiered, says("x" * 8_000, **asked))
    assert "input price $0.9 is over $0.5" in reasons(refused, "gemini-1.5-flash-001")


def test_the_provider_chain_is_not_for_embeddings(table: Table) -> None:
    """Vectors of another model would spoil the index of whoever asked, without an error."""
    both = copy.deepcopy(table)
    for name in ("gpt-4", "claude-3-opus"):
        both["models"][name]["modes"] = ["chat", "embedding"]
    assert decide(both, {"model": "claude-3-opus", "input": "hi"}, mode="embedding").route == (
        "claude-3-opus",
    )
    assert len(decide(both, says("hi", model="claude-3-opus")).route) > 1


def test_price_tiers() -> None:
    model = {"price": {"input": 1.0, "output": 2.0, "tiers": [[1000, 3.0, 4.0], [5000, 5.0, 6.0]]},
             "modes": ["chat"], "max_output_tokens": 100}  # fmt: skip
    assert cost_usd(model, Needs(1000, 10)) == pytest.approx((1000 * 1 + 10 * 2) / 1e6)
    assert cost_usd(model, Needs(1001, 10)) == pytest.approx((1001 * 3 + 10 * 4) / 1e6)
    assert cost_usd(model, Needs(9000)) == pytest.approx((9000 * 5 + 100 * 6) / 1e6)


def test_a_base64_image_is_not_counted_as_text(table: Table) -> None:
    needs = decide(table, {"messages": [{"role": "user", "content": [IMAGE]}]}).needs
    assert needs.capabilities == ("vision",)
    assert 1000 < needs.prompt_tokens < 2000


def test_embeddings_are_sized_one_by_one(table: Table) -> None:
    needs = decide(table, {"input": ["x" * 400, "y" * 40]}, mode="embedding").needs
    assert needs.prompt_tokens == 110


def test_a_provider_that_is_down_is_left_out(table: Table) -> None:
    decision = decide(table, {"model": "gemini-1.5-pro-001"}, down={"vertex-ai", "openai"})
    assert decision.route == ("claude-3-opus",)
    assert reasons(decision, "gpt-4") == "provider openai is down"


def test_planned_models_are_known_and_never_routed(table: Table) -> None:
    decision = decide(table, {"model": "gemini-ultra"})
    assert decision.route == ("gpt-4-turbo-preview", "claude-3-opus")
    assert reasons(decision, "gemini-ultra") == "is planned"


@pytest.mark.parametrize(
    "request_",
    [{}, {"model": "auto/fast"}, {"model": "gpt-3.5-turbo"}, {"model": "claude-3-opus"}, {"model": "nope"}],
)
def test_a_restricted_key_reaches_and_learns_of_its_models_alone(table: Table, request_: Any) -> None:
    mine = frozenset({"gpt-3.5-turbo", "gpt-4"})
    decision = decide(table, request_, allowed=mine)
    assert set(decision.route) <= mine
    if decision.refusal:
        others = set(table["models"]) - mine - {request_.get("model")}
        assert not [name for name in others if name in decision.refusal.message]


def test_a_tighter_requirement_wins() -> None:
    catalog = {"min_quality": 50, "max_price": {"input": 5.0, "output": 9.0}, "residency": "eu"}
    request = {"min_quality": 40, "max_price": {"output": 4.0}, "residency": "us", "providers": ["a", "b"]}
    assert merge(catalog, request, {"providers": ["b", "c"]}) == {
        "min_quality": 50,
        "max_price": {"input": 5.0, "output": 4.0},
        "residency": "eu and us",
        "providers": ["b"],
    }


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ([], "invalid_request"),
        (None, "invalid_request"),
        ({"model": 5}, "invalid_request"),
        ({"routing_strategy": ["fast"]}, "invalid_request"),
        ({"routing_strategy": "nope"}, "unknown_strategy"),
        ({"model": "auto/nope"}, "unknown_strategy"),
        ({"model": "auto/fast", "routing_strategy": "code"}, "invalid_request"),
        ({"requirements": []}, "invalid_requirement"),
        ({"requirements": {"min_qualty": 3}}, "unknown_requirement"),
        ({"requirements": {"min_quality": True}}, "invalid_requirement"),
        ({"requirements": {"min_quality": float("nan")}}, "invalid_requirement"),
        ({"requirements": {"max_price": 3}}, "invalid_requirement"),
        ({"requirements": {"max_price": {"inptu": 3}}}, "invalid_requirement"),
        ({"requirements": {"providers": "openai"}}, "invalid_requirement"),
        ({"max_tokens": 0}, "invalid_request"),
        ({"max_tokens": True}, "invalid_request"),
        ({"requirements": {"providers": ["nobody"]}}, "no_eligible_model"),
    ],
)
def test_refusals(table: Table, request_: Any, code: str) -> None:
    decision = decide(table, request_)
    assert decision.route == ()
    assert decision.refusal is not None
    assert decision.refusal.code == code


def test_a_refusal_names_every_candidate_and_the_nearest_that_would_do(table: Table) -> None:
    refusal = decide(table, {"routing_strategy": "fast", "requirements": {"min_quality": 85}}).refusal
    assert refusal is not None
    assert "gemini-1.5-flash-001: quality 80 is less than 85" in refusal.message
    assert "gpt-3.5-turbo: quality 70 is less than 85" in refusal.message
    assert "The nearest is" in refusal.message
    refusal = decide(
        table, {"routing_strategy": "code", "requirements": {"min_context_window": 500_000}}
    ).refusal
    assert refusal is not None
    assert refusal.message.endswith("gemini-1.5-pro-001 (strategy long_context, quality) could serve it")


def test_a_table_of_another_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "routing_table.json").write_text('{"version": 99}')
    with pytest.raises(ValueError, match="version 99"):
        load_table(str(tmp_path / "routing_table.json"))
