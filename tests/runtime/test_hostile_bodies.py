"""10,000 hostile bodies (hostile.py) against the real proxy: a 4xx of OpenAI's shape, or a normal answer.

A 5xx counts as LiteLLM's only where the bare proxy, without our plugin, gives one for the same body, and says
one of LITELLMS_OWN: anything else is ours. No provider fails and no model rests here, so that a 429 is wrong,
too, where the bare proxy gives none.
"""

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
import yaml

from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import render
from tests.runtime import hostile

pytestmark = pytest.mark.proxy

SEED = 3
COUNT = 10_000
IN_FLIGHT = 16
SAMPLES = 2
TRIES = 4
DEADLINE_S = 30.0  # for one answer; the slowest takes about two
OURS = ("one", "two")  # two processes of the same gateway: it is CPU that a hostile body costs
CATALOG = """
apiVersion: interlock/v1
name: hostile
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, residency: eu, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  good:
    provider: anthropic
    context_window: 200000
    max_output_tokens: 8000
    capabilities: [vision, function_calling, json_mode]
    price: {input: 1, output: 2}
    quality: 90
    latency_ms: 900
  plain:
    provider: openai
    context_window: 1000000
    price: {input: 2, output: 2, tiers: [{above_context: 1000, input: 4, output: 4}]}
  vector: {provider: openai, context_window: 8000, modes: [embedding]}
strategies:
  fast: {default: true, candidates: [good, plain, vector]}
  cheap: {order: cost}
fallback: {providers: [anthropic, openai]}
"""

# What LiteLLM itself answers with a 5xx, by what the bare proxy says. The first three do not reach our hook.
_WRONG_TYPE = (
    r"object (?:is not|has no|cannot|does not)|unhashable type|indices must be|argument of type|"
    r"cannot convert|not supported between|Unsupported response_format|Unmapped prompt format|"
    r"dictionary update sequence|index out of range|codec can't|(?:float|int)\(\) argument|"
    r"Header (?:value|part) must|expected |'role'"
)
LITELLMS_OWN = {
    r'"message":"Internal server error"': "JSON but no object: its authentication takes it for one",
    r"could not convert string to float|invalid literal": "x-litellm-timeout or -num-retries is no number",
    r"unhashable type: 'list'": "a list where its authentication looks a name up",
    r"EmbeddingResponse": "`stream` on embeddings",
    r"Out of range float": "NaN or Infinity, which no request to a provider can carry",
    r"maximum recursion depth": "nested more deeply than Python's JSON encoder goes",
    r"got multiple values for": "a field called as an argument of its own functions: self, data, call_type …",
    r"unexpected keyword argument": "a field that it hands to OpenAI's SDK as an argument",
    r"validation errors? for ": "a parameter of its own of another type: tpm, rpm, tags, api_version …",
    r"Connection error|Missing credentials|int too large": "a timeout or a key that cannot be one",
    _WRONG_TYPE: "a field of another type",
}


@dataclass(frozen=True, slots=True)
class Answer:
    number: int
    kind: str
    status: int  # 0: none came
    text: str
    seconds: float

    @property
    def fault(self) -> str:
        """A status that blames the server, of the answer or in its stream; empty where there is none."""
        if self.status in {0, 429} or self.status >= 500:
            return "429" if self.status == 429 else "5xx"
        return "5xx" if _STREAM_ERROR.search(self.text[-2000:]) else ""

    def __str__(self) -> str:
        return f"hostile.request({SEED}, {self.number}) [{self.kind}] -> {self.status} {self.text[:300]}"


_STREAM_ERROR = re.compile(r'^data: \{"error":.*"code": ?"5\d\d"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Run:
    answers: list[Answer]
    bare: dict[int, Answer]  # what the bare proxy said to some of each sort of those that failed
    seconds: float


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevGateways]:
    work = tmp_path_factory.mktemp("hostile")
    (work / "hostile.yaml").write_text(CATALOG)
    outcome = render(work / "hostile.yaml")
    assert outcome.bundle is not None, outcome.diagnostics
    files = files_of(outcome.bundle)["llm-router"]
    config = yaml.safe_load(files["config.yaml"])
    settings = config["router_settings"]  # without limits, or one hostile caller would cool the models down
    settings["allowed_fails"] = 1_000_000
    settings["allowed_fails_policy"] = dict.fromkeys(settings["allowed_fails_policy"], 1_000_000)
    ours = {**files, "config.yaml": yaml.safe_dump(config).encode()}
    del config["litellm_settings"]["callbacks"]
    bare = {"config.yaml": yaml.safe_dump(config).encode()}
    with DevGateways({**dict.fromkeys(OURS, ours), "bare": bare}, workdir=work) as running:
        yield running


