"""Where LiteLLM keeps what a request carries; that depends on the endpoint."""

import contextlib
from collections.abc import Mapping
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
# Reading, cancelling and deleting a stored response: its id names the deployment that holds it.
STORED_RESPONSES = ("aget_responses", "adelete_responses", "acancel_responses", "alist_input_items")
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
        headers["x-interlock-attempts"] = str(journey.attempts)
    return {name: value.encode("ascii", "replace").decode() for name, value in headers.items()}


def whole_route_failed(journey: Journey, error: BaseException) -> str:
    """What the client is told when no model of its route has answered."""
    results = [(model, journey.result_of(model)) for model in journey.route]
    said = ", ".join(f"{model} ({result})" for model, result in results)
    return f"every model of the route failed: {said}{_about_the_request(results[0][1], error)}"
