"""The model on trial: which requests are among the share that it gets."""

import hashlib
from collections.abc import Mapping
from typing import Any

from .models import Row
from .request import get


def on_trial(strategy_name: str, strategy: Row, request: dict[str, Any]) -> tuple[str, ...]:
    """The model on trial, where this request is among the share that it gets."""
    canary = strategy.get("canary")
    if canary is None:
        return ()
    text = "\0".join((strategy_name, canary["model"], who(request)))
    place = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4], "big")
    return (canary["model"],) if place < canary["percent"] / 100 * 2**32 else ()


_WHO = ("user", "safety_identifier", "conversation", "prompt_cache_key")
_WHO_METADATA = ("session_id", "conversation_id", "user_id")


def who(request: Mapping[str, Any]) -> str:
    """The user or conversation that a request belongs to: what it says of itself, else how it begins.

    A conversation repeats its first messages in every turn, so that all its turns are treated alike.
    """
    metadata = request.get("metadata")
    said = [request.get(name) for name in _WHO] + [get(metadata, name) for name in _WHO_METADATA]
    said = [get(value, "id") if isinstance(value, dict) else value for value in said]
    named = next((value for value in said if isinstance(value, str) and value), None)
    return named if named is not None else _beginning(request)


def _beginning(request: Mapping[str, Any]) -> str:
    turns = next((request[name] for name in ("messages", "input", "prompt") if request.get(name)), "")
    if not isinstance(turns, list):
        return turns if isinstance(turns, str) else ""
    until = next((place for place, turn in enumerate(turns, 1) if get(turn, "role") == "user"), 1)
    return "\0".join([_words(request.get("system")), *(_words(turn) for turn in turns[:until])])


def _words(turn: Any) -> str:
    """The text of a turn: text, a message, or a message in parts."""
    content = get(turn, "content") if isinstance(turn, dict) else turn
    parts = content if isinstance(content, list) else [content]
    texts = (get(part, "text") if isinstance(part, dict) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))
