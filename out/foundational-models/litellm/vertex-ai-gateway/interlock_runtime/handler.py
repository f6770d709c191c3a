"""The LiteLLM hooks: a Decision becomes the `model` and `fallbacks` of a request, each hop keeps to it.

Imports LiteLLM, so only the proxy imports this module.
"""

import logging
import math
import sys
from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Any

import litellm
from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger
from litellm.proxy._types import ProxyException
from litellm.types.utils import all_litellm_params

from .access import Keys, with_grant
from .body import cap_timeout, drop_internals, internals, unsendable
from .decision import decide, only
from .journey import Journey, lap_of
from .limits import Limits, wait_s
from .litellm_data import (
    CLIENT_ROUTING,
    MODES,
    STATE,
    STORED_RESPONSES,
    TELL_IF_ASKED,
    bucket,
    counted_there,
    have_usage_told,
    is_for_us_alone,
    journey_of,
    rename,
    request_headers,
    response_headers,
    whole_route_failed,
)
from .metrics import made_metrics
from .request import Refusal, get
from .router import declare_prices, not_served, resting_last, shared_cache
from .streams import AGAIN, again, late_headers, put_late, unbroken
from .table import Loaded, TableFile
from .words import is_number, show

log = logging.getLogger("interlock")

# Errors 400 that another model may not make: it has a larger window, or another policy.
_ANOTHER_MAY = (litellm.ContextWindowExceededError, litellm.ContentPolicyViolationError)


# The journey of the request that this task answers: not every endpoint hands its metadata to every hook.
_PRESENT: ContextVar[Journey | None] = ContextVar("interlock_journey", default=None)


