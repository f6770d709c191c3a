"""What the declared traffic costs: each line is one average request, priced by the model that answers it."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Traffic
from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Row, Table, prices
from compiler.runtime.request import Needs
from compiler.table import plain_mode, with_canary

DAYS_A_MONTH = 365 / 12


@dataclass(frozen=True, slots=True)
class Share:
    """The part of a line's requests that is decided alike: `of` is from 0 to 1."""

    of: float
    decision: Decision
    usd_each: float | None  # None: refused, or the price of the model that answers is not known

    @property
    def model(self) -> str | None:
        """The model that answers; None when the request is refused."""
        return self.decision.route[0] if self.decision.route else None


@dataclass(frozen=True, slots=True)
class LineCost:
    """How the average request of a line is routed, and what a month of them costs.

    One share, or two where the strategy has a canary: first the steady one, then the one on trial.
    """

    line: Traffic
    shares: tuple[Share, ...]

    @property
    def usd_a_month(self) -> float | None:
        """None when some of the requests are refused, or the price of a model that answers is not known."""
        each = [None if share.usd_each is None else share.of * share.usd_each for share in self.shares]
        if None in each:
            return None
        return sum(filter(None, each)) * self.line.requests_per_day * DAYS_A_MONTH


def costs(table: Table, lines: Iterable[Traffic], down: Iterable[str] = ()) -> list[LineCost]:
    """What each line costs at a gateway while the providers in `down` are away."""
    away = tuple(down)
    return [LineCost(line, tuple(_shares(table, line, away))) for line in lines]


def _shares(table: Table, line: Traffic, down: tuple[str, ...]) -> Iterator[Share]:
    strategy = strategy_of(table, line)
    canary = None if line.model else table["strategies"].get(strategy, {}).get("canary")
    percent = canary["percent"] if canary else 0
    for of, trial in ((100 - percent, 0), (percent, 100)):
        if of:
            decision = decide_line(with_canary(table, strategy, trial) if canary else table, line, down)
            yield Share(of / 100, decision, _usd_each(table, line, decision))


def decide_line(table: Table, line: Traffic, down: Iterable[str] = ()) -> Decision:
    """The route of an average request of a line."""
    return decide(table, body_of(line), mode=mode_of(table, line), down=down, needs=needs_of_line(line))


def strategy_of(table: Table, line: Traffic) -> str:
    """The strategy whose traffic a line is; a line that names a model alone counts for the default one."""
    return line.strategy or str(table["default_strategy"])


def body_of(line: Traffic) -> dict[str, Any]:
    """The request as its client words it; the sizes are beside it, in `needs_of_line`."""
    named = {"routing_strategy": line.strategy, "model": line.model}
    return {key: name for key, name in named.items() if name is not None}


def needs_of_line(line: Traffic) -> Needs:
    """Sizes rounded up to whole tokens, as the capacity rules look at them."""
    return Needs(math.ceil(line.prompt_tokens), max(1, math.ceil(line.completion_tokens)))


def mode_of(table: Table, line: Traffic) -> str:
    """The kind of request a line is: its model's first mode, else that of its strategy."""
    if line.model in table["models"]:
        modes: list[str] = table["models"][line.model]["modes"]
        return "chat" if "chat" in modes else modes[0]
    strategy = strategy_of(table, line)
    return plain_mode(table, strategy) if strategy in table["strategies"] else "chat"


def usd(row: Row, prompt_tokens: float, completion_tokens: float) -> float | None:
    """What one request of so many tokens costs on a model of the table; None when its price is not known."""
    if row["price"] is None:
        return None
    side_in, side_out = prices(row["price"], Needs(math.ceil(prompt_tokens)))
    return (prompt_tokens * side_in + completion_tokens * side_out) / 1_000_000


def _usd_each(table: Table, line: Traffic, decision: Decision) -> float | None:
    if not decision.route:
        return None
    return usd(table["models"][decision.route[0]], line.prompt_tokens, line.completion_tokens)
