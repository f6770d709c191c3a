"""R18: the client examples against the compiled reference gateway, as clients send them.

One set of real LiteLLM proxies serves the whole file, in order: providers go down further below, and a
deployment that failed three times is left alone for 30 s, so healthy requests come first.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import requests

from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import render

pytestmark = pytest.mark.proxy


@pytest.fixture(scope="module")
def gateways(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    outcome = render(reference)
    assert outcome.bundle is not None, outcome.diagnostics
    with DevGateways(files_of(outcome.bundle), workdir=tmp_path_factory.mktemp("gateways")) as running:
        yield running


@pytest.fixture
def healthy(gateways: DevGateways) -> Iterator[DevGateways]:
    yield gateways
    for provider in gateways.providers:
        gateways.clear(provider)


def post(
    gateways: DevGateways, path: str, *, gateway: str = "llm-router", **options: Any
) -> requests.Response:
    return requests.post(gateways.url(gateway) + path, timeout=60, **options)


def chat(gateways: DevGateways, **body: Any) -> requests.Response:
    return post(gateways, "/v1/chat/completions", json={"messages": MESSAGES, **body})


def answered_by(response: requests.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["x-interlock-model"]


def streamed(response: requests.Response) -> str:
    """The text of a chat or completion stream, which must end as OpenAI's do."""
    import json

    assert response.status_code == 200, response.text
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    choices = [choice for line in lines[:-1] for choice in json.loads(line).get("choices", [])]
    return "".join((c.get("delta") or {}).get("content") or c.get("text") or "" for c in choices)


MESSAGES = [{"role": "user", "content": "Summarise ticket 4711: the printer on floor 3 is on fire."}]
TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
HISTORY = [
    {"role": "system", "content": "You answer briefly."},
    {"role": "user", "content": "What is an interlocking?"},
    {"role": "assistant", "content": "A railway mechanism that makes conflicting routes impossible."},
    {"role": "user", "content": "And who invented it?"},
]


@pytest.mark.parametrize("stream", [False, True])
def test_ticket_summary(healthy: DevGateways, stream: bool) -> None:
    response = chat(healthy, routing_strategy="fast", max_tokens=100, stream=stream)
    assert answered_by(response) == "gemini-1.5-flash-001"
    assert response.headers["x-interlock-strategy"] == "fast"
    assert response.headers["x-interlock-attempts"] == "1"
    text = streamed(response) if stream else response.json()["choices"][0]["message"]["content"]
    assert text.startswith("[simulated vertex-ai/gemini-1.5-flash-001]")
    if not stream:
        assert response.json()["model"] == "gemini-1.5-flash-001"


@pytest.mark.parametrize("stream", [False, True])
def test_knowledge_base_of_500_000_tokens(healthy: DevGateways, stream: bool) -> None:
    response = chat(
        healthy, routing_strategy="long_context", requirements={"min_context_window": 500_000}, stream=stream
    )
    assert answered_by(response) == "gemini-1.5-pro-001"
    assert (streamed(response) if stream else response.text).find("vertex-ai/gemini-1.5-pro-001") >= 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_conversation_with_the_openai_sdk(healthy: DevGateways, stream: bool) -> None:
    client = openai.OpenAI(base_url=healthy.url("llm-router") + "/v1", api_key="not-needed", max_retries=0)
    with client:
        raw = client.chat.completions.with_raw_response.create(
            model="auto/quality",
            messages=HISTORY,
            stream=stream,  # type: ignore[arg-type]
        )
        answer = raw.parse()
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        else:
            text = answer.choices[0].message.content
            assert answer.model == "gemini-1.5-pro-001"
    assert raw.headers["x-interlock-model"] == "gemini-1.5-pro-001"
    assert "who invented it" in text


