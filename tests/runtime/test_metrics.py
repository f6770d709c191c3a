"""What is counted, as Prometheus sees it: R12 and R13 answer, and nothing is counted twice."""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.prometheus import ROUTER, Prometheus, ask, needs_prometheus, page, prometheus_of, usage
from tests.runtime.running import gateways_of

pytestmark = [pytest.mark.proxy, needs_prometheus]

CATALOG = """
apiVersion: interlock/v1
name: counted
gateways: {llm-router: {}, vertex-ai-gateway: {}}
providers:
  vertex-ai:
    type: vertex_ai
    project: p
    location: europe-west4
    identity: {service_account: sa, gcp_service_account: sa@p.iam.gserviceaccount.com}
    gateway: vertex-ai-gateway
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  failing: {type: openai, api_key: {secret: failing, key: api-key}}
models:
  gemini: {provider: vertex-ai, context_window: 9000, modes: [chat, completion], price: {input: 1, output: 2}}
  gpt: {provider: openai, context_window: 9000, modes: [chat, completion], price: {input: 10, output: 20}}
  frail: {provider: failing, context_window: 9000, price: {input: 1, output: 1}, fallbacks: [gpt]}
strategies:
  best: {default: true, candidates: [gemini, gpt]}
  spare: {candidates: [gpt], single_provider: the tests ask it for what it has not}
fallback: {timeout_s: 5, retry: {attempts: 0}, cooldown: {failures: 6, seconds: 300}}
"""
VERTEX = "vertex-ai-gateway"
PRICES = {"gemini": (1e-6, 2e-6), "gpt": (10e-6, 20e-6)}


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("metrics")) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(gateways: DevGateways, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus_of(gateways, "counted", tmp_path_factory.mktemp("prometheus")) as running:
        yield running


@dataclass
class Told:
    """Tokens of prompts and of answers, as the clients were told."""

    prompt: int = 0
    answer: int = 0

    def add(self, response: requests.Response) -> None:
        prompt, answer = usage(response)
        self.prompt, self.answer = self.prompt + prompt, self.answer + answer

    def cost(self, model: str) -> float:
        return self.prompt * PRICES[model][0] + self.answer * PRICES[model][1]


@pytest.fixture(scope="module")
def asked(gateways: DevGateways, prometheus: Prometheus) -> dict[str, Told]:
    """Requests of every fate, over some scrapes, so that rates exist: what was told of each model."""
    told = {"gemini": Told(), "gpt": Told()}
    for number in range(8):
        answer = ask(gateways, stream=False)
        assert answer.headers["x-interlock-model"] == "gemini"
        told["gemini"].add(answer)
        time.sleep(0.5 if number else 2)  # a counter that appears at once at its end has no rate
    told["gemini"].add(ask(gateways, stream=True, stream_options={"include_usage": True}))
    assert ask(gateways, routing_strategy="spare", requirements={"min_quality": 1}).status_code == 400
    gateways.set_fault("vertex-ai", status=500)
    fallen = ask(gateways)
    assert fallen.headers["x-interlock-model"] == "gpt"
    told["gpt"].add(fallen)
    gateways.clear("vertex-ai")
    total = "sum(llm_request_tokens_total)"
    everything = sum(one.prompt + one.answer for one in told.values())
    prometheus.wait(total, lambda rows: list(rows.values()) == [everything])
    time.sleep(2)  # one more scrape of either gateway
    return told


def test_every_page_says_whose_it_is(prometheus: Prometheus) -> None:
    rows = prometheus.query('up{catalog="counted"}')
    found = {json.loads(labels)["gateway"]: value for labels, value in rows.items()}
    assert found == {ROUTER: 1, VERTEX: 1}


def test_tokens_of_vertex_by_model_and_type(prometheus: Prometheus, asked: dict[str, Told]) -> None:
    rows = prometheus.query("sum(rate(vertex_tokens_total[1h])) by (model, type)")
    assert set(rows) == {'{"model": "gemini", "type": "input"}', '{"model": "gemini", "type": "output"}'}
    assert all(value > 0 for value in rows.values())
    assert prometheus.query("sum(vertex_tokens_total) by (model, type)") == {
        '{"model": "gemini", "type": "input"}': asked["gemini"].prompt,
        '{"model": "gemini", "type": "output"}': asked["gemini"].answer,
    }


def test_the_duration_of_requests_is_a_histogram(prometheus: Prometheus, asked: dict[str, Told]) -> None:
    rate = 'sum(rate(llm_request_duration_seconds_bucket{strategy="best"}[1h])) by (le)'
    assert 0 < prometheus.value(f"histogram_quantile(0.95, {rate})") < 60
    assert prometheus.query("sum(llm_request_duration_seconds_count) by (outcome, strategy)") == {
        '{"outcome": "answered", "strategy": "best"}': 10
    }
    rate = "sum(rate(llm_provider_duration_seconds_bucket[1h])) by (le, provider)"
    assert len(prometheus.query(f"histogram_quantile(0.5, {rate})")) == 2


def test_sums_over_gateways_are_what_was_used(prometheus: Prometheus, asked: dict[str, Told]) -> None:
    for metric in ("llm_tokens_total", "llm_request_tokens_total"):
        for model, told in asked.items():
            assert prometheus.value(f'sum({metric}{{model="{model}", type="input"}})') == told.prompt
            assert prometheus.value(f'sum({metric}{{model="{model}", type="output"}})') == told.answer


def test_cost_is_price_times_tokens(prometheus: Prometheus, asked: dict[str, Told]) -> None:
    for model, told in asked.items():
        for metric in ("llm_cost_usd_total", "llm_request_cost_usd_total"):
            cost = prometheus.value(f'sum({metric}{{model="{model}"}})')
            assert cost == pytest.approx(told.cost(model), rel=1e-9)


def test_attempts_are_counted_where_the_provider_is_called(
    prometheus: Prometheus, asked: dict[str, Told]
) -> None:
    answers = prometheus.query("sum(interlock_answered_attempts_total) by (gateway, provider)")
    assert answers == {
        '{"gateway": "llm-router", "provider": "openai"}': 1,
        '{"gateway": "vertex-ai-gateway", "provider": "vertex-ai"}': 9,
    }
    failures = prometheus.query("interlock_failed_attempts_total > 0")
    (labels,) = (json.loads(one) for one in failures)
    assert (labels["gateway"], labels["provider"], labels["status"]) == (VERTEX, "vertex-ai", "500")


def test_decisions_refusals_attempts_and_the_table(gateways: DevGateways, asked: dict[str, Told]) -> None:
    found = page(gateways)
    assert found['interlock_decisions_total{model="gemini",reason="best",strategy="best"}'] == 10
    assert found['interlock_refusals_total{code="no_eligible_model"}'] == 1
    assert found['interlock_request_attempts_count{strategy="best"}'] == 10
    assert found['interlock_request_attempts_sum{strategy="best"}'] == 11
    digest = ask(gateways).headers["x-interlock-table"]
    assert found[f'interlock_table_info{{digest="{digest}"}}'] == 1
    assert 0 < time.time() - found["interlock_table_loaded_timestamp_seconds"] < 3600
    assert found['interlock_table_reloads_total{result="loaded"}'] == 1
    assert any(name.startswith("litellm_") for name in found)  # LiteLLM's own are beside them


def test_a_hop_is_no_clients_request(gateways: DevGateways, asked: dict[str, Told]) -> None:
    of_clients = ("interlock_decisions", "interlock_request_", "llm_request_")
    assert [name for name in page(gateways, VERTEX) if name.startswith(of_clients) and "{" in name] == []


# --- every endpoint -------------------------------------------------------------------------------------

CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "What is an interlocking?"}]}
ENDPOINTS: dict[str, dict[str, Any]] = {
    "chat/completions": CHAT,
    "completions": {"prompt": "What is an interlocking?"},
    "responses": {"input": "What is an interlocking?"},
    "messages": {**CHAT, "max_tokens": 1000},
}


