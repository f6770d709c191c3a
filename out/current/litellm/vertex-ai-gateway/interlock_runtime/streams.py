"""Streams: one that breaks before its first word is asked of the next deployment; headers name who answered.

LiteLLM does that itself for chats and messages. A completions stream opens its connection only when it is
first read, after LiteLLM has chosen; a responses stream of a provider's own Responses API counts as begun
with its announcements. Both are read here, before anything of them has reached the client.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from .journey import Journey

# LiteLLM's call types → the method of its router that makes such a call again.
AGAIN = {
    "text_completion": "atext_completion", "atext_completion": "atext_completion",
    "responses": "aresponses", "aresponses": "aresponses",
}  # fmt: skip
# What a Responses API says before its first word.
_ANNOUNCEMENTS = frozenset({
    "response.created", "response.in_progress", "response.queued", "response.output_item.added",
    "response.content_part.added",
})  # fmt: skip
_NOT_SENT = ("model", "fallbacks", "deployment")

Retry = Callable[[BaseException], Awaitable[Any]]


async def unbroken(stream: Any, begun: Callable[[], None], retry: Retry | None) -> AsyncIterator[Any]:
    """The chunks of a stream; while nothing has been passed on, `retry` may put another one in its place.

    Args:
        stream: what LiteLLM reads from the provider.
        begun: called once, just before the first chunk is passed on.
        retry: gives another stream after an error, or raises; None where LiteLLM does that itself.
    """
    while True:
        held: list[Any] | None = []
        try:
            async for chunk in stream:
                if held is not None:
                    held.append(chunk)
                    if retry is not None and _value(getattr(chunk, "type", "")) in _ANNOUNCEMENTS:
                        continue
                    begun()
                for one in held or (chunk,):
                    yield one
                held = None
        except Exception as error:
            if held is None or retry is None:
                raise
            stream = await retry(error)
        else:
            for one in held or ():
                yield one
            return


def _value(kind: Any) -> Any:
    return getattr(kind, "value", kind)


async def again(router: Any, call: str, data: dict[str, Any], journey: Journey) -> Any:
    """The same request once more: what has failed on this journey is not called a second time."""
    kept = {key: value for key, value in data.items() if key not in _NOT_SENT}
    return await getattr(router, call)(model=journey.route[0], fallbacks=journey.fallbacks(), **kept)


def late_headers(response: Any, headers: dict[str, str]) -> dict[str, str]:
    """`headers`, less those that only a stream's first chunk tells: LiteLLM looks for these again then."""
    hidden = getattr(response, "_hidden_params", None)
    if not hasattr(response, "__aiter__") or not isinstance(hidden, dict):
        return headers
    put_late(response, {name: value for name, value in headers.items() if name in LATE})
    return {name: value for name, value in headers.items() if name not in LATE}


LATE = ("x-interlock-model", "x-interlock-attempts")


def put_late(response: Any, headers: dict[str, str]) -> None:
    """Sets the late headers of a stream."""
    hidden = getattr(response, "_hidden_params", None)
    if isinstance(hidden, dict):
        late = {name: value for name, value in headers.items() if name in LATE}
        hidden["additional_headers"] = {**(hidden.get("additional_headers") or {}), **late}
