"""The generated rules at work: a real Prometheus, the real proxies, traffic, a provider that is taken down.

A minute of the rules is a second here: nobody waits an hour for a test. Thresholds are the generated ones.
"""

import itertools
import json
import math
import os
import re
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from compiler.dev.session import DevGateways
from compiler.render.monitoring.burn import INTERVAL
from tests.monitored import catalog_of, monitored, panels_of, shown
from tests.runtime.prometheus import ROUTER, Prometheus, ask, needs_prometheus, page, prometheus_of
from tests.runtime.running import gateways_of

pytestmark = [pytest.mark.proxy, needs_prometheus]

RETIRES = (datetime.now(UTC) + timedelta(days=20)).date().isoformat()
CATALOG = f"""
apiVersion: interlock/v1
name: watched
gateways: {{llm-router: {{}}, vertex-ai-gateway: {{}}}}
providers:
  vertex-ai:
    type: vertex_ai
    project: p
    location: europe-west4
    identity: {{service_account: sa, gcp_service_account: sa@p.iam.gserviceaccount.com}}
    gateway: vertex-ai-gateway
  openai: {{type: openai, api_key: {{secret: openai-api-key, key: api-key}}}}
models:
  gemini: {{provider: vertex-ai, context_window: 9000, price: {{input: 1000, output: 2000}},
            lifecycle: {{retires_on: "{RETIRES}"}}}}
  gpt: {{provider: openai, context_window: 9000, price: {{input: 1000, output: 2000}}}}
strategies:
  best: {{default: true, candidates: [gemini, gpt]}}
  spare: {{candidates: [gpt], single_provider: the tests ask it for what it has not}}
fallback: {{timeout_s: 5, cooldown: {{failures: 1, seconds: 1}}}}
observability: {{slo: {{availability: 99.5, p95_latency_ms: 2000}}, hourly_budget_usd: 0.01}}
"""
VERTEX = "vertex-ai-gateway"
_EVERY_S = 0.1  # a request, so that the least traffic that alerts want is there
_MINUTE = re.compile(r"(?<=\[)\d+[mhd](?=\])|(?<=offset )\d+m")
_SECONDS = {"m": 60, "h": 3600, "d": 86400}


def shortened(rules: str) -> str:
    """A second for each minute: in windows, offsets, `for`, intervals, and in what is computed of them."""
    content = yaml.safe_load(rules)
    for group in content["groups"]:
        group["interval"] = seconds(group["interval"])
        for rule in group["rules"]:
            rule["expr"] = shorter(rule["expr"])
            if "for" in rule:
                rule["for"] = seconds(rule["for"])
    text = yaml.safe_dump(content)
    assert isinstance(text, str)
    return text


def shorter(expression: str) -> str:
    text = _MINUTE.sub(lambda found: seconds(found[0]), expression)
    # the count of an interval's requests, and the share of a window's time
    return text.replace(f"]) * {INTERVAL} >", f"]) * {INTERVAL / 60:g} >").replace("/ 900 >", "/ 15 >")


def seconds(minutes: str) -> str:
    return f"{int(minutes[:-1]) * _SECONDS[minutes[-1]] // 60}s"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = tmp_path_factory.mktemp("catalog") / "watched.yaml"
    path.write_text(CATALOG)
    return dict(monitored(catalog_of(path)))


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gateways")


@pytest.fixture(scope="module")
def gateways(workdir: Path) -> Iterator[DevGateways]:
    with gateways_of(CATALOG, workdir) as running:
        ask(running)  # the first is slow
        ask(running, routing_strategy="spare")
        yield running


