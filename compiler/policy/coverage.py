"""What the tests of a catalog cover, and what none does: strategies, hops, requirements, single outages.

Covered means that a test looks at it, not that code ran: a hop is covered when a test names its model, a
requirement when some test would fail without it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compiler.matrix import outage_matrix
from compiler.policy.expectations import first_providers
from compiler.policy.running import Result, judge
from compiler.runtime.decision import Decision
from compiler.runtime.models import Look, Table
from compiler.runtime.request import MAX_TOKENS, Needs

Kind = Literal["strategy", "hop", "requirement", "outage"]
KINDS: tuple[Kind, ...] = ("strategy", "hop", "requirement", "outage")
PLURALS: Mapping[Kind, str] = {
    "strategy": "strategies",
    "hop": "hops",
    "requirement": "requirements",
    "outage": "outages",
}
_SIZES = (Needs(), Needs(MAX_TOKENS))  # the prices of some models depend on the prompt
_Covers = Callable[[Result], bool]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a test can cover; `text` says what it is, `lacking` what is missing when none does."""

    kind: Kind
    text: str
    lacking: str
    tests: tuple[str, ...]  # the names of those that cover it


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the tests cover of one gateway, the one that clients call."""

    items: tuple[Item, ...]

    @property
    def missing(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if not item.tests)

    @property
    def percent(self) -> float:
        """From 0 to 100, never rounded up; 100 where there is nothing to cover."""
        total = len(self.items)
        return 100 * (total - len(self.missing)) / total if total else 100.0

    def of(self, kind: Kind) -> tuple[int, int]:
        """(covered, all) of one kind."""
        items = [item for item in self.items if item.kind == kind]
        return sum(bool(item.tests) for item in items), len(items)


def coverage_of(table: Table, results: Iterable[Result]) -> Coverage:
    """The coverage of a gateway's table by the tests that were decided by it."""
    here = [result for result in results if result.table["gateway"] == table["gateway"]]
    return Coverage((*_strategies(table, here), *_hops_and_outages(table, here), *_requirements(table, here)))


def _item(kind: Kind, text: str, lacking: str, results: Sequence[Result], covers: _Covers) -> Item:
    return Item(kind, text, lacking, tuple(result.test.name for result in results if covers(result)))


def _strategies(table: Table, results: Sequence[Result]) -> Iterator[Item]:
    for name in sorted(table["strategies"]):
        yield _item("strategy", f"strategy {name}", "no test asks for it", results, _asks_for(name))


def _asks_for(strategy: str) -> _Covers:
    return lambda result: result.decision.strategy == strategy


def _hops_and_outages(table: Table, results: Sequence[Result]) -> Iterator[Item]:
    matrix = outage_matrix(table)
    for name in matrix.strategies:
        cells = matrix.cells[name]
        for place, model in enumerate(cells[None].route, 1):
            text = f"strategy {name}, hop {place} ({model})"
            yield _item("hop", text, "no test of it expects this model", results, _expects(name, model))
        for provider in matrix.providers:
            if _answer(cells[provider], table) != _answer(cells[None], table):
                text = f"strategy {name} with {provider} down ({_who(cells[provider], table)})"
                yield _item("outage", text, "no test takes it down", results, _takes_down(name, provider))


def _answer(decision: Decision, table: Table) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return decision.route[:1], first_providers(decision, table)


def _who(decision: Decision, table: Table) -> str:
    if not decision.route:
        return "nobody answers"
    return f"{decision.route[0]} answers, by {' or '.join(first_providers(decision, table))}"


def _expects(strategy: str, model: str) -> _Covers:
    """Whether a test of the strategy says at what place of the route the model is."""

    def covers(result: Result) -> bool:
        decision, expect = result.decision, result.test.expect
        named = model in (expect.model, *(expect.fallbacks or ()))
        return named and decision.strategy == strategy and decision.pinned != model

    return covers


def _takes_down(strategy: str, provider: str) -> _Covers:
    def covers(result: Result) -> bool:
        decision = result.decision
        return decision.strategy == strategy and not decision.pinned and result.test.down == (provider,)

    return covers


def _requirements(table: Table, results: Sequence[Result]) -> Iterator[Item]:
    """Those of the catalog and of each strategy: covered when a test that passes would fail without.

    What every deployment of every model meets is left out: no test could show it.
    """
    lacking = "no test would fail without it"
    for key in _that_matter(table, table["requirements"]):
        without = {**table, "requirements": _less(table["requirements"], key)}
        yield _item("requirement", f"{key} of the catalog", lacking, results, _misses(without))
    for name, row in sorted(table["strategies"].items()):
        for key in _that_matter(table, row["requirements"]):
            looser = {**row, "requirements": _less(row["requirements"], key)}
            without = {**table, "strategies": {**table["strategies"], name: looser}}
            yield _item("requirement", f"{key} of strategy {name}", lacking, results, _misses(without, name))


def _that_matter(table: Table, requirements: Mapping[str, Any]) -> Iterator[str]:
    """The requirements that some model, or a deployment of it, fails for a prompt of some size. Sorted."""
    for key, value in sorted(requirements.items()):
        pairs = [(_look(table, {key: value}, needs), _look(table, {}, needs)) for needs in _SIZES]
        if any(
            asked.candidate(name).reasons != free.candidate(name).reasons
            or asked.upstreams(name) != free.upstreams(name)
            for name in table["models"]
            for asked, free in pairs
        ):
            yield key


def _look(table: Table, required: dict[str, Any], needs: Needs) -> Look:
    return Look(table, required, needs, "chat", None, frozenset())


def _less(requirements: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in requirements.items() if name != key}


def _misses(without: Table, strategy: str | None = None) -> _Covers:
    def covers(result: Result) -> bool:
        asked = strategy is None or result.decision.strategy == strategy
        return asked and result.passed and not judge(without, result.test).passed

    return covers
