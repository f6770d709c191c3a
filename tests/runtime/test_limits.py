"""A deployment whose `rpm` or `tpm` is used up is left alone until its minute is over, and nobody else is."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

RPM = 5
CATALOG = f"""
apiVersion: interlock/v1
name: limits
gateways: {{llm-router: {{}}, inner: {{}}}}
providers:
  openai: {{type: openai, api_key: {{secret: openai, key: api-key}}}}
  anthropic: {{type: anthropic, api_key: {{secret: anthropic, key: api-key}}}}
  mistral: {{type: mistral, api_key: {{secret: mistral, key: api-key}}, gateway: inner}}
models:
  gpt: {{provider: openai, rpm: {RPM}, fallbacks: [claude]}}
  claude: {{provider: anthropic}}
  busy: {{provider: openai, rpm: {RPM}, fallbacks: [claude]}}
  wordy: {{provider: openai, tpm: 40, fallbacks: [claude]}}
  lone: {{provider: openai, rpm: 1, fallbacks: []}}
  both: {{fallbacks: [], deployments: [{{provider: openai, rpm: 2}}, {{provider: anthropic}}]}}
  behind: {{provider: mistral, rpm: 2, fallbacks: [claude]}}
  far: {{provider: mistral, rpm: 2, fallbacks: []}}
strategies:
  chosen: {{default: true, candidates: [gpt, claude]}}
fallback: {{cooldown: {{failures: 3, seconds: 300}}}}
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("limits")) as gateways:
        yield gateways


@pytest.fixture
def gateways(running: DevGateways) -> DevGateways:
    """With most of a minute of the clock ahead, by which limits count."""
    if time.time() % 60 > 40:
        next_minute()
    requests.delete(f"{running.control_url}/control/requests", timeout=5)
    return running


def next_minute() -> None:
    """A second later: who has to wait is told so in whole seconds."""
    time.sleep(61.2 - time.time() % 60)


def ask(gateways: DevGateways, **body: Any) -> requests.Response:
    content = {"messages": [{"role": "user", "content": "hi"}], **body}
    return requests.post(gateways.url("llm-router") + "/v1/chat/completions", json=content, timeout=30)


def answerers(gateways: DevGateways, count: int, **body: Any) -> list[str]:
    """Who answered each of so many requests, in order; or the error."""
    answers = [ask(gateways, **body) for _ in range(count)]
    return [one.headers.get("x-interlock-model") or f"{one.status_code} {one.text}" for one in answers]


def asked(gateways: DevGateways) -> Counter[str]:
    return Counter(row["provider"] for row in gateways.requests())


def metric(gateways: DevGateways, beginning: str) -> float:
    page = requests.get(gateways.metrics_url("llm-router"), timeout=30).text
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(beginning))


def test_beyond_its_limit_another_model_answers_and_goes_on_answering(gateways: DevGateways) -> None:
    assert answerers(gateways, 20) == ["gpt"] * RPM + ["claude"] * 15
    assert asked(gateways) == {"openai": RPM, "anthropic": 15}
    assert ask(gateways).headers["x-interlock-attempts"] == "1", "who was not called is not counted"
    assert metric(gateways, 'interlock_failed_attempts_total{model="gpt"') == 0, "its provider did not fail"
    assert metric(gateways, 'interlock_failed_attempts_total{model="claude"') == 0


def test_tokens_are_limited_as_requests_are(gateways: DevGateways) -> None:
    found = answerers(gateways, 20, model="wordy")
    assert set(found) == {"wordy", "claude"}
    assert found == sorted(found, reverse=True), "first the one, then the other"


def test_of_two_deployments_the_other_one_answers(gateways: DevGateways) -> None:
    assert answerers(gateways, 10, model="both") == ["both"] * 10
    assert asked(gateways) == {"openai": 2, "anthropic": 8}


def test_with_nobody_else_the_client_is_told_when_to_come_back(gateways: DevGateways) -> None:
    assert ask(gateways, model="lone").status_code == 200
    for _ in range(5):
        response = ask(gateways, model="lone")
        assert response.status_code == 429, response.text
        assert "over its limit" in response.json()["error"]["message"]
        left = 60 - time.time() % 60
        assert left - 1 <= int(response.headers["retry-after"]) <= left + 2


def test_behind_another_gateway_it_is_the_same(gateways: DevGateways) -> None:
    assert answerers(gateways, 10, model="behind") == ["behind"] * 2 + ["claude"] * 8
    assert asked(gateways) == {"mistral": 2, "anthropic": 8}
    assert metric(gateways, 'interlock_failed_attempts_total{model="behind"') == 0
    assert [ask(gateways, model="far").status_code for _ in range(8)] == [200] * 2 + [429] * 6


def test_many_at_once_are_no_more_than_the_limit(gateways: DevGateways) -> None:
    with ThreadPoolExecutor(10) as pool:
        found = Counter(pool.map(lambda _: answerers(gateways, 1, model="busy")[0], range(30)))
    assert found == {"busy": RPM, "claude": 30 - RPM}


def test_in_the_next_minute_all_of_them_are_back(gateways: DevGateways) -> None:
    limited = ["gpt", "lone", "behind", "far", "busy"]
    for model in limited:
        answerers(gateways, RPM + 1, model=model)
    next_minute()
    assert [answerers(gateways, 1, model=model) for model in limited] == [[model] for model in limited]
    assert answerers(gateways, RPM) == ["gpt"] * (RPM - 1) + ["claude"]
