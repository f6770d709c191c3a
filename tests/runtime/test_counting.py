"""What the collectors hold, without a proxy: tables that come and go, odd days, odd settings."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

prometheus_client = pytest.importorskip("prometheus_client")

from compiler.runtime.decision import Decision  # noqa: E402
from compiler.runtime.journey import Journey  # noqa: E402
from compiler.runtime.metrics import Metrics, buckets, start_of  # noqa: E402

RETIREMENT = "interlock_model_retirement_timestamp_seconds"
DEPLOYMENT = {"gateway": None, "providers": ["p"], "type": "openai", "price": [1, 2]}


@pytest.fixture
def metrics() -> Iterator[Metrics]:
    """Collectors of their own: the registry is the process's."""
    made = Metrics()
    yield made
    for collector in vars(made).values():
        prometheus_client.REGISTRY.unregister(collector)


def value(name: str, **labels: str) -> float | None:
    found: float | None = prometheus_client.REGISTRY.get_sample_value(name, labels)
    return found


def table(digest: str, **days: Any) -> dict[str, Any]:
    return {"digest": digest, "models": {name: {"retires_on": day} for name, day in days.items()}}


def journey(*, is_hop: bool = False) -> Journey:
    decision = Decision(route=("m",), upstreams={"m": (("d",),)}, strategy="s")
    return Journey(decision, {}, {}, is_hop=is_hop)


def test_another_table_takes_the_place_of_the_one_before(metrics: Metrics) -> None:
    metrics.adopted(table("one", old="2026-10-23", both="2027-01-01"))
    assert value(RETIREMENT, model="old") == 1_792_713_600
    metrics.adopted(table("two", both="2027-01-02"))
    assert value(RETIREMENT, model="old") is None
    assert value(RETIREMENT, model="both") == 1_798_848_000
    assert value("interlock_table_info", digest="one") is None
    assert value("interlock_table_info", digest="two") == 1
    assert value("interlock_table_reloads_total", result="loaded") == 2


@pytest.mark.parametrize(
    "day", [None, "", "soon", "2026-13-45", "2026-10-23T00:00", 20261023, ["2026-10-23"], {}]
)
def test_a_day_that_is_none_is_no_metric_and_no_error(metrics: Metrics, day: Any) -> None:
    assert start_of(day) is None
    metrics.adopted(table("odd", odd=day, good="2026-10-23"))
    assert value(RETIREMENT, model="odd") is None
    assert value(RETIREMENT, model="good") == 1_792_713_600


def test_a_model_that_is_not_in_service_retires_no_more(metrics: Metrics) -> None:
    gone = {"retires_on": "2026-10-23", "status": "not in this gateway's configuration"}
    metrics.adopted({"digest": "d", "models": {"gone": gone}})
    assert value(RETIREMENT, model="gone") is None


@pytest.mark.parametrize("slo", ["", "0", "-1", "nan", "inf", "8 s", "eight"])
def test_a_promise_that_is_no_number_of_seconds_is_said_and_ignored(
    slo: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "interlock"):
        assert buckets(slo) == buckets(None)
    assert ("is ignored" in caplog.text) is bool(slo)


def test_a_promise_is_a_bucket_once() -> None:
    assert set(buckets("6.5")) - set(buckets(None)) == {6.5}
    assert list(buckets("6.5")) == sorted(buckets("6.5"))
    assert buckets("8") == buckets("8.0") == buckets(None)


def test_what_litellm_puts_no_price_on_costs_what_the_table_says(metrics: Metrics) -> None:
    told = {"prompt_tokens": 1000, "completion_tokens": 500}
    metrics.used(journey(), "m", DEPLOYMENT, {**told, "response_cost": None})
    assert value("llm_cost_usd_total", provider="p", model="m") == pytest.approx(0.002)
    metrics.used(journey(), "m", DEPLOYMENT, {**told, "response_cost": 0.5})
    assert value("llm_request_cost_usd_total", strategy="s", model="m") == pytest.approx(0.502)
    metrics.used(journey(), "m", {**DEPLOYMENT, "price": None}, {"response_cost": None})
    assert value("llm_cost_usd_total", provider="p", model="m") == pytest.approx(0.502)


def test_a_hop_counts_the_call_and_no_request(metrics: Metrics) -> None:
    hop, told = journey(is_hop=True), {"prompt_tokens": 10, "completion_tokens": 5, "response_cost": 0.1}
    metrics.decided(hop)
    metrics.used(hop, "m", DEPLOYMENT, told)
    metrics.ended(hop, "answered")
    assert value("interlock_answered_attempts_total", model="m", provider="p") == 1
    assert value("llm_tokens_total", provider="p", model="m", type="input") == 10
    assert value("interlock_decisions_total", strategy="s", model="m", reason=hop.decision.reason) is None
    assert value("llm_request_tokens_total", strategy="s", model="m", type="input") is None
    assert value("llm_request_cost_usd_total", strategy="s", model="m") is None
    assert value("interlock_request_attempts_count", strategy="s") is None


def test_a_call_of_another_gateway_is_a_request_and_no_call_of_a_provider(metrics: Metrics) -> None:
    told = {"prompt_tokens": 10, "completion_tokens": 5, "response_cost": 0.1}
    metrics.used(journey(), "m", {**DEPLOYMENT, "gateway": "inner"}, told)
    assert value("llm_request_tokens_total", strategy="s", model="m", type="output") == 5
    assert value("llm_tokens_total", provider="p", model="m", type="output") is None
    assert value("interlock_answered_attempts_total", model="m", provider="p") is None