@pytest.fixture(scope="module")
def prometheus(
    gateways: DevGateways, files: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    work = tmp_path_factory.mktemp("prometheus")
    (work / "rules.yaml").write_text(shortened(files["rules.yaml"]))
    with prometheus_of(gateways, "watched", work, [work / "rules.yaml"]) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def traffic(gateways: DevGateways, prometheus: Prometheus) -> Iterator[None]:
    """Requests of both strategies until the module's end; one in three is refused."""
    bodies: Iterator[dict[str, Any]] = itertools.cycle(
        [{}, {"stream": True}, {"routing_strategy": "spare", "requirements": {"min_quality": 1}},
         {}, {"routing_strategy": "spare"}, {"routing_strategy": "spare", "requirements": {"min_quality": 1}}]
    )  # fmt: skip
    over, unanswered = threading.Event(), []

    def send(body: dict[str, Any]) -> None:
        try:
            ask(gateways, **body)
        except requests.RequestException as error:
            unanswered.append(error)

    with ThreadPoolExecutor(16) as pool:

        def go() -> None:
            while not over.wait(_EVERY_S):
                pool.submit(send, next(bodies))

        sender = threading.Thread(target=go)
        sender.start()
        prometheus.wait('catalog:llm_requests:rate5m{catalog="watched"} > 1')
        yield
        over.set()
        sender.join()
    assert unanswered == []


def test_every_rule_is_loaded_and_well(prometheus: Prometheus, files: dict[str, str]) -> None:
    prometheus.wait("catalog:llm_requests_failed:ratio_rate5m")
    rules = prometheus.rules()
    generated = [rule for group in yaml.safe_load(files["rules.yaml"])["groups"] for rule in group["rules"]]
    assert len(rules) == len(generated)
    assert [rule for rule in rules if rule["health"] == "err"] == []


def test_nothing_fires_while_all_is_well_but_what_is_so(prometheus: Prometheus) -> None:
    """The budget is tiny, a model retires, and a third of the requests are refused."""
    for name in ("InterlockHourlyBudget", "InterlockModelRetiresSoon", "InterlockRefusals"):
        prometheus.wait_for_alert(name)
    slow = {name for name in prometheus.firing() if "LatencyBurn" in name}  # as this machine may be
    assert prometheus.firing() - slow == {
        "InterlockHourlyBudget",
        "InterlockModelRetiresSoon",
        "InterlockRefusals",
    }


@pytest.fixture(scope="module")
def outage(gateways: DevGateways, prometheus: Prometheus) -> Iterator[None]:
    gateways.set_fault("vertex-ai", status=500)
    prometheus.wait_for_alert("InterlockProviderDown")
    yield
    gateways.clear("vertex-ai")


@pytest.mark.usefixtures("outage")
def test_a_provider_that_is_taken_down(prometheus: Prometheus) -> None:
    for name in ("InterlockFallbackRateHigh", "InterlockCooldownStorm"):
        prometheus.wait_for_alert(name)
    fired = prometheus.query('max_over_time(ALERTS{alertstate="firing"}[2m])')
    about = {
        (labels["alertname"], labels.get("provider") or labels.get("strategy"))
        for labels in map(json.loads, fired)
    }
    assert ("InterlockProviderDown", "vertex-ai") in about
    assert ("InterlockProviderDown", "openai") not in about
    assert ("InterlockFallbackRateHigh", "best") in about
    assert ("InterlockFallbackRateHigh", "spare") not in about
    assert not any("AvailabilityBurn" in name for name, _ in about)  # gpt answers in its place


@pytest.mark.usefixtures("outage")
def test_what_is_recorded_of_the_outage(prometheus: Prometheus) -> None:
    prometheus.wait_for_alert("InterlockFallbackRateHigh")
    failed = 'provider:interlock_failed_attempts:ratio_rate5m{provider="%s"}'
    assert prometheus.value(failed % "vertex-ai") == pytest.approx(1)
    assert prometheus.value(failed % "openai") == 0
    assert prometheus.value('strategy:interlock_fallbacks:ratio_rate5m{strategy="best"}') > 0.8
    assert prometheus.value('strategy:interlock_fallbacks:ratio_rate5m{strategy="spare"}') == 0
    assert prometheus.value("catalog:llm_requests_failed:ratio_rate5m") == 0
    asked = prometheus.value("catalog:llm_requests:rate5m")
    assert asked == pytest.approx(2 / 3 / _EVERY_S, rel=0.5)  # of the requests, those that are not refused


@pytest.mark.usefixtures("outage")
def test_every_expression_of_the_dashboard_has_data(prometheus: Prometheus, files: dict[str, str]) -> None:
    prometheus.wait_for_alert("InterlockFallbackRateHigh")
    empty, expected = [], {"Routing table changed"}  # none has: an annotation, and a row only when one does
    for title, expression in shown(files):
        rows = prometheus.query(chosen(expression))
        if not any(math.isfinite(value) for value in rows.values()):
            empty.append(title)
    assert set(empty) == expected


@pytest.mark.usefixtures("outage")
def test_every_legend_names_labels_that_the_rows_have(prometheus: Prometheus, files: dict[str, str]) -> None:
    for panel in panels_of(files):
        for target in panel["targets"]:
            wanted = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            for row in prometheus.query(chosen(target["expr"])):
                assert wanted <= set(json.loads(row)), panel["title"]


def chosen(expression: str, choice: str = ".*") -> str:
    """As Grafana fills in its variables; a rate looks at four scrapes."""
    text = expression.replace("$__rate_interval", "10s")
    return re.sub(r"\$(gateway|strategy|provider)\b", choice, text)


def test_the_days_cost_and_the_hours_tokens_are_what_was_counted(
    gateways: DevGateways, prometheus: Prometheus
) -> None:
    """A day is 24 minutes here, and an hour one: longer, and as long as, what there is of either."""
    day = prometheus.query("sum(provider_model:llm_cost_usd:increase1d)")
    told = sum(
        value
        for gateway in (ROUTER, VERTEX)
        for name, value in page(gateways, gateway).items()
        if name.startswith("llm_cost_usd_total")
    )
    assert 0.5 * told < sum(day.values()) < 1.2 * told
    by_strategy = prometheus.query("sum by (strategy) (strategy_model:llm_request_cost_usd:increase1d)")
    assert sum(by_strategy.values()) == pytest.approx(sum(day.values()), rel=0.2)
    (rate,) = prometheus.query('sum(model_type:vertex_tokens:rate1h{type="input"})').values()
    (plain,) = prometheus.query('sum(rate(vertex_tokens_total{type="input"}[60s]))').values()
    assert rate == pytest.approx(plain, rel=0.3, abs=0.5)


def test_all_providers_down_spends_the_budget(gateways: DevGateways, prometheus: Prometheus) -> None:
    for provider in ("vertex-ai", "openai"):
        gateways.set_fault(provider, status=500)
    prometheus.wait_for_alert("InterlockAvailabilityBurn1h")
    assert prometheus.value("catalog:llm_requests_failed:ratio_rate5m") > 0.5
    for provider in ("vertex-ai", "openai"):
        gateways.clear(provider)
    prometheus.wait_for_alert("InterlockAvailabilityBurn1h", fires=False)
    prometheus.wait_for_alert("InterlockProviderDown", fires=False)


def test_slow_answers_spend_the_budget(gateways: DevGateways, prometheus: Prometheus) -> None:
    for provider in ("vertex-ai", "openai"):
        gateways.set_fault(provider, latency_ms=2500)
    prometheus.wait("catalog:llm_requests_slow:ratio_rate5m > 0.9")
    prometheus.wait_for_alert("InterlockLatencyBurn1h")  # once most of a minute was slow
    for provider in ("vertex-ai", "openai"):
        gateways.clear(provider)


def test_a_table_that_is_refused(gateways: DevGateways, prometheus: Prometheus, workdir: Path) -> None:
    path = workdir / ROUTER / "routing_table.json"
    good = path.read_text()
    path.write_text(good.replace('"max_attempts": 3', '"max_attempts": 4'))  # and not its digest
    prometheus.wait_for_alert("InterlockTableRefused")
    path.write_text(good)
    alert = next(
        one
        for one in prometheus.ask("alerts")["alerts"]
        if one["labels"]["alertname"] == "InterlockTableRefused"
    )
    assert alert["labels"]["gateway"] == ROUTER


def test_a_gateway_that_is_gone(gateways: DevGateways, prometheus: Prometheus) -> None:
    """The last test: it does not come back."""
    assert "InterlockGatewayNotScraped" not in prometheus.firing()
    os.kill(gateways.pids()[VERTEX], signal.SIGTERM)
    prometheus.wait_for_alert("InterlockGatewayNotScraped")
    (gone,) = (
        one["labels"]["gateway"]
        for one in prometheus.ask("alerts")["alerts"]
        if one["labels"]["alertname"] == "InterlockGatewayNotScraped"
    )
    assert gone == VERTEX
