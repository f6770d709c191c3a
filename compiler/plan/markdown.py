"""Plans for the comment of a pull request: GitHub's Markdown, short first, details folded, never too long."""

import re
from collections.abc import Iterator
from itertools import zip_longest

from compiler.plan.marks import CLOSE, OPEN, clipped, plain
from compiler.plan.sections.layout import Grid, Page, Section

MARKER = "<!-- interlock-plan -->"  # by which a bot finds its comment again
MOST_BYTES = 65_000  # GitHub takes 65,536 characters
_CAPS = (200, 100, 50, 25, 12, 6, 3, 1, 0)  # rows of a section, fewer until the comment is short enough
_MOST_FOLDED = 40  # rows of a folded one, which are details
_LONGEST = 600  # characters of a cell
_MEANING = re.compile(r"([\\`*_\[\]<>|~$])")
_BLOCK = re.compile(r"^(\s*\d*)([-+=#.)])")  # at its start, a list, a heading, a rule
_CALLS = re.compile(r"(?<!\w)([@#])(?=\w)")  # what GitHub makes a mention of, or a link to an issue
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def markdown(pages: list[Page], failures: list[str] | None = None) -> str:
    """Every plan under the marker. `failures` are the lines of the thresholds that were passed."""
    lead = [MARKER, *(f"**Failed: {escaped(one)}**\n" for one in failures or ())]
    for cap in _CAPS:
        body = "\n".join([*lead, *(line for page in pages for line in _page(page, cap, len(pages) > 1))])
        if len(body.encode()) <= MOST_BYTES:
            return f"{body.rstrip()}\n"
    return _cut([*lead, *(_verdict(page) for page in pages)])


def _cut(lines: list[str]) -> str:
    """As many whole lines as there is room for."""
    kept: list[str] = []
    room = MOST_BYTES - 200
    for line in lines:
        room -= len(line.encode()) + 2
        if room < 0:
            break
        kept.append(line)
    left = len(lines) - len(kept)
    return (
        "\n\n".join(
            [
                *kept,
                *([f"{left:,} more plans are left out here: the comment would be too long."] if left else []),
            ]
        )
        + "\n"
    )


def _verdict(page: Page) -> str:
    against = f" (against {_inline(page.against)})" if page.against else ""
    return f"**{_inline(page.name)}**: {_inline(page.verdict)}{against}"


def _page(page: Page, cap: int, several: bool) -> Iterator[str]:
    yield _verdict(page)
    yield ""
    level = "####" if several else "###"
    for section in page.sections:
        lines = [*_section(section, cap)]
        if section.folded:
            yield f"<details><summary>{_summary(section.title)}</summary>"
            yield ""
            yield from lines
            yield ""
            yield "</details>"
        else:
            yield f"{level} {_inline(section.title)}"
            yield ""
            yield from lines
        yield ""


def _section(section: Section, cap: int) -> Iterator[str]:
    cap = min(cap, _MOST_FOLDED) if section.folded else cap
    yield from (f"- {_inline(one)}" for one in section.lines[:cap])
    if section.grid and section.grid.rows[:cap]:
        if section.lines:
            yield ""
        yield from _grid(section.grid, cap)
    left = sum(
        max(0, size - cap) for size in (len(section.lines), len(section.grid.rows) if section.grid else 0)
    )
    if left:
        yield ""
        yield f"… and {left:,} more, left out here: `interlock plan --format json` has them all."


def _grid(grid: Grid, cap: int) -> Iterator[str]:
    yield f"| {' | '.join(grid.head)} |"
    yield f"|{'---|' * len(grid.head)}"
    for row in grid.rows[:cap]:
        yield f"| {' | '.join(_inline(cell, in_table=True) for cell in row)} |"


def _inline(words: str, *, in_table: bool = False) -> str:
    """Marked words: names as code, in which nothing means anything; the rest escaped."""
    words = " ".join(words.splitlines())
    words = words if len(plain(words)) <= _LONGEST else clipped(plain(words), _LONGEST)
    parts = re.split(f"{OPEN}(.*?){CLOSE}", words)
    code = (_code(part).replace("|", r"\|") if in_table else _code(part) for part in parts[1::2])
    text = [escaped(part) for part in parts[::2]]
    text[0] = text[0] if in_table else _BLOCK.sub(r"\1\\\2", text[0])
    return "".join(part for pair in zip_longest(text, code, fillvalue="") for part in pair)


def _code(text: str) -> str:
    """A code span: one more backtick around it than stand together in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text.strip() else "(empty)"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, and that calls nobody."""
    quiet = _MEANING.sub(r"\\\1", text.replace("&", "&amp;"))
    return _CALLS.sub(r"\1&#8203;", quiet)


def _summary(title: str) -> str:
    """Inside an HTML element Markdown does not hold."""
    return "".join(_HTML.get(char, char) for char in plain(title))
