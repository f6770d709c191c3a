"""A simulation from its catalog and requests to the data of its report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway
from compiler.simulate.arrivals import DAY_S, HOUR_S, Arrivals
from compiler.simulate.log import Account, Log
from compiler.simulate.play import Played, engine_of, play
from compiler.simulate.results import figures
from compiler.simulate.scenario import Scenario
from compiler.simulate.spec import Request
from compiler.simulate.text import duration
from compiler.table import routing_table
from compiler.traffic import DAYS_A_MONTH

Report = dict[str, Any]
Progress = Callable[[int], None]


class NothingToPlayError(ValueError):
    """There is no request; the message says why, and what to do."""


class Run:
    """What is played, but for the requests: a gateway as it is, and under a scenario that says something."""

    def __init__(
        self, catalog: Catalog, gateway: Gateway, scenario: Scenario, replicas: int = 1, seed: int = 1
    ) -> None:
        self.catalog, self.scenario, self.seed = catalog, scenario, seed
        self.table = routing_table(catalog, gateway)
        self.notes: list[str] = []
        if gateway.redis and replicas > 1:
            self.notes.append(
                "the gateway has a Redis: its processes share what they learn, and count as one"
            )
        self.baseline = engine_of(catalog, gateway, self.table, seed=seed, replicas=replicas)
        engine = engine_of(catalog, gateway, self.table, scenario, seed=seed, replicas=replicas)
        self.engine = engine if scenario.words else None

    def play(self, requests: Iterable[Request], **how: Any) -> Played:
        return play(requests, self.baseline, self.engine, growth=self.scenario.growth, seed=self.seed, **how)

    def report(
        self, source: str, played: Played, names: Sequence[str], months: Mapping[int, float]
    ) -> Report:
        """The data of the report. `months`: see `results.figures`."""
        changed = played.scenario and figures(played.scenario, names, months)
        return {
            "source": source,
            "seed": self.seed,
            "requests": played.requests,
            "seconds": round(played.seconds, 3),
            "scenario_words": list(self.scenario.words),
            "baseline": figures(played.baseline, names, months),
            "scenario": changed,
            "log": None,
            "notes": self.notes,
        }


def play_traffic(
    run: Run, sigma: float, *, seconds: float, most: int | None = None, progress: Progress
) -> Report:
    """The declared traffic of that time; or `most` requests, however long they take.

    Raises NothingToPlayError. `progress` is told how many were played.
    """
    arrivals = Arrivals(run.table, run.catalog.traffic, seed=run.seed, sigma=sigma)
    requests = arrivals.requests(most=most) if most else arrivals.requests(seconds=seconds)
    played = run.play(requests, progress=lambda count, _: progress(count))
    if not played.requests:
        raise NothingToPlayError(
            f"no request came within {duration(seconds)}: play longer (--hours), or give --requests"
        )
    a_day = {line.name: line.requests_per_day for line in run.catalog.traffic}
    tally, names = played.baseline, arrivals.lines.names
    # By the requests that came, not by the time they took: what chance made too many does not cost.
    months = {
        at: a_day[name] * DAYS_A_MONTH / tally.line(at).asked
        for at, name in enumerate(names)
        if tally.line(at).asked
    }
    report = run.report(f"the traffic that {run.catalog.name} declares", played, names, months)
    return report if most else {**report, "seconds": seconds}


def play_log(run: Run, log: Log, requests: Iterable[Request], *, progress: Progress) -> Report:
    """The requests of a log. Raises NothingToPlayError. `progress` is told how many bytes were read."""
    account = log.account
    played = run.play(requests, began=lambda: account.first, progress=lambda *_: progress(account.bytes_read))
    if not played.requests:
        raise NothingToPlayError(f"{log.name}: there is no request to play: {_why_none(account)}")
    month = _a_month(account, played.seconds)
    run.notes += _notes(account, has_month=month is not None)
    months = dict.fromkeys(range(len(log.lines.names)), month) if month else {}
    report = run.report(f"the log {log.name}", played, log.lines.names, months)
    bad = dict(sorted(account.bad.items()))
    return {**report, "log": {"lines": account.lines, "not_played": bad, "late": account.late}}


def _why_none(account: Account) -> str:
    if not account.bad:
        return "it is empty"
    reasons = ", ".join(f"{why} ({count:,})" for why, count in account.bad.most_common(3))
    return f"none of its lines can be played: {reasons}"


def _a_month(account: Account, seconds: float) -> float | None:
    """How many of such logs make a month."""
    return DAYS_A_MONTH * DAY_S / seconds if account.timed and seconds >= HOUR_S else None


def _notes(account: Account, *, has_month: bool) -> list[str]:
    notes = []
    bad = sum(account.bad.values())
    if bad:
        notes.append(f"{bad:,} of {account.lines:,} lines of the log cannot be played and are left out")
    if account.late:
        notes.append(
            f"{account.late:,} requests stand in the log long after later ones, and are played where they"
            " stand: sort it by time"
        )
    if not has_month:
        notes.append("the log has no times, or less than an hour of them: no month is made of its cost")
    return notes
