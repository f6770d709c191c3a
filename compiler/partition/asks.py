"""What a request may ask for, and in which order each table then looks at models."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from compiler.runtime.models import Table
from compiler.runtime.request import merge

MODES = ("chat", "completion", "embedding")


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request names; neither: the default strategy. `trial`: it gets the strategy's canary first."""

    strategy: str | None = None
    model: str | None = None
    trial: tuple[bool, bool] = (False, False)  # by the one table, by the other


@dataclass(frozen=True, slots=True)
class Order:
    """One table's answer to an ask: the models it looks at, as they stand, and how many it takes.

    `groups` is a chain: of each group the first that fits. None when the ask names what the table lacks.
    """

    first: tuple[str, ...]
    rest: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    by_cost: bool
    most: int
    required: dict[str, Any]

    @property
    def names(self) -> tuple[str, ...]:
        chained = (name for group in self.groups for name in group)
        return tuple(dict.fromkeys((*self.first, *self.rest, *chained)))


def order_of(table: Table, ask: Ask, mode: str, *, trial: bool) -> Order | None:
    """As `decide` would look at it: see `_order` and `_chain` there."""
    name = ask.strategy if ask.strategy or ask.model else table["default_strategy"]
    if (name is not None and name not in table["strategies"]) or (
        ask.model is not None and ask.model not in table["models"]
    ):
        return None
    strategy = table["strategies"][name] if name is not None else {}
    required = merge(table.get("requirements", {}), strategy.get("requirements", {}))
    most = table["max_attempts"]
    if name is None:
        return _pinned(table, str(ask.model), mode, required)
    rest = tuple(strategy["candidates"])
    by_cost = strategy["order"] == "cost"
    if ask.model is not None:
        alone = mode == "embedding"
        return Order((ask.model,), () if alone else rest, (), by_cost and not alone, most, required)
    first = (strategy["canary"]["model"],) if trial and "canary" in strategy else ()
    return Order(first, rest, (), by_cost, most, required)


def _pinned(table: Table, model: str, mode: str, required: dict[str, Any]) -> Order:
    row, most = table["models"][model], table["max_attempts"]
    if row["fallbacks"] is not None:
        return Order((model,), tuple(row["fallbacks"]), (), by_cost=False, most=most, required=required)
    chain = [names for provider, names in table["provider_order"] if provider not in row["providers"]]
    groups = () if mode == "embedding" else tuple(tuple(names) for names in chain)
    return Order((model,), (), groups, by_cost=False, most=most, required=required)


MOST_PAIRS = 600  # of a strategy and a model


def asks(before: Table, after: Table) -> tuple[list[Ask], bool]:
    """What can be asked for by which the tables may differ, the plainest first; whether that is everything.

    In a large catalog, requests that name both a strategy and a model are left out.
    """
    alone = list(_alone(before, after))
    both = len({*before["strategies"], *after["strategies"]}) * len({*before["models"], *after["models"]})
    return ([*alone, *_both(before, after)], True) if both <= MOST_PAIRS else (alone, False)


def _both(before: Table, after: Table) -> Iterator[Ask]:
    changed = _Changed(before, after)
    models = sorted({*before["models"], *after["models"]})
    for strategy in sorted({*before["strategies"], *after["strategies"]}):
        of_all = changed.strategy(strategy)
        yield from (Ask(strategy, model) for model in models if of_all or changed.model(model))


def _alone(before: Table, after: Table) -> Iterator[Ask]:
    strategies = sorted({*before["strategies"], *after["strategies"]})
    models = sorted({*before["models"], *after["models"]})
    changed = _Changed(before, after)
    if before["default_strategy"] != after["default_strategy"]:
        yield from _trials(before, after, Ask(), before["default_strategy"], after["default_strategy"])
    for name in strategies:
        if changed.strategy(name):
            yield from _trials(before, after, Ask(name), name, name)
    yield from (Ask(model=name) for name in models if changed.pinned(name))


def _trials(before: Table, after: Table, ask: Ask, old: str, new: str) -> Iterator[Ask]:
    """The ask of those who get no model on trial, and of those who do by either table."""
    ours, theirs = (_canary(before, old), _canary(after, new))
    for trial in _draws(ours, theirs, one_draw=(old, ours[0]) == (new, theirs[0])):
        yield Ask(ask.strategy, ask.model, trial)


def _canary(table: Table, strategy: str) -> tuple[str, float]:
    """(model, percent); 0 percent where there is none."""
    canary = table["strategies"].get(strategy, {}).get("canary")
    return (canary["model"], canary["percent"]) if canary else ("", 0)


def _draws(
    ours: tuple[str, float], theirs: tuple[str, float], *, one_draw: bool
) -> Iterator[tuple[bool, bool]]:
    """Who can be on trial by either table. If one draw decides for both, a larger share holds a smaller."""
    (_, low), (_, high) = ours, theirs
    for trial in ((False, False), (False, True), (True, False), (True, True)):
        possible = all(
            percent > 0 if on else percent < 100 for on, percent in zip(trial, (low, high), strict=True)
        )
        only_one = trial[0] != trial[1]
        larger = low > high if trial[0] else high > low
        if possible and not (one_draw and only_one and not larger):
            yield trial


class _Changed:
    """Which strategies and models the tables say something else of: nothing else can be routed otherwise."""

    def __init__(self, before: Table, after: Table) -> None:
        self._tables = (before, after)
        rows, others = before["models"], after["models"]
        self._models = {name for name in {*rows, *others} if rows.get(name) != others.get(name)}
        same = all(before.get(key) == after.get(key) for key in ("max_attempts", "requirements"))
        self._everything = not same
        self._chain = before["provider_order"] != after["provider_order"]

    def model(self, name: str) -> bool:
        return self._everything or name in self._models

    def strategy(self, name: str) -> bool:
        ours, theirs = (table["strategies"].get(name) for table in self._tables)
        if self._everything or ours is None or theirs is None or ours != theirs:
            return True
        trial = [ours["canary"]["model"]] if "canary" in ours else []
        return not self._models.isdisjoint([*ours["candidates"], *trial])

    def pinned(self, name: str) -> bool:
        if self.model(name):
            return True
        fallbacks = self._tables[0]["models"][name]["fallbacks"]
        if fallbacks is not None:
            return not self._models.isdisjoint(fallbacks)
        chained = {one for _, names in self._tables[0]["provider_order"] for one in names}
        return self._chain or not self._models.isdisjoint(chained)
