"""The metrics page has a port of its own, serves nothing else there, and is gone from where clients call."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from compiler.dev.ports import HOST, bound, hold
from compiler.dev.processes import Launch, litellm_command, running
from compiler.dev.session import DevGateways
from compiler.runtime.metrics import SLO_SECONDS
from compiler.runtime.metrics_port import PORT as METRICS_PORT
from tests.runtime.prometheus import ask, page, samples
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

CATALOG = """
apiVersion: interlock/v1
name: pages
providers: {openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}}
models:
  lasting: {provider: openai, context_window: 100000}
  ending: {provider: openai, context_window: 100000, lifecycle: {retires_on: 2027-03-01}}
strategies: {plain: {candidates: [lasting], single_provider: there is but one}}
"""
KEY = {"authorization": "Bearer sk-of-the-tests"}
SPELLINGS = ("/metrics", "/metrics/", "/metrics//", "//metrics", "/metrics/x", "/metrics?a=b", "/%6detrics",
             "/metrics%2F", "/METRICS", "/./metrics", "/v1/metrics", "/metrics;x")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Served:
    """One proxy: where clients call it, its metrics page, its log."""

    url: str
    metrics: str
    log: Path


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, tmp_path_factory.mktemp("pages")) as found:
        yield found


@pytest.fixture(scope="module")
def served(gateway: DevGateways, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Served]]:
    """The same gateway, started in other ways."""
    work, config = tmp_path_factory.mktemp("served"), gateway.log("llm-router").parent / "llm-router"
    taken = bound()
    taken.listen()
    ways: dict[str, dict[str, str]] = {
        "keyed": {"LITELLM_MASTER_KEY": "sk-of-the-tests"},
        "workers": {SLO_SECONDS: "3.5"},
        "taken": {METRICS_PORT: str(taken.getsockname()[1]), SLO_SECONDS: "soon"},
        "unasked": {METRICS_PORT: ""},
    }
    found: dict[str, Served] = {}
    with taken, ExitStack() as stack:
        launches = []
        for name, variables in ways.items():
            port, metrics = hold(), hold()
            stack.callback(port.release)
            stack.callback(metrics.release)
            command = litellm_command(config / "config.yaml", port.number)
            command[command.index("--num_workers") + 1] = "2" if name == "workers" else "1"
            log, port_of = work / f"{name}.log", {METRICS_PORT: str(metrics.number)}
            launches.append(Launch(name, command, port.number, config, log, {**port_of, **variables}))
            found[name] = Served(port.url, f"{metrics.url}/metrics", log)
        stack.enter_context(running(launches))
        yield found


def chat(url: str, **headers: str) -> requests.Response:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    return requests.post(f"{url}/v1/chat/completions", json=body, headers=headers, timeout=60)


def raw(url: str, path: str, headers: Mapping[str, str], method: str = "GET") -> tuple[int, str]:
    """Status and body; the path is sent as it is spelt, and no redirect is followed."""
    request = requests.Request(method, url, headers=dict(headers)).prepare()
    request.url = url + path
    with requests.Session() as session:
        answer = session.send(request, timeout=30, allow_redirects=False)
    return answer.status_code, answer.text


@pytest.mark.parametrize("headers", [{}, KEY], ids=["no-key", "key"])
@pytest.mark.parametrize("path", SPELLINGS)
def test_the_port_of_the_clients_knows_no_such_page(
    served: Mapping[str, Served], path: str, headers: Mapping[str, str]
) -> None:
    url = served["keyed"].url
    assert raw(url, path, headers) == raw(url, "/no-such-page", headers) == (404, '{"detail":"Not Found"}')


def test_no_method_finds_it_there(served: Mapping[str, Served]) -> None:
    for method in ("HEAD", "POST", "OPTIONS", "DELETE"):
        assert raw(served["keyed"].url, "/metrics", KEY, method)[0] == 404


def test_the_key_is_still_asked_for_and_the_rest_still_served(served: Mapping[str, Served]) -> None:
    assert chat(served["keyed"].url).status_code == 401
    assert chat(served["keyed"].url, **KEY).headers["x-interlock-model"] == "lasting"


def test_the_page_asks_for_no_key_and_is_all_there_is(served: Mapping[str, Served]) -> None:
    where = served["keyed"].metrics
    for spelling in ("", "/", "?name[]=interlock_table_info"):
        assert "interlock_table_info" in requests.get(where + spelling, timeout=30).text
    for other in ("", "/", "/favicon.ico", "/health", "/metrics/x", "/v1/models", "/metrics/../health"):
        assert raw(where.removesuffix("/metrics"), other, {})[0] == 404
    assert requests.post(where, timeout=30).status_code == 501
    assert requests.get(where, timeout=30).headers["server"].strip() == "interlock"


def test_it_is_on_all_interfaces_unless_told_otherwise(
    gateway: DevGateways, served: Mapping[str, Served]
) -> None:
    port = int(served["keyed"].metrics.removesuffix("/metrics").rpartition(":")[2])
    socket.create_connection((HOST, port), timeout=5).close()
    if socket.has_dualstack_ipv6():
        socket.create_connection(("::1", port), timeout=5).close()
    own = int(gateway.metrics_url("llm-router").removesuffix("/metrics").rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", own), timeout=5).close()


def test_a_caller_that_says_nothing_keeps_nobody_waiting(gateway: DevGateways) -> None:
    address = gateway.metrics_url("llm-router").removeprefix("http://").removesuffix("/metrics")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5):
        assert "interlock_table_loaded_timestamp_seconds" in page(gateway)


def test_a_port_that_is_taken_is_said_and_the_gateway_serves(served: Mapping[str, Served]) -> None:
    assert chat(served["taken"].url).headers["x-interlock-model"] == "lasting"
    assert f"{METRICS_PORT}=" in served["taken"].log.read_text()
    assert "no metrics are served there" in served["taken"].log.read_text()
    assert requests.get(served["taken"].url + "/metrics/", timeout=30).status_code == 404


def test_of_several_workers_one_has_the_port_and_tells_of_all(served: Mapping[str, Served]) -> None:
    for _ in range(20):
        assert chat(served["workers"].url).status_code == 200
    found = samples(requests.get(served["workers"].metrics, timeout=30).text)
    labels = 'model="lasting",reason="best",strategy="plain"'
    assert found[f"interlock_decisions_total{{{labels}}}"] == 20
    assert found['interlock_model_retirement_timestamp_seconds{model="ending"}'] == 1_803_859_200


def test_a_bucket_is_the_latency_that_is_promised(gateway: DevGateways, served: Mapping[str, Served]) -> None:
    assert ask(gateway).status_code == 200
    bucket = (
        'llm_request_duration_seconds_bucket{{le="{}",model="lasting",outcome="answered",strategy="plain"}}'
    )
    found = samples(requests.get(served["workers"].metrics, timeout=30).text)
    assert bucket.format("3.5") in found
    assert bucket.format("3.5") not in page(gateway)
    assert bucket.format("4.0") in page(gateway)
    assert f"{SLO_SECONDS}=soon is ignored" in served["taken"].log.read_text()


def test_without_the_variable_litellm_serves_its_page_as_ever(served: Mapping[str, Served]) -> None:
    assert "interlock_table_info" in requests.get(served["unasked"].url + "/metrics/", timeout=30).text
    with pytest.raises(requests.ConnectionError):
        requests.get(served["unasked"].metrics, timeout=5)


def test_the_day_a_model_retires(gateway: DevGateways) -> None:
    found = {name: day for name, day in page(gateway).items() if "retirement" in name}
    assert found == {'interlock_model_retirement_timestamp_seconds{model="ending"}': 1_803_859_200}
