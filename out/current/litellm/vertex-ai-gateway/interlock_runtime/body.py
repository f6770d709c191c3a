"""What a body holds that LiteLLM takes for its own, or cannot send: dropped or refused before the first hop.

LiteLLM hands a body on as keyword arguments of its own functions. A field that is called like one of them
sends a request to another deployment (`deployment_id`), brings retries back (`num_retries`), or fails inside
LiteLLM, and so does a field of the wrong type. LiteLLM counts that against the provider: three such requests
of one client would put every model of the route to rest, for all clients.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from .request import Refusal
from .words import is_number, show

MAX_DEPTH = 100  # Python's JSON encoder, with which LiteLLM sends, gives up at a thousand
# What LiteLLM reads and a client may well set, or what LiteLLM has put in the place of a client's own.
_KEPT = frozenset((
    "cache", "cache_key", "enable_json_schema_validation", "guardrails", "id", "litellm_call_id",
    "litellm_logging_obj", "litellm_metadata", "litellm_session_id", "litellm_trace_id", "metadata",
    "mock_response", "no-log", "proxy_server_request", "roles", "secret_fields", "tags", "ttl",
))  # fmt: skip
# Arguments of its functions that LiteLLM does not list among its own parameters.
_ARGUMENTS = frozenset((
    "additional_drop_params", "args", "attempt_function", "azure", "call_type", "cooldown_time",
    "deployment_id", "drop_params", "extra_body", "extra_headers", "input_model", "is_async",
    "is_async_call", "is_fallback", "is_retry", "kwargs", "mock_delay", "mock_tool_calls", "model_group",
    "num_retries", "original_function", "original_generic_function", "original_model_group", "priority",
    "request_kwargs", "rules_obj", "specific_deployment", "start_time",
))  # fmt: skip


def internals(all_litellm_params: list[str]) -> frozenset[str]:
    """The names of fields that are LiteLLM's alone, given its own list of them."""
    return (frozenset(all_litellm_params) | _ARGUMENTS) - _KEPT


def drop_internals(data: dict[str, Any], sent: Any, names: frozenset[str]) -> None:
    """Takes out of `data` what `sent`, the body as the client sent it, has of LiteLLM's own."""
    for name in sent if isinstance(sent, dict) else ():
        if name in names or name.startswith("_"):
            data.pop(name, None)
    # What LiteLLM keeps out of its copy of the body, or takes from a header, too: it is the catalog that says
    # how often and how long a provider is asked, by which key and with which headers.
    for name in ("num_retries", "api_key", "headers", "request_timeout", "stream_timeout"):
        data.pop(name, None)


def cap_timeout(data: dict[str, Any], most_s: float) -> None:
    """A client may be in more of a hurry than the catalog, not in less."""
    if is_number(data.get("timeout")) and data["timeout"] > most_s:
        del data["timeout"]


def unsendable(data: Mapping[str, Any], sent: Any) -> Refusal | None:
    """Why no provider can be sent this body, if so."""
    for name, (fits, wanted) in _FIELDS.items():
        value = data.get(name)
        if value is not None and not fits(value):
            return Refusal(f"{show(name)} must be {wanted}", "invalid_request", name)
    problem = _walked(sent)
    return Refusal(problem, "invalid_request") if problem else None


def _walked(value: Any) -> str | None:
    """A number that JSON does not have, or too many levels. Level by level: no recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float) and not math.isfinite(item):
                return "the body holds a number that JSON does not have: NaN or Infinity"
        if not below:
            return None
        level = below
    return f"the body is nested more than {MAX_DEPTH} levels deep"


Fits = Callable[[Any], bool]


def _is(*kinds: type) -> Fits:
    return lambda value: isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds)


def _list_of(fits: Fits) -> Fits:
    return lambda value: isinstance(value, list) and all(map(fits, value))


def _either(*ways: Fits) -> Fits:
    return lambda value: any(fits(value) for fits in ways)


def _message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str) and _content(value.get("content"))


def _content(value: Any) -> bool:
    return value is None or isinstance(value, str) or _list_of(_typed)(value)


def _typed(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("type"), str)


def _positive(value: Any) -> bool:
    return is_number(value) and 0 < value < 1e6


_TEXT, _OBJECT, _WHOLE, _BOOL = _is(str), _is(dict), _is(int), _is(bool)
_NUMBER = _is(int, float)


def _tokens(value: Any) -> bool:
    return _list_of(_WHOLE)(value) and bool(value)


_PROMPT = _either(_TEXT, _tokens, _list_of(_TEXT), _list_of(_tokens))
_FIELDS: Mapping[str, tuple[Fits, str]] = {
    "messages": (_list_of(_message), "a list of objects, each with a 'role' and a 'content'"),
    "prompt": (_PROMPT, "text, token numbers, or a list of one of these"),
    "input": (_either(_PROMPT, _list_of(_OBJECT)), "text, token numbers, or a list of these or of objects"),
    "tools": (_list_of(_OBJECT), "a list of objects"),
    "functions": (_list_of(_OBJECT), "a list of objects"),
    "tool_choice": (_either(_TEXT, _typed), "text, or an object with a 'type'"),
    "response_format": (_typed, "an object with a 'type'"),
    "text": (_OBJECT, "an object"),
    "stop": (_either(_TEXT, _list_of(_TEXT)), "text or a list of texts"),
    "stream": (_BOOL, "true or false"),
    "store": (_BOOL, "true or false"),
    "parallel_tool_calls": (_BOOL, "true or false"),
    "stream_options": (_OBJECT, "an object"),
    "logit_bias": (_OBJECT, "an object"),
    "metadata": (_OBJECT, "an object"),
    "litellm_metadata": (_OBJECT, "an object"),
    "cache": (_OBJECT, "an object"),
    "audio": (_OBJECT, "an object"),
    "modalities": (_list_of(_TEXT), "a list of texts"),
    "tags": (_list_of(_TEXT), "a list of texts"),
    "guardrails": (_list_of(_either(_TEXT, _OBJECT)), "a list"),
    "system": (_either(_TEXT, _list_of(_typed)), "text, or a list of parts"),
    "instructions": (_either(_TEXT, _list_of(_OBJECT)), "text"),
    "user": (_TEXT, "text"),
    "encoding_format": (_TEXT, "text"),
    "previous_response_id": (_TEXT, "text"),
    "reasoning_effort": (_either(_TEXT, _OBJECT), "text"),
    "litellm_trace_id": (_TEXT, "text"),
    "litellm_session_id": (_TEXT, "text"),
    "n": (_WHOLE, "a whole number"),
    "seed": (_WHOLE, "a whole number"),
    "dimensions": (_WHOLE, "a whole number"),
    "temperature": (_NUMBER, "a number"),
    "top_p": (_NUMBER, "a number"),
    "timeout": (_positive, "a number of seconds, more than 0"),
}
