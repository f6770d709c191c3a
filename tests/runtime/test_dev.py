"""The engine of `interlock dev`: configs made local, processes that never stay behind, two real gateways."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from compiler.dev import (
    DevGateways,
    GatewayError,
    NotRunnableError,
    UnknownProviderError,
    missing_extra,
    session,
)
from compiler.dev.ports import hold
from compiler.dev.processes import Launch, environment, running
from compiler.dev.rewrite import Local, rewrite, upstreams
from compiler.dev.session import files_of

MISSING = missing_extra()
needs_the_extra = pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=str(MISSING))

LOCAL = Local({"cloud": "http://127.0.0.1:1"}, {"inner": "http://127.0.0.1:2"})


def deployment(model: str, **params: object) -> dict[str, Any]:
    info = {"id": "one", "provider": "cloud", "gateway": "inner"}
    return {"model_name": "m", "litellm_params": {"model": model, **params}, "model_info": info}


# ------------------------------------------------------------------------------------------- rewriting


@pytest.mark.parametrize(
    ("model", "prefix", "upstream"),
    [
        # what is no OpenAI API answers legacy completions through its chat, and so does custom_openai
        ("vertex_ai/gemini-1.5-pro-001", "custom_openai", "gemini-1.5-pro-001"),
        ("bedrock/anthropic.claude-3-opus-20240229-v1:0", "custom_openai",
         "anthropic.claude-3-opus-20240229-v1:0"),
        ("openai/meta-llama/Llama-3", "openai", "meta-llama/Llama-3"),
        ("azure/gpt-4", "openai", "gpt-4"),
        ("gpt-4", "custom_openai", "gpt-4"),
    ],
)  # fmt: skip
def test_a_provider_becomes_its_simulator(model: str, prefix: str, upstream: str) -> None:
    row = deployment(
        model,
        api_key="os.environ/KEY",
        api_base="https://real",
        vertex_project="os.environ/PROJECT_ID",
        aws_region_name="eu-central-1",
        azure_ad_token="os.environ/TOKEN",
        api_version="2024-01-01",
    )
    (local,) = rewrite({"model_list": [row]}, LOCAL)["model_list"]
    access = {"model": f"{prefix}/{upstream}", "api_base": "http://127.0.0.1:1/v1", "api_key": "simulated"}
    assert local == {**row, "litellm_params": access}
    assert upstreams({"model_list": [row, row]}) == {"cloud": [upstream]}


def test_an_embedding_model_stays_openai_s() -> None:
    row = deployment("cohere_chat/embed-v4.0")
    row["model_info"]["mode"] = "embedding"
    (local,) = rewrite({"model_list": [row]}, LOCAL)["model_list"]
    assert local["litellm_params"]["model"] == "openai/embed-v4.0"


def test_a_neighbour_becomes_its_local_port() -> None:
    row = deployment("litellm_proxy/m", api_base="http://inner.production/v1", api_key="os.environ/KEY")
    (local,) = rewrite({"model_list": [row]}, LOCAL)["model_list"]
    assert local["litellm_params"] == {
        "model": "litellm_proxy/m",
        "api_base": "http://127.0.0.1:2",
        "api_key": "sk-simulated-not-checked",
    }
    assert upstreams({"model_list": [row]}) == {}


def test_what_is_not_about_access_stays() -> None:
    limits = {"timeout": 30, "rpm": 5, "tpm": 100, "order": 1, "weight": 2, "max_retries": 0}
    config = {
        "model_list": [deployment("openai/m", **limits)],
        "general_settings": {"master_key": "os.environ/MASTER_KEY", "enforce_fallback_model_access": True},
        "router_settings": {"redis_host": "r", "redis_password": "os.environ/R", "allowed_fails": 3},
        "litellm_settings": {
            "callbacks": ["routing_plugin.handler"],
            "cache": True,
            "cache_params": {"type": "redis"},
        },
        "include": ["models.yaml"],
    }
    local = rewrite(config, LOCAL)
    assert limits.items() <= local["model_list"][0]["litellm_params"].items()
    assert {key: value for key, value in local.items() if key != "model_list"} == {
        "general_settings": {"enforce_fallback_model_access": True},
        "router_settings": {"allowed_fails": 3},
        "litellm_settings": {"callbacks": ["routing_plugin.handler"]},
        "include": ["models.yaml"],
    }


def test_rewriting_leaves_its_input_alone() -> None:
    def config() -> dict[str, Any]:
        return {"model_list": [deployment("openai/m", api_key="k")], "general_settings": {"master_key": "k"}}

    given = config()
    rewrite(given, LOCAL)
    assert given == config()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"general_settings": {"alerting": ["a", {"to": "os.environ/HOOK"}]}},
            r"general_settings.alerting\[1\].to is",
        ),
        (
            {"model_list": [deployment("openai/m", extra_headers={"x": "os.environ/X"})]},
            r"model_list\[0\].litellm_params.extra_headers.x is read from the environment",
        ),
        (
            {"model_list": [{"model_name": "m", "litellm_params": {}}]},
            r"model_list\[0\].litellm_params.model is missing",
        ),
        (
            {"model_list": [{"model_name": "m", "litellm_params": {"model": "openai/m"}}]},
            r"model_list\[0\].model_info.provider is missing",
        ),
        (
            {"model_list": [{**deployment("litellm_proxy/m"), "model_info": {"gateway": "outer"}}]},
            r"model_list\[0\].model_info.gateway names 'outer', which is not one of: inner",
        ),
    ],
)
def test_what_cannot_run_here_is_named_by_its_path(config: dict[str, Any], message: str) -> None:
    with pytest.raises(NotRunnableError, match=message):
        rewrite(config, LOCAL)


# ------------------------------------------------------------------------------------------- processes

READY = """\
import http.server, signal, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
signal.signal(signal.SIGTERM, {on_sigterm})
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""


