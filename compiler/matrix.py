"""The outage matrix: which models answer a plain request of each strategy while a provider is down."""

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Table
from compiler.table import plain_mode, with_canary


@dataclass(frozen=True, slots=True)
class Matrix:
    """`cells[strategy][provider]` is the decision while that provider is down; that of None: while none is.

    `strategies` and `providers` are sorted. A refusal has an empty route.
    """

    strategies: tuple[str, ...]
    providers: tuple[str, ...]
    cells: Mapping[str, Mapping[str | None, Decision]]


def outage_matrix(table: Table) -> Matrix:
    """The matrix of one gateway: a short request of each strategy's own mode, of users without a canary."""
    strategies = tuple(sorted(table["strategies"]))
    used = {name for strategy in table["strategies"].values() for name in strategy["candidates"]}
    providers = tuple(sorted({provider for name in used for provider in table["models"][name]["providers"]}))
    cells = {strategy: _row(table, strategy, providers) for strategy in strategies}
    return Matrix(strategies, providers, cells)


def _row(table: Table, strategy: str, providers: tuple[str, ...]) -> dict[str | None, Decision]:
    plain, mode = with_canary(table, strategy, 0), plain_mode(table, strategy)
    request = {"routing_strategy": strategy}
    whole = decide(plain, request, mode=mode)
    row: dict[str | None, Decision] = {None: whole}
    for provider in providers:
        row[provider] = decide(plain, request, mode=mode, down=(provider,))
    return row
