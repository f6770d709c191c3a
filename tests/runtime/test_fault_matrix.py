"""The fault matrix: each fault, endpoint, streaming or not, and place in the chain, in the real proxy.

A cell is one request, judged by what the client got and, apart from it, by what the simulated providers say
they received. The matrix is printed at the end of the run (tests/conftest.py). A request that a healthy model
could have answered and none did is a failure, unless LIMITS names it; a limit that has gone is one too.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import pytest
import requests

from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

TIMEOUT_S = 1  # of the catalog
SLACK_S = 4  # beside the timeouts; a busy machine, for no provider is asked twice
HANGS_S = 20  # what takes as long has no end
PROMPT = "Tell me all about interlockings, please."


class Kind(NamedTuple):
    """A column of the matrix; as text, its heading: `~` is a stream."""

    endpoint: str
    stream: bool = False

    def __str__(self) -> str:
        return self.endpoint + "~" * self.stream


MESSAGES = [{"role": "user", "content": PROMPT}]
ENDPOINTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", {"messages": MESSAGES}),
    "completions": ("/v1/completions", {"prompt": PROMPT}),
    "embeddings": ("/v1/embeddings", {"input": PROMPT}),
    "responses": ("/v1/responses", {"input": PROMPT}),
    "messages": ("/v1/messages", {"messages": MESSAGES, "max_tokens": 300}),
}
KINDS = [Kind(name, stream) for name in ENDPOINTS for stream in (False, True)]
KINDS.remove(Kind("embeddings", stream=True))
CHAT_STREAM, COMPLETIONS_STREAM = Kind("chat", stream=True), Kind("completions", stream=True)
RESPONSES_STREAM, MESSAGES_STREAM = Kind("responses", stream=True), Kind("messages", stream=True)

# LiteLLM hands OpenAI's endpoints on as they are, and reaches every other vendor by a chat, which it
# translates: two ways through it. Each comes first in one of the chains.
CHAINS = {"native": ("openai", "anthropic", "mistral"), "translated": ("anthropic", "openai", "mistral")}
WAYS = {"openai": "native", "anthropic": "translated", "mistral": "translated"}


@dataclass(frozen=True)
class Fault:
    """`fields` are the simulator's, `status` is the client's when every provider has the fault.

    `also` is the status by another line of LiteLLM.
    """

    fields: dict[str, Any]
    status: int
    also: int | None = None
    streams_only: bool = False
    waits: bool = False  # a timeout a hop: its cells are sent side by side


# LiteLLM says 500 of a provider that it cannot reach, or that hangs up on it.
FAULTS = {
    "429": Fault({"status": 429}, 429),
    "429, retry-after": Fault({"status": 429, "retry_after": 7}, 429),
    "500": Fault({"status": 500}, 500),
    "503": Fault({"status": 503}, 503),
    "timeout": Fault({"timeout": True}, 408, waits=True),
    "slow answer": Fault({"latency_ms": 1500}, 408, waits=True),
    "slow first byte": Fault({"first_byte_ms": 1500}, 500, also=408, streams_only=True, waits=True),
    "refused": Fault({"refused": True}, 500),
    "reset": Fault({"reset": True}, 500),
    "dies at once": Fault({"die_after_chunks": 0}, 500, streams_only=True),
    "dies after 2": Fault({"die_after_chunks": 2}, 500, streams_only=True),
    "401": Fault({"status": 401}, 401),
    "403": Fault({"status": 403}, 403),
    "404": Fault({"status": 404}, 404),
    "context_length": Fault({"error": "context_length"}, 400),
    "content_policy": Fault({"error": "content_policy"}, 400),
    "bad_request": Fault({"error": "bad_request"}, 400),
}
BREAKS_LATE = ("slow first byte", "dies at once")  # after the provider's 200, before its first word

# --- what is not cured -----------------------------------------------------------------------------------

BEGUN = "words have gone to the client, and another model's would not continue them"
BOTH = ("native", "translated")

# Who is at fault, by the way it is reached → why the request ends there, whoever comes after.
LIMITS: dict[tuple[str, Kind], dict[str, str]] = {
    **{
        (fault, kind): dict.fromkeys(BOTH, BEGUN)
        for fault in ("reset", "dies after 2")
        for kind in (CHAT_STREAM, COMPLETIONS_STREAM, RESPONSES_STREAM, MESSAGES_STREAM)
    },
}
# --- one request -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Got:
    """What came of one request. `said` is the answer's text, when it is whole and ends as its API's do."""

    status: int | None  # None: the connection was cut
    said: str | None
    body: str
    model: str | None  # of x-interlock-model
    ms: float


def ask(gateways: DevGateways, chain: str, kind: Kind) -> Got:
    path, body = ENDPOINTS[kind.endpoint]
    wanted = {**body, "routing_strategy": f"{chain}-{kind.endpoint}"}
    begun = time.perf_counter()
    try:
        response = requests.post(
            gateways.url("llm-router") + path,
            json={**wanted, "stream": True} if kind.stream else wanted,
            timeout=HANGS_S,
        )
    except requests.exceptions.ChunkedEncodingError as cut:
        return Got(None, None, repr(cut), None, (time.perf_counter() - begun) * 1000)
    ms = (time.perf_counter() - begun) * 1000
    read = streamed if kind.stream else whole
    said = read(kind.endpoint, response.text) if response.ok else None
    return Got(response.status_code, said, response.text, response.headers.get("x-interlock-model"), ms)


def whole(endpoint: str, text: str) -> str | None:
    body = json.loads(text)
    if endpoint == "embeddings":
        return PROMPT if len(body["data"][0]["embedding"]) == 8 else None
    if endpoint == "responses":
        return "".join(part["text"] for item in body["output"] for part in item["content"])
    if endpoint == "messages":
        return "".join(part["text"] for part in body["content"])
    choice: dict[str, Any] = body["choices"][0]
    return choice["text"] if endpoint == "completions" else choice["message"]["content"]


def streamed(endpoint: str, text: str) -> str | None:
    datas = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    events = [json.loads(data) for data in datas if data != "[DONE]"]
    if any(event.get("error") for event in events):
        return None
    if endpoint == "responses":
        said = (event["delta"] for event in events if event["type"] == "response.output_text.delta")
        ended = events[-1]["type"] == "response.completed"
    elif endpoint == "messages":
        said = (e["delta"].get("text", "") for e in events if e["type"] == "content_block_delta")
        ended = events[-1]["type"] == "message_stop"
    else:
        choices = [choice for event in events for choice in event["choices"]]
        said = ((c.get("delta") or {}).get("content") or c.get("text") or "" for c in choices)
        ended = datas[-1] == "[DONE]" and any(choice.get("finish_reason") for choice in choices)
    return "".join(said) if ended else None


def answer_of(kind: Kind, vendor: str) -> str:
    """What a healthy provider says. A vector says nothing of who made it: only the record does."""
    return (
        PROMPT if kind.endpoint == "embeddings" else f"[simulated {vendor}/{kind.endpoint}-{vendor}] {PROMPT}"
    )


def error_in(got: Got) -> str | None:
    """The message of an error in OpenAI's shape, or in Anthropic's, which has one level more.

    It may come as an event, when a stream was to begin.
    """
    try:
        error = json.loads(got.body.removeprefix("data: ").partition("\n")[0])["error"]
    except (ValueError, KeyError, TypeError):
        return None
    return error["message"] if isinstance(error.get("type"), str | None) else None


# --- the gateway -----------------------------------------------------------------------------------------


def catalog() -> str:
    """Each endpoint has a model of its own at every provider, by which a record shows whose request it is."""
    modes = {"completions": "chat, completion", "embeddings": "embedding"}
    providers = {name: f"{{type: {name}, api_key: {{secret: {name}, key: api-key}}}}" for name in WAYS}
    models = {
        f"{name}-{vendor}": f"{{provider: {vendor}, modes: [{modes.get(name, 'chat')}]}}"
        for name in ENDPOINTS
        for vendor in WAYS
    }
    strategies = {
        f"{chain}-{name}": f"{{candidates: [{', '.join(f'{name}-{vendor}' for vendor in vendors)}]}}"
        for chain, vendors in CHAINS.items()
        for name in ENDPOINTS
    } | {"quality": "{default: true, candidates: [chat-openai, chat-anthropic]}"}
    fallback = {
        "max_attempts": "3",
        "timeout_s": str(TIMEOUT_S),
        "cooldown": "{failures: 1000, seconds: 0.001}",  # no cell has anything to do with another
    }
    sections = {"providers": providers, "models": models, "strategies": strategies, "fallback": fallback}
    lines = ["apiVersion: interlock/v1", "name: matrix"]
    for section, rows in sections.items():
        lines += [f"{section}:", *(f"  {name}: {row}" for name, row in rows.items())]
    # No index keeps what these embed.
    lines += ["allow:", "  - {rule: IL314, path: strategies, reason: nobody keeps these vectors}"]
    return "\n".join([*lines, ""])


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    with gateways_of(catalog(), tmp_path_factory.mktemp("matrix")) as running:
        yield running


@pytest.fixture(scope="module")
def healthy_ms(gateways: DevGateways) -> dict[tuple[str, Kind], float]:
    """The median of five healthy requests; the first of each kind is slower, and is not counted."""
    found = {}
    for chain, vendors in CHAINS.items():
        for kind in KINDS:
            answers = [ask(gateways, chain, kind) for _ in range(6)]
            assert {got.said for got in answers} == {answer_of(kind, vendors[0])}, answers
            found[chain, kind] = statistics.median(got.ms for got in answers[1:])
    return found


# --- the matrix ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """As it is printed: `text` in row (`chain`, `fault`, `faulty` providers) and column `kind`."""

    chain: str
    fault: str
    faulty: int
    kind: str
    text: str
    outcome: str  # answered, refused (nobody could, or should), limit or failed
    hop: int | None  # of the answer, from 1
    added_ms: float
    waits: bool
    problem: str | None


@pytest.mark.parametrize("faulty", [1, 2, 3])
@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faults(  # noqa: PLR0913, PLR0917  # three fixtures and three axes
    gateways: DevGateways,
    healthy_ms: dict[tuple[str, Kind], float],
    record_property: Callable[[str, object], None],
    fault: str,
    chain: str,
    faulty: int,
) -> None:
    kinds = [kind for kind in KINDS if kind.stream or not FAULTS[fault].streams_only]
    answers = asked_under(gateways, fault, chain, faulty, kinds)
    cells = []
    for kind, (got, asked) in zip(kinds, answers, strict=True):
        outcome, text, problem = judge(fault, chain, faulty, kind, got, asked)
        if problem and FAULTS[fault].waits:  # beside eight others, a healthy model too may miss the timeout
            got, asked = asked_under(gateways, fault, chain, faulty, [kind])[0]  # noqa: PLW2901
            outcome, text, problem = judge(fault, chain, faulty, kind, got, asked)
        added = got.ms - healthy_ms[chain, kind]
        problem = problem or too_long(fault, faulty, added)
        hop = faulty + 1 if outcome == "answered" else None
        text += "" if outcome == "failed" else f" {added:+.0f}"
        waits = FAULTS[fault].waits
        cells.append(Cell(chain, fault, faulty, str(kind), text, outcome, hop, added, waits, problem))
    record_property("fault_matrix", [asdict(cell) for cell in cells])
    assert [f"{cell.kind}: {cell.problem}" for cell in cells if cell.problem] == []


def asked_under(
    gateways: DevGateways, fault: str, chain: str, faulty: int, kinds: list[Kind]
) -> list[tuple[Got, list[str]]]:
    """Each kind's answer, and the providers that its request reached, in order."""
    requests.delete(f"{gateways.control_url}/control/requests", timeout=5)
    for vendor in CHAINS[chain][:faulty]:
        gateways.set_fault(vendor, **FAULTS[fault].fields)
    try:
        with ThreadPoolExecutor(len(kinds) if FAULTS[fault].waits else 1) as pool:
            answers = list(pool.map(lambda kind: ask(gateways, chain, kind), kinds))
    finally:
        for vendor in CHAINS[chain][:faulty]:
            gateways.clear(vendor)
    rows = [(Kind(row["model"].partition("-")[0], row["stream"]), row) for row in gateways.requests()]
    return [
        (got, [row["provider"] for its, row in rows if its == kind])
        for kind, got in zip(kinds, answers, strict=True)
    ]


