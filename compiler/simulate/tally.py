"""What is counted while requests are played."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from compiler.simulate.latency import BINS
from compiler.simulate.plant import Plant
from compiler.simulate.spec import Spec

Key = TypeVar("Key")


@dataclass(slots=True)
class Spent:
    """How often a target's own limit was reached."""

    turned_away: int = 0
    first_s: float = 0.0
    minutes: int = 0
    last_minute: int = -1


@dataclass(slots=True)
class OfLine:
    """One line of the traffic. `answers` and `usd` are by target."""

    answers: list[int]
    usd: list[float]
    latencies: list[int] = field(default_factory=lambda: [0] * BINS)
    asked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    failed: Counter[int] = field(default_factory=Counter)
    without_latency: int = 0
    without_price: int = 0


class Tally:
    """`attempts[n]` counts requests that called n times; `failures` counts calls, by target and status."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.lines: list[OfLine] = []
        self.attempts: Counter[int] = Counter()
        self.failures: Counter[tuple[int, int]] = Counter()
        self.rests: Counter[int] = Counter()  # by seat
        self.limits: dict[tuple[int, str], Spent] = {}
        self.messages: dict[str, str] = {}  # by code, of the first refusal

    def line(self, number: int) -> OfLine:
        count = len(self.plant.targets)
        while len(self.lines) <= number:
            self.lines.append(OfLine([0] * count, [0.0] * count))
        return self.lines[number]

    def refused(self, spec: Spec, code: str, message: str) -> None:
        self.line(spec.line).refused[code] += 1
        self.messages.setdefault(code, message)

    def limited(self, target: int, kind: str, t: float, minute: int) -> None:
        spent = self.limits.get((target, kind))
        if spent is None:
            spent = self.limits[target, kind] = Spent(first_s=t)
        spent.turned_away += 1
        if minute != spent.last_minute:
            spent.minutes += 1
            spent.last_minute = minute

    def latencies(self) -> list[int]:
        return [sum(column) for column in zip(*(line.latencies for line in self.lines), strict=True)] or [0]

    def answered(self) -> int:
        return sum(sum(line.answers) for line in self.lines)

    def asked(self) -> int:
        return sum(line.asked for line in self.lines)

    def refusals(self) -> Counter[str]:
        return _added([line.refused for line in self.lines])

    def failed(self) -> Counter[int]:
        return _added([line.failed for line in self.lines])

    def usd(self) -> float:
        return sum(sum(line.usd) for line in self.lines)


def _added(counters: Sequence[Counter[Key]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for counter in counters:
        total.update(counter)
    return total