class RefusedRequestError(ProxyException):  # type: ignore[misc]  # LiteLLM's types are not read here
    """An OpenAI-shaped 400 whose `code` is a word; LiteLLM puts the HTTP status there."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(
            message=refusal.message, type="invalid_request_error", param=refusal.param, code=400,
            openai_code=refusal.code,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "code": self.openai_code}


class InterlockHandler(CustomLogger):  # type: ignore[misc]
    """One gateway's routing. `path` is its routing table; raises what `load_table` raises."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.metrics = made_metrics()
        self.keys = Keys()
        self.limits = Limits()
        self.internals = internals(all_litellm_params)
        self.file = TableFile(path, self.metrics, self._not_served)
        self._met: tuple[Any, str] | None = None  # the router and the table that know each other

    @property
    def table(self) -> dict[str, Any]:
        return self.file.current.table

    def _not_served(self, new: Loaded) -> list[str]:
        # Asked on the thread that watches the file, perhaps before LiteLLM has made its router.
        router = getattr(sys.modules.get("litellm.proxy.proxy_server"), "llm_router", None)
        return [] if router is None else not_served(new, router)

    # --- before -----------------------------------------------------------------------------------------

    async def async_pre_call_hook(
        self,
        user_api_key_dict: Any,
        cache: Any,  # noqa: ARG002  # the signature is LiteLLM's, by name
        data: dict[str, Any],
        call_type: Any,
    ) -> dict[str, Any]:
        """Decides the route. Once a request, after LiteLLM's own authentication."""
        _PRESENT.set(None)  # a pipelined request begins in the context of the one before
        bucket(data).pop(STATE, None)  # a client's own
        asked = {name: data.pop(name, None) for name in ("routing_strategy", "requirements")}
        kind = str(getattr(call_type, "value", call_type))
        mode = MODES.get(kind)
        if mode is None:
            self._not_routed(kind)
            return data
        self._clean(data, mode)
        current, router, headers = self.file.current, self._router(), request_headers(data)
        decision = decide(
            current.table,
            {**data, **asked},
            mode=mode,
            header=headers.get("x-routing-strategy"),
            allowed=await self.keys.allowed(user_api_key_dict, current.table, router),
        )
        if decision.refusal:
            self._refuse(decision.refusal)
        retry = current.table["retry"]
        is_hop = bool(decision.pinned and headers.get("x-interlock-hop"))
        if is_hop:
            # Another gateway of ours chose this model, and holds the rest of the route itself.
            decision, retry = only(decision, str(decision.pinned)), {}
        decision, resting = await resting_last(decision, router, self.limits)
        table = current.table["digest"]
        self._send(data, Journey(decision, retry, current.vendors, kind, resting, table, is_hop=is_hop))
        return data

    def _clean(self, data: dict[str, Any], mode: str) -> None:
        """Takes out of the body what would steer or break LiteLLM; refuses what no provider could be sent."""
        for name in CLIENT_ROUTING:
            data.pop(name, None)
        sent = get(data.get("proxy_server_request"), "body")
        drop_internals(data, sent, self.internals)
        refusal = unsendable(data, sent)
        if refusal:
            self._refuse(refusal)
        cap_timeout(data, litellm.request_timeout)
        # LiteLLM fails on the one after the provider has answered, and on the other beside a prompt.
        data.pop({"embedding": "stream", "completion": "messages"}.get(mode, ""), None)

    def _router(self) -> Any:
        from litellm.proxy.proxy_server import llm_router

        meeting = (llm_router, self.table["digest"])
        if meeting != self._met:
            self._met = meeting
            self._meet(llm_router)
        return llm_router

    def _meet(self, router: Any) -> None:
        # A table that is there from the start may be ahead of the configuration; one that comes later would
        # have been refused. What this process cannot serve is left aside, so that the rest is served.
        current = self.file.current
        missing = not_served(current, router)
        for name in missing:
            current.table["models"][name]["status"] = "not in this gateway's configuration"
        if missing:
            log.error("routing table: this process does not serve %s", ", ".join(missing[:3]))
        declare_prices(current, router)

    def _refuse(self, refusal: Refusal) -> None:
        if self.metrics:
            self.metrics.refusals.labels(refusal.code).inc()
        raise RefusedRequestError(refusal)

    def _not_routed(self, kind: str) -> None:
        """Images, files, passing through: nothing here could hold such a call to the catalog's rules.

        LiteLLM judges the model of some of them, and of some it does not.
        """
        if kind not in STORED_RESPONSES:
            served = "chat, completion, responses, messages and embedding requests"
            self._refuse(Refusal(f"this gateway routes {served}, and no {show(kind)}", "not_routed"))

    def _send(self, data: dict[str, Any], journey: Journey) -> None:
        decision = journey.decision
        kept = bucket(data)
        kept[STATE] = journey
        _PRESENT.set(journey)
        data["model"], data["fallbacks"] = journey.route[0], journey.fallbacks()
        if self.metrics and journey.kind in TELL_IF_ASKED:
            have_usage_told(data)
        if decision.is_granted_by_strategy and kept.get("user_api_key_auth") is not None:
            kept["user_api_key_auth"] = with_grant(kept["user_api_key_auth"], journey.route)
        if self.metrics:
            self.metrics.decided(journey)

    # --- on the way -------------------------------------------------------------------------------------

    async def async_filter_deployments(
        self,
        model: str,
        healthy_deployments: list[Any],
        messages: Any,  # noqa: ARG002  # the signature is LiteLLM's
        request_kwargs: dict[str, Any] | None = None,
        parent_otel_span: Any = None,  # noqa: ARG002
    ) -> list[Any]:
        """Before each hop: the one deployment to call, of those that may answer and have not failed yet."""
        journey = journey_of(request_kwargs)
        if journey is None or model not in journey.decision.upstreams:
            return healthy_deployments
        # A hop runs while LiteLLM handles the error of the one before.
        self._note(journey, sys.exc_info()[1])
        await journey.enter(lap_of(request_kwargs or {}))
        cache = shared_cache(self._router())
        while chosen := journey.next_of(model, healthy_deployments):
            if await self.limits.admits(chosen[0], cache):
                return chosen
            journey.turned_away()
        return []

    async def log_failure_fallback_event(
        self,
        original_model_group: str,  # noqa: ARG002
        kwargs: dict[str, Any],
        original_exception: Exception,  # noqa: ARG002
    ) -> None:
        # Called while LiteLLM handles the fallback's own error, which it does not hand over.
        journey = journey_of(kwargs)
        if journey is not None:
            self._note(journey, sys.exc_info()[1])

    def _note(self, journey: Journey, error: BaseException | None) -> None:
        news = journey.note(error, another_may=isinstance(error, _ANOTHER_MAY))
        self._count(news, is_known=journey.begun or counted_there(error))

    def _count(self, news: tuple[str, int] | None, *, is_known: bool) -> None:
        """A failed call. `is_known`: another gateway, if it was one that was called, has counted it."""
        if news and self.metrics:
            deployment, status = news
            model, row = self.file.current.deployments.get(deployment, ("unknown", None))
            if row and row["gateway"] and is_known:
                return
            self.metrics.failed(model, row["providers"][0] if row else "unknown", status)

    # --- after ------------------------------------------------------------------------------------------

    async def async_post_call_response_headers_hook(
        self,
        data: dict[str, Any],
        user_api_key_dict: Any,  # noqa: ARG002
        response: Any,
        request_headers: Any = None,  # noqa: ARG002
        litellm_call_info: Any = None,  # noqa: ARG002
    ) -> dict[str, str] | None:
        journey = journey_of(data) or _PRESENT.get()
        if journey is None:
            return None
        if response is not None and journey.called is not None:
            journey.answered = journey.model_of(journey.called)
            rename(response, journey.answered)
        return late_headers(response, response_headers(journey))

    async def async_post_call_streaming_iterator_hook(
        self,
        user_api_key_dict: Any,  # noqa: ARG002
        response: Any,
        request_data: dict[str, Any],
    ) -> AsyncIterator[Any]:
        """Every stream, from the provider's first chunk on."""
        journey = journey_of(request_data) or _PRESENT.get()
        if journey is None:
            async for chunk in response:
                yield chunk
            return

        def begun() -> None:
            journey.begun = True
            if journey.called is not None:
                journey.answered = journey.model_of(journey.called)
            put_late(response, response_headers(journey))

        async def retry(error: BaseException) -> Any:
            self._count(journey.broken(error), is_known=True)
            if journey.over:
                raise _telling(error, journey)
            try:
                return await again(self._router(), AGAIN[journey.kind], request_data, journey)
            except Exception as last:  # noqa: BLE001  # whatever it is, the client is told of the whole route
                self._note(journey, last)
                raise _telling(error, journey) from None

        is_text = journey.kind in ("text_completion", "atext_completion")
        async for chunk in unbroken(response, begun, retry if journey.kind in AGAIN else None):
            if not (is_text and is_for_us_alone(chunk, request_data)):
                yield chunk

    async def async_log_success_event(
        self,
        kwargs: dict[str, Any],
        response_obj: Any,  # noqa: ARG002
        start_time: Any,  # noqa: ARG002
        end_time: Any,  # noqa: ARG002
    ) -> None:
        """After an answer, a stream's last word included."""
        details = kwargs.get("standard_logging_object")
        journey = journey_of(kwargs.get("litellm_params"))
        if journey is None or not isinstance(details, dict):
            return
        await self.limits.answered(details, shared_cache(self._router()))
        if self.metrics is None:
            return
        found = self.file.current.deployments.get(str(details.get("model_id")))
        if found:
            journey.answered = journey.answered or found[0]
            self.metrics.used(journey, *found, details)
        self.metrics.ended(journey, "answered")

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,  # noqa: ARG002
        traceback_str: str | None = None,  # noqa: ARG002
    ) -> Any:
        """One clear error for a route that failed whole, with the status of its last provider."""
        journey = journey_of(request_data) or _PRESENT.get()
        if journey is None:
            return None
        self._note(journey, original_exception)
        if self.metrics:
            self.metrics.ended(journey, journey.fate_of(original_exception))
        if not journey.failed and not journey.resting and not journey.limited:
            return None  # LiteLLM itself found the request wrong: what it says is right
        if journey.begun or (len(journey.route) < 2 and (journey.failed or not journey.limited)):
            return None  # nothing to add to one model's error, nor to a stream's that had begun
        wait: Any = wait_s() if journey.limited else getattr(original_exception, "cooldown_time", None)
        # Two endpoints (completions, messages) answer with the exception itself, whatever is returned here.
        told: Any = _telling(original_exception, journey)
        retry_after = {"retry-after": str(math.ceil(wait))} if is_number(wait) else None
        return HTTPException(status_code=told.status_code, detail=told.message, headers=retry_after)


def _telling(error: BaseException, journey: Journey) -> BaseException:
    """The error, saying what became of the whole route, with the status of its last provider."""
    about: Any = error
    about.message = whole_route_failed(journey, error)
    about.status_code = next((s for s in reversed(journey.failed.values()) if 400 <= s <= 599), 429)
    return error
