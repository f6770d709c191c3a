"""One request on its way: which hops LiteLLM is given, which deployment a hop calls, when to stop."""

import asyncio
import copy
import time
from typing import Any

import pytest

from compiler.runtime.decision import Decision
from compiler.runtime.journey import HOP, Journey, lap_of

VENDORS = {"a": "openai", "b": "anthropic", "b2": "anthropic", "c": "mistral"}
DECISION = Decision(
    route=("one", "two", "three"),
    upstreams={"one": (("a",),), "two": (("b", "b2"),), "three": (("c",),)},
)
LONE = Decision(route=("one",), upstreams={"one": (("a",),)})


class ProviderError(Exception):
    def __init__(self, status: int, deployment: str | None = None) -> None:
        self.status_code, self.failed_deployment_id = status, deployment


def journey(decision: Decision = DECISION, **retry: Any) -> Journey:
    return Journey(decision, retry, VENDORS)


def rows(*ids: str, **weights: float) -> list[dict[str, Any]]:
    return [
        {"model_info": {"id": one}, "litellm_params": {"weight": weights[one]} if one in weights else {}}
        for one in ids
    ]


def call(one: Journey, model: str, *ids: str) -> str | None:
    """The deployment that the next hop calls."""
    chosen = one.next_of(model, rows(*ids))
    return chosen[0]["model_info"]["id"] if chosen else None


def fail(one: Journey, status: int, *, another_may: bool = False) -> None:
    one.note(ProviderError(status), another_may=another_may)


def test_one_deployment_a_model_is_a_plain_list_of_names() -> None:
    single = Decision(route=("one", "three"), upstreams={"one": (("a",),), "three": (("c",),)})
    assert journey(single).fallbacks() == ["three"]
    assert journey(LONE).fallbacks() == []


def test_each_deployment_of_a_model_has_a_hop_and_each_hop_a_mark_of_its_own() -> None:
    hops = journey().fallbacks()
    assert [hop["model"] for hop in hops] == ["two", "two", "three"]
    again = journey(attempts=2).fallbacks()
    assert [hop["model"] for hop in again] == ["two", "two", "three", *["one", "two", "two", "three"] * 2]
    assert len({str(hop) for hop in again}) == len(again)  # LiteLLM makes no attempt twice
    assert [lap_of(hop) for hop in again] == [0] * 3 + [1] * 4 + [2] * 4


@pytest.mark.parametrize("marks", [None, [], "x", [None], ["deployment-id"], ["x/0"], [["1/0"]]])
def test_what_litellm_itself_puts_there_is_no_lap(marks: Any) -> None:
    assert lap_of({HOP: marks}) == 0


def test_a_hop_calls_the_next_deployment_that_has_not_failed() -> None:
    one = journey()
    assert call(one, "two", "b", "b2") in {"b", "b2"}
    fail(one, 500)
    second = call(one, "two", "b", "b2")
    assert second in {"b", "b2"} - set(one.failed)
    fail(one, 500)
    assert call(one, "two", "b", "b2") is None
    assert one.attempts == 2
    assert one.result_of("two") == 500
    assert (one.result_of("one"), one.result_of("three")) == ("not asked", "not asked")


def test_the_best_priority_that_is_left_is_called() -> None:
    ordered = Decision(route=("two",), upstreams={"two": (("b",), ("b2",))})
    assert {call(journey(ordered), "two", "b2", "b") for _ in range(20)} == {"b"}
    assert call(journey(ordered), "two", "b2") == "b2"  # the first one is cooling down
    assert call(journey(ordered), "two", "elsewhere") is None


def test_weights_split_equals() -> None:
    chosen = [journey().next_of("two", rows("b", "b2", b=1, b2=9))[0]["model_info"]["id"] for _ in range(500)]
    assert 400 < chosen.count("b2") < 490  # nine in ten, seven standard deviations


def test_a_model_of_which_nothing_is_left_is_cooling_down() -> None:
    one = journey()
    assert call(one, "one") is None
    assert one.result_of("one") == "cooling down"


def test_who_is_over_its_limit_was_not_called_and_its_models_next_one_is() -> None:
    one = journey()
    first = call(one, "two", "b", "b2")
    one.turned_away()
    assert {first, call(one, "two", "b", "b2")} == {"b", "b2"}
    assert (one.attempts, one.failed) == (1, {})
    one.turned_away()
    assert call(one, "two", "b", "b2") is None
    assert (one.attempts, one.result_of("two")) == (0, "over its limit")


def test_two_vendors_that_call_the_request_wrong_end_it() -> None:
    one = journey(attempts=3)
    call(one, "one", "a")
    fail(one, 400)
    assert not one.over
    call(one, "two", "b")
    fail(one, 422)
    assert one.over
    assert call(one, "three", "c") is None
    assert one.result_of("three") == "not asked"


def test_a_full_window_or_a_policy_ends_nothing() -> None:
    one = journey()
    for model, deployment in (("one", "a"), ("two", "b")):
        call(one, model, deployment)
        fail(one, 400, another_may=True)
    assert call(one, "three", "c") == "c"


