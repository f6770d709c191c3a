"""The load of a soak: a steady stream of requests to every endpoint, and what became of each."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import Any

import aiohttp

HISTORY = [{"role": "user", "content": "Why does the signal stay red?"}]
ENDPOINTS: Mapping[str, Mapping[str, Any]] = {
    "/v1/chat/completions": {"messages": HISTORY},
    "/v1/completions": {"prompt": "The signal stays red because"},
    "/v1/embeddings": {"input": "signal"},
    "/v1/responses": {"input": "Why does the signal stay red?"},
    "/v1/messages": {"messages": HISTORY, "max_tokens": 50},
}
_DEADLINE_S = 30
_LAST_EVENTS = (b"[DONE]", b"message_stop", b"response.completed")
SHOWN = 20  # lost requests that are told in full


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the providers that can serve it are those of `strategy`."""

    path: str
    body: dict[str, Any]
    strategy: str


@dataclass(slots=True)
class Outcomes:
    """Counts so far: `lost` failed though a provider of theirs was healthy, `excused` when none was."""

    sent: int = 0
    answered: int = 0
    excused: int = 0
    lost: list[str] = field(default_factory=list)
    tables: set[str] = field(default_factory=set)  # digests of those that answered


@dataclass(frozen=True, slots=True)
class Load:
    per_second: float
    seconds: float


Healthy = Callable[[str, float, float], bool]  # strategy, start, end


def requests(strategies: Sequence[str], embedding: str, random: Random) -> Iterator[Asked]:
    """Every endpoint in turn, streaming or not, by a strategy of the body, of `model` or none at all."""
    for path in cycle(ENDPOINTS):
        embeds = path == "/v1/embeddings"
        strategy = embedding if embeds else random.choice(strategies)
        named = random.choice(({"routing_strategy": strategy}, {"model": f"auto/{strategy}"}))
        stream = {"stream": True} if not embeds and random.random() < 0.4 else {}
        yield Asked(
            path, {**ENDPOINTS[path], **named, **stream, "user": f"user-{random.randrange(100)}"}, strategy
        )


async def steady(url: str, asked: Iterator[Asked], load: Load, to: Outcomes, ok: Healthy) -> None:
    """Sends so many a second for so long, whether or not the earlier ones are answered, and waits for all."""
    timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
    # A connection for each: one kept alive could be closed by the server just as the next request is sent.
    connector = aiohttp.TCPConnector(limit=0, force_close=True)
    async with (
        aiohttp.ClientSession(url, timeout=timeout, connector=connector) as session,
        asyncio.TaskGroup() as group,
    ):
        start = time.monotonic()
        for number in range(int(load.per_second * load.seconds)):
            await asyncio.sleep(max(0.0, start + number / load.per_second - time.monotonic()))
            group.create_task(_one(session, next(asked), to, ok))


async def _one(session: aiohttp.ClientSession, asked: Asked, to: Outcomes, ok: Healthy) -> None:
    to.sent += 1
    start = time.monotonic()
    try:
        async with session.post(asked.path, json=asked.body) as response:
            problem = _problem(asked, response.status, await response.read())
            to.tables.add(response.headers.get("x-interlock-table", ""))
    except (aiohttp.ClientError, TimeoutError) as error:
        problem = repr(error)
    end = time.monotonic()
    if problem is None:
        to.answered += 1
    elif ok(asked.strategy, start, end):
        to.lost.append(f"{asked.path} {asked.body}: {problem} after {end - start:.2f} s")
    else:
        to.excused += 1


def _problem(asked: Asked, status: int, body: bytes) -> str | None:
    """What is wrong with an answer; a stream has to come to its end."""
    whole = status == 200 and b'"error":{' not in body.replace(b" ", b"")
    if whole and asked.body.get("stream"):
        whole = any(last in body[-2_000:] for last in _LAST_EVENTS)
    return None if whole else f"{status} {body[-300:].decode('utf-8', 'replace')}"
