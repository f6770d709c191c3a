"""What is less safe, and what is safer."""

from collections.abc import Iterable, Iterator

from compiler.plan.marks import name
from compiler.plan.safety import Point, Safety
from compiler.plan.sections.layout import Grid, Section


def sections(safety: Safety) -> Iterator[Section]:
    yield Section("Less safe than before", _points(safety.lost))
    yield Section("Needed before it is applied", safety.needed)
    yield Section("Safer than before", _points(safety.gained))
    yield Section("Neither safer nor less safe", _points(safety.other), folded=True)
    rows = tuple(
        (name(cell.strategy), name(cell.provider), _answer(cell.before), _answer(cell.after))
        for cell in safety.outages
    )
    head = ("strategy", "while down", "answered before", "answers now")
    yield Section("Who answers a plain request when a provider is down", (), Grid(head, rows), folded=True)


def _points(points: Iterable[Point]) -> tuple[str, ...]:
    return tuple(point.words + (f" (at {name(point.path)})" if point.kind == "finding" and point.path else "")
                 for point in points)  # fmt: skip


def _answer(model: str | None) -> str:
    return name(model) if model else "nobody"
