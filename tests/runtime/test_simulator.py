"""The simulated providers: shapes a real client accepts, and every fault seen from the client's side."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from compiler.dev.extra import missing_extra
from compiler.dev.processes import environment
from compiler.dev.simulator import Simulator, in_thread

MISSING = missing_extra()
pytestmark = pytest.mark.skipif(bool(MISSING) and not os.environ.get("CI"), reason=str(MISSING))

CHAT = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}
FIELDS = (
    "latency_ms, first_byte_ms, status, retry_after, error, timeout, refused, reset, die_after_chunks, "
    "every, model"
)


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    one = Simulator({"openai": ["gpt-4", "gpt-4o"], "anthropic": []})
    with in_thread(one):
        yield one


@contextmanager
def client(simulator: Simulator, provider: str = "openai") -> Iterator[Any]:
    import openai

    url = f"{simulator.base_url(provider)}/v1"
    with openai.OpenAI(base_url=url, api_key="simulated", max_retries=0, timeout=5) as connected:
        yield connected


def control(simulator: Simulator, provider: str, **fault: object) -> requests.Response:
    return requests.post(f"{simulator.control_url}/control/{provider}", json=fault, timeout=5)


def post(
    simulator: Simulator, path: str = "/v1/chat/completions", timeout: float = 5, **body: object
) -> requests.Response:
    url = simulator.base_url("openai") + path
    return requests.post(url, json={**CHAT, **body}, timeout=timeout)


def lines(response: requests.Response) -> list[str]:
    return [line.removeprefix("data: ") for line in response.iter_lines(decode_unicode=True) if line]


# ------------------------------------------------------------------------------------------------ answers


def test_a_chat_says_who_answered_and_what_it_weighs(simulator: Simulator) -> None:
    with client(simulator) as openai:
        answer = openai.chat.completions.create(**CHAT)
    assert answer.choices[0].message.content == "[simulated openai/gpt-4] hello"
    assert answer.choices[0].finish_reason == "stop"
    # "user" is a role, not part of the prompt: hello is 5 characters, the answer 30
    assert answer.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 2,
        "completion_tokens": 8,
        "total_tokens": 10,
    }


def test_the_echo_is_80_characters_of_the_last_user_message(simulator: Simulator) -> None:
    said = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "second"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "x" * 200}, {"type": "image_url", "image_url": {}}],
        },
        {"role": "tool", "content": "last"},
    ]
    text = post(simulator, messages=said).json()["choices"][0]["message"]["content"]
    assert text == f"[simulated openai/gpt-4] {'x' * 80}"


@pytest.mark.parametrize("options", [{}, {"stream_options": {"include_usage": True}}])
def test_a_chat_stream_adds_up_to_the_whole_answer(simulator: Simulator, options: dict[str, Any]) -> None:
    with client(simulator) as openai:
        chunks = list(openai.chat.completions.create(**CHAT, **options, stream=True))
    said = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(one.delta.content or "" for one in said) == "[simulated openai/gpt-4] hello"
    assert [one.finish_reason for one in said if one.finish_reason] == ["stop"]
    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == ([10] if options else [])


def test_a_stream_ends_with_done(simulator: Simulator) -> None:
    assert lines(post(simulator, stream=True))[-1] == "[DONE]"


@pytest.mark.parametrize("stream", [False, True])
def test_completions(simulator: Simulator, stream: bool) -> None:
    with client(simulator, "anthropic") as openai:
        answer = openai.completions.create(model="claude", prompt="hello", stream=stream)
        chunks = list(answer) if stream else [answer]
    assert "".join(chunk.choices[0].text for chunk in chunks) == "[simulated anthropic/claude] hello"
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_embeddings_are_the_same_as_floats_and_as_base64(simulator: Simulator) -> None:
    def vectors(**how: object) -> list[list[float]]:
        with client(simulator) as openai:
            found = openai.embeddings.create(model="e", input=["one", "two", "one"], **how)
        assert found.usage.prompt_tokens == 3
        return [one.embedding for one in found.data]

    packed, (first, second, third) = vectors(), vectors(encoding_format="float")  # the client asks for base64
    assert first == third != second
    assert sum(x * x for x in first) == pytest.approx(1)
    assert packed == [pytest.approx(first), pytest.approx(second), pytest.approx(third)]
    assert [len(vector) for vector in vectors(dimensions=5)] == [5, 5, 5]


def test_a_response(simulator: Simulator) -> None:
    with client(simulator) as openai:
        answer = openai.responses.create(model="gpt-4", input="hello", instructions="be kind")
    assert answer.output_text == "[simulated openai/gpt-4] hello"
    assert (answer.status, answer.usage.input_tokens, answer.usage.total_tokens) == ("completed", 4, 12)


def test_a_stream_of_response_events_adds_up(simulator: Simulator) -> None:
    with client(simulator) as openai, openai.responses.stream(model="gpt-4", input="hello") as stream:
        events = list(stream)
        whole = stream.get_final_response()
    assert whole.output_text == "[simulated openai/gpt-4] hello"
    said = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(said) == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_an_output_limit_cuts_the_answer(simulator: Simulator) -> None:
    choice = post(simulator, max_tokens=3).json()["choices"][0]
    assert choice["message"]["content"] == "[simulated o"
    assert choice["finish_reason"] == "length"
    limited = post(simulator, "/v1/responses", input="hello", max_output_tokens=3).json()
    assert limited["incomplete_details"] == {"reason": "max_output_tokens"}


def test_a_request_for_json_gets_json(simulator: Simulator) -> None:
    text = post(simulator, response_format={"type": "json_object"}).json()["choices"][0]["message"]["content"]
    assert text == '{"simulated": "openai/gpt-4", "echo": "hello"}'


def test_models_are_those_it_was_given(simulator: Simulator) -> None:
    with client(simulator) as openai:
        assert [model.id for model in openai.models.list()] == ["gpt-4", "gpt-4o"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/nothing", b"{}", 404),
        ("/v1/chat/completions", b"{", 400),
        ("/v1/chat/completions", b"\xff", 400),
        ("/v1/chat/completions", b"[]", 400),
        ("/v1/completions", b'{"model": 1}', 400),
    ],
)
def test_what_it_cannot_answer_is_an_error_in_openai_s_shape(
    simulator: Simulator, path: str, body: Any, status: int
) -> None:
    response = requests.post(simulator.base_url("openai") + path, data=body, timeout=5)
    assert response.status_code == status
    assert response.json()["error"].keys() == {"message", "type", "param", "code"}


# ------------------------------------------------------------------------------------------------ faults


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (403, "request_forbidden", None),
        (404, "invalid_request_error", "model_not_found"),
        (418, "invalid_request_error", None),
        (429, "rate_limit_error", "rate_limit_exceeded"),
        (500, "server_error", None),
        (503, "server_error", None),
        (529, "server_error", None),
    ],
)
def test_status(simulator: Simulator, status: int, kind: str, code: str | None) -> None:
    assert control(simulator, "openai", status=status).status_code == 200
    response = post(simulator)
    assert response.status_code == status
    assert "retry-after" not in response.headers
    message = f"[simulated openai] status {status} for gpt-4"
    assert response.json() == {"error": {"message": message, "type": kind, "param": None, "code": code}}


def test_a_wrong_key_is_told_apart_by_its_words(simulator: Simulator) -> None:
    control(simulator, "openai", status=401)
    error = post(simulator).json()["error"]
    assert error["message"] == "[simulated openai] Incorrect API key provided: status 401 for gpt-4"
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_api_key")


@pytest.mark.parametrize(
    ("word", "start", "param", "code"),
    [
        ("context_length", "This model's maximum context length is", "messages", "context_length_exceeded"),
        ("content_policy", "Invalid prompt: your prompt was flagged", None, "content_policy_violation"),
        ("bad_request", "Invalid 'temperature'", "temperature", "decimal_above_max_value"),
    ],
)
def test_a_mistake_of_the_caller(
    simulator: Simulator, word: str, start: str, param: str | None, code: str
) -> None:
    control(simulator, "openai", error=word, status=503)
    for response in (post(simulator), post(simulator, stream=True)):
        error = response.json()["error"]
        assert response.status_code == 400
        assert error.pop("message").startswith(f"[simulated openai] {start}")
        assert error == {"type": "invalid_request_error", "param": param, "code": code}


# The calls that a gateway makes, in a process of their own: LiteLLM takes seconds to import.
_CALL_LITELLM = """
import sys, litellm
litellm.suppress_debug_info = True
base, *words = sys.argv[1:]
for word in words:
    def call(endpoint, model, **body):
        try:
            endpoint(model=model + "/" + word, api_base=base, api_key="simulated", max_retries=0, **body)
        except Exception as error:
            print(word, type(error).__name__)
    messages = [{"role": "user", "content": "hi"}]
    call(litellm.completion, "openai", messages=messages)
    call(litellm.completion, "custom_openai", messages=messages)
    call(litellm.text_completion, "openai", prompt="hi")
    call(litellm.embedding, "openai", input="hi")
    call(litellm.responses, "openai", input="hi")
