"""The sizes of prompt and answer at which two tables' models begin to fit, cost or come in order differently.

Windows, longest answers, price tiers and limits of cost are lines in the plane of (prompt, answer); where two
models cost the same is a line through its origin. The lines cut the plane into cells, within which nothing
changes. A point is taken in each: along the axes exactly, and in the plane on a ray between each two
neighbouring directions in which lines meet.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from compiler.partition.lenses import Lens
from compiler.runtime.models import USUAL_ANSWER_TOKENS, Row, cost_usd, prices
from compiler.runtime.request import MAX_TOKENS, Needs

SHORT = 10  # tokens of a plain prompt, by the gateway's own estimate
PART_TOKENS = 1_220  # of one with an image, a sound or a file
MOST_PAIRS = 300  # of models that cost differently: beyond, the plane is not walked through
MOST_LIMITS = 60  # of windows, answers and tiers: the same
Line = tuple[float, float, float]  # a·prompt + b·answer = c
_Prices = tuple[float, float, int]  # per million tokens of prompt and of answer; tokens of a usual answer


@dataclass(frozen=True, slots=True)
class Points:
    """(prompt, answer) in tokens; an answer of None: the request sets no limit."""

    prompts: tuple[Needs, ...]  # no limit set, prompts from the shortest to the longest
    answers: tuple[Needs, ...]  # a short prompt, limits from the smallest to the largest
    plane: tuple[Needs, ...]
    whole: bool  # the plane has been walked through

    def all(self) -> Iterator[Needs]:
        yield Needs(SHORT)
        yield from (*self.prompts, *self.answers, *self.plane)

    def axis(self, needs: Needs) -> list[tuple[int, Needs]]:
        """(size, point) along the axis on which a point lies; none for one in the plane."""
        if needs.output_tokens is None:
            return [(one.prompt_tokens, one) for one in self.prompts]
        if needs.prompt_tokens != SHORT:
            return []
        return [(one.output_tokens or 0, one) for one in self.answers]


def points(lens: Lens) -> Points:
    """Points of every cell."""
    marks = _Marks(lens)
    prompts = tuple(Needs(prompt) for prompt in _both_sides([0, SHORT, PART_TOKENS, *marks.on_prompt()]))
    answers = tuple(Needs(SHORT, answer) for answer in _both_sides(marks.on_answer(SHORT)) if answer >= 1)
    whole = not lens.is_large and marks.pairs <= MOST_PAIRS and marks.limits <= MOST_LIMITS
    plane = tuple(Needs(*one) for one in marks.in_plane()) if whole else ()
    return Points(prompts, answers, plane, whole)


def _both_sides(marks: Iterable[float]) -> list[int]:
    """Whole numbers on, below and above each mark, and between each two: sorted."""
    near = {math.floor(mark) + step for mark in marks for step in (-1, 0, 1, 2)}
    exact = sorted(one for one in near if 0 <= one <= MAX_TOKENS)
    between = [(low + high) // 2 for low, high in pairwise(exact)]
    far = min(MAX_TOKENS, 2 * exact[-1]) if exact else MAX_TOKENS
    return sorted({*exact, *between, far})


class _Marks:
    """The lines of a lens."""

    def __init__(self, lens: Lens) -> None:
        rows = lens.rows
        self.windows: list[int] = lens.values("context_window")
        self.longest: list[int] = lens.values("max_output_tokens")
        self.tiers = _tiers(rows)
        self._rows = rows
        self._limits = _limits(lens)
        self._pieces = [_distinct(rows, at + 1) for at in (-1, *self.tiers)]
        self.pairs = max((len(one) * (len(one) - 1) // 2 for one in self._pieces), default=0)

    @property
    def limits(self) -> int:
        return len(self.windows) + len(self.longest) + len(self.tiers)

    def on_prompt(self) -> Iterator[float]:
        """Where something changes for a prompt without a limit of the answer."""
        yield from self.windows
        yield from self.tiers
        for functions in self._pieces:
            if self.pairs <= MOST_PAIRS:
                for (a, b, usual), (c, d, other) in combinations(functions, 2):
                    if a != c:
                        yield (d * other - b * usual) / (a - c)
            for limit in self._limits:
                yield from ((limit - b * usual) / a for a, b, usual in functions if a)

    def on_answer(self, prompt: int) -> Iterator[float]:
        yield from self.longest
        yield from (window - prompt for window in self.windows)
        for a, b, c in self._cost_lines():
            if b:
                yield (c - a * prompt) / b

    def _cost_lines(self) -> Iterator[Line]:
        """Where two models cost the same, and where one costs what a strategy allows at the most."""
        for functions in self._pieces:
            if self.pairs <= MOST_PAIRS:
                for (a, b, _), (c, d, _) in combinations(functions, 2):
                    yield (a - c, b - d, 0.0)
            for limit in self._limits:
                yield from ((a, b, limit) for a, b, _ in functions)

    def in_plane(self) -> Iterator[tuple[int, int]]:
        """Points between the lines. Limits are lines at half a token, which hold no point themselves."""
        costs = list(dict.fromkeys(self._cost_lines()))
        lines = [line for line in costs if line[2]]
        lines += [(0.0, 1.0, longest + 0.5) for longest in self.longest]
        lines += [(1.0, 1.0, window + 0.5) for window in self.windows]
        lines += [(1.0, 0.0, tier + 0.5) for tier in self.tiers]
        meeting = [_meet(one, other) for one, other in combinations(lines, 2)]
        ratios = {prompt / answer for prompt, answer in filter(None, meeting)}
        ratios |= {-b / a for a, b, c in costs if not c and a and -b / a > 0}
        seen: set[tuple[int, int]] = set()
        for ratio in _between(sorted(ratios)):
            seen.update(_along(ratio, lines))
        yield from sorted(seen)


class Kinds:
    """What tells sizes apart: the limits that they pass, and how the costs of the models come in order."""

    def __init__(self, lens: Lens) -> None:
        rows = lens.rows
        self._windows, self._longest = lens.values("context_window"), lens.values("max_output_tokens")
        self._tiers = _tiers(rows)
        priced = {
            (str(row["price"]), row["max_output_tokens"], "embedding" in row["modes"]): row
            for row in rows
            if row["price"] is not None
        }
        self._priced = list(priced.values())
        self._limits = _limits(lens)

    def of(self, needs: Needs) -> object:
        answer = needs.output_tokens or 0
        costs = [cost_usd(row, needs) or 0.0 for row in self._priced]
        ranks = {cost: rank for rank, cost in enumerate(sorted(set(costs)))}
        return (
            bisect_left(self._windows, needs.prompt_tokens + answer),
            bisect_left(self._longest, answer),
            bisect_left(self._tiers, needs.prompt_tokens),
            tuple([ranks[cost] for cost in costs]),
            tuple([cost * 1_000_000 > limit for limit in self._limits for cost in costs]),
        )


def _tiers(rows: Iterable[Row]) -> list[int]:
    return sorted({tier[0] for row in rows if row["price"] for tier in row["price"]["tiers"]})


def _limits(lens: Lens) -> list[float]:
    """What the asked strategies allow a request to cost, in millionths of a US dollar."""
    required = (half.order.required for half in lens.halves if half.order)
    return sorted({one["max_cost_usd"] * 1_000_000 for one in required if "max_cost_usd" in one})


def _distinct(rows: Iterable[Row], prompt: float) -> list[_Prices]:
    found = {_function(row, prompt) for row in rows if row["price"] is not None}
    return sorted(found)


def _function(row: Mapping[str, Any], prompt: float) -> _Prices:
    side_in, side_out = prices(row["price"], Needs(int(prompt)))
    usual = min(USUAL_ANSWER_TOKENS, row["max_output_tokens"] or USUAL_ANSWER_TOKENS)
    return (side_in, side_out, 0 if "embedding" in row["modes"] else usual)


def _meet(one: Line, other: Line) -> tuple[float, float] | None:
    """Where two lines cross, if that is a prompt and an answer."""
    (a, b, c), (d, e, f) = one, other
    slope = a * e - b * d
    if not slope:
        return None
    prompt, answer = (c * e - b * f) / slope, (a * f - c * d) / slope
    return (prompt, answer) if prompt >= 0 and answer > 0 else None


def _between(ratios: list[float]) -> Iterator[float]:
    """A direction between each two: prompt tokens to one of the answer."""
    if not ratios:
        yield 1.0
        return
    yield ratios[0] / 2
    yield from ((low + high) / 2 for low, high in pairwise(ratios))
    yield ratios[-1] * 2 + 1


def _along(ratio: float, lines: Iterable[Line]) -> Iterator[tuple[int, int]]:
    """Points on a ray between the lines that it crosses: after one, halfway, before the next."""
    crossed = {c / (a * ratio + b) for a, b, c in lines if a * ratio + b > 0 and c > 0}
    stops = [0.5, *sorted(at for at in crossed if at > 0.5), float(MAX_TOKENS)]
    for low, high in pairwise(stops):
        for at in {math.ceil(low), round((low + high) / 2), math.floor(high), round(min(high, 2 * low + 1))}:
            if 1 <= at <= MAX_TOKENS:
                yield min(MAX_TOKENS, round(ratio * at)), at
