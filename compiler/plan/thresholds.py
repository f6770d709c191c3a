"""`--fail-on`: what a change may not do. What could not be compared counts as done: a gate fails closed."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from compiler.plan import Plan
from compiler.plan.marks import counted, plain
from compiler.plan.routes import is_refused
from compiler.plan.verdict import usd

LEGAL = "safety, routes, refusals, restarts, cost, cost>10%, cost>$500"
_COST = re.compile(r"cost\s*>\s*(?:\$\s*(?P<usd>[0-9]+(?:\.[0-9]+)?)|(?P<percent>[0-9]+(?:\.[0-9]+)?)\s*%)")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One of them. `limit` is in `unit` ($ a month, or %) and means something for `cost` alone."""

    word: str
    limit: float = 0.0
    unit: str = "$"

    @property
    def text(self) -> str:
        if self.word != "cost" or not self.limit:
            return self.word
        return f"cost>${self.limit:g}" if self.unit == "$" else f"cost>{self.limit:g}%"


def thresholds(text: str) -> tuple[Threshold, ...]:
    """Those of a list with commas.

    Raises:
        ValueError: one of them does not exist.
    """
    return tuple(_threshold(part.strip()) for part in text.split(",") if part.strip())


def _threshold(text: str) -> Threshold:
    if text in _JUDGES:
        return Threshold(text)
    match = _COST.fullmatch(text)
    if match is None:
        unit = "; write what it counts: `cost>10%` or `cost>$10` a month" if text.startswith("cost") else ""
        raise ValueError(f"{text!r} is no threshold{unit}; there are: {LEGAL}")
    if match["usd"]:
        return Threshold("cost", float(match["usd"]), "$")
    return Threshold("cost", float(match["percent"]), "%")


def passed(plan: Plan, limits: tuple[Threshold, ...]) -> Iterator[str]:
    """A line for each threshold that the change passes, or may pass for all that could be compared."""
    for limit in limits:
        for why in _JUDGES[limit.word](plan, limit):
            yield f"--fail-on {limit.text}: {plan.name}: {plain(why)}"


def _safety(plan: Plan, _limit: Threshold) -> Iterator[str]:
    if not plan.is_judged:
        yield f"what {plan.against} was found to be is not known, so this cannot be judged"
    if lost := plan.safety.lost:
        yield f"less safe in {counted(len(lost), 'point')}: {lost[0].words}"


def _routes(plan: Plan, _limit: Threshold) -> Iterator[str]:
    yield from _not_exact(plan)
    if number := len(plan.front_routes):
        yield f"{counted(number, 'kind of request is', 'kinds of request are')} routed otherwise"


def _not_exact(plan: Plan) -> Iterator[str]:
    if not plan.is_exact:
        yield "not all routes could be compared"


def _refusals(plan: Plan, _limit: Threshold) -> Iterator[str]:
    yield from _not_exact(plan)
    if number := sum(map(is_refused, plan.front_routes)):
        which = counted(number, "kind of request that was", "kinds of request that were")
        yield f"{which} answered: refused now"


def _restarts(plan: Plan, _limit: Threshold) -> Iterator[str]:
    if plan.resources is None:
        yield "Kubernetes objects could not be compared"
    elif found := plan.resources.deployments("restarts"):
        yield f"{', '.join(found)} {'restarts' if len(found) == 1 else 'restart'}"


def _cost(plan: Plan, limit: Threshold) -> Iterator[str]:
    money = plan.money
    if not (plan.is_compared or plan.is_new or plan.is_deleted):
        yield "what the traffic costs could not be compared"
    if money.unknown:
        yield f"the cost of {', '.join(one.name for one in money.unknown)} can no longer be told"
    over = money.delta
    if limit.unit == "%" and over > 0:
        over = float("inf") if money.percent is None else money.percent
    if round(over, 6) > limit.limit:
        yield f"{usd(money.before)} → {usd(money.after)} a month"


_JUDGES: Mapping[str, Callable[[Plan, Threshold], Iterator[str]]] = {
    "safety": _safety,
    "routes": _routes,
    "refusals": _refusals,
    "restarts": _restarts,
    "cost": _cost,
}
