"""Words about a change in which names are marked, so that each writer shows them in its own way.

A name stands between two control characters that no catalog can hold. Secret values are hidden here, before
anything is written: what an old version of a catalog holds was never judged.
"""

import re

from compiler.redact import redact

OPEN, CLOSE = "\x02", "\x03"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def name(text: object) -> str:
    """A user's word: a name, a value, a command."""
    return f"{OPEN}{line(text)}{CLOSE}"


def line(text: object) -> str:
    """Text of a user's on one line, without what a terminal obeys and without secret values."""
    return redact(_CONTROL.sub(" ", str(text)))


def names(found: object, joint: str = ", ") -> str:
    """Several names; "nothing" where there are none."""
    listed = list(found) if isinstance(found, (list, tuple, set, frozenset, dict)) else [found]
    return joint.join(map(name, listed)) or "nothing"


def plain(words: str) -> str:
    """The words without the marks."""
    return words.replace(OPEN, "").replace(CLOSE, "")


def clipped(text: str, most: int) -> str:
    """At the most that many characters of it."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def counted(number: int, thing: str, things: str = "") -> str:
    """`1 route`, `2 routes`."""
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def enumerated(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
