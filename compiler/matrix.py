"""The outage matrix: which models answer a plain request of each strategy while a provider is down."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Table
from compiler.table import plain_mode, with_canary


@dataclass(frozen=True, slots=True)
class Answer:
    """Who answers first: a model, and the providers that may be called for it, of equal priority."""

    model: str
    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """`cells[strategy][provider]` is the decision while that provider is down; that of None: while none is.

    `strategies` and `providers` are sorted. A refusal has an empty route. A provider that no model of the
    plain route uses has the plain decision itself. `answers` are those of the same cells, None for nobody: a
    gateway learns of an outage by failing, and a model that has no place in its route is not reached then.
    """

    strategies: tuple[str, ...]
    providers: tuple[str, ...]
    cells: Mapping[str, Mapping[str | None, Decision]]
    answers: Mapping[str, Mapping[str | None, Answer | None]]

    def too_late(self, strategy: str, provider: str | None) -> str | None:
        """The model that could answer, had the route a place for it, where nobody does."""
        route = self.cells[strategy][provider].route
        return route[0] if route and self.answers[strategy][provider] is None else None

    def changed(self, strategy: str, provider: str | None) -> bool:
        """Another model answers than while no provider is down, or another provider, or nobody."""
        row = self.answers[strategy]
        return row[provider] != row[None]

    @property
    def felt(self) -> tuple[str, ...]:
        """The providers whose outage changes who answers some strategy."""
        return tuple(p for p in self.providers if any(self.changed(s, p) for s in self.strategies))


def outage_matrix(table: Table) -> Matrix:
    """The matrix of one gateway: a short request of each strategy's own mode, of users without a canary."""
    strategies = tuple(sorted(table["strategies"]))
    used = {name for strategy in table["strategies"].values() for name in strategy["candidates"]}
    providers = tuple(sorted({provider for name in used for provider in table["models"][name]["providers"]}))
    cells = {strategy: _row(table, strategy, providers) for strategy in strategies}
    answers = {strategy: _answers(table, row) for strategy, row in cells.items()}
    return Matrix(strategies, providers, cells, answers)


def _row(table: Table, strategy: str, providers: tuple[str, ...]) -> dict[str | None, Decision]:
    plain, mode = with_canary(table, strategy, 0), plain_mode(table, strategy)
    request = {"routing_strategy": strategy}
    whole = decide(plain, request, mode=mode)
    # Taking a provider away only ever takes models away: a route that it has no part in stays as it is. So
    # hundreds of providers cost a few decisions.
    concerned = {provider for name in whole.route for provider in table["models"][name]["providers"]}
    row: dict[str | None, Decision] = {None: whole}
    for provider in providers:
        known = provider not in concerned
        row[provider] = whole if known else decide(plain, request, mode=mode, down=(provider,))
    return row


def _answers(table: Table, row: Mapping[str | None, Decision]) -> dict[str | None, Answer | None]:
    tried = row[None].route
    first = {down: decision.route[:1] for down, decision in row.items()}
    # What is left of the route comes in the same order, so that its first is that of the decision.
    reached = {down: bool(model) and model[0] in tried for down, model in first.items()}
    return {down: _answer(table, row[down], down) if reached[down] else None for down in row}


def _answer(table: Table, decision: Decision, down: str | None) -> Answer:
    model = decision.route[0]
    called = decision.upstreams[model][0]
    rows = [row for row in table["models"][model]["deployments"] if row["id"] in called]
    there = (name for row in rows for name in row["providers"] if name != down)
    return Answer(model, tuple(dict.fromkeys(there)))
