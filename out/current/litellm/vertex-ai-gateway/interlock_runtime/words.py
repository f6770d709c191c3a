"""Words that a client sees: short, printable, with the nearest legal name."""

import sys
from collections.abc import Iterable
from typing import Any

MAX_MESSAGE = 4000  # characters of a refusal


def nearest(word: str, legal: Iterable[str]) -> str:
    import difflib  # only a refusal needs it

    found = difflib.get_close_matches(
        str(word)[:80].casefold(), [str(name) for name in legal], n=1, cutoff=0.6
    )
    return f" (did you mean '{found[0]}'?)" if found else ""


def show(text: str) -> str:
    """Text of a client's in quotes, short, printable: it goes into messages and headers."""
    shown = text if len(text) <= 60 else text[:59] + "…"
    return f"'{printable(shown)}'"


def printable(text: str) -> str:
    """Text that any encoder takes: a client may send half of a surrogate pair, and names it in a list."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def is_number(value: Any) -> bool:
    return (
        isinstance(value, (int, float))
        and not isinstance(value, bool)
        and 0
        <= value
        <= sys.float_info.max  # false for NaN and Infinity, and for whole numbers beyond a float
    )
