"""One line of a log: which form it has, and what it says of the request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from compiler.runtime.litellm_data import MODES
from compiler.runtime.request import get

_TIMES = ("timestamp", "time", "ts", "startTime", "start_time", "created_at", "@timestamp")
_BODIES = ("body", "request", "request_body")
_PATHS = ("url", "path", "endpoint")
# A body of its own has at least one of these.
_OF_A_BODY = ("model", "routing_strategy", "requirements", "messages", "prompt", "input")
_MODES_OF_PATHS = (
    ("/chat/completions", "chat"), ("/responses", "chat"), ("/messages", "chat"),
    ("/embeddings", "embedding"), ("/completions", "completion"),
)  # fmt: skip
_MILLISECONDS = 1e11  # what is more, as a number of seconds, would be in the year 5138
_STRATEGY_HEADER = "x-routing-strategy"
Json = Mapping[str, Any]


class NotARequestError(ValueError):
    """A line that cannot be played; the message says why, in words that many lines share."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`time` is Unix time. `mode` None: a `kind` of call that no gateway routes. Tokens None: not known.

    `has_text`: the body is the client's own, so that what it needs can be estimated as the plugin does.
    """

    time: float | None
    body: Json
    mode: str | None
    header: str | None = None
    prompt: float | None = None
    completion: float | None = None
    has_text: bool = True
    kind: str = ""


def entry_of(line: Any) -> Entry:
    """Raises NotARequestError."""
    if not isinstance(line, dict):
        raise NotARequestError("is not a JSON object")
    if "call_type" in line and ("model_group" in line or "request_id" in line):
        return _of_spend_log(line)
    return _of_body(line)


def _of_body(line: Json) -> Entry:
    body = next((line[name] for name in _BODIES if isinstance(line.get(name), dict)), None)
    envelope = line if body is not None else {}
    if body is None:
        body = line
        if not any(name in line for name in _OF_A_BODY):
            raise NotARequestError(f"is no request: it has none of {', '.join(_OF_A_BODY)}")
    path = next((line[name] for name in _PATHS if isinstance(line.get(name), str)), None)
    mode = _mode_of_path(path) if path else _mode_of_body(body)
    usage = get(envelope, "usage") or get(get(envelope, "response"), "usage")
    return Entry(
        _time(line),
        body,
        mode,
        _header(envelope.get("headers")),
        _tokens(usage, "prompt_tokens", "input_tokens"),
        _tokens(usage, "completion_tokens", "output_tokens"),
        kind=path or "",
    )


def _of_spend_log(line: Json) -> Entry:
    """A row of LiteLLM's table LiteLLM_SpendLogs. What a client asked for is in it if prompts are stored.

    Else it is the group that LiteLLM was asked for first, before any fallback.
    """
    metadata = _object(line.get("metadata"))
    stored = _object(line.get("proxy_server_request"))
    sent = _object(stored.get("body")) or stored
    asked = {name: sent[name] for name in ("model", "routing_strategy", "requirements") if sent.get(name)}
    if not asked:
        named = metadata.get("original_model_group") or line.get("model_group") or line.get("model")
        asked = {"model": named} if named else {}
    own = _object(metadata.get("spend_logs_metadata")).get("routing_strategy")
    if isinstance(own, str) and own and "routing_strategy" not in asked:
        asked = {"routing_strategy": own}
    who = line.get("end_user") or line.get("session_id")
    body = {**asked, "user": who} if who else asked
    prompt = _tokens(line, "prompt_tokens")
    if prompt is None:
        raise NotARequestError("a spend log without 'prompt_tokens'")
    mode = MODES.get(str(line["call_type"]))
    completion = _tokens(line, "completion_tokens")
    # a failed request has none, and would have had an answer
    known = completion if completion or mode == "embedding" else None
    kind = str(line["call_type"])
    return Entry(_time(line), body, mode, None, prompt, known, has_text=False, kind=kind)


def _mode_of_path(path: str) -> str | None:
    plain = path.partition("?")[0].rstrip("/")
    return next((mode for end, mode in _MODES_OF_PATHS if plain.endswith(end)), None)


def _mode_of_body(body: Json) -> str:
    if "messages" in body or ("input" not in body and "prompt" not in body):
        return "chat"
    if "prompt" in body:
        return "completion"
    answers = any(name in body for name in ("instructions", "max_output_tokens", "tools", "text"))
    return "chat" if answers else "embedding"


def _time(line: Json) -> float | None:
    named = next((line[name] for name in _TIMES if line.get(name) is not None), None)
    if named is None:
        return None
    found = instant(named)
    if found is None:
        raise NotARequestError("its time is neither ISO 8601 nor a number of seconds")
    return found


def instant(value: Any) -> float | None:
    """Unix time of ISO 8601 text (UTC where it names no zone) or a number of seconds or milliseconds."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        seconds = value / 1000 if value > _MILLISECONDS else float(value)
    else:
        try:
            found = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return None
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return seconds if 0 <= seconds < _MILLISECONDS else None


def _header(headers: Any) -> str | None:
    if not isinstance(headers, dict):
        return None
    found = (value for name, value in headers.items() if name.lower() == _STRATEGY_HEADER)
    return next((value for value in found if isinstance(value, str)), None)


def _tokens(of: Any, *names: str) -> float | None:
    value = next((found for name in names if (found := get(of, name)) is not None), None)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1e9:
        raise NotARequestError(f"'{names[0]}' is no number of tokens")
    return float(value)


def _object(value: Any) -> Json:
    """A JSON column: an object, or its text."""
    if isinstance(value, str) and value.startswith("{") and value != "{}":
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}
