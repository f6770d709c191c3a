"""Plans for a terminal: plain text, without colour."""

from collections.abc import Iterator

from compiler.plan.marks import plain
from compiler.plan.sections.layout import Grid, Page, Section

_MOST, _MOST_FOLDED = 200, 12  # rows of a section
_WIDEST = 60  # of a column, as far as the ones after it are concerned


def text(pages: list[Page]) -> str:
    """One plan after the other."""
    return "\n\n".join("\n".join(_page(page)) for page in pages) + ("\n" if pages else "")


def _page(page: Page) -> Iterator[str]:
    against = f", against {plain(page.against)}" if page.against else ""
    yield f"{plain(page.name)}{against}: {plain(page.verdict)}"
    for section in page.sections:
        yield ""
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    most = _MOST_FOLDED if section.folded else _MOST
    yield plain(section.title)
    yield from (f"  {plain(one)}" for one in section.lines[:most])
    if section.grid and section.grid.rows:
        yield from _grid(section.grid, most)
    left = sum(
        max(0, size - most) for size in (len(section.lines), len(section.grid.rows) if section.grid else 0)
    )
    if left:
        yield f"  … and {left:,} more: `--format json` has them all"


def _grid(grid: Grid, most: int) -> Iterator[str]:
    rows = [[plain(cell) for cell in row] for row in (grid.head, *grid.rows[:most])]
    widths = [max(min(len(row[at]), _WIDEST) for row in rows) for at in range(len(grid.head))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
