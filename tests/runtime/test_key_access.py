"""No key reaches a model it may not use: LiteLLM's real auth, `custom_auth` in the place of a database."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import yaml

from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import render

pytestmark = pytest.mark.proxy

CATALOG = """
apiVersion: interlock/v1
name: access
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  dear: {provider: anthropic, id: claude-dear, context_window: 200000, fallbacks: [cheap, middle]}
  middle: {provider: openai, id: gpt-middle, context_window: 100000}
  cheap: {provider: openai, id: gpt-cheap, context_window: 8000, fallbacks: [middle]}
strategies:
  quality: {candidates: [dear, middle, cheap]}
  small: {candidates: [cheap, dear]}
# every failure is tried again: what is shown here is access, not cool-downs
fallback: {providers: [anthropic, openai], cooldown: {failures: 1000}}
"""
CUSTOM_AUTH = """
from litellm.proxy._types import UserAPIKeyAuth

GRANTS = {
    "sk-all": {}, "sk-cheap": {"models": ["cheap"]}, "sk-two": {"models": ["cheap", "middle"]},
    "sk-team": {"team_id": "t", "team_models": ["cheap"]},
    "sk-both": {"models": ["cheap", "dear"], "team_id": "t", "team_models": ["cheap", "middle"]},
    "sk-small": {"models": ["auto/small"]},
    "sk-team-small": {"team_id": "s", "team_models": ["auto/small", "middle"]},
}

async def user_api_key_auth(request, api_key):
    if api_key not in GRANTS:
        raise Exception("unknown key")
    return UserAPIKeyAuth(api_key=api_key, **GRANTS[api_key])
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    work = tmp_path_factory.mktemp("access")
    (work / "access.yaml").write_text(CATALOG)
    outcome = render(work / "access.yaml")
    assert outcome.bundle is not None, outcome.diagnostics
    files = files_of(outcome.bundle)
    config = yaml.safe_load(files["llm-router"]["config.yaml"])
    config["general_settings"] |= {
        "custom_auth": "custom_auth.user_api_key_auth",
        "custom_auth_run_common_checks": True,
    }
    files["llm-router"] |= {
        "config.yaml": yaml.safe_dump(config).encode(),
        "custom_auth.py": CUSTOM_AUTH.encode(),
    }
    with DevGateways(files, workdir=work) as running:
        yield running


def ask(gateway: DevGateways, key: str, path: str = "/v1/chat/completions", **body: Any) -> requests.Response:
    content = {"messages": [{"role": "user", "content": "hi"}]} if path.endswith("chat/completions") else {}
    headers = {"Authorization": f"Bearer {key}", **body.pop("headers", {})}
    return requests.post(
        gateway.url("llm-router") + path, json={**content, **body}, headers=headers, timeout=60
    )


REQUESTS: list[dict[str, Any]] = [
    {},
    {"model": None},
    {"model": "auto"},
    {"model": "auto/quality"},
    {"model": "auto/small"},
    {"model": "dear"},
    {"model": "middle"},
    {"model": "cheap"},
    {"model": "cheap", "routing_strategy": "quality"},
    {"routing_strategy": "small"},
    {"headers": {"x-routing-strategy": "quality"}},
    {"model": "cheap", "fallbacks": ["dear"]},
    {"model": "cheap", "fallbacks": [{"model": "dear"}]},
    {"model": "cheap", "context_window_fallbacks": [{"cheap": ["dear"]}]},
    {"model": "cheap", "messages": [{"role": "user", "content": "x" * 60_000}]},
    {"model": "cheap", "mock_testing_fallbacks": True},
    {"model": "cheap", "deployment_id": "anthropic/dear"},
    {"model": "cheap", "specific_deployment": True, "deployment_id": "anthropic/dear"},
    {"model": "cheap", "model_info": {"id": "anthropic/dear"}},
    {"model": "cheap", "_excluded_deployment_ids": ["openai/cheap"], "_target_order": 1},
    {"model": "cheap", "metadata": {"interlock": {"route": ["dear"]}, "user_api_key_auth": {"models": []}}},
    {"model": "gpt-cheap"},
    {"model": "anthropic/dear"},
    {"path": "/v1/completions", "prompt": "hi"},
    {"path": "/v1/completions", "prompt": "hi", "model": "auto/quality"},
    {"path": "/v1/responses", "input": "hi", "routing_strategy": "quality"},
    {"path": "/v1/messages", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5},
]
UPSTREAM = {"cheap": "gpt-cheap", "middle": "gpt-middle", "dear": "claude-dear"}