def judge(  # noqa: PLR0913, PLR0917  # a cell's place, and what was seen there
    fault: str, chain: str, faulty: int, kind: Kind, got: Got, asked: list[str]
) -> tuple[str, str, str | None]:
    """(outcome, what to print, what is wrong with it)."""
    vendors, most = CHAINS[chain], 2 if fault == "bad_request" else 3  # two vendors' word is enough
    reached = vendors[: min(faulty + 1, most)]
    heard = [vendor for vendor in reached if fault != "refused" or vendor not in vendors[:faulty]]
    limits = LIMITS.get((fault, kind), {})
    limit = next((limits[WAYS[vendor]] for vendor in vendors[:faulty] if WAYS[vendor] in limits), None)
    if len(set(asked)) < len(asked):
        return "failed", "TWICE", f"a provider was asked twice: {asked}"
    if asked != heard and not limit:
        return "failed", f"ASKED {got.status or 'cut'}", f"{got.status} after {asked}: {got.body[-400:]}"
    if faulty >= most:
        return refused(fault, kind, got, is_limited=limit is not None)
    if got.said == answer_of(kind, vendors[faulty]) and asked == heard:
        gone = f"no longer a limit: {limit}" if limit else None
        return "answered", ORDINALS[faulty], gone or misnamed(kind, vendors[faulty], got)
    if limit:
        return "limit", f"lost {got.status or 'cut'}", None
    return "failed", f"LOST {got.status or 'cut'}", f"{got.status} after {asked}: {got.body[-400:]}"