def free_port() -> int:
    port = hold()
    port.release()
    return port.number


def program(tmp_path: Path, name: str, source: str) -> Launch:
    port = free_port()
    return Launch(name, [sys.executable, "-c", source, str(port)], port, tmp_path, tmp_path / f"{name}.log")


def is_alive(pid: int) -> bool:
    """Not a zombie: where nobody reaps orphans, an ended one stays listed as Z."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return state.stdout.strip()[:1] not in {"", "Z"}


def ends(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_alive(pid)


@pytest.mark.parametrize("on_sigterm", ["signal.SIG_DFL", "signal.SIG_IGN"])
def test_every_process_ends_with_the_block_even_one_that_will_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_sigterm: str
) -> None:
    monkeypatch.setattr("compiler.dev.processes._GRACE_S", 0.5)
    launches = [program(tmp_path, name, READY.format(on_sigterm=on_sigterm)) for name in ("a", "b")]
    with running(launches, deadline_s=20) as children:
        pids = [child.pid for child in children.values()]
        assert all(is_alive(pid) for pid in pids)
    assert not any(is_alive(pid) for pid in pids)


def test_a_process_that_dies_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    good = program(tmp_path, "good", READY.format(on_sigterm="signal.SIG_DFL"))
    bad = program(tmp_path, "bad", "import sys; print('x\\n' * 30); sys.exit('no such model')")
    with pytest.raises(
        GatewayError, match=r"(?s)'bad' exited with code 1 before it was ready.*no such model"
    ) as caught:
        running([good, bad], deadline_s=20).__enter__()
    assert len(str(caught.value).splitlines()) == 21


def test_a_process_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(GatewayError, match="'slow' is not ready in time"):
        running([program(tmp_path, "slow", "import time; time.sleep(60)")], deadline_s=0.3).__enter__()


PARENT = """\
import sys, time
from pathlib import Path
from compiler.dev.processes import Launch, _start, litellm_command
here = Path(sys.argv[1])
port = int(sys.argv[2])
child = _start(Launch("g", litellm_command(here / "config.yaml", port), port, here, here / "log"))
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_proxy_ends_with_its_parent_however_that_ends(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "config.yaml").write_text(
        "model_list: []"
    )  # enough to run for ever, were it not for the parent
    command = [sys.executable, "-c", PARENT, str(tmp_path), str(free_port())]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(how)
    assert ends(pid)


