"""The gateway in virtual time, against what can be worked out by hand."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from compiler.catalog import Catalog
from compiler.pipeline import validate_text
from compiler.simulate.arrivals import Arrivals
from compiler.simulate.engine import Engine
from compiler.simulate.latency import BINS, SIGMA, bin_of, quantile, spread, spread_of_mean_one
from compiler.simulate.log import Log
from compiler.simulate.play import Played, engine_of, play
from compiler.simulate.run import Run, play_log, play_traffic
from compiler.simulate.scenario import Scenario
from compiler.simulate.scenario_words import Said, scenario_of
from compiler.simulate.spec import Ask, Spec
from compiler.simulate.tally import Tally
from compiler.table import routing_table
from compiler.traffic import costs

CATALOG = """
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  dear: {provider: anthropic, context_window: 200000, max_output_tokens: 4096, modes: [chat],
         capabilities: [], latency_ms: 2000, quality: 90, RPM
         price: {input: 10, output: 50, tiers: [{above_context: 100000, input: 20, output: 100}]}}
  cheap: {provider: openai, context_window: 16000, max_output_tokens: 4096, modes: [chat], capabilities: [],
          latency_ms: 500, quality: 60, price: {input: 1, output: 2}}
strategies:
  best: {default: true, candidates: [dear, cheap]}
  cost: {order: cost, canary: {model: dear, percent: 25}}
