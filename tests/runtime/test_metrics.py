"""What is counted, as Prometheus sees it: R12 and R13 answer, and nothing is counted twice."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from compiler.dev.ports import HOST, hold
from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

PROMETHEUS = shutil.which("prometheus")
pytestmark = [
    pytest.mark.proxy,
    pytest.mark.skipif(PROMETHEUS is None and not os.environ.get("CI"), reason="prometheus is not installed"),
]

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
models:
  gemini: {provider: vertex-ai, context_window: 100000, price: {input: 1, output: 2}}
  gpt: {provider: openai, context_window: 100000, price: {input: 10, output: 20}}
strategies:
  best: {default: true, candidates: [gemini, gpt]}
  spare: {candidates: [gpt], single_provider: the tests ask it for what it has not}
fallback: {cooldown: {failures: 1000}}
"""
ROUTER, VERTEX = "llm-router", "vertex-ai-gateway"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: gateways
    metrics_path: /metrics/
    static_configs: [{{targets: [{targets}]}}]
"""


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("metrics")) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(gateways: DevGateways, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a Prometheus that scrapes both gateways."""
    work, port = tmp_path_factory.mktemp("prometheus"), hold()
    targets = ", ".join(f'"{gateways.url(name).removeprefix("http://")}"' for name in (ROUTER, VERTEX))
    (work / "prometheus.yml").write_text(CONFIG.format(targets=targets))
    port.release()
    command = [str(PROMETHEUS), f"--config.file={work}/prometheus.yml", f"--storage.tsdb.path={work}/data",
               f"--web.listen-address={HOST}:{port.number}"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        yield port.url
        server.terminate()


def ask(gateways: DevGateways, **body: Any) -> requests.Response:
    content = {"messages": [{"role": "user", "content": "What is an interlocking?"}], **body}
    return requests.post(f"{gateways.url(ROUTER)}/v1/chat/completions", json=content, timeout=60)


def query(prometheus: str, text: str, count: int) -> dict[str, float]:
    """The labels of each row (as JSON, by name) → its value, as soon as there are `count` rows."""
    until = time.monotonic() + 60
    while True:
        try:
            found = requests.get(f"{prometheus}/api/v1/query", params={"query": text}, timeout=5).json()
            rows = found["data"]["result"]
        except requests.ConnectionError:
            rows = []
        if len(rows) >= count:
            return {json.dumps(row["metric"], sort_keys=True): float(row["value"][1]) for row in rows}
        assert time.monotonic() < until, rows
        time.sleep(0.5)


@pytest.fixture(scope="module")
def asked(gateways: DevGateways, prometheus: str) -> int:
    """Requests of every fate, over some scrapes, so that rates exist. Returns the tokens of all prompts."""
    query(prometheus, "up == 1", 2)
    tokens = 0
    for number in range(8):
        answer = ask(gateways, stream=False)
        assert answer.headers["x-interlock-model"] == "gemini"
        tokens += answer.json()["usage"]["prompt_tokens"]
        time.sleep(0.5 if number else 2)  # a counter that appears at once at its end has no rate
    assert ask(gateways, stream=True).status_code == 200
    assert ask(gateways, routing_strategy="spare", requirements={"min_quality": 1}).status_code == 400
    gateways.set_fault("vertex-ai", status=500)
    assert ask(gateways).headers["x-interlock-model"] == "gpt"
    gateways.clear("vertex-ai")
    time.sleep(3)
    return tokens


def test_tokens_of_vertex_by_model_and_type(prometheus: str, asked: int) -> None:
    rows = query(prometheus, "sum(rate(vertex_tokens_total[1h])) by (model, type)", 2)
    assert set(rows) == {'{"model": "gemini", "type": "input"}', '{"model": "gemini", "type": "output"}'}
    assert all(value > 0 for value in rows.values())


def test_what_passes_through_the_router_is_counted_where_it_is_used(prometheus: str, asked: int) -> None:
    rows = query(prometheus, 'sum(vertex_tokens_total{type="input"})', 1)
    (total,) = rows.values()
    assert asked < total <= asked * 9 / 8 + 1  # eight answers and a stream, not twice as many


def test_the_duration_of_requests_is_a_histogram(prometheus: str, asked: int) -> None:
    rate = 'sum(rate(llm_request_duration_seconds_bucket{strategy="best"}[1h])) by (le)'
    text = f"histogram_quantile(0.95, {rate})"
    (value,) = query(prometheus, text, 1).values()
    assert 0 < value < 60
    outcomes = query(prometheus, "sum(llm_request_duration_seconds_count) by (outcome)", 1)
    assert '{"outcome": "answered"}' in outcomes


def page(gateways: DevGateways, gateway: str = ROUTER) -> dict[str, float]:
    text = requests.get(f"{gateways.url(gateway)}/metrics/", timeout=30).text
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_decisions_refusals_attempts_and_the_table(gateways: DevGateways, asked: int) -> None:
    found = page(gateways)
    assert found['interlock_decisions_total{model="gemini",reason="best",strategy="best"}'] == 10
    assert found['interlock_refusals_total{code="no_eligible_model"}'] == 1
    assert found['interlock_failed_attempts_total{model="gemini",provider="vertex-ai",status="500"}'] == 1
    assert found['interlock_request_attempts_count{strategy="best"}'] == 10
    assert found['interlock_request_attempts_sum{strategy="best"}'] == 11
    digest = ask(gateways).headers["x-interlock-table"]
    assert found[f'interlock_table_info{{digest="{digest}"}}'] == 1
    assert 0 < time.time() - found["interlock_table_loaded_timestamp_seconds"] < 3600
    assert found['interlock_table_reloads_total{result="loaded"}'] == 1
    assert found['llm_tokens_total{model="gpt",provider="openai",type="input"}'] > 0
    assert 'llm_tokens_total{model="gemini",provider="vertex-ai",type="input"}' not in found
    assert found['llm_cost_usd_total{model="gpt",provider="openai"}'] > 0
    assert 'vertex_tokens_total{model="gemini",type="output"}' in page(gateways, VERTEX)
    assert any(name.startswith("litellm_") for name in found)  # LiteLLM's own are beside them
