"""Requests of the declared traffic: each line's at random moments, around the sizes that it declares."""

import math
import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate

from compiler.catalog import Traffic
from compiler.runtime.models import Table
from compiler.simulate.latency import LUCK_BITS, spread_of_mean_one
from compiler.simulate.spec import Ask, Lines, Request, Spec
from compiler.traffic import body_of, mode_of, strategy_of

_SIZE_BITS = 5
_SIZES = 2**_SIZE_BITS  # of prompts, and of answers: each as likely as the others
HOUR_S = 3600.0
DAY_S = 86400.0


class Arrivals:
    """The requests of some lines, in order of time, the same ones for the same seed.

    Moments are those of a Poisson process: no two requests know of each other. Sizes are lognormal around
    the line's averages, which they keep exactly; `sigma` 0 makes every request the average one.
    """

    def __init__(self, table: Table, traffic: Sequence[Traffic], *, seed: int, sigma: float) -> None:
        self.lines = Lines()
        self._table = table
        self._traffic = [line for line in traffic if line.requests_per_day > 0]
        self._moments = _random(seed, "moments")
        self._sizes = _random(seed, "sizes")
        self._luck = _random(seed, "luck")
        self._sides = _random(seed, "sides")
        self._factors = spread_of_mean_one(sigma, _SIZES)

    @property
    def a_second(self) -> float:
        """How many requests come, on average."""
        return sum(line.requests_per_day for line in self._traffic) / DAY_S

    def requests(self, *, seconds: float = math.inf, most: float = math.inf) -> Iterator[Request]:
        """Those of that time, or that many, whichever ends first."""
        kinds = [_Kinds(self._table, line, self.lines, self._factors) for line in self._traffic]
        bounds = list(accumulate(line.requests_per_day for line in self._traffic))
        which, last, whole = self._moments.random, len(kinds) - 1, bounds[-1] if bounds else 0
        draw, rate, luck, size = self._moments.expovariate, self.a_second, self._luck, self._sizes
        t, made = 0.0, 0
        while made < most and rate:
            t += draw(rate)
            if t > seconds:
                return
            kind = kinds[min(bisect(bounds, which() * whole), last)]
            on_trial = kind.share > 0 and self._sides.random() * 100 < kind.share
            spec = kind.spec(size.getrandbits(_SIZE_BITS), size.getrandbits(_SIZE_BITS), on_trial=on_trial)
            yield t, spec, luck.getrandbits(LUCK_BITS)
            made += 1


def _random(seed: int, purpose: str) -> random.Random:
    """A source of its own for each purpose, so that what changes one leaves the others as they were."""
    return random.Random(f"{seed}/{purpose}")  # noqa: S311  # repeatable, and no secret


class _Kinds:
    """The requests of one line, each size made once."""

    def __init__(self, table: Table, line: Traffic, lines: Lines, factors: Sequence[float]) -> None:
        self._ask = Ask(body_of(line), mode_of(table, line), lines.number(line.name))
        self._line, self._factors = line, factors
        self._made: dict[tuple[int, int, bool], Spec] = {}
        row = table["strategies"].get(strategy_of(table, line), {})
        self.share: float = row.get("canary", {}).get("percent", 0) if line.model is None else 0

    def spec(self, prompt_place: int, completion_place: int, *, on_trial: bool) -> Spec:
        key = (prompt_place, completion_place, on_trial)
        found = self._made.get(key)
        if found is None:
            prompt = self._line.prompt_tokens * self._factors[prompt_place]
            completion = self._line.completion_tokens * self._factors[completion_place]
            # whole tokens, rounded up, as `compiler.traffic` looks at them
            needs = math.ceil(_clean(prompt)), max(1, math.ceil(_clean(completion)))
            found = self._made[key] = Spec(self._ask, *needs, prompt, completion, on_trial)
        return found


def _clean(tokens: float) -> float:
    """Without what a product of floats adds to a whole number."""
    return round(tokens, 6)