def counted(gateways: DevGateways, names: tuple[str, ...]) -> dict[str, float]:
    """Sums over both gateways of what a metric counts of anything."""
    pages = [page(gateways, gateway) for gateway in (ROUTER, VERTEX)]
    return {
        name: sum(value for one in pages for key, value in one.items() if key.startswith(name + "{"))
        for name in names
    }


ONCE = ("interlock_decisions_total", "interlock_answered_attempts_total", "interlock_request_attempts_count",
        "llm_request_duration_seconds_count", "llm_provider_duration_seconds_count")  # fmt: skip
EQUAL = ("llm_tokens_total", "llm_request_tokens_total", "llm_cost_usd_total", "llm_request_cost_usd_total")


@pytest.mark.parametrize("model", PRICES)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_any_endpoint_is_counted_once_and_alike(
    gateways: DevGateways, asked: dict[str, Told], endpoint: str, model: str, *, stream: bool
) -> None:
    before = counted(gateways, ONCE + EQUAL)
    body = {**ENDPOINTS[endpoint], "model": model, "stream": stream}
    answer = requests.post(f"{gateways.url(ROUTER)}/v1/{endpoint}", json=body, timeout=60)
    assert answer.headers["x-interlock-model"] == model
    until = time.monotonic() + 20  # LiteLLM counts after it has answered
    while (after := counted(gateways, ONCE + EQUAL))[ONCE[3]] == before[ONCE[3]]:
        assert time.monotonic() < until
        time.sleep(0.1)
    time.sleep(0.3)  # for what would be counted a second time
    after = counted(gateways, ONCE + EQUAL)
    rise = {name: after[name] - before[name] for name in after}
    assert {name: rise[name] for name in ONCE} == dict.fromkeys(ONCE, 1)
    tokens, of_requests, cost, request_cost = (rise[name] for name in EQUAL)
    assert tokens == of_requests > 0
    assert cost == pytest.approx(request_cost, rel=1e-6)
    assert cost > 0


