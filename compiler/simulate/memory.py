"""What a process of the gateway makes of what it has met: LiteLLM's cool-downs and limits."""

import math
from dataclasses import dataclass

from compiler.catalog import Fallback
from compiler.simulate.plant import Replica, Seat, Target
from compiler.simulate.tally import Tally

OVER_LIMIT = 429
# LiteLLM rests a deployment for these, and all of 500 and more; a 400, 403 or 422 is the caller's matter.
_RESTS = frozenset((401, 402, 404, 408, 429))


@dataclass(frozen=True, slots=True)
class Rules:
    """`fallback` of a catalog, in seconds."""

    timeout_s: float
    laps: int
    backoff_s: float
    failures: int
    rest_s: float


def rules_of(fallback: Fallback) -> Rules:
    return Rules(
        fallback.timeout_s,
        fallback.retry_attempts + 1,
        fallback.retry_backoff_ms / 1000,
        fallback.cooldown_failures,
        fallback.cooldown_s,
    )


class Memory:
    """Writes to seats, and counts what it writes. `minute_s` is where in a minute of the clock time 0 is."""

    def __init__(self, rules: Rules, tally: Tally) -> None:
        self.rules, self.tally, self.minute_s = rules, tally, 0.0

    def failed(self, t: float, replica: Replica, number: int, status: int, rest_s: float) -> None:
        """LiteLLM's count: failures within a window as long as the rest; a rest is not prolonged."""
        if status < 500 and status not in _RESTS:
            return
        seat = replica.seats[number]
        if t > seat.forgets_at:
            seat.fails, seat.forgets_at = 0, t + self.rules.rest_s
        seat.fails += 1
        if seat.fails < self.rules.failures:
            return
        seat.waits = status == OVER_LIMIT
        if seat.rests_until <= t:
            seat.rests_until = t + rest_s
            replica.rests_until = max(replica.rests_until, seat.rests_until)
            self.tally.rests[number] += 1

    def _minute(self, t: float) -> int:
        return int((t + self.minute_s) // 60)

    def next_minute_s(self, t: float) -> int:
        """In whole seconds, as it is said."""
        return math.ceil(60 - (t + self.minute_s) % 60)

    def is_over_limit(self, t: float, seat: Seat, target: Target) -> bool:
        """By minutes of the clock: tokens of the answers so far, then this call among the minute's calls."""
        if not target.rpm and not target.tpm:
            return False
        minute = self._minute(t)
        if target.tpm and seat.minute_of_tokens == minute and seat.tokens >= target.tpm:
            self.tally.limited(target.number, "tpm", t, minute)
            return True
        if not target.rpm:
            return False
        if seat.minute_of_calls != minute:
            seat.minute_of_calls, seat.calls = minute, 0
        seat.calls += 1
        if seat.calls > target.rpm:
            self.tally.limited(target.number, "rpm", t, minute)
            return True
        return False

    def used(self, t: float, seat: Seat, tokens: float) -> None:
        minute = self._minute(t)
        if seat.minute_of_tokens != minute:
            seat.minute_of_tokens, seat.tokens = minute, 0.0
        seat.tokens += tokens
