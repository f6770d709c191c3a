"""SIGTERM, which is how Kubernetes ends a pod: what was begun is answered whole, and the process ends."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

SLOW_MS = 3000
CATALOG = """
apiVersion: interlock/v1
name: stopping
providers:
  slow: {type: openai, api_key: {secret: keys, key: slow}}
  dripping: {type: openai, api_key: {secret: keys, key: dripping}}
models:
  whole: {provider: slow, context_window: 9000}
  streamed: {provider: dripping, context_window: 9000}
"""
QUESTION = "What is an interlocking, and why can no conflicting route be set?"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path) as running:
        running.set_fault("slow", latency_ms=SLOW_MS)
        running.set_fault("dripping", first_byte_ms=SLOW_MS)
        yield running


def ask(gateway: DevGateways, **body: Any) -> requests.Response:
    content = {"messages": [{"role": "user", "content": QUESTION}], **body}
    return requests.post(gateway.url("llm-router") + "/v1/chat/completions", json=content, timeout=60)


def in_flight(gateway: DevGateways, count: int) -> None:
    until = time.monotonic() + 20
    while len(gateway.requests()) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def said(stream: requests.Response) -> str:
    events = [line.removeprefix("data: ") for line in stream.text.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    deltas = [choice["delta"] for event in events for choice in json.loads(event)["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)


def test_what_was_begun_is_answered_and_nothing_new_is_taken(gateway: DevGateways) -> None:
    with ThreadPoolExecutor(2) as pool, requests.Session() as idle:
        idle.get(gateway.url("llm-router") + "/health/readiness", timeout=10)  # its connection stays open
        whole: Future[requests.Response] = pool.submit(ask, gateway, model="whole")
        streamed = pool.submit(ask, gateway, model="streamed", stream=True)
        in_flight(gateway, 2)
        os.kill(gateway.pids()["llm-router"], signal.SIGTERM)
        stopped_at = time.monotonic()
        time.sleep(1)
        with pytest.raises(requests.ConnectionError):
            ask(gateway, model="whole")
        assert not whole.done()
        assert not streamed.done()
        assert gateway.exited() == {}

        assert QUESTION in whole.result().json()["choices"][0]["message"]["content"]
        assert QUESTION in said(streamed.result())
        while not gateway.exited():
            assert time.monotonic() < stopped_at + 15
            time.sleep(0.1)