def test_a_client_that_has_not_asked_is_not_told_the_usage_of_its_stream(gateways: DevGateways) -> None:
    for endpoint in ("chat/completions", "completions"):
        url, body = f"{gateways.url(ROUTER)}/v1/{endpoint}", {**ENDPOINTS[endpoint], "stream": True}
        assert '"total_tokens"' not in requests.post(url, json=body, timeout=60).text
        asking = {**body, "stream_options": {"include_usage": True}}
        assert requests.post(url, json=asking, timeout=60).text.count('"total_tokens"') == 1


# --- failures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "fault"),
    [
        (False, {"status": 503}),
        (True, {"status": 429}),
        (True, {"die_after_chunks": 2}),
        (False, {"timeout": True}),
    ],
)
def test_a_failure_behind_another_gateway_is_counted_once(
    gateways: DevGateways, asked: dict[str, Told], fault: dict[str, Any], *, stream: bool
) -> None:
    name = "interlock_failed_attempts_total"
    before = counted(gateways, (name,))[name]
    gateways.set_fault("vertex-ai", **fault)
    ask(gateways, model="gemini", stream=stream)
    gateways.clear("vertex-ai")
    time.sleep(1)  # for what would be counted a second time
    assert counted(gateways, (name,))[name] == before + 1
    assert not any(key.startswith(name) and "vertex" in key for key in page(gateways))


def test_a_provider_that_is_down_shows(gateways: DevGateways, prometheus: Prometheus) -> None:
    assert ask(gateways, model="frail").headers["x-interlock-model"] == "frail"
    failed = 'sum(interlock_failed_attempts_total{provider="failing"})'
    assert prometheus.query(failed) == {}
    gateways.set_fault("failing", refused=True)
    for _ in range(8):
        assert ask(gateways, model="frail").headers["x-interlock-model"] == "gpt"
    gateways.clear("failing")
    prometheus.wait(failed, lambda rows: list(rows.values()) == [6])  # then it rested
    (labels,) = prometheus.wait("litellm_deployment_cooled_down_total > 0")
    about = json.loads(labels)
    assert (about["gateway"], about["model_id"]) == (ROUTER, "failing/frail")
    assert set(about) - {"__name__", "catalog", "gateway", "instance", "job"} == {
        "litellm_model_name", "model_id", "api_base", "api_provider", "exception_status"
    }  # fmt: skip


def test_a_gateway_that_is_gone_is_counted_by_the_one_that_called_it(gateways: DevGateways) -> None:
    name = 'interlock_failed_attempts_total{model="gemini",provider="vertex-ai",status="500"}'
    assert name not in page(gateways)
    os.kill(gateways.pids()[VERTEX], signal.SIGKILL)
    assert ask(gateways).headers["x-interlock-model"] == "gpt"
    assert page(gateways)[name] == 1