ORDINALS = ("1st", "2nd", "3rd")


def misnamed(kind: Kind, vendor: str, got: Got) -> str | None:
    """What is wrong with the header that says who answered."""
    is_right = got.model == f"{kind.endpoint}-{vendor}"
    return None if is_right else f"{vendor} answered, and x-interlock-model is {got.model}"


def refused(fault: str, kind: Kind, got: Got, *, is_limited: bool) -> tuple[str, str, str | None]:
    """Nobody could answer, or two have found the request bad: one error with the status of the last.

    A stream that has begun ends in another way.
    """
    wanted = FAULTS[fault].status
    begun = kind.stream and got.said is None and got.status in {None, 200}
    if begun and is_limited:
        return "refused", "in stream" if got.status else "cut", None
    if got.status in (wanted, FAULTS[fault].also) and error_in(got):
        return "refused", str(got.status), None
    if begun and kind == RESPONSES_STREAM and fault in BREAKS_LATE and '"type":"response.failed"' in got.body:
        return "refused", "event", None  # as a Responses API says it, whatever the status
    return "failed", f"WRONG {got.status}", f"{got.status} in place of {wanted}: {got.body[-400:]}"


def too_long(fault: str, faulty: int, added_ms: float) -> str | None:
    most = faulty * TIMEOUT_S * FAULTS[fault].waits + SLACK_S
    return f"took {added_ms:.0f} ms more than a healthy request" if added_ms > most * 1000 else None


def test_the_status_is_the_last_provider_s(gateways: DevGateways) -> None:
    statuses = dict(zip(CHAINS["native"], (500, 429, 503), strict=True))
    for vendor, status in statuses.items():
        gateways.set_fault(vendor, status=status)
    try:
        answers = {kind: ask(gateways, "native", kind) for kind in KINDS}
    finally:
        for vendor in statuses:
            gateways.clear(vendor)
    assert {got.status for got in answers.values()} == {503}, answers
    assert all(error_in(got) for got in answers.values()), answers
