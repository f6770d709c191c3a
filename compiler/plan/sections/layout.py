"""What a page is made of, before it is text or Markdown."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; every cell is marked words."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Some lines and a grid below a title; `folded`: details, below the section before it."""

    title: str
    lines: tuple[str, ...] = ()
    grid: Grid | None = None
    folded: bool = False

    @property
    def size(self) -> int:
        return len(self.lines) + (len(self.grid.rows) if self.grid else 0)


@dataclass(frozen=True, slots=True)
class Page:
    """What a reader sees of one plan. `name` and `against` are names, `verdict` is marked."""

    name: str
    against: str
    verdict: str
    sections: tuple[Section, ...]