"""


def test_litellm_tells_the_mistakes_apart_on_every_endpoint(simulator: Simulator) -> None:
    names = {
        "context_length": "ContextWindowExceededError",
        "content_policy": "ContentPolicyViolationError",
        "bad_request": "BadRequestError",
    }
    for word in names:
        control(simulator, "anthropic", model=word, error=word)
    program = [sys.executable, "-c", _CALL_LITELLM, f"{simulator.base_url('anthropic')}/v1", *names]
    done = subprocess.run(program, capture_output=True, text=True, check=True, env=environment())
    assert done.stdout.splitlines() == [f"{word} {name}" for word, name in names.items() for _ in range(5)]


def test_a_flapping_provider_fails_each_nth_request_of_a_model(simulator: Simulator) -> None:
    control(simulator, "openai", status=503, every=3)
    assert [post(simulator).status_code for _ in range(7)] == [200, 200, 503, 200, 200, 503, 200]
    assert post(simulator, model="gpt-4o").status_code == 200
    control(simulator, "openai", every=2)
    assert [post(simulator).status_code for _ in range(2)] == [200, 503]
    control(simulator, "openai", every=None)
    assert [post(simulator).status_code for _ in range(2)] == [503, 503]


def test_retry_after_goes_with_a_status(simulator: Simulator) -> None:
    control(simulator, "openai", status=429, retry_after=7)
    assert post(simulator, stream=True).headers["retry-after"] == "7"


def test_latency(simulator: Simulator) -> None:
    control(simulator, "openai", latency_ms=300)
    begun = time.monotonic()
    assert post(simulator).status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_timeout_takes_the_request_and_never_answers(simulator: Simulator) -> None:
    control(simulator, "openai", timeout=True)
    with pytest.raises(requests.ReadTimeout):
        post(simulator, timeout=0.3)
    assert [record["status"] for record in simulator.requests()] == [None]


def test_refused_is_refused_on_new_and_on_kept_connections_until_it_is_healthy(simulator: Simulator) -> None:
    url = f"{simulator.base_url('openai')}/v1/chat/completions"
    address = ("127.0.0.1", int(simulator.base_url("openai").rpartition(":")[2]))
    with requests.Session() as kept:
        assert kept.post(url, json=CHAT, timeout=5).status_code == 200
        control(simulator, "openai", refused=True)
        with pytest.raises(requests.ConnectionError):
            kept.post(url, json=CHAT, timeout=5)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=5)
        requests.delete(f"{simulator.control_url}/control/openai", timeout=5)
        assert kept.post(url, json=CHAT, timeout=5).status_code == 200


def test_one_provider_down_leaves_the_others_up(simulator: Simulator) -> None:
    control(simulator, "openai", refused=True)
    url = f"{simulator.base_url('anthropic')}/v1/chat/completions"
    assert requests.post(url, json=CHAT, timeout=5).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_reset_in_the_middle_of_an_answer(simulator: Simulator, stream: bool) -> None:
    control(simulator, "openai", reset=True)
    with pytest.raises(requests.RequestException, match="reset by peer"):
        post(simulator, stream=stream)


def test_first_byte_comes_late_but_the_headers_do_not(simulator: Simulator) -> None:
    control(simulator, "openai", first_byte_ms=300)
    url = f"{simulator.base_url('openai')}/v1/chat/completions"
    begun = time.monotonic()
    with requests.post(url, json={**CHAT, "stream": True}, stream=True, timeout=5) as response:
        headers_after = time.monotonic() - begun
        next(response.iter_lines())
        assert headers_after < 0.3 <= time.monotonic() - begun


@pytest.mark.parametrize("chunks", [0, 2, 99])
def test_a_stream_that_dies(simulator: Simulator, chunks: int) -> None:
    control(simulator, "openai", die_after_chunks=chunks)
    url = f"{simulator.base_url('openai')}/v1/chat/completions"
    said: list[str] = []
    with requests.post(url, json={**CHAT, "stream": True}, stream=True, timeout=5) as response:
        events = filter(None, response.iter_lines(chunk_size=1))
        contents = (json.loads(event[6:])["choices"][0]["delta"]["content"] for event in events)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            said.extend(contents)
    # 12 characters a chunk, and no last words
    assert "".join(said) == "[simulated openai/gpt-4] hello"[: chunks * 12]


def test_a_fault_of_one_model_is_not_the_others(simulator: Simulator) -> None:
    control(simulator, "openai", model="gpt-4o", status=503)
    assert post(simulator).status_code == 200
    assert post(simulator, model="gpt-4o").status_code == 503


def test_a_model_s_own_fault_wins_over_its_provider_s(simulator: Simulator) -> None:
    control(simulator, "openai", status=500)
    control(simulator, "openai", model="gpt-4o", status=429)
    assert [post(simulator, model=model).status_code for model in ("gpt-4", "gpt-4o")] == [500, 429]


# ------------------------------------------------------------------------------------------------ control


def test_the_state_shows_ports_and_faults_that_can_be_sent_again(simulator: Simulator) -> None:
    control(simulator, "openai", status=500, latency_ms=1)
    control(simulator, "openai", model="gpt-4", status=429)
    control(simulator, "openai", latency_ms=None)
    state = requests.get(f"{simulator.control_url}/control", timeout=5).json()["providers"]
    assert state["openai"]["url"] == simulator.base_url("openai")
    assert state["openai"]["url"].endswith(f":{state['openai']['port']}")
    assert state["openai"]["faults"] == [{"status": 500}, {"model": "gpt-4", "status": 429}]
    assert state["anthropic"]["faults"] == []
    requests.delete(f"{simulator.control_url}/control/openai", timeout=5)
    for fault in state["openai"]["faults"]:
        assert control(simulator, "openai", **fault).status_code == 200
    assert requests.get(f"{simulator.control_url}/control", timeout=5).json()["providers"] == state


def test_healthy_again(simulator: Simulator) -> None:
    control(simulator, "openai", status=500)
    assert requests.delete(f"{simulator.control_url}/control/openai", timeout=5).json()["faults"] == []
    assert post(simulator).status_code == 200


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
def test_an_unknown_provider_is_told_the_legal_ones(simulator: Simulator, verb: str) -> None:
    response = requests.request(verb, f"{simulator.control_url}/control/opnai", json={}, timeout=5)
    assert response.status_code == 404
    assert response.json()["error"]["message"] == "unknown provider 'opnai'; legal: openai, anthropic"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"stattus": 500}, f"unknown field 'stattus'; legal: {FIELDS}"),
        ({"self": 500}, f"unknown field 'self'; legal: {FIELDS}"),
        ([], f"a fault is a JSON object with any of: {FIELDS}"),
        ({"status": 200}, "'status' is a whole number from 400 to 599"),
        ({"status": True}, "'status' is a whole number from 400 to 599"),
        ({"latency_ms": -1}, "'latency_ms' is a whole number from 0 to 3600000"),
        ({"latency_ms": 1.5}, "'latency_ms' is a whole number from 0 to 3600000"),
        ({"timeout": 1}, "'timeout' is true or false"),
        ({"error": "overflow"}, "'error' is one of: context_length, content_policy, bad_request"),
        ({"error": []}, "'error' is one of: context_length, content_policy, bad_request"),
        ({"every": 0}, "'every' is a whole number from 1 to 1000000"),
        ({"model": 4, "status": 500}, "'model' is the upstream id of a model, as text"),
        ({"model": "gpt-5", "status": 500}, "unknown model 'gpt-5'; legal: gpt-4, gpt-4o"),
        (
            {"model": "gpt-4", "refused": True},
            "'refused' closes the listener of the whole provider: set it without 'model'",
        ),
    ],
)
def test_a_fault_that_cannot_be_set_changes_nothing_and_says_what_can(
    simulator: Simulator, body: Any, message: str
) -> None:
    response = requests.post(f"{simulator.control_url}/control/openai", json=body, timeout=5)
    assert (response.status_code, response.json()["error"]["message"]) == (400, message)
    assert (
        requests.get(f"{simulator.control_url}/control", timeout=5).json()["providers"]["openai"]["faults"]
        == []
    )


def test_a_fault_that_is_not_json(simulator: Simulator) -> None:
    response = requests.post(f"{simulator.control_url}/control/openai", data=b"{", timeout=5)
    assert (response.status_code, response.json()["error"]["message"]) == (400, "the body is not JSON")


def test_requests_are_recorded_with_the_fields_no_provider_may_see(simulator: Simulator) -> None:
    control(simulator, "openai", model="gpt-4o", status=429)
    post(simulator)
    post(simulator, model="gpt-4o", stream=True, routing_strategy="fast")
    post(
        simulator,
        "/v1/embeddings",
        model="\ud800",
        extra_body={"requirements": {}},
        tools=[{"requirements": 1}],
    )
    records = requests.get(f"{simulator.control_url}/control/requests", timeout=5).json()["requests"]
    assert [record.pop("time")[-6:] for record in records] == ["+00:00"] * 3
    chat = {"provider": "openai", "path": "/v1/chat/completions"}
    assert records == [
        {**chat, "model": "gpt-4", "stream": False, "forbidden": [], "status": 200},
        {**chat, "model": "gpt-4o", "stream": True, "forbidden": ["routing_strategy"], "status": 429},
        {
            "provider": "openai",
            "path": "/v1/embeddings",
            "model": "\ud800",
            "stream": False,
            "forbidden": ["requirements"],
            "status": 200,
        },
    ]


def test_only_the_last_1000_requests_are_kept_and_they_can_be_forgotten(simulator: Simulator) -> None:
    url = f"{simulator.base_url('openai')}/v1/chat/completions"
    with requests.Session() as session:
        for _ in range(3):
            session.post(url, data=b"", timeout=5)
        for _ in range(999):
            session.post(url, json=CHAT, timeout=5)
    assert [record["status"] for record in simulator.requests()] == [400] + [200] * 999
    assert requests.delete(f"{simulator.control_url}/control/requests", timeout=5).json() == {"requests": []}
    assert simulator.requests() == []


# ---------------------------------------------------------------------------------------------- lifetime


def test_two_simulators_live_side_by_side_and_leave_their_ports(simulator: Simulator) -> None:
    other = Simulator(["openai"])
    with in_thread(other):
        url, control_url = other.base_url("openai"), other.control_url
        assert url != simulator.base_url("openai")
    for gone in (f"{url}/v1/models", control_url):
        with pytest.raises(requests.ConnectionError):
            requests.get(gone, timeout=5)


def test_stopping_does_not_wait_for_a_client_that_waits_for_ever() -> None:
    simulator = Simulator(["openai"])
    with in_thread(simulator) as call:
        call(simulator.set_fault("openai", timeout=True))
        port = int(simulator.base_url("openai").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as waiting:
            waiting.sendall(
                b"POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 13\r\n\r\n" + b'{"model":"m"}'
            )
            while not simulator.requests():
                time.sleep(0.01)
            begun = time.monotonic()
            call(simulator.stop())
            assert time.monotonic() - begun < 2
            with pytest.raises(ConnectionResetError):
                waiting.recv(1)


def test_a_provider_may_not_hide_the_record_of_requests() -> None:
    with pytest.raises(ValueError, match="control/requests"):
        Simulator(["requests"])


def test_importing_it_loads_nothing_of_the_extra() -> None:
    heavy = "{'uvicorn', 'starlette', 'fastapi', 'litellm', 'httpx'}"
    program = f"import sys, compiler.dev, compiler.dev.simulator; print(sorted({heavy} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
