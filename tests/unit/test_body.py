"""What of a body is LiteLLM's own and what no provider could be sent; every honest body passes."""

from typing import Any

import pytest

from compiler.runtime.body import MAX_DEPTH, cap_timeout, drop_internals, internals, unsendable

NAMES = internals(["api_base", "api_key", "metadata", "model_info", "mock_response", "tags"])
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
HONEST: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "hi"}], "stream": True, "temperature": 0, "n": 2, "seed": 7},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, IMAGE]}], "tools": [TOOL]},
    {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function"}]},
                  {"role": "tool", "tool_call_id": "c", "content": "42"}], "tool_choice": "auto"},
    {"messages": [], "tool_choice": {"type": "function", "function": {"name": "f"}}, "stop": ["\n"]},
    {"messages": [], "response_format": {"type": "json_schema", "json_schema": {}}, "user": "ada"},
    {"messages": [], "stream_options": {"include_usage": True}, "logit_bias": {"50256": -100}},
    {"messages": [], "reasoning_effort": "low", "modalities": ["text", "audio"], "audio": {"voice": "x"}},
    {"system": [{"type": "text", "text": "Be brief."}], "messages": [], "metadata": {"user_id": "u"}},
    {"messages": [], "stream": None, "max_tokens": None, "tools": None, "timeout": 2.5},
    {"prompt": "hi"}, {"prompt": ["hi", "ho"]}, {"prompt": [1, 2]}, {"prompt": [[1], [2, 3]]},
    {"input": "hi", "encoding_format": "float", "dimensions": 256}, {"input": [1, 2]}, {"input": ["a"]},
    {"input": [{"role": "user", "content": "hi"}], "text": {"format": {"type": "json_object"}}},
    {"input": "hi", "instructions": "Be brief.", "previous_response_id": "resp_1", "store": False},
]  # fmt: skip


@pytest.mark.parametrize("body", HONEST)
def test_an_honest_body_passes_whole(body: dict[str, Any]) -> None:
    data = dict(body)
    drop_internals(data, body, NAMES)
    assert data == body
    assert unsendable(data, body) is None


WRONG = [
    ({"messages": "hi"}, "messages"), ({"messages": [{"content": "hi"}]}, "messages"),
    ({"messages": [{"role": "user", "content": {"a": 1}}]}, "messages"), ({"tools": {"a": 1}}, "tools"),
    ({"stream": "yes"}, "stream"), ({"temperature": "hot"}, "temperature"), ({"n": True}, "n"),
    ({"timeout": -1}, "timeout"), ({"timeout": float("nan")}, "timeout"), ({"user": 7}, "user"),
    ({"metadata": []}, "metadata"), ({"response_format": "json"}, "response_format"),
    ({"prompt": {"a": 1}}, "prompt"), ({"input": 7}, "input"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "param"), WRONG)
def test_what_no_provider_could_be_sent_is_refused_by_its_name(body: dict[str, Any], param: str) -> None:
    refusal = unsendable(body, body)
    assert refusal is not None
    assert (refusal.code, refusal.param) == ("invalid_request", param)


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_numbers_and_depths_that_json_has_not() -> None:
    assert unsendable({}, {"x": nested(MAX_DEPTH - 2)}) is None
    for value in (nested(50_000), [float("inf")], {"a": {"b": float("nan")}}):
        refusal = unsendable({}, {"x": value})
        assert refusal is not None


def test_what_is_litellms_own_is_taken_out() -> None:
    sent = {
        "model": "m", "deployment_id": "anthropic/dear", "specific_deployment": True, "num_retries": 9,
        "api_base": "http://elsewhere", "_target_order": 2, "_excluded_deployment_ids": ["x"],
        "model_info": {"id": "x"}, "metadata": {"user_id": "u"}, "user": "ada",
    }  # fmt: skip
    data = {**sent, "headers": {"x": "y"}, "api_key": "sk", "litellm_call_id": "c"}
    drop_internals(data, sent, NAMES)
    assert data == {"model": "m", "metadata": {"user_id": "u"}, "user": "ada", "litellm_call_id": "c"}


@pytest.mark.parametrize(("asked", "kept"), [(5, {"timeout": 5}), (600, {}), (None, {"timeout": None})])
def test_a_timeout_may_be_shorter_than_the_catalog_s(asked: Any, kept: dict[str, Any]) -> None:
    data = {"timeout": asked}
    cap_timeout(data, 30)
    assert data == kept
