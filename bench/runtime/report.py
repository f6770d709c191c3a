"""Markdown of what was measured."""

from collections.abc import Iterator, Sequence
from statistics import median


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, as wide as its cells: the first column is text, the others are figures."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    yield _row(heads, widths)
    yield (
        "|"
        + "|".join("-" * (width + 1) + ("-" if place == 0 else ":") for place, width in enumerate(widths))
        + "|"
    )
    for row in rows:
        yield _row(row, widths)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join((first, *rest)) + " |"


def spread(ratios: Sequence[float]) -> str:
    """The median of paired ratios, and from which to which they go."""
    if not ratios:
        return "not known"
    return f"{median(ratios):.3f} ({min(ratios):.2f}..{max(ratios):.2f})"
