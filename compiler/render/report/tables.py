"""What the page's tables are made of, and how their numbers are worded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from compiler.runtime.decision import Decision
from compiler.runtime.models import Table as RoutingTable

Mark = Literal["", "same", "moved", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text and a smaller `note` under it; `day` (year-month-day) is when its model retires.

    `mark` only repeats in colour what the words say.
    """

    text: str
    note: str = ""
    mark: Mark = ""
    day: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under `columns`, the first of each its header. `more`: what was left out, in words."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()  # the columns that hold numbers
    more: str = ""


UNKNOWN = Cell("not known", mark="unknown")


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """A row, of texts and cells."""
    return tuple(Cell(text) if isinstance(text, str) else text for text in texts)


def left_out(found: int, shown: int, what: str, where: str = "ROUTES.md has them all") -> str:
    """The line under something that shows only a part; empty when it shows everything."""
    return f"{shown:,} of {found:,} {what} are shown; {where}." if found > shown else ""


def usd(amount: float) -> str:
    """An amount with as many digits as one reads."""
    if amount >= 1000:
        return f"${amount:,.0f}"
    if amount >= 1 or abs(round(amount, 2) - amount) < 1e-9:
        return f"${amount:,.2f}"
    return f"${amount:.2g}" if amount >= 0.0001 else f"${amount:.1e}"


def change(before: float, after: float) -> str:
    """What is added or saved, in dollars and in per cent of what it was."""
    if abs(after - before) < 0.005:
        return "no change"
    sign = "+" if after > before else "\N{MINUS SIGN}"
    part = abs(after - before) / before * 100 if before else 0
    percent = f" ({sign}{part:,.{0 if part >= 10 else 1}f} %)" if before else ""
    return f"{sign}{usd(abs(after - before))}{percent}"


def count(number: int, word: str) -> str:
    """`1 model`, `2 models`; `1 strategy`, `2 strategies`."""
    plural = f"{word[:-1]}ies" if word == "strategy" else f"{word}s"
    return f"{number:,} {word if number == 1 else plural}"


def listing(names: Sequence[str], most: int = 6) -> str:
    """`a, b and c`; of many names the first few."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def served_by(
    table: RoutingTable, decision: Decision, model: str, down: str | None = None
) -> list[list[str]]:
    """The providers of one hop that can answer: those tried first, then those behind them."""
    deployments = {row["id"]: row for row in table["models"][model]["deployments"]}
    found: list[list[str]] = []
    seen = {down}
    for level in decision.upstreams[model]:
        names = dict.fromkeys(name for one in level for name in deployments[one]["providers"])
        if new := [name for name in names if name not in seen]:
            found.append(new)
            seen.update(new)
    return found


def via(providers: Sequence[Sequence[str]]) -> str:
    """The providers of a hop in words: `anthropic, then bedrock`."""
    return ", then ".join(" or ".join(level) for level in providers)


def as_json(**fields: Any) -> Mapping[str, Any]:
    """Fields of the data that charts are drawn from; empty ones are left out."""
    return {name: value for name, value in fields.items() if value or (value == 0 and value is not False)}