traffic:
  - {name: short, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
  - {name: long, requests_per_day: 10, prompt_tokens: 150000, completion_tokens: 1000}
  - {name: saving, strategy: cost, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
  - {name: too long, requests_per_day: 20, prompt_tokens: 500000, completion_tokens: 10}
fallback: {timeout_s: 30, max_attempts: 3, retry: {attempts: RETRIES, backoff_ms: 500},
           cooldown: {failures: 3, seconds: 30}}
"""


def catalog_of(*, limits: str = "", retries: int = 0) -> Catalog:
    text = CATALOG.replace("RPM", limits).replace("RETRIES", str(retries))
    catalog = validate_text(text.encode(), "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    return catalog


def engine(catalog: Catalog, *words: tuple[str, str], replicas: int = 1) -> Engine:
    said = Said()
    for word, text in words:
        said.add(word, [text])
    table = routing_table(catalog, catalog.front)
    return engine_of(catalog, catalog.front, table, scenario_of(said, catalog), replicas=replicas)


def every(seconds: float, count: int, **body: str) -> Iterable[tuple[float, Spec, int]]:
    """Requests at a constant rate, with the median's luck: a short answer takes just `latency_ms`."""
    spec = Spec(Ask(body, "chat", 0), 1000, 100, 1000, 100)
    return ((at * seconds, spec, 2048) for at in range(count))


def played(made: Engine, requests: Iterable[tuple[float, Spec, int]]) -> Tally:
    return play(requests, made).baseline


def answers(tally: Tally) -> Counter[str]:
    found: Counter[str] = Counter()
    for target in tally.plant.targets:
        found[target.model] += sum(line.answers[target.number] for line in tally.lines)
    return +found


def failures(tally: Tally) -> dict[tuple[str, int], int]:
    return {(tally.plant.targets[at].model, status): n for (at, status), n in tally.failures.items()}


# --- outages ----------------------------------------------------------------------------------------------


def test_an_outage_of_the_middle_third_moves_that_third_and_the_rest_after_it() -> None:
    tally = played(engine(catalog_of(), ("down", "anthropic@100s..200s")), every(1, 300))
    assert answers(tally) == {"dear": 200 - 28, "cheap": 100 + 28}
    # It fails at 100, 101 and 102 s and rests until 132; it fails at 132, 133 and 134, and rests until 164;
    # at 164, 165 and 166, until 196; at 196, 197 and 198, until 228: after the outage, 28 more go elsewhere.
    assert failures(tally) == {("dear", 500): 12}
    assert sum(tally.rests.values()) == 4


def test_a_rest_begins_with_the_third_failure_and_no_request_is_lost() -> None:
    tally = played(engine(catalog_of(), ("down", "anthropic")), every(1, 60))
    assert failures(tally) == {("dear", 500): 6}  # at 0, 1 and 2 s, and when it is back, at 32, 33 and 34
    assert answers(tally) == {"cheap": 60}
    assert tally.attempts == {2: 6, 1: 54}


def test_failures_further_apart_than_the_rest_never_add_up() -> None:
    tally = played(engine(catalog_of(), ("down", "anthropic")), every(16, 60))
    assert failures(tally) == {("dear", 500): 60}
    assert not tally.rests


def test_each_replica_learns_by_itself() -> None:
    tally = played(engine(catalog_of(), ("down", "anthropic"), replicas=4), every(0.01, 2000))
    assert failures(tally) == {("dear", 500): 12}


def test_when_everybody_is_down_all_are_asked_and_the_last_status_is_told() -> None:
    both = (("down", "anthropic"), ("down", "openai"))
    tally = played(engine(catalog_of(), *both), every(1, 10))
    assert tally.failed() == {500: 10}
    assert failures(tally) == {("dear", 500): 10, ("cheap", 500): 10}, "a rest is never the last word"


def test_a_provider_that_says_to_wait_is_not_asked_before_its_time() -> None:
    both = (("errors", "anthropic=100%:429"), ("errors", "openai=100%:429"))
    tally = played(engine(catalog_of(), *both), every(1, 10))
    assert failures(tally) == {("dear", 429): 3, ("cheap", 429): 3}
    assert tally.failed() == {429: 10}


def test_the_route_is_walked_again_after_a_pause_when_the_error_may_pass() -> None:
    short = (("down", "anthropic@0s..0.3s"), ("down", "openai@0s..0.3s"))
    tally = played(engine(catalog_of(retries=1), *(short)), every(1, 1))
    assert tally.attempts == {3: 1}  # both failed; after 0.4 to 0.6 s the first answers
    assert answers(tally) == {"dear": 1}


def test_a_timeout_is_not_repeated_and_costs_its_time() -> None:
    hang = (("errors", "anthropic=100%:timeout"), ("errors", "openai=100%:timeout"))
    tally = played(engine(catalog_of(retries=2), *hang), every(100, 1))
    assert failures(tally) == {("dear", 408): 1, ("cheap", 408): 1}
    assert tally.failed() == {408: 1}
    once = played(engine(catalog_of(), hang[0]), every(100, 1))
    took = quantile(once.latencies(), 0.5)
    assert took is not None
    assert 30_000 < took < 33_000  # 30 s, then `cheap`, whose median is half a second


def test_what_hangs_is_known_only_when_its_time_is_over() -> None:
    tally = played(engine(catalog_of(), ("errors", "anthropic=100%:timeout")), every(1, 60))
    # The first three are given up at 30, 31 and 32 s; all that came before the last of them had been sent.
    assert failures(tally) == {("dear", 408): 32}


def test_two_vendors_that_refuse_a_request_settle_it() -> None:
    bad = (("errors", "anthropic=100%:400"), ("errors", "openai=100%:422"))
    tally = played(engine(catalog_of(retries=2), *bad), every(1, 10))
    assert tally.attempts == {2: 10}
    assert tally.failed() == {422: 10}
    assert not tally.rests


def test_errors_come_as_often_as_they_are_said_to() -> None:
    tally = played(engine(catalog_of(), ("errors", "dear=10%:403")), every(1, 20_000))
    assert failures(tally)["dear", 403] == pytest.approx(2000, abs=4 * (20_000 * 0.09) ** 0.5)
    assert answers(tally).total() == 20_000


def test_a_slow_provider_takes_so_much_longer_and_then_too_long() -> None:
    slow = played(engine(catalog_of(), ("slow", "anthropic=3x")), every(1, 10))
    assert quantile(slow.latencies(), 0.5) == pytest.approx(6000, rel=0.01)
    stuck = played(engine(catalog_of(), ("slow", "anthropic=16x")), every(100, 1))
    assert failures(stuck) == {("dear", 408): 1}


# --- limits -----------------------------------------------------------------------------------------------


def test_calls_over_the_limit_of_a_minute_are_turned_away() -> None:
    tally = played(engine(catalog_of(limits="rpm: 20,")), every(1, 60))
    assert answers(tally) == {"dear": 20, "cheap": 40}
    (spent,) = tally.limits.values()
    assert (spent.turned_away, spent.first_s, spent.minutes) == (40, 20.0, 1)


def test_a_limit_that_is_met_is_nobodys_failure_and_no_call() -> None:
    tally = played(engine(catalog_of(limits="rpm: 20,")), every(1, 60))
    assert not failures(tally)
    assert not tally.rests
    assert tally.attempts == {1: 60}


def test_a_limit_behind_another_gateway_rests_it_until_the_next_minute() -> None:
    text = CATALOG.replace("RPM", "rpm: 20,").replace("RETRIES", "0")
    text = text.replace("models:", "gateways: {gateway: {}, inner: {}}\nmodels:")
    text = text.replace("{type: anthropic,", "{type: anthropic, gateway: inner,")
    catalog = validate_text(text.encode(), "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    tally = played(engine(catalog), every(1, 120))
    assert answers(tally) == {"dear": 40, "cheap": 80}
    assert not failures(tally)
    # The other gateway is asked in vain at 20, 21 and 22 s, says to wait, and is asked again at 60 s.
    assert tally.attempts == {1: 114, 2: 6}


def test_limits_can_be_lifted_and_set() -> None:
    catalog = catalog_of(limits="rpm: 20,")
    assert answers(played(engine(catalog, ("limits", "off")), every(1, 60))) == {"dear": 60}
    assert answers(played(engine(catalog, ("rpm", "dear=3x")), every(1, 60))) == {"dear": 60}
    assert answers(played(engine(catalog_of(), ("rpm", "dear=59")), every(1, 60)))["dear"] == 59


def test_tokens_count_when_they_have_been_answered() -> None:
    made = engine(catalog_of(limits="tpm: 5000,"))
    # An answer of 1,100 tokens every 10 s, known 2 s after it was asked for: nobody is turned away.
    assert answers(played(made, every(20, 3))) == {"dear": 3}
    # At once: all ten are asked before any is answered.
    assert answers(played(engine(catalog_of(limits="tpm: 5000,")), every(0.1, 10))) == {"dear": 10}
    late = engine(catalog_of(limits="tpm: 5000,"))
    # Known at 2, 5, 8, 11 and 14 s: 5,500 of them when the sixth comes at 15 s.
    assert answers(played(late, every(3, 6))) == {"dear": 5, "cheap": 1}


def test_another_minute_is_another_count() -> None:
    assert answers(played(engine(catalog_of(limits="rpm: 20,")), every(3, 100))) == {"dear": 100}


# --- money and time ---------------------------------------------------------------------------------------


def quiet(_: int) -> None:
    """Nobody looks."""


def report_of(
    catalog: Catalog, scenario: Scenario | None = None, *, sigma: float, most: int
) -> dict[str, Any]:
    run = Run(catalog, catalog.front, scenario or Scenario())
    return play_traffic(run, sigma, seconds=86400, most=most, progress=quiet)


def test_average_requests_cost_what_the_traffic_costs() -> None:
    catalog = catalog_of()
    declared = {one.line.name: one for one in costs(routing_table(catalog, catalog.front), catalog.traffic)}
    report = report_of(catalog, sigma=0, most=20_000)
    lines = {line["name"]: line for line in report["baseline"]["lines"]}
    for name in ("short", "long"):
        assert lines[name]["usd_a_month"] == pytest.approx(declared[name].usd_a_month, rel=1e-9)
    # A canary's side is a lot: 10,000 draws of a quarter that costs 12.5 times as much.
    assert lines["saving"]["usd_a_month"] == pytest.approx(declared["saving"].usd_a_month, rel=0.05)
    assert lines["too long"]["usd"] == 0
    assert lines["too long"]["refused"] == {"no_eligible_model": lines["too long"]["requests"]}


def test_requests_around_the_average_cost_about_as_much() -> None:
    catalog = catalog_of()
    declared = {one.line.name: one for one in costs(routing_table(catalog, catalog.front), catalog.traffic)}
    report = report_of(catalog, sigma=0.6, most=40_000)
    lines = {line["name"]: line for line in report["baseline"]["lines"]}
    # 20,000 requests, of which the cost varies by 0.66: four standard errors.
    assert lines["short"]["usd_a_month"] == pytest.approx(declared["short"].usd_a_month, rel=4 * 0.66 / 141)


def test_a_price_that_doubles_doubles_its_part_and_moves_what_goes_by_price() -> None:
    catalog = catalog_of()
    plain = played(engine(catalog), every(1, 100))
    assert plain.usd() == pytest.approx(100 * (1000 * 10 + 100 * 50) / 1e6)
    assert played(engine(catalog, ("price", "dear=2x")), every(1, 100)).usd() == pytest.approx(
        plain.usd() * 2
    )
    gone = engine(catalog, ("price", "dear=input:0.5,output:0.5"))
    assert answers(played(gone, every(1, 100, routing_strategy="cost"))) == {"dear": 100}


def test_growth_multiplies_what_comes() -> None:
    catalog = catalog_of()
    both: Played = play(every(1, 1000), engine(catalog), engine(catalog), growth=2.5)
    assert both.scenario is not None
    assert both.baseline.asked() == 1000
    assert both.scenario.asked() == pytest.approx(2500, abs=4 * 250**0.5)


def test_the_spread_of_latencies_has_its_median_and_a_tail() -> None:
    factors = spread(SIGMA, 4096)
    assert factors[2047] == pytest.approx(1, rel=1e-3)
    assert factors[int(4096 * 0.95)] == pytest.approx(1.93, rel=0.01)
    assert sum(spread_of_mean_one(0.6, 32)) == pytest.approx(32)
    assert spread_of_mean_one(0, 32) == [1.0] * 32


def test_quantiles_are_right_to_a_hundredth() -> None:
    histogram = [0] * BINS
    for ms in range(1, 10_001):
        histogram[bin_of(ms)] += 1
    for share in (0.5, 0.9, 0.99):
        assert quantile(histogram, share) == pytest.approx(share * 10_000, rel=0.011)
    assert quantile([0] * BINS, 0.5) is None


def test_a_long_answer_takes_longer_in_proportion() -> None:
    spec = Spec(Ask({}, "chat", 0), 1000, 1000, 1000, 1000)
    tally = played(engine(catalog_of()), [(0.0, spec, 2048)])
    assert quantile(tally.latencies(), 0.5) == pytest.approx(20_000, rel=0.01)


# --- the same again ---------------------------------------------------------------------------------------


def test_arrivals_come_at_the_declared_rate() -> None:
    catalog = catalog_of()
    table = routing_table(catalog, catalog.front)
    made = Arrivals(table, catalog.traffic, seed=1, sigma=0.6)
    assert made.a_second == pytest.approx(2030 / 86400)
    found = list(made.requests(seconds=86400))
    assert len(found) == pytest.approx(2030, abs=4 * 2030**0.5)
    times = [t for t, _, _ in found]
    assert times == sorted(times)
    again = Arrivals(table, catalog.traffic, seed=1, sigma=0.6).requests(seconds=86400)
    assert [t for t, _, _ in again] == times
    other = Arrivals(table, catalog.traffic, seed=2, sigma=0.6).requests(most=1)
    assert next(iter(other))[0] != times[0]


def test_a_scenario_leaves_the_baseline_as_it_was() -> None:
    catalog = catalog_of()
    said = Said()
    said.add("errors", ["dear=20%"])
    said.add("growth", ["1.5x"])
    alone = report_of(catalog, sigma=0.6, most=2000)["baseline"]
    assert report_of(catalog, scenario_of(said, catalog), sigma=0.6, most=2000)["baseline"] == alone


@pytest.mark.parametrize("style", ["text", "json", "markdown"])
def test_the_same_seed_is_the_same_bytes_in_any_process(style: str, tmp_path: Any) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG.replace("RPM", "rpm: 20,").replace("RETRIES", "2"), encoding="utf-8")
    words = ["--errors", "dear=20%", "--down", "openai@1h..2h", "--growth", "1.3x", "--replicas", "3"]
    command = [sys.executable, "-m", "compiler", "simulate", str(path), "--format", style, *words]
    made = [
        subprocess.run(
            command,
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": place},
            capture_output=True,
            check=True,
        ).stdout
        for seed, place in (("1", "C"), ("2", "C.UTF-8"))
    ]
    assert made[0] == made[1]
    assert b"scenario" in made[0]


def test_a_log_of_one_size_costs_exactly_that() -> None:
    catalog = catalog_of()
    row = {
        "call_type": "acompletion",
        "request_id": "r",
        "model_group": "auto/best",
        "completion_tokens": 100,
    }
    lines = [
        json.dumps({**row, "prompt_tokens": 1000, "startTime": f"2026-11-23T{at // 60:02}:{at % 60:02}:00Z"})
        for at in range(121)
    ]
    run = Run(catalog, catalog.front, Scenario())
    log = Log(run.table, "log", seed=1, rate=1)
    report = play_log(run, log, log.requests(line.encode() for line in lines), progress=quiet)
    assert report["seconds"] == 7200
    assert report["baseline"]["usd"] == pytest.approx(121 * (1000 * 10 + 100 * 50) / 1e6)
    assert report["baseline"]["usd_a_month"] == pytest.approx(report["baseline"]["usd"] * 12 * 365 / 12)


# --- models of several deployments ------------------------------------------------------------------------

SEVERAL = b"""
apiVersion: interlock/v1
name: gateway
gateways: {llm-router: {}, inner: {}}
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  azure: {type: openai, api_key: {secret: azure-api-key, key: api-key}}
  bedrock: {type: anthropic, api_key: {secret: bedrock-api-key, key: api-key}, gateway: inner}
  vertex: {type: anthropic, api_key: {secret: vertex-api-key, key: api-key}, gateway: inner}
models:
  gpt: {context_window: 9000, modes: [chat], capabilities: [], price: {input: 1, output: 1}, deployments: [
        {provider: openai, id: gpt, weight: 3}, {provider: azure, id: gpt, weight: 1}]}
  claude: {context_window: 9000, modes: [chat], capabilities: [], price: {input: 1, output: 1}, deployments: [
           {provider: bedrock, id: claude}, {provider: vertex, id: claude}]}
strategies: {best: {default: true, candidates: [claude, gpt]}, gpt: {candidates: [gpt, claude]}}
fallback: {timeout_s: 30, retry: {attempts: 0}, cooldown: {failures: 3, seconds: 30}}
"""


def several() -> Catalog:
    catalog = validate_text(SEVERAL, "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    return catalog


def providers(tally: Tally) -> Counter[str]:
    found: Counter[str] = Counter()
    for target in tally.plant.targets:
        found[target.provider] += sum(line.answers[target.number] for line in tally.lines)
    return +found


def test_equals_share_by_weight() -> None:
    found = providers(played(engine(several()), every(1, 4000, routing_strategy="gpt")))
    assert found["openai"] == pytest.approx(3000, abs=4 * (4000 * 3 / 16) ** 0.5)
    assert found.total() == 4000


def test_an_equal_that_fails_is_followed_by_the_other() -> None:
    tally = played(engine(several(), ("down", "openai")), every(1, 1000, routing_strategy="gpt"))
    assert providers(tally) == {"azure": 1000}


def test_a_gateway_behind_goes_to_its_next_deployment_within_one_hop() -> None:
    tally = played(engine(several(), ("down", "bedrock")), every(1, 20))
    assert providers(tally) == {"vertex": 20}
    assert tally.attempts == {1: 20}, "the router made one call each"
    assert failures(tally) == {("claude", 500): 3}, "and the gateway behind learned"


def test_a_gateway_behind_that_has_nobody_left_is_a_failed_hop() -> None:
    tally = played(engine(several(), ("down", "bedrock"), ("down", "vertex")), every(1, 20))
    assert providers(tally).total() == 20
    assert providers(tally).keys() == {"openai", "azure"}
    assert tally.attempts == {2: 3, 1: 17}
