"""The body of a request, as a client sends it."""

from collections.abc import Mapping
from typing import Any

from compiler.partition.asks import Ask
from compiler.partition.options import Feature
from compiler.partition.search import Class
from compiler.runtime.canary import on_trial
from compiler.runtime.models import Table
from compiler.runtime.request import Needs

_TRIES = 20_000  # users looked at for one of whom a canary is, or is not
_PART = {
    "audio_input": {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    "pdf_input": {"type": "file", "file": {"file_id": "file-1"}},
    "vision": {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
}


def body_of(before: Table, after: Table, ask: Ask, one: Class, mode: str) -> dict[str, Any]:
    """All but the text of the prompt; with a user whom both tables treat as the ask says."""
    body: dict[str, Any] = {}
    if ask.model:
        body["model"] = ask.model
    if ask.strategy:
        body["routing_strategy"] = ask.strategy
    if required := _requirements(one.features):
        body["requirements"] = required
    if one.needs.output_tokens is not None:
        body["max_tokens"] = one.needs.output_tokens
    body |= _uses(one.needs, mode)
    return body if ask.model else body | _user(before, after, ask, body)


def _uses(needs: Needs, mode: str) -> dict[str, Any]:
    body: dict[str, Any] = {}
    parts = [_PART[name] for name in needs.capabilities if name in _PART]
    if parts and mode == "embedding":
        body["input"] = parts
    elif parts:
        body["messages"] = [{"role": "user", "content": parts}]
    if "function_calling" in needs.capabilities:
        body["tools"] = [{"type": "function", "function": {"name": "f"}}]
    if "json_mode" in needs.capabilities:
        body["response_format"] = {"type": "json_object"}
    return body


def _requirements(features: tuple[Feature, ...]) -> dict[str, Any]:
    """The requirements of all features; those of a list are one list."""
    result: dict[str, Any] = {}
    for feature in features:
        for key, value in feature.required.items():
            result[key] = [*result[key], *value] if isinstance(result.get(key), list) else value
    return result


def _user(before: Table, after: Table, ask: Ask, body: Mapping[str, Any]) -> dict[str, str]:
    names = [ask.strategy or str(table["default_strategy"]) for table in (before, after)]
    rows = [table["strategies"].get(name, {}) for name, table in zip(names, (before, after), strict=True)]
    if not any("canary" in row for row in rows):
        return {}
    for number in range(_TRIES):
        asking = {**body, "user": f"user-{number}"}
        drawn = [bool(on_trial(name, row, asking)) for name, row in zip(names, rows, strict=True)]
        if drawn == list(ask.trial):
            return {"user": asking["user"]}
    return {}