@pytest.mark.parametrize("stream", [False, True])
def test_completions_on_the_vertex_gateway(healthy: DevGateways, stream: bool) -> None:
    body = {"model": "text-bison@002", "prompt": "Once upon a time", "stream": stream}
    response = post(healthy, "/v1/completions", gateway="vertex-ai-gateway", json=body)
    assert answered_by(response) == "text-bison@002"
    text = streamed(response) if stream else response.json()["choices"][0]["text"]
    assert text.startswith("[simulated vertex-ai/text-bison@002]")


def test_the_vertex_gateway_serves_vertex_models_only(healthy: DevGateways) -> None:
    listed = requests.get(healthy.url("vertex-ai-gateway") + "/v1/models", timeout=30).json()["data"]
    assert {row["id"] for row in listed if not row["id"].startswith("auto")} == {
        "gemini-1.5-pro-001", "gemini-1.5-flash-001", "text-bison@002", "chat-bison@002", "code-bison@002",
    }  # fmt: skip
    body = {"model": "gpt-4", "messages": MESSAGES}
    response = post(healthy, "/v1/chat/completions", gateway="vertex-ai-gateway", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "model_not_found")


def test_strategies_are_listed_as_models(healthy: DevGateways) -> None:
    listed = requests.get(healthy.url("llm-router") + "/v1/models", timeout=30).json()["data"]
    ids = {row["id"] for row in listed}
    assert {
        "auto",
        "auto/quality",
        "auto/fast",
        "auto/cost",
        "auto/long_context",
        "auto/code",
        "gpt-4",
    } <= ids
    assert "gemini-ultra" not in ids  # planned


@pytest.mark.parametrize(
    ("body", "headers", "model"),
    [
        ({}, {}, "gemini-1.5-pro-001"),
        ({"model": None}, {}, "gemini-1.5-pro-001"),
        ({"model": "auto"}, {}, "gemini-1.5-pro-001"),
        ({"model": "auto/fast"}, {}, "gemini-1.5-flash-001"),
        ({}, {"x-routing-strategy": "code"}, "code-bison@002"),
        ({"routing_strategy": "fast"}, {"x-routing-strategy": "code"}, "gemini-1.5-flash-001"),
        ({"model": "gpt-4"}, {}, "gpt-4"),
        ({"model": "gpt-3.5-turbo", "routing_strategy": "fast"}, {}, "gpt-3.5-turbo"),
        ({"model": "anthropic.claude-3-haiku-20240307-v1:0"}, {}, "anthropic.claude-3-haiku-20240307-v1:0"),
        ({"requirements": {"max_price": {"output": 40}, "exclude_providers": ["vertex-ai"]}}, {},
         "gpt-4-turbo-preview"),
        ({"routing_strategy": "code", "tools": [TOOL]}, {}, "gpt-4-turbo-preview"),
    ],
)  # fmt: skip
def test_the_request_contract(
    healthy: DevGateways, body: dict[str, Any], headers: dict[str, str], model: str
) -> None:
    response = post(healthy, "/v1/chat/completions", json={"messages": MESSAGES, **body}, headers=headers)
    assert answered_by(response) == model


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({"routing_strategy": "fst"}, "unknown_strategy", ["did you mean 'fast'?", "long_context"]),
        ({"model": "gpt-5"}, "model_not_found", ["did you mean 'gpt-4'?"]),
        ({"requirements": {"min_context": 1}}, "unknown_requirement", ["did you mean 'min_context_window'?"]),
        ({"requirements": {"min_context_window": "big"}}, "invalid_requirement", ["a number of zero"]),
        ({"requirements": {"min_context_window": 2_000_000}}, "no_eligible_model",
         ["gemini-1.5-pro-001: context window 1000000", "claude-3-opus: context window 200000", "nearest"]),
        ({"max_tokens": "many"}, "invalid_request", ["max_tokens"]),
    ],
)  # fmt: skip
def test_a_400_explains_itself(
    healthy: DevGateways, body: dict[str, Any], code: str, words: list[str]
) -> None:
    response = chat(healthy, **body)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (400, "invalid_request_error", code)
    assert all(word in error["message"] for word in words), error["message"]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
