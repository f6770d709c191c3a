"""What panels look at: series filtered by the dashboard's variables, and what is promised of them."""

from compiler.catalog import Catalog
from compiler.render.monitoring import burn
from compiler.render.monitoring.panels import Steps
from compiler.render.monitoring.promql import Selector, bucket, number
from compiler.render.monitoring.recording import PROVIDERS_FAULT

RATE = "$__rate_interval"
DURATION = "llm_request_duration_seconds"
TOKENS, PER_SECOND, SHARE, SECONDS, USD = "si:tok/s", "reqps", "percentunit", "s", "currencyUSD"
GATEWAY, STRATEGY, PROVIDER = 'gateway=~"$gateway"', 'strategy=~"$strategy"', 'provider=~"$provider"'


class Look:
    """One catalog's series."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.slo = catalog.observability.slo
        self.of = Selector(catalog.name)
        self._objectives = {one.name: one for one in burn.objectives(self.slo, self.of)}

    def requests(self, metric: str, **labels: str) -> str:
        """Of clients' requests, counted at the gateway that they called."""
        return self.of(metric, GATEWAY, STRATEGY, **labels)

    def calls(self, metric: str, **labels: str) -> str:
        """Of calls of providers, counted at the gateway that made them."""
        return self.of(metric, GATEWAY, PROVIDER, **labels)

    def pods(self, metric: str, **labels: str) -> str:
        return self.of(metric, GATEWAY, **labels)

    # --- expressions -----------------------------------------------------------------------------------

    def rate(self, series: str, *labels: str, over: str = RATE) -> str:
        return f"{_sum(labels)} (rate({series}[{over}]))"

    def quantile(self, share: float, *labels: str) -> str:
        series = self.requests(f"{DURATION}_bucket", outcome="answered")
        return f"histogram_quantile({share}, {self.rate(series, 'le', *labels)})"

    def answered(self) -> str:
        """The share of requests that were answered: 0 where none was, nothing where there were none."""
        every = self.rate(self.requests(f"{DURATION}_count"))
        answered = self.rate(self.requests(f"{DURATION}_count", outcome="answered"))
        return f"({answered} or 0 * {every})\n/ ({every} > 0)"

    def in_time(self, milliseconds: float) -> str:
        le = bucket(burn.latency_seconds(milliseconds))
        within = self.requests(f"{DURATION}_bucket", outcome="answered", le=le)
        every = self.requests(f"{DURATION}_count", outcome="answered")
        return _share(self.rate(within, "strategy"), self.rate(every, "strategy"))

    def fallbacks(self, *labels: str) -> str:
        once = self.rate(self.requests("interlock_request_attempts_bucket", le="1.0"), *labels)
        every = self.rate(self.requests("interlock_request_attempts_count"), *labels)
        return "1 - " + _share(once, every)

    def failed_calls(self, over: str = RATE) -> str:
        """The share of failed calls by provider; a side that never was counts as 0."""
        failed = self.of("interlock_failed_attempts_total", GATEWAY, PROVIDER, PROVIDERS_FAULT)
        answered = self.calls("interlock_answered_attempts_total")
        bad, good = (self.rate(series, "provider", over=over) for series in (failed, answered))
        return f"({bad} or 0 * {good})\n/ ((({bad} or 0 * {good}) + ({good} or 0 * {bad})) > 0)"

    def mean(self, histogram: str, series: str, label: str) -> str:
        """`series` is how this histogram is filtered: requests or calls."""
        of = self.requests if series == "requests" else self.calls
        return _share(self.rate(of(f"{histogram}_sum"), label), self.rate(of(f"{histogram}_count"), label))

    # --- promises --------------------------------------------------------------------------------------

    @property
    def availability(self) -> burn.Objective | None:
        return self._objectives.get("Availability")

    def promise(self) -> str:
        promised = self.slo.availability
        return "" if promised is None else f" {number(promised)}% are promised."

    def latency_promise(self) -> str:
        promised = self.slo.p95_latency_ms
        return "" if promised is None else f" 95% are promised within {number(promised / 1000)} s."

    def availability_steps(self) -> Steps:
        promised = self.slo.availability
        if promised is None:
            return ((None, "red"), (0.95, "orange"), (0.99, "green"))
        return ((None, "red"), (promised / 100, "green"))

    def latency_steps(self, fine: str) -> Steps:
        promised = self.slo.p95_latency_ms
        return ((None, "blue"),) if promised is None else ((None, fine), (promised / 1000, "red"))


def _sum(labels: tuple[str, ...]) -> str:
    return f"sum by ({', '.join(labels)})" if labels else "sum"


def _share(part: str, whole: str) -> str:
    """Nothing where the whole is 0."""
    return f"{part}\n/ ({whole} > 0)"
