"""One request that does not simply succeed: the hops that are made for it, as by `runtime.journey`.

That one runs inside LiteLLM, sleeps, and draws lots that nobody can repeat. A test holds the two equal.
"""

from collections.abc import Mapping, Sequence

from compiler.runtime.journey import _PASSING, CALLERS_FAULT
from compiler.simulate.plans import Plan, Stop
from compiler.simulate.plant import Replica, Target, Upstream
from compiler.simulate.spec import Spec

PASSING = _PASSING


class Walk:
    """The state of one request on its way. `hops` are (model, lap), in LiteLLM's order."""

    __slots__ = (
        "at", "attempts", "awake", "called", "failed", "failed_this_lap", "failing", "hops", "lap",
        "luck", "over", "pending", "refusers", "replica", "resting", "spec", "started",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917  # what is known when it starts
        self, spec: Spec, plan: Plan, replica: Replica, t: float, luck: int, laps: int
    ) -> None:
        self.spec, self.replica, self.started, self.luck = spec, replica, t, luck
        stops = plan.stops
        self.resting = _resting(stops, replica, t) if t < replica.rests_until else {}
        if self.resting:
            # stable: a model that rests goes to the end, the others keep their order
            stops = tuple(sorted(stops, key=lambda stop: all(up in self.resting for up in stop.upstreams)))
        self.awake = {up for stop in stops for up in stop.upstreams if up not in self.resting}
        self.hops = hops_of(stops, laps, late=bool(self.resting))
        self.at = 0  # the next hop
        self.lap = 0
        self.attempts = 0
        self.over = False
        self.failed: dict[Upstream, int] = {}  # status of the last error, the newest last
        self.failed_this_lap: set[Upstream] = set()
        self.refusers: set[str] = set()
        self.called: Upstream | None = None
        self.pending: list[Target] = []  # that a gateway behind has yet to ask
        self.failing: tuple[Target, int] | None = None  # a call that takes its time to fail, and its status

    def enter(self, lap: int) -> bool:
        """Before a hop of another lap; whether it is worth pausing for."""
        if lap <= self.lap or self.over:
            return False
        self.lap = lap
        self.over = not any(status in PASSING for status in self.failed.values())
        return not self.over

    def rested(self) -> None:
        """After that pause."""
        self.failed_this_lap = {up for up, status in self.failed.items() if status not in PASSING}

    def choices(self, stop: Stop, t: float) -> list[Upstream]:
        """Those of a model of which one is to be called now: of the best priority that has any left."""
        seats = self.replica.seats
        for level in stop.levels:
            rows = [up for up in level if seats[up.seat].rests_until <= t]
            left = [up for up in rows if up not in self.failed_this_lap]
            left = left or [up for up in self._rested(level) if up not in self.failed_this_lap]
            if left:
                return left
        return []

    def _rested(self, level: Sequence[Upstream]) -> list[Upstream]:
        """Those that cool down, when nobody else is left."""
        if not self.awake <= self.failed_this_lap:
            return []
        return [up for up in level if self.resting.get(up) is False]

    def note(self, status: int) -> None:
        """The called upstream's error."""
        up = self.called
        assert up is not None  # noqa: S101  # the engine notes what it called
        self.failed.pop(up, None)
        self.failed[up] = status
        self.failed_this_lap.add(up)
        if status in CALLERS_FAULT:
            self.refusers.add(up.vendor)
        self.over = self.over or len(self.refusers) > 1

    def turned_away(self) -> None:
        """The limit of the called upstream is used up: it was not called after all."""
        assert self.called is not None  # noqa: S101  # the engine chose it
        self.failed_this_lap.add(self.called)
        self.called = None
        self.attempts -= 1

    def last_status(self) -> int:
        """What the client is told: 429 when nobody could be asked."""
        return next(reversed(self.failed.values()), 429)


def _resting(stops: Sequence[Stop], replica: Replica, t: float) -> Mapping[Upstream, bool]:
    """The upstreams of the route that cool down; True: the provider has said to wait."""
    seats = replica.seats
    found = [up for stop in stops for up in stop.upstreams]
    return {up: seats[up.seat].waits for up in found if seats[up.seat].rests_until > t}


def hops_of(stops: Sequence[Stop], laps: int, *, late: bool) -> list[tuple[Stop, int]]:
    """Each upstream of each model, once more for those that rest, and all over again in every lap."""
    one = [stop for stop in stops for _ in stop.upstreams]
    again = one if late else []
    return [(stop, 0) for stop in (*one, *again)] + [(stop, lap) for lap in range(1, laps) for stop in one]
