"""The outage matrix on a terminal: a row for each provider that is down, a column for each strategy."""

from collections.abc import Iterator, Sequence

from compiler.explaining.tables import columns
from compiler.matrix import Matrix

SAME = "·"
_TITLE = "Who answers a plain request of each strategy while a provider is down:"
_LEGEND = {
    SAME: f"{SAME}: as with no provider down",
    "at ": "at: the same model at another provider",
    "nobody": "nobody: every call fails, and the client gets the last provider's status",
    "too late": "too late: a model that has no place in the route (fallback.max_attempts)",
    "refused": "refused: HTTP 400, with every provider there",
}


def outages_as_text(matrix: Matrix, width: int = 100) -> str:
    """The matrix as a table of at most `width` columns, or as several where strategies have no room."""
    tables = ["\n".join(columns(rows, indent="")) for rows in _tables(matrix, width)]
    said = "\n\n".join(tables)
    legend = [words for mark, words in _LEGEND.items() if f" {mark}" in said]
    return "\n\n".join([_TITLE, said, *(["\n".join(legend)] if legend else [])])


def _tables(matrix: Matrix, width: int) -> Iterator[list[list[str]]]:
    downs: Sequence[str | None] = (None, *matrix.providers)
    first = ["down", *("(none)" if down is None else down for down in downs)]
    table, used = [first], max(map(len, first))
    for strategy in matrix.strategies:
        column = [strategy, *(answer(matrix, strategy, down) for down in downs)]
        wide = max(map(len, column)) + 2
        if len(table) > 1 and used + wide > width:
            yield [list(row) for row in zip(*table, strict=True)]
            table, used = [first], max(map(len, first))
        table.append(column)
        used += wide
    yield [list(row) for row in zip(*table, strict=True)]


def answer(matrix: Matrix, strategy: str, down: str | None) -> str:
    """Who answers, in a cell; `·` where nothing changes."""
    found, usual = matrix.answers[strategy][down], matrix.answers[strategy][None]
    if down is not None and not matrix.changed(strategy, down):
        return SAME
    if found is None:
        late = matrix.too_late(strategy, down)
        nobody = "nobody" if usual else "refused"
        return f"{nobody} ({late} too late)" if late else nobody
    if down is not None and usual is not None and found.model == usual.model:
        return f"at {', '.join(found.providers)}"
    return found.model
