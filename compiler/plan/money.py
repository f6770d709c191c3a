"""What the declared traffic costs before and after: today's on both sides, so that rates are compared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compiler.catalog import Traffic
from compiler.plan.sides import Side
from compiler.traffic import LineCost, costs

Shares = tuple[tuple[str | None, float], ...]  # (the model that answers, or None; its part of 1)


@dataclass(frozen=True, slots=True)
class LineChange:
    """One line of `traffic`, USD a month. None: some of it is refused, or the price is not known."""

    name: str
    requests_per_day: float
    before: float | None
    after: float | None
    answered_before: Shares
    answered: Shares

    @property
    def changed(self) -> bool:
        return self.before != self.after or self.answered_before != self.answered


@dataclass(frozen=True, slots=True)
class Money:
    """Every line of today's traffic. `volume` is what the change of the traffic itself adds, USD a month."""

    lines: tuple[LineChange, ...] = ()
    volume: float | None = None
    traffic: tuple[str, ...] = ()  # how the traffic itself changed, in words

    @property
    def priced(self) -> tuple[LineChange, ...]:
        """The lines whose cost is known on both sides: what totals are made of."""
        return tuple(line for line in self.lines if line.before is not None and line.after is not None)

    @property
    def before(self) -> float:
        return sum(line.before or 0 for line in self.priced)

    @property
    def after(self) -> float:
        return sum(line.after or 0 for line in self.priced)

    @property
    def delta(self) -> float:
        return self.after - self.before

    @property
    def percent(self) -> float | None:
        """By how much the total changes; None when it was nothing."""
        return 100 * self.delta / self.before if self.before else None

    @property
    def unknown(self) -> tuple[LineChange, ...]:
        """The lines whose cost was known, and is not any more."""
        return tuple(line for line in self.lines if line.before is not None and line.after is None)

    @property
    def changed(self) -> bool:
        return bool(self.traffic) or any(line.changed for line in self.lines)


def compare(before: Side, after: Side) -> Money:
    """None of it where either side routes nothing, or no traffic is declared today."""
    if before.table is None or after.table is None or after.catalog is None:
        return Money()
    today = after.catalog.traffic
    old, new = costs(before.table, today), costs(after.table, today)
    lines = tuple(_line(was, now) for was, now in zip(old, new, strict=True))
    then = before.catalog.traffic if before.catalog else None
    if then is None or _declared(then) == _declared(today):
        return Money(lines)
    volume = _total(old) - _total(costs(before.table, then))
    return Money(lines, volume, tuple(_words(_declared(then), _declared(today))))


def _line(was: LineCost, now: LineCost) -> LineChange:
    line = now.line
    return LineChange(
        line.name, line.requests_per_day, _cents(was.usd_a_month), _cents(now.usd_a_month), _by(was), _by(now)
    )


def _cents(usd: float | None) -> float | None:
    """Rounded, so that the last bit of a sum is no change."""
    return None if usd is None else round(usd, 6)


def _by(cost: LineCost) -> Shares:
    return tuple((share.model, round(share.of, 6)) for share in cost.shares)


def _total(found: Sequence[LineCost]) -> float:
    return sum(one.usd_a_month or 0 for one in found)


def _declared(lines: Sequence[Traffic]) -> Mapping[str, tuple[object, ...]]:
    return {
        one.name: (one.strategy, one.model, one.requests_per_day, one.prompt_tokens, one.completion_tokens)
        for one in lines
    }


def _words(then: Mapping[str, tuple[object, ...]], today: Mapping[str, tuple[object, ...]]) -> list[str]:
    kinds = (
        ("new", [one for one in today if one not in then]),
        ("gone", [one for one in then if one not in today]),
        ("otherwise", [one for one in today if one in then and then[one] != today[one]]),
    )
    return [f"{kind}: {', '.join(found)}" for kind, found in kinds if found]
