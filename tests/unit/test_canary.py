"""The model on trial: a stable share of users or conversations."""

from typing import Any

import pytest

from compiler.pipeline import validate_text
from compiler.runtime.canary import who
from compiler.runtime.decision import decide
from compiler.table import plain_route, routing_table

CATALOG = """
apiVersion: interlock/v1
name: trial
providers: {{openai: {{type: openai, api_key: {{secret: s, key: k}}}}}}
models:
  steady: {{provider: openai, context_window: 1000}}
  spare: {{provider: openai, context_window: 1000}}
  fresh: {{provider: openai, context_window: {window}}}
strategies: {{s: {{candidates: [steady, spare], canary: {{model: fresh, percent: {percent}}}}}}}
"""


def table(percent: float = 10, window: int = 1000) -> dict[str, Any]:
    outcome = validate_text(CATALOG.format(percent=percent, window=window).encode(), "trial.yaml")
    assert outcome.catalog is not None, outcome.diagnostics
    return routing_table(outcome.catalog, outcome.catalog.front)


def first(percent: float, **request: Any) -> str:
    return decide(table(percent), request).route[0]


def test_the_share_is_the_share() -> None:
    ten = table(10)
    chosen = [decide(ten, {"user": f"user-{n}"}).route for n in range(2000)]
    assert set(chosen) == {("steady", "spare"), ("fresh", "steady", "spare")}
    assert 140 < sum(route[0] == "fresh" for route in chosen) < 260  # four standard deviations


@pytest.mark.parametrize(("percent", "model"), [(0, "steady"), (100, "fresh")])
def test_nobody_and_everybody(percent: float, model: str) -> None:
    assert {first(percent, user=f"user-{n}") for n in range(50)} == {model}


def test_a_larger_share_keeps_those_who_were_in_the_smaller() -> None:
    few, more = table(5), table(20)
    users = [{"user": f"user-{n}"} for n in range(500)]
    was_in = [user for user in users if decide(few, user).reason == "canary"]
    assert was_in
    assert all(decide(more, user).reason == "canary" for user in was_in)


TURN = {"role": "user", "content": "What is an interlocking?"}
LATER = [TURN, {"role": "assistant", "content": "A mechanism."}, {"role": "user", "content": "Whose?"}]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"user": "ada", "messages": [TURN]}, "ada"),
        ({"safety_identifier": "ada"}, "ada"),
        ({"conversation": {"id": "c-1"}}, "c-1"),
        ({"prompt_cache_key": "k"}, "k"),
        ({"metadata": {"session_id": "s-1"}}, "s-1"),
        ({"metadata": {"user_id": "u-1"}, "messages": [TURN]}, "u-1"),
        ({"user": 7, "metadata": [], "prompt": "hi"}, "hi"),
        ({}, ""),
    ],
)
def test_who_asks(request_: dict[str, Any], expected: str) -> None:
    assert who(request_) == expected


def test_a_conversation_is_known_by_how_it_began() -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": TURN["content"]}, {"type": "image_url"}]}]
    assert who({"messages": [TURN]}) == who({"messages": LATER}) == who({"messages": parts})
    assert who({"messages": [TURN]}) != who({"messages": [{"role": "user", "content": "Hello"}]})
    system = {"role": "system", "content": "Be brief."}
    assert who({"messages": [system, TURN]}) == who({"messages": [system, *LATER]})
    assert who({"messages": [system, TURN]}) != who({"messages": [{**system, "content": "x"}, TURN]})
    assert who({"system": "Be brief.", "messages": [TURN]}) != who({"messages": [TURN]})


def test_a_model_on_trial_meets_what_every_other_must() -> None:
    everybody = table(100, window=500)
    asked = decide(everybody, {"requirements": {"min_context_window": 800}})
    assert (asked.route, asked.reason) == (("steady", "spare"), "best")
    assert "context window 500 is less than 800" in asked.candidates[0].reasons


def test_a_pinned_model_is_not_moved() -> None:
    decision = decide(table(100), {"model": "spare", "routing_strategy": "s"})
    assert (decision.route, decision.reason) == (("spare", "steady"), "pinned")


def test_the_plain_route_shows_the_strategy_without_its_canary() -> None:
    assert plain_route(table(100), "s") == ["steady", "spare"]


def test_a_canary_that_does_not_exist_is_reported() -> None:
    text = CATALOG.format(percent=1, window=1000).replace("model: fresh", "model: frehs")
    (found,) = validate_text(text.encode(), "trial.yaml").diagnostics
    assert (found.code, "did you mean 'fresh'?" in found.hint) == ("IL301", True)
