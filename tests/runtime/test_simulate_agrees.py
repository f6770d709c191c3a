"""`interlock simulate` and the real gateways: the same log, a provider taken down midway, the same answers.

A request that is under way while the provider goes may be answered by either model, and only such a one: the
others are compared exactly. How many are under way is known, for so many clients there are.
"""

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from compiler.commands.simulate import command
from compiler.dev.session import DevGateways
from tests.runtime.running import gateways_of

pytestmark = pytest.mark.proxy

COUNT = 2000
SWITCH = COUNT // 2
CLIENTS = 8
FAILURES = 3
DOWN = "openai"
CATALOG = f"""
apiVersion: interlock/v1
name: agreement
gateways:
  llm-router: {{}}
  mistral-gateway: {{}}
providers:
  openai: {{type: openai, api_key: {{secret: openai, key: api-key}}}}
  anthropic: {{type: anthropic, api_key: {{secret: anthropic, key: api-key}}}}
  mistral: {{type: mistral, api_key: {{secret: mistral, key: api-key}}, gateway: mistral-gateway}}
models:
  gpt: {{provider: openai, context_window: 16000, max_output_tokens: 4000, price: {{input: 2, output: 8}},
        quality: 90, latency_ms: 900, modes: [chat], capabilities: [function_calling, json_mode]}}
  gpt-mini: {{provider: openai, context_window: 8000, max_output_tokens: 1000,
             price: {{input: 0.1, output: 0.4}}, quality: 70, latency_ms: 400, modes: [chat],
             capabilities: [json_mode]}}
  claude: {{provider: anthropic, context_window: 32000, max_output_tokens: 4000,
           price: {{input: 3, output: 15}}, quality: 95, latency_ms: 1500, modes: [chat],
           capabilities: [function_calling, vision]}}
  haiku: {{provider: anthropic, context_window: 12000, max_output_tokens: 1000,
          price: {{input: 0.3, output: 0.2}}, quality: 75, latency_ms: 500, modes: [chat],
          capabilities: [function_calling]}}
  large: {{provider: mistral, context_window: 24000, max_output_tokens: 4000, price: {{input: 1, output: 3}},
          quality: 85, latency_ms: 1200, modes: [chat], capabilities: [function_calling, json_mode]}}
  embed: {{context_window: 8000, modes: [embedding], price: {{input: 0.1, output: 0}},
          deployments: [{{provider: openai}}, {{provider: mistral, id: mistral-embed}}]}}
strategies:
  quality: {{default: true, candidates: [gpt, claude, large]}}
  cost: {{order: cost, candidates: [gpt-mini, haiku, large, gpt]}}
  fast: {{order: latency, candidates: [gpt-mini, haiku, gpt], canary: {{model: large, percent: 30}}}}
  vectors: {{candidates: [embed]}}
fallback:
  providers: [anthropic, mistral]
  max_attempts: 3
  timeout_s: 30
  retry: {{attempts: 0}}
  cooldown: {{failures: {FAILURES}, seconds: 3600}}  # nobody comes back while the test runs, however slow
"""
TOOLS = [
    {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
]


def made_request(lots: random.Random) -> tuple[str, dict[str, Any]]:
    """(endpoint, body): strategies, pinned models, tools, sizes, canaries, and what is refused."""
    asked = lots.choices(
        [
            {}, {"routing_strategy": "quality"}, {"routing_strategy": "cost"}, {"routing_strategy": "fast"},
            {"model": "auto/cost"}, {"model": "gpt"}, {"model": "claude"}, {"model": "gpt-mini"},
            {"model": "gpt", "routing_strategy": "fast"}, {"routing_strategy": "quick"}, {"model": "gtp"},
            {"routing_strategy": "quality", "requirements": {"min_context_window": 20000}},
            {"routing_strategy": "quality", "requirements": {"exclude_providers": ["openai"]}},
            {"routing_strategy": "cost", "requirements": {"max_price": {"output": 0.3}}},
            {"routing_strategy": "cost", "requirements": {"min_quality": 99}},
        ],
        [8, 8, 8, 8, 3, 4, 3, 3, 2, 1, 1, 2, 2, 2, 1],
    )[0]  # fmt: skip
    if lots.random() < 0.1:
        return "/v1/embeddings", {"routing_strategy": "vectors", "input": "x" * lots.randint(1, 2000)}
    size = round(lots.lognormvariate(5, 2)) % 120_000 + 1
    body = {**asked, "messages": [{"role": "user", "content": "y" * size}], "user": f"u{lots.randint(1, 50)}"}
    if lots.random() < 0.25:
        body["tools"] = TOOLS
    if lots.random() < 0.15:
        body["response_format"] = {"type": "json_object"}
    if lots.random() < 0.3:
        body["max_tokens"] = lots.choice([10, 200, 900, 3000])
    return "/v1/chat/completions", body


def log_lines() -> list[str]:
    lots = random.Random(20261123)  # noqa: S311
    made = (made_request(lots) for _ in range(COUNT))
    return [
        json.dumps({"timestamp": at / 100, "url": url, "body": body}) for at, (url, body) in enumerate(made)
    ]


@dataclass
class Sent:
    """What the real gateways made of each line: the model that answered, or the code of the refusal."""

    answers: list[str] = field(default_factory=lambda: [""] * COUNT)
    calls: list[int] = field(default_factory=lambda: [0] * COUNT)
    undecided: set[int] = field(default_factory=set)  # under way while the provider went


class Clients:
    """So many clients at a time; the provider goes when line SWITCH is to be sent, with others under way."""

    def __init__(self, gateways: DevGateways, lines: Sequence[str]) -> None:
        self._gateways, self._lines = gateways, [json.loads(line) for line in lines]
        self._url = gateways.url("llm-router")
        self._next: Iterator[int] = iter(range(len(lines)))
        self._lock = threading.Lock()
        self._under_way: set[int] = set()
        self.sent = Sent()

    def run(self) -> Sent:
        threads = [threading.Thread(target=self._send_all) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.sent

    def _send_all(self) -> None:
        with requests.Session() as session:
            while (number := self._begin()) is not None:
                self._send(session, number)
                with self._lock:
                    self._under_way.discard(number)

    def _begin(self) -> int | None:
        with self._lock:  # nobody begins while the provider goes
            number = next(self._next, None)
            if number == SWITCH:
                before = set(self._under_way)
                self._gateways.set_fault(DOWN, refused=True)
                self.sent.undecided |= before
            if number is not None:
                self._under_way.add(number)
            return number

    def _send(self, session: requests.Session, number: int) -> None:
        line = self._lines[number]
        response = session.post(self._url + line["url"], json=line["body"], timeout=120)
        model = response.headers.get("x-interlock-model")
        if response.status_code == 200:
            self.sent.answers[number] = f"{model}"
            self.sent.calls[number] = int(response.headers["x-interlock-attempts"])
        elif response.status_code == 400:
            self.sent.answers[number] = f"refused: {response.json()['error']['code']}"
        else:
            self.sent.answers[number] = f"failed: {response.status_code}"


@dataclass(frozen=True)
class Whole:
    sent: Sent
    lines: list[str]
    folder: Path
    received: Counter[str]  # of the page of metrics: failed calls by model


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("agreement")
    lines = log_lines()
    with gateways_of(CATALOG, folder) as gateways:
        sent = Clients(gateways, lines).run()
        page = requests.get(gateways.metrics_url("llm-router"), timeout=30).text
    return Whole(sent, lines, folder, failed_calls(page))


def failed_calls(page: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for line in page.splitlines():
        if line.startswith("interlock_failed_attempts_total{"):
            model = line.partition('model="')[2].partition('"')[0]
            found[model] += int(float(line.rpartition(" ")[2]))
    return found


def simulated(whole: Whole, numbers: Sequence[int], *flags: str) -> dict[str, Any]:
    log = whole.folder / "log.jsonl"
    log.write_text("".join(whole.lines[number] + "\n" for number in numbers), encoding="utf-8")
    told = ["--log", str(log), "--format", "json", *flags]
    ran = CliRunner().invoke(command, [str(whole.folder / "catalog.yaml"), *told])
    assert ran.exit_code == 0, ran.output
    report: dict[str, Any] = json.loads(ran.stdout)
    return report["scenario"] or report["baseline"]  # type: ignore[no-any-return]


def counts(run: dict[str, Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in run["models"]:  # by provider, too
        found[row["model"]] += row["answered"]
    found.update({f"refused: {code}": count for code, count in run["refused"].items()})
    found.update({f"failed: {status}": count for status, count in run["failed"].items()})
    return found


def really(whole: Whole, numbers: Sequence[int]) -> Counter[str]:
    return Counter(whole.sent.answers[number] for number in numbers)


def decided(whole: Whole, numbers: range) -> list[int]:
    return [number for number in numbers if number not in whole.sent.undecided]


def test_the_log_has_something_of_everything(whole: Whole) -> None:
    found = really(whole, range(COUNT))
    refusals = {name for name in found if name.startswith("refused")}
    assert refusals == {"refused: no_eligible_model", "refused: unknown_strategy", "refused: model_not_found"}
    assert {"gpt", "gpt-mini", "claude", "haiku", "large", "embed"} <= set(found)
    assert len(whole.sent.undecided) < CLIENTS


def test_before_the_outage_the_counts_are_the_same(whole: Whole) -> None:
    before = decided(whole, range(SWITCH))
    assert counts(simulated(whole, before)) == really(whole, before)


def test_during_the_outage_the_counts_are_the_same(whole: Whole) -> None:
    after = decided(whole, range(SWITCH, COUNT))
    assert counts(simulated(whole, after, "--down", DOWN)) == really(whole, after)


def test_the_whole_log_differs_by_no_more_than_was_under_way(whole: Whole) -> None:
    run = simulated(whole, range(COUNT), "--down", f"{DOWN}@{SWITCH / 100:g}s..")
    expected, real = counts(run), really(whole, range(COUNT))
    assert sum((expected - real).values()) <= len(whole.sent.undecided)
    assert sum((real - expected).values()) <= len(whole.sent.undecided)


def test_a_provider_that_is_down_is_asked_as_often_as_the_rules_say(whole: Whole) -> None:
    """FAILURES times a deployment, and by requests that nobody else can serve.

    Really, CLIENTS are under way when LiteLLM's own task writes the last failure down, and each may have
    begun another request before that. Who fails first is chance: some would have
    asked anyway.
    """
    run = simulated(whole, range(COUNT), "--down", f"{DOWN}@{SWITCH / 100:g}s..")
    expected = {row["model"]: row["calls"] for row in run["failed_calls"]}
    assert expected["embed"] == FAILURES
    assert expected.keys() == {"gpt", "gpt-mini", "embed"} == whole.received.keys()
    for model, count in expected.items():
        assert count - FAILURES <= whole.received[model] <= count + 2 * CLIENTS


def test_before_the_outage_each_request_is_one_call(whole: Whole) -> None:
    before = decided(whole, range(SWITCH))
    answered = [whole.sent.calls[number] for number in before if whole.sent.calls[number]]
    assert set(answered) == {1}
    by_number = simulated(whole, before)["attempts"]["by_number"]
    assert by_number == {"1": len(answered)}