@pytest.fixture(scope="module")
def run(gateways: DevGateways) -> Run:
    start = time.monotonic()
    answers = asyncio.run(_ask_all([gateways.url(name) for name in OURS], range(COUNT), as_it_is))
    seconds = time.monotonic() - start
    bare = asyncio.run(_ask_all([gateways.url("bare")], _samples(answers), for_bare))
    return Run(answers, {answer.number: answer for answer in bare}, seconds)


def _samples(answers: Iterable[Answer]) -> list[int]:
    """Some of each sort of answer that blames the server: there are hundreds of the same."""
    sorts: dict[tuple[str, ...], list[int]] = {}
    for answer in answers:
        if answer.fault:
            said = re.sub(r"[0-9]+|'[^']*'", "_", answer.text[:200])
            sorts.setdefault((answer.kind, answer.fault, said), []).append(answer.number)
    return sorted(number for numbers in sorts.values() for number in numbers[:SAMPLES])


# --- asking --------------------------------------------------------------------------------------------


def as_it_is(request: Any) -> bytes:
    return bytes(request.body)


def for_bare(request: Any) -> bytes:
    """The same body without our words, and with a model that the bare proxy knows."""
    try:
        body = json.loads(request.body)
        assert isinstance(body, dict)
    except (ValueError, AssertionError, RecursionError):
        is_object = request.body.startswith(b"{")
        return b'{"model":"good",' + request.body[1:] if is_object else bytes(request.body)
    ours = (
        "routing_strategy",
        "requirements",
        "fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
    )
    kept = {name: value for name, value in body.items() if name not in ours}
    model = body.get("model") or ""
    if isinstance(model, str) and model not in {"good", "plain", "vector"}:
        kept["model"] = "vector" if request.path.endswith("embeddings") else "good"
    return json.dumps(kept).encode()


async def _ask_all(urls: list[str], numbers: Iterable[int], body: Any) -> list[Answer]:
    waiting = iter(list(numbers))
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    answers: list[Answer] = []

    async def worker(url: str, session: aiohttp.ClientSession) -> None:
        answers.extend([await _ask(session, url, hostile.request(SEED, number), body) for number in waiting])

    async with aiohttp.ClientSession(timeout=timeout) as session:
        await asyncio.gather(*(worker(urls[n % len(urls)], session) for n in range(IN_FLIGHT)))
    return sorted(answers, key=lambda answer: answer.number)


async def _ask(session: aiohttp.ClientSession, url: str, request: Any, body: Any) -> Answer:
    start = time.monotonic()
    content = body(request)
    status, text = 0, ""
    for _ in range(TRIES):  # the server closes a connection on which it failed: this may be such a one
        try:
            async with session.post(
                url + request.path, data=BytesIO(content), headers=request.headers
            ) as response:
                status, text = response.status, (await response.read()).decode("utf-8", "replace")
                break
        except aiohttp.ClientConnectionError as error:
            text = repr(error)
        except TimeoutError:
            text = f"no answer in {DEADLINE_S:.0f} s"
            break
    return Answer(request.number, request.kind, status, text, time.monotonic() - start)


# --- judging -------------------------------------------------------------------------------------------


def test_every_body_gets_a_4xx_of_openais_shape_or_an_answer(run: Run, record_property: Any) -> None:
    record_property("report", _report(run))
    assert len(run.answers) == COUNT
    wrong = [str(answer) for answer in run.answers if not answer.fault and not _is_well_formed(answer)]
    assert not wrong, "\n".join(wrong[:20])


def test_every_body_gets_an_answer_in_time(run: Run) -> None:
    assert not [str(answer) for answer in run.answers if answer.status == 0]


