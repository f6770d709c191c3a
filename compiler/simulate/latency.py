"""How long answers take: `latency_ms` with a spread, longer for long answers; quantiles of the outcome."""

import math
from collections.abc import Sequence
from statistics import NormalDist

PLACES = 4096  # of equal probability in a spread; a request's luck is one of them
LUCK_BITS = 12
SIGMA = 0.4  # of the logarithm of a latency: the 95th percentile is 1.93 times the median
SHORT_ANSWER = 100  # tokens; `latency_ms` is for these, a longer answer takes time in proportion
_STEPS = 100  # bins in which a latency grows by the factor e: a quantile is right to about 1 %
BINS = 1800  # up to e**18 ms, two years


def spread(sigma: float, places: int) -> list[float]:
    """Factors of equal probability, lognormal with a median of 1, smallest first."""
    normal = NormalDist()
    return [math.exp(sigma * normal.inv_cdf((place + 0.5) / places)) for place in range(places)]


def spread_of_mean_one(sigma: float, places: int) -> list[float]:
    """The same with a mean of exactly 1."""
    factors = spread(sigma, places)
    mean = math.fsum(factors) / places
    return [factor / mean for factor in factors]


def bin_of(ms: float) -> int:
    return min(int(math.log(ms) * _STEPS), BINS - 1) if ms > 1 else 0


def add(histogram: list[int], other: Sequence[int]) -> None:
    for place, count in enumerate(other):
        histogram[place] += count


def quantile(histogram: Sequence[int], share: float) -> float | None:
    """Milliseconds within which that share of the counted ended; None when nothing was counted."""
    wanted = share * sum(histogram)
    if not wanted:
        return None
    seen = 0
    for place, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return math.exp((place + 0.5) / _STEPS)
    raise AssertionError("a share of more than all")
