"""One simulated provider: an OpenAI-shaped API on its own port, with the faults it is told to have."""

import asyncio
import json
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from compiler.dev import answers, responses_api, shapes
from compiler.dev.faults import Fault, Faults
from compiler.dev.listener import Listener

FORBIDDEN_FIELDS = ("routing_strategy", "requirements")  # ours: no provider may ever see them
_MEANT_FOR_OTHERS = ("extra_body", "metadata")  # where a client library or a proxy could have put them
_LAST_WORDS_S = 0.05  # between the last piece and the cut: what is unread when it comes may be lost
_ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses")

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Answer:
    """An ASGI response of several pieces, which may be cut after some of them."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes]
    pause_s: float = 0.0  # between the headers and the first piece
    cut_after: int | None = None  # pieces
    with_reset: bool = False


class Provider:
    """Listens from `start` to `stop`. Every request it receives is handed to `record` as it arrives.

    A record's `status` is None as long as there is no answer, for good when the client is left waiting.
    """

    def __init__(self, name: str, models: Sequence[str], record: Callable[[Record], None]) -> None:
        self.name = name
        self.models = tuple(models)
        self._faults = Faults(models)
        self._record = record
        self.listener = Listener(self._app())

    async def start(self) -> None:
        await self.listener.open()

    async def stop(self) -> None:
        await self.listener.stop()

    async def set_fault(self, fault: Mapping[str, Any]) -> None:
        """Adds to the faults that are set. Raises FaultError."""
        self._faults.update(fault)
        await self._apply_refused()

    async def clear(self) -> None:
        self._faults.clear()
        await self._apply_refused()

    def as_json(self) -> dict[str, Any]:
        where = {"url": self.listener.url, "port": self.listener.port}
        return {**where, "models": list(self.models), "faults": self._faults.as_json()}

    async def _apply_refused(self) -> None:
        if self._faults.of(None).refused:
            self.listener.close()
        else:
            await self.listener.open()

    def _app(self) -> Any:
        from starlette.applications import Starlette  # noqa: PLC0415  # the extra: only for those who listen
        from starlette.routing import Route  # noqa: PLC0415

        posts = [Route(path, self._post, methods=["POST"]) for path in _ENDPOINTS]
        anything = Route("/{path:path}", self._unknown, methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
        return Starlette(routes=[*posts, Route("/v1/models", self._models), anything])

    async def _models(self, _: Any) -> Any:
        return self._send(_whole(200, answers.models(self.name, self.models)))

    async def _unknown(self, request: Any) -> Any:
        message = f"no such endpoint: {request.method} {request.url.path}"
        return self._send(_whole(404, answers.error(self.name, 404, message)))

    async def _post(self, request: Any) -> Any:
        body = _read(await request.body())
        record = self._arrived(request.url.path, body)
        if body is None or not isinstance(body.get("model"), str):
            answer = _whole(400, answers.error(self.name, 400, "the body is not JSON with a 'model'"))
        else:
            fault = self._faults.meet(body["model"])
            if await _client_left(request, None if fault.timeout else fault.latency_ms / 1000):
                return self._send(_Answer(200, {}, []))
            answer = self._answer(request.url.path, body, fault)
        record["status"] = answer.status
        return self._send(answer)

    def _answer(self, path: str, body: answers.Body, fault: Fault) -> _Answer:
        if fault.error is not None:
            return _cut_in_half(_whole(400, answers.mistake(self.name, fault.error)), fault)
        if fault.status is not None:
            failed = answers.error(self.name, fault.status, f"status {fault.status} for {body['model']}")
            retry = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
            return _cut_in_half(_whole(fault.status, failed, retry), fault)
        stream = self._stream(path, body)
        if stream is not None:
            return _streamed(stream, fault)
        return _cut_in_half(_whole(200, self._body(path, body)), fault)

    def _body(self, path: str, body: answers.Body) -> dict[str, Any]:
        if path == "/v1/embeddings":
            return shapes.embeddings(body)
        shape = {"/v1/completions": shapes.completion, "/v1/responses": responses_api.response}
        return shape.get(path, shapes.chat)(answers.reply(self.name, body))

    def _stream(self, path: str, body: answers.Body) -> shapes.Stream | None:
        if body.get("stream") is not True or path == "/v1/embeddings":
            return None
        reply = answers.reply(self.name, body)
        if path == "/v1/responses":
            return responses_api.response_stream(reply)
        shape = shapes.completion_stream if path == "/v1/completions" else shapes.chat_stream
        return shape(reply, body)

    def _arrived(self, path: str, body: answers.Body | None) -> Record:
        body = body or {}
        record = {
            "provider": self.name,
            "path": path,
            "model": body.get("model"),
            "stream": body.get("stream") is True,
            "forbidden": _forbidden(body),
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "status": None,
        }
        self._record(record)
        return record

    def _send(self, answer: _Answer) -> Any:
        async def app(scope: MutableMapping[str, Any], _: Any, send: Any) -> None:
            headers = [(name.encode(), value.encode()) for name, value in answer.headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            await asyncio.sleep(answer.pause_s)
            for piece in answer.pieces[: answer.cut_after]:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if answer.cut_after is None:
                await send({"type": "http.response.body", "body": b""})
            else:
                await asyncio.sleep(_LAST_WORDS_S)
                await self.listener.hang_up(scope["client"], reset=answer.with_reset)

        return app


def _read(raw: bytes) -> answers.Body | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _forbidden(body: answers.Body) -> list[str]:
    """Which of our own fields are in what a provider received."""
    nested = [body[name] for name in _MEANT_FOR_OTHERS if isinstance(body.get(name), dict)]
    return [name for name in FORBIDDEN_FIELDS if any(name in place for place in (body, *nested))]


async def _client_left(request: Any, seconds: float | None) -> bool:
    """Waits that long (None: for good), but not longer than the client does."""
    try:
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True


def _whole(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> _Answer:
    raw = json.dumps(body).encode()
    about = {"content-type": "application/json", "content-length": str(len(raw))}
    return _Answer(status, {**about, **(headers or {})}, [raw[: len(raw) // 2], raw[len(raw) // 2 :]])


def _cut_in_half(answer: _Answer, fault: Fault) -> _Answer:
    if not fault.reset:
        return answer
    return _Answer(answer.status, answer.headers, answer.pieces, cut_after=1, with_reset=True)


def _streamed(stream: shapes.Stream, fault: Fault) -> _Answer:
    pieces = [*stream.opening, *stream.content, *stream.closing]
    cut_after = len(pieces) // 2 if fault.reset else None
    if fault.die_after_chunks is not None:
        most = len(stream.content) if cut_after is None else cut_after - len(stream.opening)
        cut_after = len(stream.opening) + min(fault.die_after_chunks, most)
    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
    return _Answer(200, headers, pieces, fault.first_byte_ms / 1000, cut_after, fault.reset)