def test_a_server_error_is_litellms_own(run: Run) -> None:
    asked = {answer.number: answer for answer in run.answers}
    ours = [f"{asked[n]}\n    bare: {bare}" for n, bare in run.bare.items() if bare.fault != asked[n].fault]
    assert not ours, "\n".join([f"{len(ours)} where the bare proxy says otherwise:", *ours[:20]])
    unknown = [str(bare) for bare in run.bare.values() if bare.fault == "5xx" and _reason(bare) is None]
    assert not unknown, "\n".join([f"{len(unknown)} not in the table:", *unknown[:20]])


def test_no_code_of_ours_raised(run: Run, gateways: DevGateways) -> None:
    """LiteLLM logs what a hook raises, and goes on without what the hook was for."""
    raised = Counter(line for name in OURS for line in _raised_in_plugin(gateways.log(name)))
    assert not raised, "\n".join(f"{count} x {line}" for line, count in raised.most_common(20))


def test_the_gateway_still_answers(run: Run, gateways: DevGateways) -> None:
    assert gateways.exited() == {}
    assert not [row for row in gateways.requests() if row["forbidden"]]
    for name in OURS:
        body = {"messages": [{"role": "user", "content": "hi"}], "routing_strategy": "fast"}
        response = requests.post(gateways.url(name) + "/v1/chat/completions", json=body, timeout=DEADLINE_S)
        assert (response.status_code, response.headers["x-interlock-model"]) == (200, "good")


def _is_well_formed(answer: Answer) -> bool:
    if 200 <= answer.status < 300:
        return True
    try:
        error = json.loads(answer.text)["error"]
        return 400 <= answer.status < 500 and bool(error["message"]) and isinstance(error["message"], str)
    except (ValueError, KeyError, TypeError):
        return False


def _reason(answer: Answer) -> str | None:
    return next((words for words in LITELLMS_OWN if re.search(words, answer.text)), None)


_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>\S+)')
_RAISED = re.compile(r"^(?:[A-Za-z_][\w.]*\.)?(?P<type>[A-Z]\w*(?:Error|Exception|Warning|Exit)?)(?::|$)")


def _raised_in_plugin(log: Path) -> Iterator[str]:
    """What was raised with our file as the innermost frame of its traceback, refusals apart."""
    frame: re.Match[str] | None = None
    for line in log.read_text("utf-8", "replace").splitlines():
        found = _FRAME.match(line)
        frame = found or frame
        if found or line.startswith("    ") or frame is None:
            continue
        raised = _RAISED.match(line)
        if raised and "routing_plugin.py" in frame["file"] and "RefusedRequestError" not in line:
            yield f"routing_plugin.py:{frame['line']} in {frame['name']}: {line[:200]}"
        frame = None


# --- telling -------------------------------------------------------------------------------------------


def _report(run: Run) -> str:
    statuses = sorted({answer.status for answer in run.answers})
    kinds = sorted({_family(answer.kind) for answer in run.answers})
    counts = Counter((_family(answer.kind), answer.status) for answer in run.answers)
    slowest = max(answer.seconds for answer in run.answers)
    lines = [
        f"hostile bodies: {COUNT:,} in {run.seconds:.0f} s, {IN_FLIGHT} at a time, {slowest:.1f} s at most"
    ]
    lines.append(_row("", [str(status or "none") for status in statuses]))
    lines += [_row(kind, [str(counts[kind, status] or "") for status in statuses]) for kind in kinds]
    total = Counter(answer.status for answer in run.answers)
    lines.append(_row("all", [str(total[status]) for status in statuses]))
    reasons = Counter(_reason(answer) or "?" for answer in run.bare.values() if answer.fault)
    asked = f"of {len(run.bare)} that were sent to the bare proxy, too:"
    said = [f"  {count:5} {LITELLMS_OWN.get(words, words)}" for words, count in reasons.most_common()]
    return "\n".join([*lines, asked, *said])


def _family(kind: str) -> str:
    return kind.partition(":")[0]


def _row(name: str, cells: list[str]) -> str:
    return f"{name:24}" + "".join(f"{cell:>7}" for cell in cells)