def test_one_vendor_alone_may_be_the_one_that_is_wrong() -> None:
    one = journey()
    for deployment in ("b", "b2"):
        call(one, "two", deployment)
        fail(one, 400)
    assert call(one, "three", "c") == "c"


def test_an_error_is_noted_once_and_by_the_deployment_that_was_called() -> None:
    one = journey()
    call(one, "one", "a")
    error = ProviderError(500, "a")
    assert one.note(error, another_may=False) == ("a", 500)
    assert one.note(error, another_may=False) is None
    assert one.note(ValueError("no deployments available"), another_may=False) is None
    assert one.note(None, another_may=False) is None


def walk_again(one: Journey, lap: int = 1) -> float:
    """Seconds that the next lap waits before its first hop."""
    start = time.monotonic()
    asyncio.run(one.enter(lap))
    return time.monotonic() - start


def test_a_lap_waits_and_calls_only_what_may_have_passed() -> None:
    one = journey(attempts=2, backoff_ms=50)
    call(one, "one", "a")
    fail(one, 503)
    call(one, "two", "b")
    fail(one, 401)
    call(one, "three", "c")
    fail(one, 408)
    assert 0.03 < walk_again(one) < 1
    assert (call(one, "one", "a"), call(one, "two", "b"), call(one, "three", "c")) == ("a", None, None)
    fail(one, 503)
    assert 0.06 < walk_again(one, lap=2) < 1  # twice as long
    assert call(one, "one", "a") == "a"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408])
def test_nothing_is_walked_again_for_errors_that_stay(status: int) -> None:
    one = journey(LONE, attempts=2, backoff_ms=10_000)
    call(one, "one", "a")
    fail(one, status)
    assert walk_again(one) < 1
    assert call(one, "one", "a") is None


def test_a_copy_is_the_same_journey() -> None:
    one = journey()
    assert copy.deepcopy({"metadata": {"interlock": one}})["metadata"]["interlock"] is one


def resting(**rows: Any) -> Journey:
    """A journey of which some deployments cool down: a row, or None where the provider has said to wait."""
    return Journey(DECISION, {}, VENDORS, "acompletion", rows)


A_ROW, B_ROW, B2_ROW, C_ROW = rows("a", "b", "b2", "c")


def test_what_rests_is_called_once_nobody_else_is_left() -> None:
    one = resting(b=B_ROW)
    assert call(one, "one", "a") == "a"
    fail(one, 500)
    assert call(one, "two", "b2") == "b2"
    fail(one, 500)
    assert call(one, "two") is None
    assert call(one, "three", "c") == "c"
    fail(one, 500)
    assert call(one, "two") == "b"


def test_when_everything_rests_it_is_called_all_the_same() -> None:
    one = resting(a=A_ROW, b=B_ROW, b2=B2_ROW, c=C_ROW)
    assert call(one, "one") == "a"
    fail(one, 500)
    assert call(one, "two") in {"b", "b2"}


def test_a_provider_that_has_said_to_wait_is_let_alone() -> None:
    one = resting(a=None, b=None, b2=None, c=C_ROW)
    assert [call(one, model) for model in ("one", "two")] == [None, None]
    assert call(one, "three") == "c"


def test_there_is_a_later_hop_for_what_rests() -> None:
    hops = resting(b=B_ROW).fallbacks()
    assert [hop["model"] for hop in hops] == ["two", "two", "three", "one", "two", "two", "three"]
    assert len({str(hop) for hop in hops}) == len(hops)
    assert {lap_of(hop) for hop in hops} == {0}


def test_what_rests_beside_one_that_failed_is_called_too() -> None:
    one = resting(b2=B2_ROW)
    for model, deployment in (("one", "a"), ("two", "b"), ("three", "c")):
        assert call(one, model, deployment) == deployment
        fail(one, 500)
    assert call(one, "two", "b") == "b2"  # b has failed just now, and is not left alone yet


def test_the_time_of_a_call_begins_with_its_hop() -> None:
    one = journey()
    assert one.called_at == one.started
    call(one, "one", "a")
    first = one.called_at
    assert first >= one.started
    fail(one, 500)
    time.sleep(0.01)
    call(one, "two", "b", "b2")
    assert one.called_at > first


# --- what became of it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "fate"), [(400, "refused"), (422, "refused"), (429, "failed"), (500, "failed")]
)
def test_a_request_that_is_wrong_in_itself_is_no_outage(status: int, fate: str) -> None:
    one = journey(LONE)
    call(one, "one", "a")
    one.note(ProviderError(status), another_may=False)
    assert one.fate_of(ProviderError(503)) == fate


def test_what_litellm_refuses_before_any_call_is_told_by_its_own_status() -> None:
    assert [journey().fate_of(ProviderError(status)) for status in (400, 503)] == ["refused", "failed"]
    assert journey().fate_of(ValueError()) == "failed"
