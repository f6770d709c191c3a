"""What a simulated provider answers: its words, what they weigh in tokens, and its errors, as plain data."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]

_CHARS_PER_TOKEN = 4
_CHARS_PER_PIECE = 12
_ECHOED_CHARS = 80
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_PROMPTS = ("instructions", "messages", "prompt", "input")


@dataclass(frozen=True, slots=True)
class Reply:
    """The text of an answer, cut where the request's output limit cuts it, and what it weighs in tokens."""

    model: str
    text: str
    is_cut: bool
    prompt_tokens: int

    @property
    def completion_tokens(self) -> int:
        return tokens(self.text)

    @property
    def pieces(self) -> list[str]:
        """The text as a stream delivers it."""
        starts = range(0, len(self.text), _CHARS_PER_PIECE)
        return [self.text[start : start + _CHARS_PER_PIECE] for start in starts]


def reply(provider: str, body: Body) -> Reply:
    """The answer to a chat, a completion or a responses request: who answered, and an echo."""
    model = str(body["model"])
    who, echo = f"{provider}/{model}", last_user_text(body)[:_ECHOED_CHARS]
    text = json.dumps({"simulated": who, "echo": echo}) if _wants_json(body) else f"[simulated {who}] {echo}"
    limits = [n for n in map(body.get, _LIMITS) if isinstance(n, int) and n > 0]
    kept = text[: min(limits) * _CHARS_PER_TOKEN] if limits else text
    prompt = text_of([body.get(name) for name in _PROMPTS])
    return Reply(model, kept, kept != text, tokens(prompt))


def tokens(text: str) -> int:
    """Four characters a token, rounded up."""
    return math.ceil(len(text) / _CHARS_PER_TOKEN)


def text_of(value: object) -> str:
    """The words in a prompt, a content or an input: text, parts with text, token ids, lists of them."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return text_of(value.get("text") or value.get("content"))
    if isinstance(value, list):
        return "\n".join(filter(None, map(text_of, value)))
    return ""


def last_user_text(body: Body) -> str:
    messages = body.get("messages") or body.get("input")
    if not isinstance(messages, list):
        return text_of(body.get("prompt") or messages)
    users = [m for m in messages if isinstance(m, Mapping) and m.get("role") == "user"]
    return text_of(users[-1:] or messages[-1:])


def _wants_json(body: Body) -> bool:
    wanted = body.get("response_format")
    return isinstance(wanted, Mapping) and wanted.get("type") in {"json_object", "json_schema"}


def models(provider: str, ids: Iterable[str]) -> dict[str, Any]:
    """The provider's list of models. `created` is 0: nothing here was ever released."""
    rows = [{"id": name, "object": "model", "created": 0, "owned_by": provider} for name in ids]
    return {"object": "list", "data": rows}


_ERRORS = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("request_forbidden", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
}
_WORDS = {401: "Incorrect API key provided"}  # by which clients tell it from a mistake in the request

# What is wrong with a request, by a word for it: OpenAI's message, param and code. All are answered 400.
MISTAKES = {
    "context_length": (
        "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
        "messages",
        "context_length_exceeded",
    ),
    "content_policy": (
        "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
        None,
        "content_policy_violation",
    ),
    "bad_request": (
        "Invalid 'temperature': decimal above maximum value. Expected a value <= 2, but got 3 instead.",
        "temperature",
        "decimal_above_max_value",
    ),
}


def error(provider: str, status: int, message: str) -> dict[str, Any]:
    """An error body as OpenAI's, with the type and code that belong to the status."""
    kind, code = _ERRORS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    said = f"{_WORDS[status]}: {message}" if status in _WORDS else message
    return _error(provider, said, kind, None, code)


def mistake(provider: str, word: str) -> dict[str, Any]:
    """The error body of one of MISTAKES."""
    message, param, code = MISTAKES[word]
    return _error(provider, message, "invalid_request_error", param, code)


def _error(provider: str, message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    text = f"[simulated {provider}] {message}"
    return {"error": {"message": text, "type": kind, "param": param, "code": code}}