@pytest.mark.parametrize("broken", [None, "gpt-cheap"])
@pytest.mark.parametrize(("key", "granted"), [("sk-cheap", {"cheap"}), ("sk-two", {"cheap", "middle"}),
                                              ("sk-team", {"cheap"}), ("sk-both", {"cheap"})])  # fmt: skip
def test_a_key_reaches_its_own_models_alone(
    gateway: DevGateways, key: str, granted: set[str], broken: str | None
) -> None:
    if broken:
        gateway.set_fault("openai", model=broken, status=500)
    try:
        before = len(gateway.requests())
        answers = {str(body): ask(gateway, key, **body) for body in REQUESTS}
        called = {row["model"] for row in gateway.requests()[before:]}
    finally:
        gateway.clear("openai")
    assert called <= {UPSTREAM[name] for name in granted}
    assert called, "the key is good for something"
    for body, response in answers.items():
        assert response.status_code != 500 or broken, (body, response.text)
        hidden = set(UPSTREAM) - granted
        if response.status_code == 400:
            assert not [n for n in hidden if n not in body and n in response.text], (body, response.text)


def test_a_key_without_limits_reaches_every_model(gateway: DevGateways) -> None:
    assert ask(gateway, "sk-all").headers["x-interlock-model"] == "dear"
    assert ask(gateway, "sk-all", model="middle").headers["x-interlock-model"] == "middle"


def test_a_strategy_gives_a_key_the_best_of_its_own_models(gateway: DevGateways) -> None:
    response = ask(gateway, "sk-two")
    assert (response.status_code, response.headers.get("x-interlock-model")) == (200, "middle"), response.text


@pytest.mark.parametrize("key", ["sk-small", "sk-team-small"])
@pytest.mark.parametrize("stream", [False, True])
def test_who_may_use_a_strategy_may_use_its_members_by_it_alone(
    gateway: DevGateways, key: str, stream: bool
) -> None:
    asked = [
        {"model": "auto/small"},
        {"routing_strategy": "small"},
        {"headers": {"x-routing-strategy": "small"}},
    ]
    for body in asked:
        response = ask(gateway, key, stream=stream, **body)
        assert (response.status_code, response.headers.get("x-interlock-model")) == (200, "cheap"), (
            response.text
        )
    gateway.set_fault("openai", status=500)
    try:
        for body in asked:
            response = ask(gateway, key, stream=stream, **body)
            assert response.headers.get("x-interlock-model") == "dear", response.text
    finally:
        gateway.clear("openai")
    for body in ({"model": "cheap"}, {"model": "dear"}, {"model": "dear", "routing_strategy": "small"}):
        assert 400 <= ask(gateway, key, stream=stream, **body).status_code < 404
    refused = ask(gateway, key, stream=stream, routing_strategy="quality")
    if key == "sk-small":
        assert refused.status_code == 400
        assert not [name for name in UPSTREAM if name in refused.text]
    else:
        assert refused.headers["x-interlock-model"] == "middle"


@pytest.mark.parametrize(
    "path",
    ["/openai/v1/chat/completions", "/openai_passthrough/v1/chat/completions", "/anthropic/v1/messages",
     "/v1/moderations", "/v1/images/generations", "/v1/files", "/v1/batches", "/v1/fine_tuning/jobs",
     "/v1/assistants", "/v1/vector_stores", "/bedrock/model/claude-dear/invoke", "/cohere/v1/chat",
     "/mistral/v1/chat/completions", "/v1/audio/speech", "/v1/rerank"],
)  # fmt: skip
@pytest.mark.parametrize("model", ["dear", "claude-dear", "auto/quality"])
def test_no_other_endpoint_leads_round_the_routes(gateway: DevGateways, path: str, model: str) -> None:
    before = len(gateway.requests())
    body = {"model": model, "input": "hi", "prompt": "hi", "messages": [{"role": "user", "content": "hi"}]}
    response = ask(gateway, "sk-cheap", path, **body)
    assert response.status_code >= 400, response.text
    assert gateway.requests()[before:] == []


def test_an_unknown_key_is_refused(gateway: DevGateways) -> None:
    assert ask(gateway, "sk-nobody").status_code in (401, 403)