def test_the_other_chat_endpoints(healthy: DevGateways, path: str) -> None:
    body = {"input": "hi"} if path.endswith("responses") else {"messages": MESSAGES, "max_tokens": 50}
    response = post(healthy, path, json={**body, "routing_strategy": "fast"})
    assert answered_by(response) == "gemini-1.5-flash-001"


def test_embeddings_are_refused_where_no_model_embeds(healthy: DevGateways) -> None:
    response = post(healthy, "/v1/embeddings", json={"input": "hi"})
    assert response.status_code == 400
    assert "does not serve embedding requests" in response.json()["error"]["message"]


def test_no_word_of_ours_reaches_a_provider(healthy: DevGateways) -> None:
    chat(healthy, routing_strategy="fast", requirements={"min_quality": 1})
    received = healthy.requests()
    assert received
    assert not [row for row in received if row["forbidden"]]


# --- providers go down from here on ------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
def test_code_falls_back(healthy: DevGateways, stream: bool) -> None:
    healthy.set_fault("vertex-ai", status=500)
    response = chat(healthy, routing_strategy="code", stream=stream)
    assert answered_by(response) == "gpt-4-turbo-preview"
    assert response.headers["x-interlock-attempts"] == "2"
    assert (streamed(response) if stream else response.text).find("openai/gpt-4-turbo-preview") >= 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_pinned_model_falls_to_gpt_4_then_claude_then_one_clear_error(
    healthy: DevGateways, stream: bool
) -> None:
    pinned = {"model": "gemini-1.5-pro-001", "stream": stream}
    healthy.set_fault("vertex-ai", refused=True)
    response = chat(healthy, **pinned)
    assert answered_by(response) == "gpt-4"
    assert (streamed(response) if stream else response.text).find("[simulated openai/gpt-4]") >= 0
    healthy.set_fault("openai", status=500)
    response = chat(healthy, **pinned)
    assert answered_by(response) == "claude-3-opus"
    assert (streamed(response) if stream else response.text).find("anthropic/claude-3-opus-20240229") >= 0
    healthy.set_fault("anthropic", status=500)
    response = chat(healthy, **pinned)
    assert response.status_code == 500
    message = response.json()["error"]["message"]
    assert message.startswith("every model of the route failed: gemini-1.5-pro-001 ("), message
    assert message.endswith("claude-3-opus (500)"), message


def test_a_request_that_every_provider_refuses_says_what_the_first_one_said(healthy: DevGateways) -> None:
    for provider in ("vertex-ai", "anthropic", "openai"):
        healthy.set_fault(provider, status=400)
    response = chat(healthy, routing_strategy="fast")
    message = response.json()["error"]["message"]
    assert response.status_code == 400
    assert "claude-3-haiku (400), gpt-3.5-turbo (not asked)" in message
    assert "The first said: " in message
    assert "[simulated vertex-ai] status 400" in message


def test_a_call_from_another_gateway_gets_the_one_model_it_names(healthy: DevGateways) -> None:
    healthy.set_fault("vertex-ai", status=500)
    before = len(healthy.requests())
    body = {"model": "chat-bison@002", "messages": MESSAGES, "metadata": {"interlock": "mine"}}
    response = post(healthy, "/v1/chat/completions", json=body, headers={"x-interlock-hop": "somewhere"})
    assert response.status_code == 500
    assert {row["model"] for row in healthy.requests()[before:]} == {"chat-bison@002"}


def test_a_provider_that_keeps_failing_is_left_alone(healthy: DevGateways) -> None:
    healthy.set_fault("vertex-ai", refused=True)
    for _ in range(4):
        assert answered_by(chat(healthy, routing_strategy="cost")) == "gpt-3.5-turbo"
    before = len(healthy.requests())
    healthy.clear("vertex-ai")
    assert answered_by(chat(healthy, routing_strategy="cost")) == "gpt-3.5-turbo"
    assert [row["provider"] for row in healthy.requests()[before:]] == ["openai"]
