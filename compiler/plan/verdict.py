"""A plan in one line."""

from collections.abc import Iterator

from compiler.partition import Change
from compiler.plan import Plan
from compiler.plan.marks import counted, enumerated, name, names
from compiler.plan.money import Money
from compiler.plan.resources import Resources
from compiler.plan.routes import is_of_price, is_ordinary, is_refused

_MOST = 3  # names of Deployments in the line


def verdict(plan: Plan) -> str:
    """`3 routes change, no safety lost, +$120 a month (+4 %), llm-router restarts`; marked."""
    if plan.is_new:
        return _whole(plan, "a new catalog", "added")
    if plan.is_deleted:
        return _whole(plan, "the catalog is deleted", "to be deleted")
    if not plan.changed:
        return "no change: the same routes, the same cost, nothing to roll out"
    parts = [*_routes(plan), _safety(plan), _money(plan.money), _cluster(plan.resources)]
    return ", ".join(filter(None, parts))


def _whole(plan: Plan, what: str, how: str) -> str:
    found = plan.resources.objects if plan.resources else ()
    return f"{what}: {counted(len(found), 'Kubernetes object')} {how}"


def _routes(plan: Plan) -> Iterator[str]:
    """A route is what clients name: a strategy or a model. Requests that ask for more count apart."""
    if not plan.is_compared:
        yield "routes and safety not compared"
        return
    others = [one.gateway for one in plan.routes if one.changes and not one.is_front]
    if not plan.front_routes:
        partly = any(one.is_front for one in plan.routes)  # it is there for what it could not look at
        yield "no route is known to change (not all were looked at)" if partly else "no route changes"
        if others:
            yield f"routes change at {names(others)} itself"
        return
    usual, rare, new, gone = _asks(plan)
    for found, one, more in (
        (usual, "route changes", "routes change"),
        (new, "route is new", "routes are new"),
        (gone, "route is gone", "routes are gone"),
    ):
        if found:
            yield counted(len(found), one, more)
    if rare:
        yield f"rarer requests of {counted(len(rare), 'other route' if usual else 'route')} change"
    if not (usual or rare or new or gone):
        yield "only requests that limit a price are routed otherwise"
    refused = [change for change in _told(plan) if is_refused(change)]
    if refused:
        usual_ones = any(map(is_ordinary, refused))
        yield "requests that were answered are REFUSED" if usual_ones else "some rarer requests are refused"


Asks = set[tuple[str | None, str | None]]


def _asks(plan: Plan) -> tuple[Asks, Asks, Asks, Asks]:
    """What is asked for whose usual requests change, or rarer ones alone; what is new, and what is gone."""
    wholes = [change for change in plan.front_routes if plan.is_whole(change) and is_ordinary(change)]
    rest = _told(plan)
    usual = {_ask(change) for change in rest if is_ordinary(change)}
    single = {_ask(change) for change in rest if None in _ask(change)}
    gone = {_ask(change) for change in wholes if not change.after}
    rare = (single - usual) or ({_ask(change) for change in rest} if not usual else set())
    return usual, rare, {_ask(change) for change in wholes} - gone, gone


def _told(plan: Plan) -> list[Change]:
    """The changes that are worth a word each: not all of what is new or gone, nor of limits of price."""
    return [one for one in plan.front_routes if not plan.is_whole(one) and not is_of_price(one)]


def _ask(change: Change) -> tuple[str | None, str | None]:
    return change.strategy, change.model


def _safety(plan: Plan) -> str:
    lost, gained = len(plan.safety.lost), len(plan.safety.gained)
    if lost:
        return f"LESS SAFE in {counted(lost, 'point')}" + (f" and safer in {gained}" if gained else "")
    if gained:
        return f"safer in {counted(gained, 'point')}"
    return "no safety lost" if plan.is_compared else ""


def _money(money: Money) -> str:
    if not money.lines:
        return ""
    if money.unknown:
        return "a cost that can no longer be told"
    return (
        f"{usd(money.delta, sign=True)} a month{percent(money)}" if round(money.delta, 2) else "the same cost"
    )


def percent(money: Money) -> str:
    """` (+4 %)`; nothing where there was no cost."""
    share = money.percent
    if share is None:
        return ""
    return f" ({share:+.0f} %)" if abs(share) >= 1 else f" ({share:+.1g} %)"


def usd(amount: float, *, sign: bool = False) -> str:
    """`$1,234`, `$12.30`, `$0.0042`; with `sign`, `+$120`."""
    size = abs(amount)
    digits = f"{size:,.0f}" if size >= 10 else f"{size:.2f}" if size >= 0.1 or not size else f"{size:.2g}"
    minus = "-" if amount < 0 else "+" if sign else ""
    return f"{minus}${digits}"


def _cluster(resources: Resources | None) -> str:
    if resources is None:
        return "objects not compared"
    parts = [
        f"{_some(found)} {one if len(found) == 1 else more}"
        for what, one, more in (
            ("starts", "is new", "are new"),
            ("stops", "is gone", "are gone"),
            ("restarts", "restarts", "restart"),
            ("scales", "scales otherwise", "scale otherwise"),
            ("reloads", "reloads without a restart", "reload without a restart"),
        )
        if (found := resources.deployments(what))
    ]
    return ", ".join(parts) or "nothing restarts"


def _some(found: list[str]) -> str:
    more = len(found) - _MOST
    return enumerated([name(one) for one in found[:_MOST]] + ([f"{more} more"] if more > 0 else []))
