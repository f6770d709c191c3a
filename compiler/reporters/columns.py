"""Text on a terminal: how many columns it takes, where it is broken, what of a long line is shown."""

from unicodedata import category, east_asian_width

from compiler.redact import HIDDEN, moved

_ZERO = {"Mn", "Me", "Cf"}  # marks that stand on the character before them
_MIN = 20  # columns a text gets, however narrow the terminal


def columns(text: str) -> int:
    """How many columns a terminal takes for the text: two for a wide character, none for a mark."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(char) for char in text)


def _columns_of(char: str) -> int:
    if category(char) in _ZERO:
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def wrap(text: str, width: int | None, used: int, indent: int) -> list[str]:
    """The text broken at spaces: `used` columns of the first line are taken, the other lines are indented.

    Words wider than a line are not broken, and nothing is without a width.
    """
    if width is None:
        return [text]
    indent = max(0, min(indent, width - _MIN))
    lines: list[str] = []
    line, taken = "", used
    for word in text.split(" "):
        wide = columns(word)
        if (line.strip() or used > indent) and taken + 1 + wide > width:
            lines.append(line)
            line, taken = " " * indent + word, indent + wide
        else:
            gap = " " if line else ""
            line, taken = line + gap + word, taken + len(gap) + wide
    return [*lines, line]


def window(
    line: str, spans: list[tuple[int, int]], place: tuple[int, int], limit: int
) -> tuple[str, int, int]:
    """The part of a long line around a place: (text, columns before the place, columns of the place).

    `line` has its secrets hidden, `spans` is where they stood; `place` is (start, end), from 0, before that.
    """
    start, end = (moved(column, spans) for column in place)
    if any(a <= place[0] < b for a, b in spans):
        end = max(end, start + len(HIDDEN))
    first = 0
    if len(line) > limit or columns(line) > limit:
        first = start - _that_fit(line[max(0, start - 2 * limit) : start][::-1], limit // 2)
    first = max(0, first)
    shown = "".join(c if c.isprintable() else " " for c in line[first : first + 4 * limit])
    shown = shown[: _that_fit(shown, limit)]
    before, marked = shown[: start - first], shown[start - first : end - first]
    return shown, columns(before) + max(0, start - first - len(before)), max(1, columns(marked))


def _that_fit(text: str, limit: int) -> int:
    """How many of the first characters take no more than `limit` columns."""
    taken = 0
    for at, char in enumerate(text):
        taken += _columns_of(char)
        if taken > limit:
            return at
    return len(text)
