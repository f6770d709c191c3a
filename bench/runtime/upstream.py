"""Providers that cost next to nothing: one loopback port each, one fixed answer, in one process.

    python -P bench/runtime/upstream.py NAME...

Prints `NAME PORT` for each, then obeys lines on its standard input and answers each with `done`:

    NAME ok | refused | hang | <status>

A server of its own, because the simulator of `interlock dev` takes as long for an answer as the plugin for a
decision many times over: what is measured has to be the proxy. Ends with its standard input.
"""

import asyncio
import json
import re
import socket
import sys
from collections.abc import Sequence

_HOST = "127.0.0.1"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STREAMS = re.compile(rb'"stream": ?true')

_ANSWER = {
    "id": "chatcmpl-bench",
    "object": "chat.completion",
    "created": 1700000000,
    "model": "bench",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "It is a printer."}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
}
_CHUNKS = 20  # of a streamed answer


def _whole(status: int, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status} bench\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _events() -> bytes:
    head = {
        "id": "chatcmpl-bench",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "bench",
    }
    said = [{"delta": {"role": "assistant", "content": f"word {number} "}} for number in range(_CHUNKS)]
    chunks = [{**head, "choices": [{"index": 0, "finish_reason": None, **delta}]} for delta in said]
    chunks.append({**head, "choices": [{"index": 0, "finish_reason": "stop", "delta": {}}]})
    return (
        b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    )


_OK = _whole(200, json.dumps(_ANSWER).encode())
_STREAM = _whole(200, _events(), "text/event-stream")


def _fault(status: int) -> bytes:
    error = {"message": "out of order, as the benchmark asked", "type": "bench", "code": str(status)}
    return _whole(status, json.dumps({"error": error}).encode())


class Provider:
    """One port, and what it answers at the moment."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.mode = "ok"
        self.connections: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None
        # held while nobody listens: callers are refused, and no other program gets the port
        self._holder = _bound(0)
        self.port = int(self._holder.getsockname()[1])

    async def become(self, mode: str) -> None:
        self.mode = mode
        if mode != "refused" and self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: _Connection(self), sock=_bound(self.port))
        elif mode == "refused" and self._server is not None:
            self._server.close()
            self._server = None
        if mode != "ok":  # a new connection for each request from now on, as from a provider that went down
            for connection in list(self.connections):
                connection.abort()


class _Connection(asyncio.Protocol):
    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._held = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._provider.connections.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._provider.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        head, found, body = self._held.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        self._held = b""  # nobody sends a second request before the answer to the first
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        mode = self._provider.mode
        if mode == "ok":
            self._transport.write(_STREAM if _STREAMS.search(body) else _OK)
        elif mode != "hang":
            self._transport.write(_fault(int(mode)))


def _bound(port: int) -> socket.socket:
    # the protocol in full: asyncio turns off Nagle's delay only where it sees TCP
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((_HOST, port))
    return sock


async def main(names: Sequence[str]) -> None:
    providers = {name: Provider(name) for name in names}
    for provider in providers.values():
        await provider.become("ok")
        print(provider.name, provider.port, flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, mode = line.split()
        await providers[name].become(mode)
        print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
