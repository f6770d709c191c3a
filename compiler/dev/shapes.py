"""The bodies and streams of OpenAI's chat completions, completions and embeddings."""

import base64
import hashlib
import json
import math
import struct
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compiler.dev.answers import Body, Reply, text_of, tokens

_DIMENSIONS = 8  # of an embedding, when the request does not say
_MOST_DIMENSIONS = 4096


@dataclass(frozen=True, slots=True)
class Stream:
    """The server-sent events of one answer; only `content` counts for the fault `die_after_chunks`."""

    opening: list[bytes]
    content: list[bytes]
    closing: list[bytes]


def event(data: Body, name: str = "") -> bytes:
    """One server-sent event, with a name where the API names its events."""
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def unique(prefix: str) -> str:
    return f"{prefix}{uuid.uuid4().hex}"


def chat(reply: Reply) -> dict[str, Any]:
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    return _whole("chatcmpl-", "chat.completion", reply, {"message": message})


def completion(reply: Reply) -> dict[str, Any]:
    return _whole("cmpl-", "text_completion", reply, {"text": reply.text})


def chat_stream(reply: Reply, body: Body) -> Stream:
    deltas: list[dict[str, Any]] = [{"delta": {"content": piece}} for piece in reply.pieces]
    deltas[0]["delta"]["role"] = "assistant"
    return _stream(_head("chatcmpl-", "chat.completion.chunk", reply), deltas, {"delta": {}}, reply, body)


def completion_stream(reply: Reply, body: Body) -> Stream:
    texts = [{"text": piece} for piece in reply.pieces]
    return _stream(_head("cmpl-", "text_completion", reply), texts, {"text": ""}, reply, body)


def _head(prefix: str, kind: str, reply: Reply) -> dict[str, Any]:
    return {"id": unique(prefix), "object": kind, "created": int(time.time()), "model": reply.model}


def _whole(prefix: str, kind: str, reply: Reply, said: Body) -> dict[str, Any]:
    choice = {"index": 0, **said, "logprobs": None, "finish_reason": _finish(reply)}
    return {**_head(prefix, kind, reply), "choices": [choice], "usage": _usage(reply)}


def _stream(head: Body, said: list[dict[str, Any]], last: Body, reply: Reply, body: Body) -> Stream:
    def chunk(part: Body, finish: str | None = None) -> bytes:
        return event({**head, "choices": [{"index": 0, **part, "logprobs": None, "finish_reason": finish}]})

    closing = [chunk(last, _finish(reply))]
    options = body.get("stream_options")
    if isinstance(options, Mapping) and options.get("include_usage"):
        closing.append(event({**head, "choices": [], "usage": _usage(reply)}))
    return Stream([], [chunk(part) for part in said], [*closing, b"data: [DONE]\n\n"])


def _finish(reply: Reply) -> str:
    return "length" if reply.is_cut else "stop"


def _usage(reply: Reply) -> dict[str, int]:
    used, said = reply.prompt_tokens, reply.completion_tokens
    return {"prompt_tokens": used, "completion_tokens": said, "total_tokens": used + said}


def embeddings(body: Body) -> dict[str, Any]:
    """One vector of length 1 for each input, the same for the same text; as floats, or base64 when asked."""
    texts = [text_of(one) for one in _inputs(body.get("input"))]
    wanted = body.get("dimensions")
    size = min(wanted, _MOST_DIMENSIONS) if isinstance(wanted, int) and wanted > 0 else _DIMENSIONS
    packed = body.get("encoding_format") == "base64"
    vectors = [_packed(_vector(text, size)) if packed else _vector(text, size) for text in texts]
    rows = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    used = sum(map(tokens, texts))
    usage = {"prompt_tokens": used, "total_tokens": used}
    return {"object": "list", "data": rows, "model": str(body["model"]), "usage": usage}


def _inputs(given: object) -> list[Any]:
    """A list of token ids is one input, any other list is many."""
    is_many = isinstance(given, list) and not all(isinstance(one, int) for one in given)
    return given if isinstance(given, list) and is_many else [given]


def _vector(text: str, size: int) -> list[float]:
    raw = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(size)
    values = [byte - 127.5 for byte in raw]
    length = math.hypot(*values)
    return [value / length for value in values]


def _packed(vector: list[float]) -> str:
    """As OpenAI packs them, and its Python client asks for them: little-endian 32-bit floats."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
