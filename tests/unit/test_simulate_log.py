"""Logs: the forms that are read, what is made of a line, and what becomes of a bad one."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from compiler.catalog import Catalog
from compiler.pipeline import validate_text
from compiler.runtime.decision import decide
from compiler.runtime.models import Table
from compiler.runtime.request import needs_of
from compiler.simulate.entry import entry_of, instant
from compiler.simulate.log import Log, lines_of
from compiler.simulate.plans import Plans
from compiler.simulate.plant import plant
from compiler.simulate.spec import Ask, Lines, Request, Spec
from compiler.table import routing_table

CATALOG = b"""
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  dear: {provider: anthropic, context_window: 20000, max_output_tokens: 4096, modes: [chat], quality: 9,
         capabilities: [function_calling],
         price: {input: 10, output: 50, tiers: [{above_context: 5000, input: 1, output: 1}]}}
  cheap: {provider: openai, context_window: 9000, max_output_tokens: 1000, modes: [chat], quality: 5,
          capabilities: [], price: {input: 1, output: 60}}
  wide: {provider: openai, context_window: 90000, max_output_tokens: 500, modes: [chat], quality: 7,
         capabilities: [], price: {input: 20, output: 2}}
strategies:
  best: {default: true, candidates: [dear, cheap, wide]}
  cost: {order: cost}
  thrifty: {candidates: [dear, cheap, wide], requirements: {max_cost_usd: 0.02}}
  trial: {candidates: [cheap], canary: {model: dear, percent: 50}}
