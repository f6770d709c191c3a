"""The plugin's own decision, remembered for requests that it must decide alike."""

from bisect import bisect_left
from dataclasses import dataclass
from math import inf
from typing import Any, TypeVar

from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Table, cost_usd
from compiler.simulate.plant import Plant, Target, Upstream
from compiler.simulate.spec import Ask, Spec
from compiler.table import with_canary

_MAX_REMEMBERED = 100_000  # plans; a log may hold any number of sizes
_MANY = 12  # models; to put more in order takes longer than to decide
_BY_LIMIT = ("",)  # every request is decided for itself
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """One model of a route: its upstreams that may answer, those of equal priority together."""

    model: str
    levels: tuple[tuple[Upstream, ...], ...]
    upstreams: tuple[Upstream, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What becomes of one kind of request when all is well: refused with `code`, or sent along `stops`.

    `first` is who answers, where nothing is left to a lot and no other gateway chooses.
    """

    stops: tuple[Stop, ...] = ()
    first: Target | None = None
    code: str = ""
    message: str = ""


class Plans:
    """The plans of one gateway's routing table."""

    def __init__(self, table: Table, plant: Plant) -> None:
        self._table, self._plant = table, plant
        self._exact: dict[Any, Plan] = {}
        self._alike: dict[Any, Plan] = {}
        self._priced: dict[Ask, tuple[str, ...]] = {}
        self._tables: dict[tuple[str, bool], Table] = {}
        models = table["models"].values()
        self._windows = sorted({row["context_window"] for row in models} - {None})
        self._answers = sorted({row["max_output_tokens"] for row in models} - {None})
        self._tiers = sorted({tier[0] for row in models if row["price"] for tier in row["price"]["tiers"]})

    def of(self, spec: Spec) -> Plan:
        plan = self._exact.get(spec.key)
        if plan is None:
            plan = _remember(self._exact, spec.key, self._of_alike(spec))
        return plan

    def _of_alike(self, spec: Spec) -> Plan:
        ask = spec.ask
        if ask.refusal is not None:
            return Plan(code=ask.refusal.code, message=ask.refusal.message)
        priced = self._priced.get(ask)
        if priced is None:
            priced = _remember(self._priced, ask, self._priced_by(ask))
        if priced == _BY_LIMIT:
            return self._plan(spec)
        sizes = self._class_of(spec.needs_prompt, spec.needs_output or 0)
        key = (ask, spec.on_trial, *sizes, *self._cheapest_first(priced, spec))
        plan = self._alike.get(key)
        return _remember(self._alike, key, self._plan(spec)) if plan is None else plan

    def _class_of(self, prompt: int, output: int) -> tuple[int, int, int]:
        """Sizes of one class lie on the same side of every window, longest answer and price tier."""
        whole = bisect_left(self._windows, prompt + output)
        return whole, bisect_left(self._answers, output), bisect_left(self._tiers, prompt)

    def _priced_by(self, ask: Ask) -> tuple[str, ...]:
        """The models that the price of the very request puts in order: requests of one order are alike.

        Where it is held against a limit, or the models are many, no two sizes are.
        """
        strategy = strategy_of(self._table, ask.body, ask.header)
        row = self._table["strategies"].get(strategy, {"order": "", "requirements": {}})
        limits = (self._table.get("requirements"), row["requirements"], ask.body.get("requirements"))
        if any(isinstance(limit, dict) and "max_cost_usd" in limit for limit in limits):
            return _BY_LIMIT
        if row["order"] != "cost":
            return ()
        names = tuple(row["candidates"])
        return names if len(names) <= _MANY else _BY_LIMIT

    def _cheapest_first(self, names: tuple[str, ...], spec: Spec) -> list[str]:
        if not names:
            return []
        models, needs = self._table["models"], spec.needs
        prices = [(cost_usd(models[name], needs), name) for name in names]
        return [name for _, name in sorted((inf if usd is None else usd, name) for usd, name in prices)]

    def _plan(self, spec: Spec) -> Plan:
        ask = spec.ask
        table = self._table_of(strategy_of(self._table, ask.body, ask.header), on_trial=spec.on_trial)
        decision = decide(table, ask.body, mode=ask.mode, header=ask.header, needs=spec.needs)
        if decision.refusal:
            return Plan(code=decision.refusal.code, message=decision.refusal.message)
        stops = tuple(self._stop(decision, model) for model in decision.route)
        top = stops[0].levels[0]
        alone = len(top) == 1 and len(top[0].targets) == 1
        return Plan(stops, top[0].targets[0] if alone else None)

    def _stop(self, decision: Decision, model: str) -> Stop:
        found = self._plant.upstreams
        levels = tuple(tuple(found[one] for one in level) for level in decision.upstreams[model])
        return Stop(model, levels, tuple(upstream for level in levels for upstream in level))

    def _table_of(self, strategy: str, *, on_trial: bool) -> Table:
        """The table in which everybody is on that side of the strategy's canary."""
        if "canary" not in self._table["strategies"].get(strategy, {}):
            return self._table
        key = (strategy, on_trial)
        if key not in self._tables:
            self._tables[key] = with_canary(self._table, strategy, 100 if on_trial else 0)
        return self._tables[key]


def _remember(known: dict[Key, Value], key: Key, value: Value) -> Value:
    if len(known) >= _MAX_REMEMBERED:
        known.clear()
    known[key] = value
    return value


def strategy_of(table: Table, body: Any, header: str | None = None) -> str:
    """The strategy that a request's words name, whether it exists or not; the default one where none does."""
    model = body.get("model")
    in_model = model[5:] if isinstance(model, str) and model.startswith("auto/") else ""
    named = in_model or body.get("routing_strategy") or header or table["default_strategy"]
    return named if isinstance(named, str) else ""
