"""The gateway in virtual time: what comes of each request, and what each process of the gateway learns of it.

The common case, a request that its first choice answers, is kept apart and plain: a million of them must take
seconds. Everything else is a `Walk`. What takes time is put off: nothing is known before its moment.
"""

import random
from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

from compiler.runtime.models import Table
from compiler.simulate.latency import LUCK_BITS, PLACES, SHORT_ANSWER, SIGMA, bin_of, spread
from compiler.simulate.memory import OVER_LIMIT, Memory, Rules
from compiler.simulate.plans import Plans
from compiler.simulate.plant import Plant, Replica, Seat, Target, Upstream
from compiler.simulate.spec import Spec
from compiler.simulate.tally import Tally
from compiler.simulate.walk import Walk

REFUSED_CONNECTION = 500  # what LiteLLM makes of it
TIMEOUT = 408
ERROR_S = 0.1  # in which a provider answers with an error

Event = Callable[[float, Walk | None], None]


class Engine:
    """One gateway, of `replicas` processes. Requests arrive in order; `finish` ends what is on its way.

    The time 0 is at the beginning of a minute, unless `began` says otherwise.
    """

    def __init__(  # keyword-only
        self, plant: Plant, table: Table, rules: Rules, *, seed: int, replicas: int = 1
    ) -> None:
        self.plant, self.rules, self.tally = plant, rules, Tally(plant)
        self._memory = Memory(rules, self.tally)
        self._plans = Plans(table, plant)
        count_ = 1 if plant.shared else replicas
        self._replicas = [Replica([Seat() for _ in range(plant.seats)]) for _ in range(count_)]
        self._events: list[tuple[float, int, Event, Walk | None]] = []
        self._numbers = count()
        self._lots = random.Random(f"{seed}/lots")  # noqa: S311  # repeatable, and no secret
        self._factors = spread(SIGMA, PLACES)

    def began(self, unix: float) -> None:
        """The Unix time of the time 0: limits count by minutes of the clock."""
        self._memory.minute_s = unix % 60

    def at(self, t: float, event: Event, walk: Walk | None = None) -> None:
        """Has something happen at that time, before any request that comes then or later."""
        heappush(self._events, (t, next(self._numbers), event, walk))

    def arrive(self, t: float, spec: Spec, luck: int) -> None:
        """A request, at least as late as the one before."""
        events = self._events
        if events and events[0][0] <= t:
            self._until(t)
        line = self.tally.line(spec.line)
        line.asked += 1
        plan = self._plans.of(spec)
        if plan.code:
            self.tally.refused(spec, plan.code, plan.message)
            return
        replicas = self._replicas
        replica = replicas[0] if len(replicas) == 1 else self._lots.choice(replicas)
        target = plan.first
        if target is None or target.wary or t < replica.rests_until:
            self._go(t, Walk(spec, plan, replica, t, luck, self.rules.laps))
            return
        self.tally.attempts[1] += 1
        completion = target.usual_answer if spec.completion is None else spec.completion
        line.answers[target.number] += 1
        if target.latency_ms is None:
            line.without_latency += 1
        else:
            ms = target.latency_ms * self._factors[luck]
            if completion > SHORT_ANSWER:
                ms *= completion / SHORT_ANSWER
            line.latencies[bin_of(ms)] += 1
        if target.price is None:
            line.without_price += 1
        elif target.tiers:
            line.usd[target.number] += target.usd(spec.prompt, completion) or 0.0
        else:
            line.usd[target.number] += spec.prompt * target.price[0] + completion * target.price[1]

    def finish(self) -> None:
        """What is still on its way ends."""
        self._until(float("inf"))

    def _until(self, t: float) -> None:
        events = self._events
        while events and events[0][0] <= t:
            at, _, event, walk = heappop(events)
            event(at, walk)

    # --- a walk -----------------------------------------------------------------------------------------

    def _go(self, t: float, walk: Walk) -> None:
        """Walks until the request has ended or must wait."""
        while True:
            if not walk.pending:
                upstream = self._next(t, walk)
                if upstream is None:
                    return
                if not self._call(t, walk, upstream):
                    continue
            target = walk.pending.pop(0)
            if self._memory.is_over_limit(t, walk.replica.seats[target.number], target):
                self._turned_away(t, walk)
                continue
            status, seconds, ms = self._try(walk, target)
            if not status:
                self._answered(t, walk, target, ms)
                return
            if seconds:
                walk.failing = (target, status)
                self.at(t + seconds, self._resume, walk)
                return
            self._failed(t, walk, target, status)

    def _resume(self, t: float, walk: Walk | None) -> None:
        assert walk is not None  # noqa: S101  # put there by _go
        if walk.failing:
            target, status = walk.failing
            walk.failing = None
            self._failed(t, walk, target, status)
        else:
            walk.rested()
        self._go(t, walk)

    def _next(self, t: float, walk: Walk) -> Upstream | None:
        """Whom the next hop calls; None when the walk has ended, or pauses before another lap."""
        while walk.at < len(walk.hops):
            stop, lap = walk.hops[walk.at]
            if walk.enter(lap):
                pause = self.rules.backoff_s * 2 ** (lap - 1) * self._lots.uniform(0.8, 1.2)
                self.at(t + pause, self._resume, walk)
                return None
            if walk.over:
                break
            walk.at += 1
            found = walk.choices(stop, t)
            if found:
                return self._one_of(found)
        self.tally.line(walk.spec.line).failed[walk.last_status()] += 1
        self.tally.attempts[walk.attempts] += 1
        return None

    def _one_of(self, found: list[Upstream]) -> Upstream:
        if len(found) == 1:
            return found[0]
        return self._lots.choices(found, [up.weight for up in found])[0]

    def _call(self, t: float, walk: Walk, upstream: Upstream) -> bool:
        """Begins a hop; False when the gateway behind has nobody to ask."""
        walk.called = upstream
        walk.attempts += 1
        if upstream.is_direct:
            walk.pending = [upstream.targets[0]]
            return True
        walk.pending = self._behind(t, walk.replica, upstream)
        if not walk.pending:
            self._memory.failed(t, walk.replica, upstream.seat, OVER_LIMIT, self.rules.rest_s)
            walk.note(OVER_LIMIT)
        return bool(walk.pending)

    def _behind(self, t: float, replica: Replica, upstream: Upstream) -> list[Target]:
        """Whom another gateway asks: by priority and weight, those that rest after the others."""
        lots, seats = self._lots, replica.seats
        order = [(one.priority, lots.random() ** (1 / one.weight), one) for one in upstream.targets]
        placed = [one for _, _, one in sorted(order, key=lambda row: (row[0], -row[1]))]
        awake = [one for one in placed if seats[one.number].rests_until <= t]
        return awake + [one for one in placed if one not in awake and not seats[one.number].waits]

    def _try(self, walk: Walk, target: Target) -> tuple[int, float, float | None]:
        """(status or 0, seconds it took to fail, milliseconds to answer a short question)."""
        if target.down:
            return REFUSED_CONNECTION, 0.0, None
        if target.rate and self._lots.random() < target.rate:
            return (target.status, ERROR_S, None) if target.status else (TIMEOUT, self.rules.timeout_s, None)
        place = walk.luck if walk.attempts == 1 else self._lots.getrandbits(LUCK_BITS)
        ms = target.short_ms(self._factors[place])
        if ms is not None and ms > self.rules.timeout_s * 1000:
            return TIMEOUT, self.rules.timeout_s, None
        return 0, 0.0, ms

    def _turned_away(self, t: float, walk: Walk) -> None:
        """By a limit of ours: nobody was called. A gateway behind with no other says how long to wait."""
        called = walk.called
        if walk.pending or called is None:
            return
        if called.is_direct:
            walk.turned_away()
            return
        self._memory.failed(t, walk.replica, called.seat, OVER_LIMIT, self._memory.next_minute_s(t))
        walk.note(OVER_LIMIT)

    def _answered(self, t: float, walk: Walk, target: Target, ms: float | None) -> None:
        spec, line = walk.spec, self.tally.line(walk.spec.line)
        completion = target.usual_answer if spec.completion is None else spec.completion
        self.tally.attempts[walk.attempts] += 1
        line.answers[target.number] += 1
        whole = 0.0
        if ms is None:
            line.without_latency += 1
        else:
            whole = target.whole_ms(ms, completion)
            line.latencies[bin_of((t - walk.started) * 1000 + whole)] += 1
        usd = target.usd(spec.prompt, completion)
        if usd is None:
            line.without_price += 1
        else:
            line.usd[target.number] += usd
        if target.tpm:
            tokens, seat = spec.prompt + completion, walk.replica.seats[target.number]
            self.at(t + whole / 1000, lambda at, _: self._memory.used(at, seat, tokens))

    def _failed(self, t: float, walk: Walk, target: Target, status: int) -> None:
        self.tally.failures[target.number, status] += 1
        self._memory.failed(t, walk.replica, target.number, status, self.rules.rest_s)
        if walk.pending:
            return  # the gateway behind asks its next one
        called = walk.called
        if called is not None and not called.is_direct:
            self._memory.failed(t, walk.replica, called.seat, status, self.rules.rest_s)
        walk.note(status)
