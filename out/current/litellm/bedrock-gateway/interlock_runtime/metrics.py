"""What is counted, as Prometheus collectors on the page where LiteLLM has its own."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .models import Row
from .words import is_number

if TYPE_CHECKING:
    from .journey import Journey

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120)


class Metrics:
    """Prometheus collectors, on the page where LiteLLM has its own. Names of models are the catalog's.

    `vertex_tokens_total` and `llm_tokens_total` count where the provider is called: a gateway that a request
    only passes through counts no tokens, so that a sum over gateways is the sum of what was used.
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
        self.attempts = _one(
            Histogram, "interlock_request_attempts", "Providers called for one request.", "strategy",
            buckets=(0, 1, 2, 3, 4, 5, 7, 10),
        )  # fmt: skip
        self.table = _one(Gauge, "interlock_table_info", "The routing table in force.", "digest")
        self.loaded = _one(
            Gauge, "interlock_table_loaded_timestamp_seconds", "When the table in force was loaded."
        )
        self.reloads = _one(
            Counter, "interlock_table_reloads_total", "Tables that were loaded or refused.", "result"
        )
        self.seconds = _one(
            Histogram, "llm_request_duration_seconds", "From routing a request to the end of its answer.",
            "strategy", "model", "outcome", buckets=_SECONDS,
        )  # fmt: skip
        self.tokens = _one(
            Counter, "llm_tokens_total", "Tokens, as providers count them.", "provider", "model", "type"
        )
        self.vertex = _one(Counter, "vertex_tokens_total", "Tokens that Vertex AI counted.", "model", "type")
        self.cost = _one(
            Counter, "llm_cost_usd_total", "US dollars, by the catalog's prices.", "provider", "model"
        )

    def adopted(self, table_digest: str) -> None:
        self.table.clear()
        self.table.labels(table_digest).set(1)
        self.loaded.set_to_current_time()
        self.reloads.labels("loaded").inc()

    def ended(self, journey: "Journey", outcome: str) -> None:
        strategy = journey.decision.strategy or "none"
        self.attempts.labels(strategy).observe(journey.attempts)
        seconds = time.monotonic() - journey.started
        self.seconds.labels(strategy, journey.answered or "none", outcome).observe(seconds)

    def used(self, model: str, deployment: Row, details: Mapping[str, Any]) -> None:
        """`details` is LiteLLM's standard logging payload."""
        if deployment["gateway"] is not None:
            return
        provider = deployment["providers"][0]
        for kind, key in (("input", "prompt_tokens"), ("output", "completion_tokens")):
            count = details.get(key)
            if is_number(count):
                self.tokens.labels(provider, model, kind).inc(count)
                if deployment["type"] == "vertex_ai":
                    self.vertex.labels(model, kind).inc(count)
        if is_number(details.get("response_cost")):
            self.cost.labels(provider, model).inc(details["response_cost"])


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
