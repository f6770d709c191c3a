"""The client: a closed loop of requests over kept-alive connections, as cheap as Python makes it.

Times are seconds.
"""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_HOST = "127.0.0.1"
_DEADLINE_S = 120  # for one answer

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UnansweredError(RuntimeError):
    """The proxy answered with another status than 200; the message has the start of its body."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one round took: the latency of every request, and the whole."""

    latencies: tuple[float, ...]
    wall: float


class Target:
    """One request body for one proxy."""

    def __init__(self, port: int, body: Mapping[str, Any]) -> None:
        self._port = port
        content = json.dumps(body).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: {_HOST}:{port}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        self._request = head.encode() + content

    async def once(self) -> float:
        """One request on a connection of its own; its latency. Raises UnansweredError."""
        return (await self.round(1, 1)).latencies[0]

    async def round(self, requests: int, in_flight: int) -> Load:
        """So many requests, with so many on their way at any time. Raises UnansweredError.

        Connections are of one round, and opened before it counts: a server closes what is idle for seconds.
        """
        latencies: list[float] = []
        waiting = iter(range(requests))

        async def worker(connection: Connection) -> None:
            for _ in waiting:  # shared: each number is taken once
                latency = await self._request_on(*connection)
                latencies.append(latency)

        opened = [await asyncio.open_connection(_HOST, self._port) for _ in range(in_flight)]
        try:
            start = time.perf_counter()
            await asyncio.gather(*map(worker, opened))
            return Load(tuple(latencies), time.perf_counter() - start)
        finally:
            for _, writer in opened:
                writer.close()

    async def _request_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> float:
        start = time.perf_counter()
        writer.write(self._request)
        async with asyncio.timeout(_DEADLINE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            body = await _body(head.lower(), reader)
        took = time.perf_counter() - start
        if not head.startswith(b"HTTP/1.1 200 "):
            raise UnansweredError(f"{head.splitlines()[0].decode()}: {body[:300].decode('utf-8', 'replace')}")
        return took


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    _, has_length, rest = head.partition(b"\r\ncontent-length:")
    if has_length:
        return await reader.readexactly(int(rest.partition(b"\r\n")[0]))
    if b"\r\ntransfer-encoding: chunked" not in head:
        return b""
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readline()
    await reader.readline()
    return b"".join(parts)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
