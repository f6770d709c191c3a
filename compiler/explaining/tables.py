"""Text in columns, and amounts of money in few digits."""

import math
from collections.abc import Iterable, Sequence


def columns(rows: Sequence[Sequence[str]], indent: str = "  ", gap: str = "  ") -> list[str]:
    """Rows of cells as lines, each column as wide as its widest cell; the last is not padded."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]) - 1)]
    return [
        indent + gap.join([*(f"{c:<{w}}" for c, w in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]


def decimals(amounts: Iterable[float | None]) -> int:
    """Digits after the point that show three figures of the smallest amount; from 4 to 9."""
    found = [amount for amount in amounts if amount]
    return min(9, max(4, 2 - math.floor(math.log10(min(found))))) if found else 4


def usd(amount: float | None, digits: int) -> str:
    return "?" if amount is None else f"${amount:.{digits}f}"
