"""How fast an error budget is spent: the multiwindow, multi-burn-rate alerts of the Google SRE workbook."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from compiler.catalog_gateways import Slo
from compiler.render.monitoring.promql import (
    DAY,
    HOUR,
    MINUTE,
    Selector,
    bucket,
    constant,
    counter,
    duration,
    number,
    spoken,
)
from compiler.render.monitoring.rules import Alert, Case, Firing, Inputs, Recording, percent

INTERVAL = 60  # seconds between two evaluations; the count of requests is taken from it
MIN_BAD = 10  # requests: one that failed in a quiet night wakes nobody
LATENCY_BUDGET = Decimal("0.05")  # of the answers may be slower than a 95th percentile
_MOST_BUDGET = Decimal("0.99")  # a promise of less than 1 % still has to be broken to be told

Phase = tuple[float, float, int]  # bad and all requests a minute, and for how many minutes


@dataclass(frozen=True, slots=True)
class Window:
    """`factor` times the budget, over `long` and still over `short` seconds, for `hold` seconds."""

    factor: Decimal
    long: int
    short: int
    hold: int
    severity: str


WINDOWS = (
    Window(Decimal("14.4"), HOUR, 5 * MINUTE, 2 * MINUTE, "critical"),
    Window(Decimal(6), 6 * HOUR, 30 * MINUTE, 5 * MINUTE, "critical"),
    Window(Decimal(3), DAY, 2 * HOUR, 15 * MINUTE, "warning"),
    Window(Decimal(1), 3 * DAY, 6 * HOUR, 30 * MINUTE, "warning"),
)


@dataclass(frozen=True, slots=True)
class Objective:
    """A promise: at most `budget` of the `every` requests are `bad`. `traffic` makes series of phases."""

    name: str
    bad: str
    every: str
    budget: Decimal
    what: str
    traffic: Callable[[Sequence[Phase]], Inputs]

    @property
    def windows(self) -> list[Window]:
        """Those whose threshold a ratio can pass; the last always can."""
        return [window for window in WINDOWS if window.factor * self.budget < 1]

    @property
    def lengths(self) -> list[int]:
        """Of every window, in seconds."""
        return sorted({length for window in self.windows for length in (window.long, window.short)})

    def ratio(self, seconds: int) -> str:
        return f"{self.bad}:ratio_rate{duration(seconds)}"


def objectives(slo: Slo, of: Selector) -> list[Objective]:
    """What the catalog promises."""
    found = []
    if slo.availability is not None:
        budget = min(1 - Decimal(str(slo.availability)) / 100, _MOST_BUDGET)
        found.append(
            Objective(
                "Availability",
                "catalog:llm_requests_failed",
                "catalog:llm_requests",
                budget,
                f"of the requests failed; {number(slo.availability)}% are promised to be answered",
                lambda phases: failing(of, phases),
            )
        )
    if slo.p95_latency_ms is not None:
        seconds = latency_seconds(slo.p95_latency_ms)
        found.append(
            Objective(
                "Latency",
                "catalog:llm_requests_slow",
                "catalog:llm_requests_answered",
                LATENCY_BUDGET,
                f"of the answers took more than {number(seconds)} s; 5% may",
                lambda phases: slow(of, seconds, phases),
            )
        )
    return found


def latency_seconds(milliseconds: float) -> float:
    """The bucket that the plugin adds for the objective, in seconds."""
    return milliseconds / 1000


def failing(of: Selector, phases: Sequence[Phase]) -> Inputs:
    """Series of requests, some of which failed."""
    metric, names = "llm_request_duration_seconds_count", {"strategy": "s", "instance": "a"}
    return {
        of(metric, outcome="failed", model="none", **names): counter(*((bad, n) for bad, _, n in phases)),
        of(metric, outcome="answered", model="m", **names): counter(*((t - bad, n) for bad, t, n in phases)),
    }


def slow(of: Selector, seconds: float, phases: Sequence[Phase]) -> Inputs:
    """Series of answers, some of which were slow."""
    names = {"outcome": "answered", "strategy": "s", "model": "m", "instance": "a"}
    duration_of = "llm_request_duration_seconds"
    return {
        of(f"{duration_of}_count", **names): counter(*((every, n) for _, every, n in phases)),
        of(f"{duration_of}_bucket", le=bucket(seconds), **names): counter(
            *((t - b, n) for b, t, n in phases)
        ),
    }


# --- the recording rules -------------------------------------------------------------------------------


def ratios(objective: Objective, of: Selector, lengths: Sequence[int]) -> Iterator[Recording]:
    """The share of bad requests in each window.

    From the recorded rates: three days of every pod's own series would be millions of samples a minute.
    """
    inputs = objective.traffic([(15, 60, 10)])
    for length in lengths:
        expression = ratio(objective.bad, objective.every, length, of)
        yield Recording(objective.ratio(length), expression, inputs, [({}, 0.25)])


def ratio(bad: str, every: str, seconds: int, of: Selector) -> str:
    """Nothing where there were no requests. Five minutes are what the rates themselves look at."""
    names = (of(f"{name}:rate5m") for name in (bad, every))
    if seconds > 5 * MINUTE:
        names = (f"sum_over_time({name}[{duration(seconds)}])" for name in names)
    part, whole = names
    return f"{part}\n/ ({whole} > 0)"


# --- the alerts ----------------------------------------------------------------------------------------


def alerts(objective: Objective, of: Selector) -> Iterator[Alert]:
    for window in objective.windows:
        yield _alert(objective, window, of)


def _alert(objective: Objective, window: Window, of: Selector) -> Alert:
    long, short = objective.ratio(window.long), objective.ratio(window.short)
    limit = f"{number(window.factor)} * {number(objective.budget)}"
    name = f"Interlock{objective.name}Burn"
    left = spoken(_budget_lasts(window))
    return Alert(
        f"{name}{duration(window.long)}",
        name,
        window.severity,
        f"{of(long)} > {limit}\n"
        f"and {of(short)} > {limit}\n"
        f"and {bad_count(objective.bad, window.long, of)} > {MIN_BAD}",
        window.hold,
        f"{of.catalog} spends its {objective.name.lower()} budget{_pace(window)}",
        f"{{{{ $value | humanizePercentage }}}} {objective.what}. This is so over {spoken(window.long)} and"
        f" over the last {spoken(window.short)}. At such a rate a budget of 30 days lasts {left} at most.",
        list(_cases(objective, window, of)),
    )


def _pace(window: Window) -> str:
    return f" {number(window.factor)} times too fast" if window.factor > 1 else " too fast"


def _budget_lasts(window: Window) -> int:
    """Seconds, to a quarter of a day."""
    quarter = DAY // 4
    return round(30 * DAY / float(window.factor) / quarter) * quarter


def bad_count(bad: str, seconds: int, of: Selector) -> str:
    """How many there were: a rate a second for every evaluation, each of which stands for its interval."""
    return f"sum_over_time({of(bad + ':rate5m')}[{duration(seconds)}]) * {INTERVAL}"


def _cases(objective: Objective, window: Window, of: Selector) -> Iterator[Case]:
    threshold = window.factor * objective.budget
    fires, below = _rounded(threshold, "1.05", up=True), _rounded(threshold, "0.95", up=False)
    hold, firing = window.hold // MINUTE, (Firing(percent(float(fires)), {"catalog": of.catalog}),)

    def traffic(bad: float, ratio: Decimal) -> Inputs:
        """So many bad requests in ten minutes, and then hardly one: their count stays where it is."""
        phases = [
            (count, float(Decimal(count) / ratio), n) for count, n in ((bad / 10, 10), (1e-6, hold + 8))
        ]
        return objective.traffic(phases)

    yield Case("just above", traffic(MIN_BAD * 1.3, fires), hold + 18, firing)
    yield Case("too few to tell", traffic(MIN_BAD * 0.8, fires), hold + 18)

    def recorded(long: Decimal, short: Decimal) -> Inputs:
        ratios = {window.long: long, window.short: short}
        series = {of(objective.ratio(seconds)): float(ratio) for seconds, ratio in ratios.items()}
        bad = {of(f"{objective.bad}:rate5m"): MIN_BAD}
        return {name: constant(value, hold + 2) for name, value in {**series, **bad}.items()}

    yield Case("not yet: the long window is just below", recorded(below, fires), hold + 2)
    yield Case("over: the short window is just below", recorded(fires, below), hold + 2)


def _rounded(threshold: Decimal, factor: str, *, up: bool) -> Decimal:
    """Three digits, so that it prints as it is; a ratio is at most 1."""
    digits = Context(prec=3, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return min(digits.multiply(threshold, Decimal(factor)), Decimal(1))