"""
SPEND: dict[str, Any] = {
    "request_id": "chatcmpl-1", "call_type": "acompletion", "startTime": "2026-11-23T10:00:00Z",
    "endTime": "2026-11-23T10:00:02Z", "model": "claude-opus-5-5", "model_group": "dear", "spend": 0.1,
    "prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000, "metadata": "{}",
    "request_tags": "[]", "api_base": "https://api.anthropic.com", "status": "success",
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    found = validate_text(CATALOG, "catalog.yaml", "2026-11-23").catalog
    assert found is not None
    return found


@pytest.fixture(scope="module")
def table(catalog: Catalog) -> Table:
    return routing_table(catalog, catalog.front)


def read(table: Table, *lines: Any) -> tuple[list[Request], Log]:
    log = Log(table, "x.jsonl", seed=1, rate=2)
    raw = (line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    return list(log.requests(raw)), log


# --- the forms --------------------------------------------------------------------------------------------


def test_a_plain_body_needs_what_the_plugin_takes_it_to_need(table: Table) -> None:
    body = {"routing_strategy": "cost", "tools": [{"type": "function"}], "max_tokens": 50,
            "messages": [{"role": "user", "content": "x" * 4000}]}  # fmt: skip
    ((t, spec, _),), _log = read(table, body)
    assert t == 0
    assert spec.ask.body == {"routing_strategy": "cost"}
    assert spec.needs == needs_of(body, "chat")
    assert spec.needs.capabilities == ("function_calling",)
    assert (spec.prompt, spec.completion) == (pytest.approx(spec.needs.prompt_tokens / 1.1), 50)


@pytest.mark.parametrize(
    ("envelope", "mode"),
    [
        ({"body": {"model": "dear", "messages": []}}, "chat"),
        ({"request": {"model": "dear", "prompt": "x"}}, "completion"),
        (
            {"custom_id": "1", "method": "POST", "url": "/v1/embeddings", "body": {"model": "dear"}},
            "embedding",
        ),
        ({"path": "/v1/chat/completions?x=1", "body": {}}, "chat"),
        ({"path": "/v1/completions", "body": {}}, "completion"),
        ({"model": "dear", "input": "x"}, "embedding"),
        ({"model": "dear", "input": "x", "instructions": "y"}, "chat"),
        ({"routing_strategy": "best"}, "chat"),
        ({"path": "/v1/images/generations", "body": {"prompt": "x"}}, None),
    ],
)
def test_the_kind_of_request_is_told_by_its_path_or_its_body(
    envelope: dict[str, Any], mode: str | None
) -> None:
    assert entry_of(envelope).mode == mode


def test_an_envelope_has_a_time_a_header_and_what_was_used(table: Table) -> None:
    line = {"timestamp": "2026-11-23T10:00:05Z", "headers": {"X-Routing-Strategy": "cost"},
            "body": {"messages": []}, "response": {"usage": {"prompt_tokens": 7,
            "completion_tokens": 9}}}  # fmt: skip
    requests, log = read(table, {**line, "timestamp": "2026-11-23T10:00:00+00:00"}, line)
    assert [t for t, _, _ in requests] == [0, 5]
    spec = requests[0][1]
    assert (spec.ask.header, spec.prompt, spec.completion) == ("cost", 7, 9)
    assert log.lines.names == ["strategy cost"]
    assert log.account.first == 1795428000


def test_a_spend_log_asks_for_its_group(table: Table) -> None:
    ((_, spec, _),), log = read(table, SPEND)
    assert spec.ask.body == {"model": "dear"}
    assert (spec.needs_prompt, spec.needs_output, spec.prompt, spec.completion) == (900, 100, 900, 100)
    assert log.lines.names == ["model dear"]


@pytest.mark.parametrize(
    ("more", "asked"),
    [
        ({"metadata": '{"original_model_group": "cheap"}'}, {"model": "cheap"}),
        (
            {"proxy_server_request": '{"routing_strategy": "cost", "messages": []}'},
            {"routing_strategy": "cost"},
        ),
        ({"proxy_server_request": {"body": {"model": "auto/best"}}}, {"model": "auto/best"}),
        ({"metadata": {"spend_logs_metadata": {"routing_strategy": "best"}}}, {"routing_strategy": "best"}),
        ({"metadata": "{not json", "model_group": "", "model": "wide"}, {"model": "wide"}),
    ],
)
def test_what_the_client_asked_for_goes_before_the_group(
    table: Table, more: dict[str, Any], asked: dict[str, Any]
) -> None:
    ((_, spec, _),), _log = read(table, {**SPEND, **more})
    assert spec.ask.body == asked


def test_a_call_that_no_gateway_routes_is_refused_as_it_would_be(catalog: Catalog, table: Table) -> None:
    ((_, spec, _),), _log = read(table, {**SPEND, "call_type": "aimage_generation"})
    assert Plans(table, plant(catalog, catalog.front, table)).of(spec).code == "not_routed"


def test_a_body_that_cannot_be_priced_is_refused_as_it_would_be(catalog: Catalog, table: Table) -> None:
    plans = Plans(table, plant(catalog, catalog.front, table))
    for body in ({"model": "dear", "max_tokens": -1}, {"routing_strategy": "none", "max_tokens": "x"}):
        ((_, spec, _),), _log = read(table, body)
        refusal = decide(table, body).refusal
        assert refusal is not None
        assert plans.of(spec).code == refusal.code


def test_a_failed_request_would_have_had_an_answer(table: Table) -> None:
    ((_, spec, _),), _log = read(table, {**SPEND, "status": "failure", "completion_tokens": 0})
    assert spec.completion is None


@pytest.mark.parametrize(
    ("value", "unix"),
    [
        ("2026-11-23T10:00:00Z", 1795428000), ("2026-11-23 10:00:00.500", 1795428000.5),
        ("2026-11-23T12:00:00+02:00", 1795428000), (1795428000, 1795428000), (1795428000123, 1795428000.123),
        ("today", None), (True, None), (-1, None), ({}, None), (float("nan"), None),
        ("0001-01-01T00:00+14:00", None),
    ],
)  # fmt: skip
def test_times_are_read(value: Any, unix: float | None) -> None:
    assert instant(value) == unix


def test_lines_without_a_time_come_at_the_rate(table: Table) -> None:
    requests, log = read(table, *[{"model": "dear"}] * 4)
    assert [t for t, _, _ in requests] == [0, 0.5, 1, 1.5]
    assert log.account.first is None


def test_lines_out_of_order_are_played_in_order(table: Table) -> None:
    lines = [{**SPEND, "startTime": 1795428000 + at} for at in (3, 1, 2, 0)]
    requests, log = read(table, *lines)
    assert [t for t, _, _ in requests] == [0, 1, 2, 3]
    assert log.account.late == 0


def test_a_line_far_from_its_place_is_played_where_it_stands(table: Table) -> None:
    lines = [{**SPEND, "startTime": 1795428000 + at} for at in range(12_000)]
    requests, log = read(table, *lines, {**SPEND, "startTime": 1795428000})
    assert log.account.late == 1
    times = [t for t, _, _ in requests]
    assert times == sorted(times)
    assert len(times) == 12_001


# --- bad lines --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"3", "is not a JSON object"),
        (b'{"hello": 1}', "is no request: it has none of"),
        (b'{"model": "dear", "timestamp": "noon"}', "its time is neither ISO 8601"),
        (b'{"call_type": "acompletion", "request_id": "1"}', "a spend log without 'prompt_tokens'"),
        (b'{"call_type": "x", "request_id": "1", "prompt_tokens": -1}', "'prompt_tokens' is no number"),
        (b'{"body": {}, "usage": {"completion_tokens": "many"}}', "'completion_tokens' is no number"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_is_played(table: Table, line: bytes, why: str) -> None:
    requests, log = read(table, {"model": "dear"}, line, b"\n", {"model": "dear"})
    assert len(requests) == 2
    (shown,) = log.account.shown
    assert shown.startswith(f"x.jsonl:2: {why}")
    assert log.account.bad.total() == 1


@pytest.mark.parametrize(
    "body",
    [
        {"model": 3}, {"model": []}, {"routing_strategy": {}}, {"requirements": 7}, {"requirements": [[]]},
        {"messages": {"a": [1, None]}}, {"model": "auto/"},
        {"model": "auto/best", "routing_strategy": "cost"},
        {"requirements": {"max_price": {"input": "x"}}}, {"model": "\ud800"},
        {"max_tokens": True, "model": None},
        {"routing_strategy": ["x"], "model": "auto/trial"}, {"model": "dear", "user": {"id": 3}},
    ],
)  # fmt: skip
def test_any_body_is_decided_as_the_plugin_decides_it(
    catalog: Catalog, table: Table, body: dict[str, Any]
) -> None:
    plans = Plans(table, plant(catalog, catalog.front, table))
    ((_, spec, _),), _log = read(table, body)
    plan, decision = plans.of(spec), decide(table, body)
    assert plan.code == (decision.refusal.code if decision.refusal else "")
    assert tuple(stop.model for stop in plan.stops) == decision.route


def test_a_log_is_read_in_little_memory(table: Table) -> None:
    """A hundred megabytes pass through a few."""

    def lines() -> Iterator[bytes]:
        for at in range(1000):
            yield json.dumps(
                {"model": "dear", "messages": [str(at) * 30_000], "requirements": {"min_quality": at}}
            ).encode()

    log = Log(table, "x", seed=1, rate=1)
    tracemalloc.start()
    for _ in log.requests(lines()):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert log.account.bytes_read > 80_000_000
    assert peak < 8_000_000


def test_a_line_that_does_not_end_is_not_read_whole(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compiler.simulate.log.MAX_LINE_BYTES", 100)
    file = io.BytesIO(b'{"model": "dear"}\n' + b"x" * 1050 + b'\n{"model": "dear"}')
    pieces = list(lines_of(file))
    assert [len(piece) for piece in pieces] == [18, 101, 17]
    requests, log = read(table, *pieces)
    assert len(requests) == 2
    assert log.account.shown == ["x.jsonl:2: a line of more than 64 MiB"]


# --- decisions, remembered --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["best", "cost", "thrifty"])
def test_what_is_remembered_is_what_would_be_decided(catalog: Catalog, table: Table, strategy: str) -> None:
    """On either side of every window, longest answer, price tier and crossing of prices."""
    plans = Plans(table, plant(catalog, catalog.front, table))
    ask = Ask({"routing_strategy": strategy}, "chat", 0)
    sizes = [
        0,
        1,
        100,
        499,
        500,
        501,
        999,
        1000,
        1001,
        4096,
        4097,
        4999,
        5000,
        5001,
        8999,
        9000,
        19_500,
        20_001,
    ]
    for prompt in sizes:
        for output in (None, *[size for size in sizes if 0 < size < 9000]):
            spec = Spec(ask, prompt, output, prompt, output)
            decision = decide(table, ask.body, needs=spec.needs)
            assert tuple(stop.model for stop in plans.of(spec).stops) == decision.route


def test_a_canary_takes_whom_the_gateway_would(catalog: Catalog, table: Table) -> None:
    plans = Plans(table, plant(catalog, catalog.front, table))
    bodies = [{"routing_strategy": "trial", "user": f"u{at}"} for at in range(50)]
    requests, _ = read(table, *bodies)
    found = [plans.of(spec).stops[0].model for _, spec, _ in requests]
    assert found == [decide(table, body).route[0] for body in bodies]
    assert set(found) == {"cheap", "dear"}


def test_lines_of_a_report_are_no_more_than_can_be_read() -> None:
    lines = Lines()
    numbers = [lines.number(f"strategy {at}") for at in range(1000)]
    assert len(lines.names) == 201
    assert numbers[-1] == numbers[-2] == 200
