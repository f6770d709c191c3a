"""Two replicas share their cool-downs and limits through a real Redis, and lose no request when it dies."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping

import pytest
import requests

from compiler.dev.ports import HOST, hold
from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of, replicas

REDIS = shutil.which("redis-server")
pytestmark = [
    pytest.mark.proxy,
    pytest.mark.skipif(REDIS is None and not os.environ.get("CI"), reason="redis-server is not installed"),
]

CATALOG = """
apiVersion: interlock/v1
name: shared
gateways: {llm-router: {redis: {host: redis.cache.svc}}}
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  one: {provider: anthropic, context_window: 1000}
  two: {provider: openai, context_window: 1000}
  few: {provider: openai, context_window: 1000, rpm: 6, fallbacks: [one]}
  wordy: {provider: openai, context_window: 1000, tpm: 60, fallbacks: [one]}
strategies: {chosen: {candidates: [one, two]}}
fallback: {cooldown: {failures: 1, seconds: 60}}
"""


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """(port, process) of a Redis that keeps nothing."""
    port = hold()
    options = ["--port", str(port.number), "--bind", HOST, "--save", "", "--appendonly", "no"]
    folder = tmp_path_factory.mktemp("redis")
    port.release()
    with subprocess.Popen([str(REDIS), *options], cwd=folder, stdout=subprocess.DEVNULL) as server:
        yield port.number, server
        server.kill()


@pytest.fixture(scope="module")
def fleet(
    redis: tuple[int, "subprocess.Popen[bytes]"], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DevGateways, list[str]]]:
    work = tmp_path_factory.mktemp("shared")
    settings = {"redis_host": HOST, "redis_port": redis[0]}
    with (
        gateways_of(CATALOG, work) as gateways,
        replicas(gateways, work, 2, **settings) as started,
    ):
        yield gateways, list(started)


def ask(url: str, **asked: str) -> tuple[Mapping[str, str], float]:
    """The headers of an answer, and how long it took, in seconds."""
    start = time.monotonic()
    body = {**asked, "messages": [{"role": "user", "content": "hi"}]}
    answer = requests.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.headers, time.monotonic() - start


def test_what_one_replica_learns_the_other_knows(fleet: tuple[DevGateways, list[str]]) -> None:
    gateways, (here, there) = fleet
    for url in (here, there):
        assert ask(url)[0]["x-interlock-model"] == "one"
    gateways.set_fault("anthropic", status=500)
    assert ask(here)[0]["x-interlock-attempts"] == "2"  # it has learnt
    time.sleep(2)  # LiteLLM reads what is shared about once a second
    before = len(gateways.requests())
    headers, _ = ask(there)
    assert (headers["x-interlock-model"], headers["x-interlock-attempts"]) == ("two", "1")
    assert [row["provider"] for row in gateways.requests()[before:]] == ["openai"]
    gateways.clear("anthropic")


def test_a_limit_holds_for_all_replicas_together(fleet: tuple[DevGateways, list[str]]) -> None:
    gateways, urls = fleet
    if time.time() % 60 > 45:  # limits count by minutes of the clock
        time.sleep(60.2 - time.time() % 60)
    before = len(gateways.requests())
    found = [ask(url, model="few")[0]["x-interlock-model"] for _ in range(6) for url in urls]
    assert found == ["few"] * 6 + ["one"] * 6
    assert [row["model"] for row in gateways.requests()[before:]].count("few") == 6
    words = []
    for _ in range(12):
        words += [ask(url, model="wordy")[0]["x-interlock-model"] for url in urls]
        time.sleep(0.3)  # tokens are counted a moment after the answer
    assert words == sorted(words, reverse=True), "once used up, for both"
    assert set(words) == {"wordy", "one"}


def test_without_its_redis_every_request_is_answered(
    fleet: tuple[DevGateways, list[str]], redis: tuple[int, "subprocess.Popen[bytes]"]
) -> None:
    gateways, urls = fleet
    redis[1].kill()
    redis[1].wait()
    gateways.set_fault("anthropic", refused=True)
    asked = [ask(url) for url in urls for _ in range(10)]
    gateways.clear("anthropic")
    assert {headers["x-interlock-model"] for headers, _ in asked} == {"two"}
    print("slowest without Redis:", max(seconds for _, seconds in asked))
