"""Where LiteLLM keeps what a request carries; that depends on the endpoint."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from .journey import CALLERS_FAULT, Journey
from .request import get
from .words import printable

# LiteLLM's call types, by what they ask a model for. Other calls (images, files …) are refused.
MODES = {
    "completion": "chat", "acompletion": "chat", "responses": "chat", "aresponses": "chat",
    "anthropic_messages": "chat", "aanthropic_messages": "chat",
    "text_completion": "completion", "atext_completion": "completion",
    "embeddings": "embedding", "embedding": "embedding", "aembedding": "embedding",
}  # fmt: skip
# Those whose streams tell what they used only to those who ask.
TELL_IF_ASKED = ("completion", "acompletion", "text_completion", "atext_completion")
# Reading, cancelling and deleting a stored response: its id names the deployment that holds it.
STORED_RESPONSES = ("aget_responses", "adelete_responses", "acancel_responses", "alist_input_items")
ATTEMPTS = "x-interlock-attempts"
_MAX_CAUSES = 20  # of an error, which may name itself among them
_UNASKED = "_litellm_strip_stream_usage"
STATE = "interlock"  # our key in the request's metadata
# A client may name fallbacks of its own to LiteLLM; every one of these would lead round the filter.
CLIENT_ROUTING = ("fallbacks", "context_window_fallbacks", "content_policy_fallbacks")


def bucket(data: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata that LiteLLM itself keeps: `metadata` belongs to the caller on responses and messages."""
    name = "litellm_metadata" if isinstance(data.get("litellm_metadata"), dict) else "metadata"
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def journey_of(data: Mapping[str, Any] | None) -> Journey | None:
    found = bucket(data or {}).get(STATE)
    return found if isinstance(found, Journey) else None


def request_headers(data: Mapping[str, Any]) -> dict[str, str]:
    found = get(data.get("proxy_server_request"), "headers")
    return found if isinstance(found, dict) else {}


def rename(response: Any, model: str | None) -> None:
    """The body names the catalog's model, as the headers do; LiteLLM shows the upstream's id in places."""
    if isinstance(response, dict) and isinstance(response.get("model"), str):
        response["model"] = model
    elif isinstance(getattr(response, "model", None), str):
        with contextlib.suppress(AttributeError, TypeError, ValueError):  # some streams let nobody set it
            response.model = model


def _about_the_request(status: int | str, error: BaseException) -> str:
    """What the first provider said of a request that it would not take: the caller's own mistake, perhaps."""
    if status not in CALLERS_FAULT:
        return ""
    return ". The first said: " + printable(str(getattr(error, "message", error)))[:500]


def response_headers(journey: Journey) -> dict[str, str]:
    headers = {
        "x-interlock-strategy": journey.decision.strategy or "none",
        "x-interlock-table": journey.table,
    }
    if journey.answered is not None:
        headers["x-interlock-model"] = journey.answered
    if journey.answered is not None or journey.failed or journey.limited:
        headers[ATTEMPTS] = str(journey.attempts)
    return {name: value.encode("ascii", "replace").decode() for name, value in headers.items()}


def have_usage_told(data: dict[str, Any]) -> None:
    """Has a stream end with what it used, unknown to a client that has not asked for it.

    LiteLLM does so itself, but only where it knows the model before this plugin does.
    """
    options = data.get("stream_options")
    options = options if isinstance(options, dict) else {}
    if data.get("stream") is True and options.get("include_usage") is not True:
        data["stream_options"] = {**options, "include_usage": True}
        data[_UNASKED] = True


def is_for_us_alone(chunk: Any, data: Mapping[str, Any]) -> bool:
    """Whether it only says what was used, to a client that has not asked. Of chats LiteLLM keeps it back."""
    if data.get(_UNASKED) is not True or getattr(chunk, "usage", None) is None:
        return False
    choices = getattr(chunk, "choices", None) or []
    return not any(getattr(one, "text", None) or getattr(one, "finish_reason", None) for one in choices)


def counted_there(error: BaseException | None) -> bool:
    """Whether another gateway of ours has called a provider for us, and counted what became of that.

    It says so in a header; one that was waited for in vain has waited for its provider. It has not where it
    was not reached, or did not let us in, or had nobody to call.
    """
    headers: Any = getattr(error, "litellm_response_headers", None) or {}
    if any(str(name).lower().endswith(ATTEMPTS) for name in headers):
        return True
    causes = (type(cause).__name__ for cause in _causes(error))
    return "ReadTimeout" in causes  # of httpx; no name here is LiteLLM's


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MAX_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


def whole_route_failed(journey: Journey, error: BaseException) -> str:
    """What the client is told when no model of its route has answered."""
    results = [(model, journey.result_of(model)) for model in journey.route]
    said = ", ".join(f"{model} ({result})" for model, result in results)
    return f"every model of the route failed: {said}{_about_the_request(results[0][1], error)}"
