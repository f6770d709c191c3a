"""The body and the stream of OpenAI's `/v1/responses`, where a stream is a sequence of named events."""

import time
from collections.abc import Iterator
from typing import Any

from compiler.dev.answers import Reply
from compiler.dev.shapes import Stream, event, unique


def response(reply: Reply) -> dict[str, Any]:
    return _finished(_begun(reply), _message(reply), reply)


def response_stream(reply: Reply) -> Stream:
    begun, message = _begun(reply), _message(reply)
    finished = _finished(begun, message, reply)
    place = {"item_id": message["id"], "output_index": 0, "content_index": 0}
    part = message["content"][0]
    empty = {**message, "status": "in_progress", "content": []}
    number = iter(range(1_000_000))
    return Stream(
        _events(
            number,
            ("response.created", {"response": begun}),
            ("response.in_progress", {"response": begun}),
            ("response.output_item.added", {"output_index": 0, "item": empty}),
            ("response.content_part.added", {**place, "part": {**part, "text": ""}}),
        ),
        _events(number, *(("response.output_text.delta", {**place, "delta": said}) for said in reply.pieces)),
        _events(
            number,
            ("response.output_text.done", {**place, "text": reply.text}),
            ("response.content_part.done", {**place, "part": part}),
            ("response.output_item.done", {"output_index": 0, "item": message}),
            (f"response.{finished['status']}", {"response": finished}),
        ),
    )


def _events(number: Iterator[int], *events: tuple[str, dict[str, Any]]) -> list[bytes]:
    """Each event says its own name again in `type`, and its place in the whole stream."""
    return [event({"type": name, "sequence_number": next(number), **data}, name) for name, data in events]


def _begun(reply: Reply) -> dict[str, Any]:
    return {
        "id": unique("resp_"),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": reply.model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }


def _message(reply: Reply) -> dict[str, Any]:
    content = [{"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}]
    status = "incomplete" if reply.is_cut else "completed"
    return {
        "id": unique("msg_"),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def _finished(begun: dict[str, Any], message: dict[str, Any], reply: Reply) -> dict[str, Any]:
    used, said = reply.prompt_tokens, reply.completion_tokens
    usage = {
        "input_tokens": used,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": said,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": used + said,
    }
    why = {"reason": "max_output_tokens"} if reply.is_cut else None
    return {
        **begun,
        "status": message["status"],
        "incomplete_details": why,
        "output": [message],
        "usage": usage,
    }
