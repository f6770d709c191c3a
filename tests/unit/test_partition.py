"""What `changes` says of two routing tables, worked out by hand."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from compiler.partition import Change, changes
from compiler.runtime.models import Table

Json = dict[str, Any]


def model(provider: str, price: tuple[float, float], **facts: Any) -> Json:
    deployment = {
        "id": f"{provider}/x",
        "type": provider,
        "providers": [provider],
        "residency": [None],
        "priority": 1,
    }
    row: Json = {
        "providers": [provider], "deployments": [{**deployment, "gateway": None, "price": list(price)}],
        "modes": ["chat"], "capabilities": ["vision"], "context_window": 100_000, "max_output_tokens": 4_000,
        "price": {"input": price[0], "output": price[1], "tiers": []}, "quality": 50, "latency_ms": 500,
        "fallbacks": [],
    }  # fmt: skip
    return row | facts


@pytest.fixture
def table() -> Json:
    return {
        "version": 1, "catalog": "c", "gateway": "g", "default_strategy": "best", "max_attempts": 2,
        "retry": {"attempts": 0, "backoff_ms": 0}, "provider_order": [], "requirements": {},
        "strategies": {
            "best": {"candidates": ["big", "small"], "order": "listed", "requirements": {}},
            "cost": {"candidates": ["big", "small"], "order": "cost", "requirements": {}},
        },
        "models": {"big": model("a", (10, 10)), "small": model("b", (1, 2), context_window=8_000)},
    }  # fmt: skip


def said(before: Table, edit: Callable[[Json], object], strategy: str = "best") -> list[str]:
    """`big → small | small: requests …` of each change of a strategy alone, simplest first."""
    after = copy.deepcopy(before)
    edit(after)
    found = changes(before, after)
    assert found.exact
    return [line(row) for row in found.rows if (row.strategy, row.model) == (strategy, None)]


def line(row: Change) -> str:
    ours, theirs = (" → ".join(hop.model for hop in route) or "refused" for route in (row.before, row.after))
    return f"{ours} | {theirs}: requests {' '.join(row.when)}".rstrip()


def test_a_window_that_is_lowered_moves_the_requests_between_the_two(table: Json) -> None:
    found = said(table, lambda t: t["models"]["small"].update(context_window=4_000))
    assert found[0] == "big → small | big: requests with prompts of 4,001 to 8,000 tokens"
    assert found[1] == "small | refused: requests with prompts of 4,001 to 8,000 tokens while a is down"


def test_a_reordered_strategy_moves_what_both_can_serve(table: Json) -> None:
    found = said(table, lambda t: t["strategies"]["best"].update(candidates=["small", "big"]))
    assert found == ["big → small | small → big: requests with prompts of at most 8,000 tokens"]


def test_a_removed_model_is_missed_wherever_it_was(table: Json) -> None:
    def remove(after: Json) -> None:
        del after["models"]["small"]
        for strategy in after["strategies"].values():
            strategy["candidates"].remove("small")

    assert said(table, remove) == [
        "big → small | big: requests with prompts of at most 8,000 tokens",
        "small | refused: requests with prompts of at most 8,000 tokens while a is down",
    ]


def test_a_price_orders_a_strategy_by_cost_and_no_other(table: Json) -> None:
    edit = lambda t: t["models"]["small"].update(price={"input": 20, "output": 40, "tiers": []})  # noqa: E731
    assert (
        said(table, edit, "cost")[0]
        == "small → big | big → small: requests with prompts of at most 8,000 tokens"
    )
    assert all("price" in one or "cost" in one for one in said(table, edit, "best"))


def test_a_price_that_crosses_another_changes_the_sizes_for_which_it_is_lower(table: Json) -> None:
    """At 500 tokens of answer: 10·p + 5,000 = 2·p + 20,000 at p = 1,875; there the name decides."""
    found = said(
        table, lambda t: t["models"]["small"].update(price={"input": 2, "output": 40, "tiers": []}), "cost"
    )
    assert found[0] == "small → big | big → small: requests with prompts of at most 1,875 tokens"


def test_an_order_that_only_long_prompts_with_long_answers_get(table: Json) -> None:
    """Above its tier `big` costs p + 10·a and `small` 5·p + 5·a: more, only where a is above 0.8·p."""
    for row in table["models"].values():
        row["context_window"], row["max_output_tokens"] = 10**6, 10**6
    table["models"]["big"]["price"] = {"input": 1, "output": 1, "tiers": [[1_000, 1, 10]]}
    table["models"]["small"]["price"] = {"input": 5, "output": 6, "tiers": []}
    after = copy.deepcopy(table)
    after["models"]["small"]["price"] = {"input": 5, "output": 5, "tiers": []}
    row = next(r for r in changes(table, after).rows if line(r).startswith("big → small | small → big"))
    prompt, answer = row.prompt_tokens, row.request["max_tokens"]
    assert prompt > 1_000
    assert 5 * prompt + 5 * answer < prompt + 10 * answer < 5 * prompt + 6 * answer


def test_a_canary_moves_the_users_between_the_shares(table: Json) -> None:
    table["strategies"]["best"] |= {"canary": {"model": "small", "percent": 5}}
    found = said(table, lambda t: t["strategies"]["best"]["canary"].update(percent=20))
    assert found == [
        "big → small | small → big: requests of users now on trial with prompts of at most 8,000 tokens"
    ]


def test_another_default_is_told_of_requests_that_name_nothing(table: Json) -> None:
    after = copy.deepcopy(table)
    after["default_strategy"] = "cost"
    (row,) = changes(table, after).rows
    assert (row.strategy, row.model) == (None, None)
    assert line(row) == "big → small | small → big: requests with prompts of at most 8,000 tokens"


def test_a_capability_that_is_lost(table: Json) -> None:
    found = said(table, lambda t: t["models"]["big"].update(capabilities=[]))
    assert found[0].startswith("big → small | small: requests with prompts of")
    assert found[0].endswith("that use vision")


def test_another_provider_of_the_same_model_is_a_change(table: Json) -> None:
    found = said(table, lambda t: t["models"].update(small=model("a", (1, 2), context_window=8_000)))
    assert found[0] == "big → small | big → small: requests with prompts of at most 8,000 tokens"


def test_a_large_catalog_is_not_looked_at_whole_and_says_so(table: Json) -> None:
    for number in range(400):
        table["models"][f"m{number}"] = model("a", (1 + number, 2), context_window=8_000 + number)
        table["strategies"]["best"]["candidates"].append(f"m{number}")
    after = copy.deepcopy(table)
    after["strategies"]["best"]["candidates"].remove("big")
    found = changes(table, after)
    assert not found.exact
    assert any("one feature" in remark for remark in found.remarks)
    assert found.rows[0].before[0].model == "big"
