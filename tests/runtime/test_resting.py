"""A provider that keeps failing rests, one that flaps loses no request, and a rest is never the last word.

Each model has one deployment, which LiteLLM by itself would never let rest.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

REST_S = 3
CATALOG = f"""
apiVersion: interlock/v1
name: cooldown
providers:
  openai: {{type: openai, api_key: {{secret: openai, key: api-key}}}}
  anthropic: {{type: anthropic, api_key: {{secret: anthropic, key: api-key}}}}
models:
  gpt: {{provider: openai}}
  claude: {{provider: anthropic}}
strategies:
  quality: {{default: true, candidates: [gpt, claude]}}
fallback: {{timeout_s: 5, cooldown: {{failures: 2, seconds: {REST_S}}}}}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("cooldown")) as gateways:
        yield gateways


@pytest.fixture
def rested(running: DevGateways) -> Iterator[DevGateways]:
    """Everything is well and in service, and no failure is remembered but those of the last minute."""
    requests.delete(f"{running.control_url}/control/requests", timeout=5)
    yield running
    for provider in running.providers:
        running.clear(provider)
    time.sleep(REST_S + 0.5)


def ask(gateways: DevGateways, **body: Any) -> requests.Response:
    content = {"messages": [{"role": "user", "content": "hi"}], **body}
    return requests.post(gateways.url("llm-router") + "/v1/chat/completions", json=content, timeout=30)


def asked(gateways: DevGateways) -> Counter[str]:
    """How many requests each provider has received since the last time."""
    found = Counter(row["provider"] for row in gateways.requests())
    requests.delete(f"{gateways.control_url}/control/requests", timeout=5)
    return found


def test_after_two_failures_a_model_rests_and_comes_back(rested: DevGateways) -> None:
    rested.set_fault("openai", status=500)
    for _ in range(2):
        assert ask(rested).headers["x-interlock-model"] == "claude"
    failed_at = time.monotonic()
    assert asked(rested) == {"openai": 2, "anthropic": 2}

    rested.clear("openai")
    for _ in range(5):
        assert ask(rested).headers["x-interlock-model"] == "claude"
    assert time.monotonic() - failed_at < REST_S, "too slow a machine to tell"
    assert asked(rested) == {"anthropic": 5}

    time.sleep(max(0.0, failed_at + REST_S + 0.5 - time.monotonic()))
    assert ask(rested).headers["x-interlock-model"] == "gpt"
    assert asked(rested) == {"openai": 1}


@pytest.mark.parametrize("fault", [{"status": 503}, {"status": 429}, {"reset": True}])
def test_a_flapping_provider_loses_no_request(rested: DevGateways, fault: dict[str, Any]) -> None:
    rested.set_fault("openai", **fault, every=2)
    answers = [ask(rested) for _ in range(40)]
    assert {response.status_code for response in answers} == {200}
    received = asked(rested)
    assert received["openai"] >= 2
    assert received["anthropic"] >= 20, "it rested in between"


def test_when_all_have_said_to_wait_the_client_is_told_for_how_long(rested: DevGateways) -> None:
    for provider in rested.providers:
        rested.set_fault(provider, status=429)
    assert [ask(rested).status_code for _ in range(2)] == [429, 429]
    asked(rested)

    response = ask(rested)
    assert response.status_code == 429, response.text
    assert 1 <= int(response.headers["retry-after"]) <= REST_S
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}
    assert "cooling down" in response.json()["error"]["message"]
    assert asked(rested) == {}


def test_when_all_rest_they_are_asked_all_the_same(rested: DevGateways) -> None:
    for provider in rested.providers:
        rested.set_fault(provider, status=503)
    assert [ask(rested).status_code for _ in range(3)] == [503, 503, 503]
    for provider in rested.providers:
        rested.clear(provider)
    answer = ask(rested)
    assert (answer.status_code, answer.headers["x-interlock-model"]) == (200, "gpt"), answer.text


def test_what_rests_is_asked_when_the_others_fail(rested: DevGateways) -> None:
    rested.set_fault("openai", status=503)
    assert [ask(rested).headers["x-interlock-model"] for _ in range(3)] == ["claude"] * 3
    rested.clear("openai")
    rested.set_fault("anthropic", status=500)
    asked(rested)
    assert ask(rested).headers["x-interlock-model"] == "gpt"
    assert asked(rested) == {"anthropic": 1, "openai": 1}
