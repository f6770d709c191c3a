"""What the declared traffic costs."""

from collections.abc import Iterator

from compiler.plan import Plan
from compiler.plan.marks import line, name, names
from compiler.plan.money import LineChange, Money, Shares
from compiler.plan.sections.layout import Grid, Section
from compiler.plan.verdict import percent, usd


def sections(plan: Plan) -> Iterator[Section]:
    money = plan.money
    if not money.lines:
        if plan.changed and not (plan.is_new or plan.is_deleted):
            how = f"declare {name('traffic')} in the catalog, and a plan says what a change costs a month"
            yield Section("Cost", (f"Not known: {how}.",), folded=True)
        return
    rows = [_line_row(one) for one in money.lines if one.changed]
    lines = [
        _total(money),
        *_volume(money),
        *(f"No longer known: {names([one.name for one in money.unknown])}" for _ in money.unknown[:1]),
    ]
    if not money.changed:
        lines = []
    head = ("traffic", "answered before", "answered by", "USD a month before", "after", "difference")
    yield Section("Cost of the declared traffic", tuple(lines), Grid(head, tuple(rows)))


def _total(money: Money) -> str:
    known = len(money.priced)
    of = (
        ""
        if known == len(money.lines)
        else f" of the {known} of {len(money.lines)} lines whose cost is known"
    )
    return (
        f"Total{of}: {usd(money.before)} → {usd(money.after)} a month, "
        f"{usd(money.delta, sign=True)}{percent(money)}"
    )


def _volume(money: Money) -> Iterator[str]:
    if money.traffic:
        effect = f", which by itself is {usd(money.volume, sign=True)} a month" if money.volume else ""
        said = line("; ".join(money.traffic))
        yield f"The traffic itself changed{effect} ({said}); the rows have today's on both sides"
    if money.volume and len(money.priced) == len(money.lines):
        yield f"All in all: {usd(money.before - money.volume)} → {usd(money.after)} a month"


def _line_row(one: LineChange) -> tuple[str, ...]:
    before, after = (_amount(side) for side in (one.before, one.after))
    known = one.before is not None and one.after is not None
    difference = usd((one.after or 0) - (one.before or 0), sign=True) if known else "not known"
    if known and one.before:
        difference += f" ({100 * ((one.after or 0) - one.before) / one.before:+.0f} %)"
    return name(one.name), _shares(one.answered_before), _shares(one.answered), before, after, difference


def _amount(amount: float | None) -> str:
    return "not known" if amount is None else usd(amount)


def _shares(shares: Shares) -> str:
    if len(shares) == 1:
        return name(shares[0][0]) if shares[0][0] else "refused"
    return ", ".join(f"{name(model) if model else 'refused'} {100 * of:g} %" for model, of in shares)
