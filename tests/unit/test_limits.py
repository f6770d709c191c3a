"""`rpm` and `tpm` of a deployment: by minutes of the clock, with the other pods, and never in the way."""

import asyncio
from typing import Any

import pytest

from compiler.runtime import limits
from compiler.runtime.limits import Limits, wait_s

MODEL = "gpt"


class Shared:
    """Redis, as far as LiteLLM's cache shows it."""

    def __init__(self) -> None:
        self.kept: dict[str, float] = {}
        self.is_away = False
        self.reads = 0

    async def async_get_cache(self, key: str) -> float | None:
        self.reads += 1
        if self.is_away:
            raise ConnectionError
        return self.kept.get(key)


class Cache:
    """LiteLLM's DualCache: this process's own count, and Redis where there is one."""

    def __init__(self, redis: Shared | None = None) -> None:
        self.redis_cache, self.own, self.writes = redis, dict[str, float](), 0

    async def async_increment_cache(self, key: str, value: float, ttl: int) -> float:
        assert ttl == limits.MINUTE_S
        self.writes += 1
        self.own[key] = self.own.get(key, 0) + value
        if self.redis_cache is None or self.redis_cache.is_away:
            return self.own[key]
        self.redis_cache.kept[key] = self.redis_cache.kept.get(key, 0) + value
        return self.redis_cache.kept[key]

    async def async_get_cache(self, key: str, *, local_only: bool) -> float | None:
        assert local_only
        return self.own.get(key)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [6_000.0]
    monkeypatch.setattr(limits.time, "time", lambda: now[0])
    return now


def row(**said: int) -> dict[str, Any]:
    return {"model_info": {"id": MODEL}, "litellm_params": {"model": "openai/gpt", **said}}


def admitted(kept: Limits, cache: Cache, count: int, **said: int) -> int:
    return sum(asyncio.run(kept.admits(row(**said), cache)) for _ in range(count))


def answer(kept: Limits, cache: Cache, tokens: Any) -> None:
    asyncio.run(kept.answered({"model_id": MODEL, "total_tokens": tokens}, cache))


def test_without_a_limit_nothing_is_counted() -> None:
    kept, cache = Limits(), Cache()
    assert admitted(kept, cache, 100) == 100
    answer(kept, cache, 100)
    assert (cache.own, kept.spent([MODEL])) == ({}, [])


def test_the_calls_of_a_minute(clock: list[float]) -> None:
    kept, cache = Limits(), Cache()
    clock[0] += 59.5
    assert admitted(kept, cache, 20, rpm=5) == 5
    assert kept.spent(["other", MODEL]) == [MODEL]
    assert wait_s() == 1
    clock[0] += 0.5
    assert kept.spent([MODEL]) == []
    assert wait_s() == 60
    assert admitted(kept, cache, 20, rpm=5) == 5


def test_what_is_known_to_be_used_up_is_not_asked_for_again() -> None:
    kept, cache = Limits(), Cache()
    admitted(kept, cache, 100, rpm=5)
    assert cache.writes == 6


def test_the_tokens_of_a_minute_count_once_they_are_answered(clock: list[float]) -> None:
    kept, cache = Limits(), Cache()
    assert admitted(kept, cache, 3, tpm=100) == 3
    for tokens in (99, None, "many", -5, float("nan")):
        answer(kept, cache, tokens)
    assert admitted(kept, cache, 1, tpm=100) == 1
    answer(kept, cache, 1)
    assert admitted(kept, cache, 1, tpm=100) == 0
    clock[0] += 60
    assert admitted(kept, cache, 1, tpm=100) == 1


def test_both_limits_hold_and_a_call_that_tokens_forbid_is_no_call() -> None:
    kept, cache = Limits(), Cache()
    assert admitted(kept, cache, 5, rpm=3, tpm=100) == 3
    kept, cache = Limits(), Cache()
    assert admitted(kept, cache, 1, rpm=3, tpm=100) == 1
    answer(kept, cache, 100)
    assert admitted(kept, cache, 5, rpm=3, tpm=100) == 0
    assert cache.writes == 2


def test_pods_share_what_redis_keeps() -> None:
    redis = Shared()
    pods = [(Limits(), Cache(redis)) for _ in range(2)]
    assert [admitted(*pods[number % 2], 1, rpm=3) for number in range(6)] == [1, 1, 1, 0, 0, 0]
    redis = Shared()
    (kept, cache), other = [(Limits(), Cache(redis)) for _ in range(2)]
    assert admitted(kept, cache, 1, tpm=100) == 1
    answer(kept, cache, 100)
    assert admitted(*other, 1, tpm=100) == 0
    assert redis.reads == 2, "once for each, and never for what is known here"
    assert admitted(kept, cache, 1, tpm=100) == 0
    assert redis.reads == 2


def test_without_their_redis_each_pod_counts_for_itself() -> None:
    redis = Shared()
    redis.is_away = True
    pods = [(Limits(), Cache(redis)) for _ in range(2)]
    assert [admitted(*pod, 9, rpm=3) for pod in pods] == [3, 3]
    pods = [(Limits(), Cache(redis)) for _ in range(2)]
    assert [admitted(*pod, 1, tpm=10) for pod in pods] == [1, 1]
    answer(*pods[0], 10)
    assert [admitted(*pod, 1, tpm=10) for pod in pods] == [0, 1]