def test_no_credential_reaches_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "LITELLM_MASTER_KEY",
        "DATABASE_URL",
        "OPENAI_API_KEY",
        "HTTPS_PROXY",
        "https_proxy",
        "PYTHONPATH",
    ):
        monkeypatch.setenv(name, "from-my-shell")
    assert "from-my-shell" not in environment().values()
    assert environment()["LITELLM_LOCAL_MODEL_COST_MAP"] == "true"


def test_what_is_missing_is_named_without_importing_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "compiler.dev.extra.find_spec", lambda part: None if part in {"uvicorn", "prisma"} else part
    )
    assert missing_extra() == (
        "interlock dev needs the extra: pip install 'interlock-llm[proxy]' (missing: uvicorn, prisma)"
    )
    monkeypatch.setattr("compiler.dev.extra.find_spec", lambda part: part)
    assert missing_extra() is None


# -------------------------------------------------------------------------------------------- sessions

ROUTER = b"""
include: [models.yaml]
model_list:
  - model_name: gemini
    litellm_params:
      {model: litellm_proxy/gemini, api_base: "http://inner.production/v1", api_key: os.environ/INNER_KEY}
    model_info: {id: gemini@inner, provider: vertex-ai, gateway: inner}
general_settings: {master_key: os.environ/MASTER_KEY}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0}
"""
MODELS = b"""
model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4, api_key: os.environ/OPENAI_API_KEY, timeout: 20}
    model_info: {id: gpt-4@openai, provider: openai}
"""
INNER = b"""
model_list:
  - model_name: gemini
    litellm_params: {model: vertex_ai/gemini-1.5-pro-001, vertex_project: os.environ/PROJECT_ID}
    model_info: {id: gemini@vertex-ai, provider: vertex-ai}
general_settings: {master_key: os.environ/INNER_KEY}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0}
"""
FILES = {
    "router": {"config.yaml": ROUTER, "models.yaml": MODELS, "routing_table.json": b"{}"},
    "inner": {"config.yaml": INNER},
}


@pytest.fixture
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> list[Launch]:
    """What would be started, in place of starting it."""
    started: list[Launch] = []

    @contextmanager
    def only_noted(launches: list[Launch]) -> Iterator[Mapping[str, subprocess.Popen[bytes]]]:
        started.extend(launches)
        yield {}

    monkeypatch.setattr(session, "running", only_noted)
    return started


@needs_the_extra
def test_files_are_laid_out_as_litellm_finds_them(tmp_path: Path, without_proxies: list[Launch]) -> None:
    with DevGateways(FILES, ports={"inner": free_port()}, workdir=tmp_path) as gateways:
        written = yaml.safe_load((tmp_path / "router" / "models.yaml").read_bytes())
        base = yaml.safe_load((tmp_path / "router" / "config.yaml").read_bytes())["model_list"][0]
        assert (tmp_path / "router" / "routing_table.json").read_bytes() == b"{}"
        assert base["litellm_params"]["api_base"] == gateways.url("inner")
        assert sorted(gateways.providers) == ["openai", "vertex-ai"]
    assert written["model_list"][0]["litellm_params"]["api_base"].endswith("/v1")
    assert [(one.name, one.directory, one.log) for one in without_proxies] == [
        (name, tmp_path / name, tmp_path / f"{name}.log") for name in FILES
    ]
    assert f"http://127.0.0.1:{without_proxies[1].port}" == gateways.url("inner")


@needs_the_extra
@pytest.mark.usefixtures("without_proxies")
def test_a_provider_can_be_down_from_the_start(tmp_path: Path) -> None:
    with DevGateways(FILES, down=["openai"], workdir=tmp_path) as gateways:
        state = requests.get(f"{gateways.control_url}/control", timeout=5).json()["providers"]
        assert {name: one["faults"] for name, one in state.items()} == {
            "openai": [{"refused": True}],
            "vertex-ai": [],
        }
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{state['openai']['url']}/v1/models", timeout=5)


@needs_the_extra
@pytest.mark.usefixtures("without_proxies")
def test_an_unknown_provider_cannot_be_down(tmp_path: Path) -> None:
    with pytest.raises(UnknownProviderError, match="unknown provider 'opnai'"):
        DevGateways(FILES, down=["opnai"], workdir=tmp_path).__enter__()


