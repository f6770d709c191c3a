"""What is counted, as Prometheus collectors on the page where LiteLLM has its own."""

import logging
import math
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .models import Row
from .words import is_number

if TYPE_CHECKING:
    from .journey import Journey

SLO_SECONDS = "INTERLOCK_SLO_LATENCY_SECONDS"
_KINDS = ("input", "output")
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)

log = logging.getLogger("interlock")


class Metrics:
    """Prometheus collectors, on the page where LiteLLM has its own. Names of models are the catalog's.

    What a provider did (`llm_tokens_total`, `llm_cost_usd_total`, `vertex_tokens_total`, attempts) is counted
    where it is called, and what became of a client's request where that client called: a request that passes
    through two gateways is counted once in either, so that sums over gateways are right.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self.decisions = _one(
            Counter, "interlock_decisions_total", "Requests routed.", "strategy", "model", "reason"
        )
        self.refusals = _one(Counter, "interlock_refusals_total", "Requests refused with a 400.", "code")
        self.failures = _one(
            Counter, "interlock_failed_attempts_total", "Calls of a provider that failed.",
            "model", "provider", "status",
        )  # fmt: skip
        self.answers = _one(
            Counter, "interlock_answered_attempts_total", "Calls of a provider that were answered.",
            "model", "provider",
        )  # fmt: skip
        self.attempts = _one(
            Histogram, "interlock_request_attempts", "Providers called for one request.", "strategy",
            buckets=(0, 1, 2, 3, 4, 5, 7, 10),
        )  # fmt: skip
        self.table = _gauge(Gauge, "interlock_table_info", "The routing table in force.", "digest")
        self.loaded = _gauge(
            Gauge, "interlock_table_loaded_timestamp_seconds", "When the table in force was loaded."
        )
        self.reloads = _one(
            Counter, "interlock_table_reloads_total", "Tables that were loaded or refused.", "result"
        )
        self.retirement = _gauge(
            Gauge, "interlock_model_retirement_timestamp_seconds",
            "The start of the day (UTC) on which its vendor retires a model in service.", "model",
        )  # fmt: skip
        self.seconds = _one(
            Histogram, "llm_request_duration_seconds", "From routing a request to the end of its answer.",
            "strategy", "model", "outcome", buckets=buckets(os.environ.get(SLO_SECONDS)),
        )  # fmt: skip
        self.provider_seconds = _one(
            Histogram, "llm_provider_duration_seconds", "One answered call of a provider, to its end.",
            "provider", "model", buckets=_SECONDS,
        )  # fmt: skip
        self.tokens = _one(
            Counter, "llm_tokens_total", "Tokens, as providers count them.", "provider", "model", "type"
        )
        self.vertex = _one(Counter, "vertex_tokens_total", "Tokens that Vertex AI counted.", "model", "type")
        self.cost = _one(
            Counter, "llm_cost_usd_total", "US dollars, by the catalog's prices.", "provider", "model"
        )
        self.request_tokens = _one(
            Counter, "llm_request_tokens_total", "Tokens of clients' requests.", "strategy", "model", "type"
        )
        self.request_cost = _one(
            Counter, "llm_request_cost_usd_total", "US dollars that clients' requests cost.",
            "strategy", "model",
        )  # fmt: skip

    def adopted(self, table: Mapping[str, Any]) -> None:
        self.table.clear()
        self.table.labels(table["digest"]).set(1)
        self.loaded.set_to_current_time()
        self.reloads.labels("loaded").inc()
        self.retirement.clear()
        for model, row in table["models"].items():
            day = None if row.get("status") else start_of(row.get("retires_on"))
            if day is not None:
                self.retirement.labels(model).set(day)

    def decided(self, journey: "Journey") -> None:
        if not journey.is_hop:
            decision = journey.decision
            self.decisions.labels(_strategy(journey), journey.route[0], decision.reason).inc()

    def ended(self, journey: "Journey", outcome: str) -> None:
        if journey.is_hop:
            return
        strategy = _strategy(journey)
        self.attempts.labels(strategy).observe(journey.attempts)
        seconds = time.monotonic() - journey.started
        self.seconds.labels(strategy, journey.answered or "none", outcome).observe(seconds)

    def failed(self, model: str, provider: str, status: int) -> None:
        self.failures.labels(model, provider, str(status)).inc()

    def used(self, journey: "Journey", model: str, deployment: Row, details: Mapping[str, Any]) -> None:
        """An answer. `details` is LiteLLM's standard logging payload."""
        tokens = _tokens(details)
        cost = _cost(deployment, tokens, details.get("response_cost"))
        if deployment["gateway"] is None:
            provider = deployment["providers"][0]
            self.answers.labels(model, provider).inc()
            self.provider_seconds.labels(provider, model).observe(time.monotonic() - journey.called_at)
            _add(self.tokens, (provider, model), tokens)
            if deployment["type"] == "vertex_ai":
                _add(self.vertex, (model,), tokens)
            self.cost.labels(provider, model).inc(cost)
        if not journey.is_hop:
            _add(self.request_tokens, (_strategy(journey), model), tokens)
            self.request_cost.labels(_strategy(journey), model).inc(cost)


def _strategy(journey: "Journey") -> str:
    return journey.decision.strategy or "none"


def _tokens(details: Mapping[str, Any]) -> dict[str, float]:
    found: tuple[Any, Any] = (details.get("prompt_tokens"), details.get("completion_tokens"))
    return {kind: count for kind, count in zip(_KINDS, found, strict=True) if is_number(count)}


def _cost(deployment: Row, tokens: Mapping[str, float], counted: Any) -> float:
    """US dollars. LiteLLM counts what caching saves as well, and nothing for the stream of a completion."""
    if is_number(counted) and counted > 0:
        return float(counted)
    price = deployment["price"] or (0, 0)
    return float(sum(usd * tokens.get(kind, 0) for usd, kind in zip(price, _KINDS, strict=True))) / 1_000_000


def _add(counter: Any, labels: tuple[str, ...], tokens: Mapping[str, float]) -> None:
    for kind, count in tokens.items():
        counter.labels(*labels, kind).inc(count)


def start_of(day: Any) -> float | None:
    """The Unix time at which a day begins, given as "2026-10-23"; None when it is no such day."""
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except (TypeError, ValueError):
        return None


def buckets(slo: str | None) -> tuple[float, ...]:
    """Of a request's duration: one of them is the latency that is promised, in seconds, if one is."""
    try:
        seconds = float(slo) if slo else None
    except ValueError:
        seconds = math.nan
    if seconds is None:
        return _SECONDS
    if not 0 < seconds < math.inf:
        log.error("%s=%s is ignored: it is no positive number of seconds", SLO_SECONDS, slo)
        return _SECONDS
    return tuple(sorted({*_SECONDS, seconds}))


def _gauge(kind: Any, name: str, text: str, *labels: str) -> Any:
    """Of several workers, which share one page, the newest word counts."""
    return _one(kind, name, text, *labels, multiprocess_mode="livemostrecent")


def _one(kind: Any, name: str, text: str, *labels: str, **options: Any) -> Any:
    """The collector of that name: LiteLLM may load this file twice, and the registry takes it once."""
    from prometheus_client import REGISTRY

    known = getattr(REGISTRY, "_names_to_collectors", {}).get(name)
    return known if known is not None else kind(name, text, labels, **options)


def made_metrics() -> Metrics | None:
    try:
        return Metrics()
    except ImportError:
        return None
