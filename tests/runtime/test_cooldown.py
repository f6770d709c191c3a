"""A deployment rests after the failures that are allowed, a model's only one too, on every LiteLLM line."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

FAULTS: dict[str, dict[str, object]] = {
    **{f"status-{status}": {"status": status} for status in (401, 403, 404, 408, 429, 500, 502, 503, 504)},
    "refused": {"refused": True},
    "reset": {"reset": True},
    "timeout": {"timeout": True},
}
NEVER_RESTS = {"status-403"}  # LiteLLM takes a refusal of access for the caller's matter, on every line
FAILURES = 2
PROVIDERS = [f"  p-{name}: {{type: openai, api_key: {{secret: keys, key: {name}}}}}" for name in FAULTS]
MODELS = [f"  {name}: {{provider: p-{name}, context_window: 9000, fallbacks: [last]}}" for name in FAULTS]
CATALOG = f"""
apiVersion: interlock/v1
name: cooldown
providers:
  healthy: {{type: anthropic, api_key: {{secret: keys, key: healthy}}}}
{chr(10).join(PROVIDERS)}
models:
  last: {{provider: healthy, context_window: 9000}}
{chr(10).join(MODELS)}
fallback: {{timeout_s: 1, cooldown: {{failures: {FAILURES}, seconds: 300}}}}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("cooldown")) as running:
        yield running


def answerer(gateway: DevGateways, model: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    response = requests.post(gateway.url("llm-router") + "/v1/chat/completions", json=body, timeout=60)
    assert response.status_code == 200, response.text
    return response.headers["x-interlock-model"]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lone_deployment_rests_after_the_failures_that_are_allowed(
    gateway: DevGateways, fault: str
) -> None:
    gateway.set_fault(f"p-{fault}", **FAULTS[fault])
    assert {answerer(gateway, fault) for _ in range(FAILURES)} == {"last"}
    gateway.clear(f"p-{fault}")
    assert answerer(gateway, fault) == (fault if fault in NEVER_RESTS else "last")


def test_one_failure_less_than_that_rests_nobody(gateway: DevGateways) -> None:
    gateway.set_fault("healthy", status=500, model="last")
    body = {"model": "last", "messages": [{"role": "user", "content": "hello"}]}
    response = requests.post(gateway.url("llm-router") + "/v1/chat/completions", json=body, timeout=60)
    assert response.status_code == 500
    gateway.clear("healthy")
    assert answerer(gateway, "last") == "last"


SEVERAL = """
apiVersion: interlock/v1
name: several
providers:
  failing: {type: openai, api_key: {secret: keys, key: failing}}
  healthy: {type: anthropic, api_key: {secret: keys, key: healthy}}
models:
  lone: {provider: failing, context_window: 9000, fallbacks: [last]}
  pair: {context_window: 9000, fallbacks: [], deployments: [{provider: failing}, {provider: healthy}]}
  last: {provider: healthy, context_window: 9000}
fallback: {cooldown: {failures: FAILURES, seconds: 300}}
"""


@pytest.mark.parametrize("failures", [3, 4, 5])
def test_any_number_of_failures_may_be_allowed(failures: int, tmp_path: Path) -> None:
    """LiteLLM's own default of allowed failures, 3, is a number like any other."""
    with gateways_of(SEVERAL.replace("FAILURES", str(failures)), tmp_path) as gateways:
        gateways.set_fault("failing", status=500)
        assert {answerer(gateways, "lone") for _ in range(10)} == {"last"}
        assert {answerer(gateways, "pair") for _ in range(10)} == {"pair"}
        asked = Counter(row["model"] for row in gateways.requests() if row["provider"] == "failing")
    assert asked == {"lone": failures, "pair": failures}