@needs_the_extra
@pytest.mark.usefixtures("without_proxies")
def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"port {port} on 127.0.0.1 is taken"):
            DevGateways(FILES, ports={"inner": port}, workdir=tmp_path).__enter__()


def test_the_files_of_each_gateway_are_found_in_the_output() -> None:
    bundle = {
        "a.yaml": b"",
        "manifests/g/litellm/x": b"",
        "litellm/g/config.yaml": b"1",
        "litellm/h/models-001.yaml": b"2",
    }
    assert files_of(bundle) == {"g": {"config.yaml": b"1"}, "h": {"models-001.yaml": b"2"}}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "gateway 'g': config.yaml is not among its files"),
        ({"config.yaml": b"include: [more.yaml]"}, "gateway 'g': more.yaml is not among its files"),
        ({"config.yaml": b"- 1"}, "gateway 'g': config.yaml is not a mapping"),
    ],
)
def test_files_that_are_no_config(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    with pytest.raises(NotRunnableError, match=message):
        DevGateways({"g": files}, workdir=tmp_path)


@needs_the_extra
@pytest.mark.usefixtures("without_proxies")
def test_a_config_that_cannot_run_is_named(tmp_path: Path) -> None:
    config = b"model_list: []\ngeneral_settings: {database_url: os.environ/DB}"
    with pytest.raises(
        NotRunnableError, match=r"gateway 'g': config.yaml: general_settings.database_url is read"
    ):
        DevGateways({"g": {"config.yaml": config}}, workdir=tmp_path).__enter__()


# ---------------------------------------------------------------------------------------- real proxies


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with DevGateways(FILES, workdir=tmp_path_factory.mktemp("dev")) as running_ones:
        pids = running_ones.pids()
        assert all(is_alive(pid) for pid in pids.values())
        yield running_ones
        assert running_ones.exited() == {}
    assert [pid for pid in pids.values() if is_alive(pid)] == []


def ask(gateways: DevGateways, path: str, **body: object) -> requests.Response:
    return requests.post(f"{gateways.url('router')}{path}", json=body, timeout=30)


@needs_the_extra
@pytest.mark.proxy
@pytest.mark.parametrize(
    ("model", "who"), [("gpt-4", "openai/gpt-4"), ("gemini", "vertex-ai/gemini-1.5-pro-001")]
)
def test_each_endpoint_answers_from_the_provider_behind_it(
    gateways: DevGateways, model: str, who: str
) -> None:
    messages = [{"role": "user", "content": "hello"}]
    chat = ask(gateways, "/v1/chat/completions", model=model, messages=messages)
    assert chat.json()["choices"][0]["message"]["content"] == f"[simulated {who}] hello"
    stream = ask(gateways, "/v1/chat/completions", model=model, messages=messages, stream=True)
    assert stream.text.count('"content":') > 1
    assert stream.text.rstrip().endswith("data: [DONE]")
    completion = ask(gateways, "/v1/completions", model=model, prompt="hello")
    assert completion.json()["choices"][0]["text"] == f"[simulated {who}] hello"
    response = ask(gateways, "/v1/responses", model=model, input="hello")
    assert response.json()["output"][0]["content"][0]["text"] == f"[simulated {who}] hello"


@needs_the_extra
@pytest.mark.proxy
def test_a_provider_goes_down_and_comes_back(gateways: DevGateways) -> None:
    def status() -> int:
        body = {"model": "gemini", "messages": [{"role": "user", "content": "hello"}]}
        return ask(gateways, "/v1/chat/completions", **body).status_code

    assert status() == 200
    before = len(gateways.requests())
    gateways.set_fault("vertex-ai", refused=True)
    assert status() == 500
    assert len(gateways.requests()) == before  # no request got through to record
    gateways.clear("vertex-ai")
    gateways.set_fault("vertex-ai", model="gemini-1.5-pro-001", status=429)
    assert status() == 429
    gateways.clear("vertex-ai")
    assert [(one["status"], one["forbidden"]) for one in gateways.requests()[before:]] == [(429, [])]
