"""PromQL in small pieces: selectors of one catalog, durations, numbers, and series for promtool's tests."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

MINUTE, HOUR, DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Selector:
    """Selects the series of one catalog: `of("up", gateway="g")` is `up{catalog="…",gateway="g"}`."""

    catalog: str

    def __call__(self, metric: str, /, *matchers: str, **labels: str) -> str:
        """`matchers` are whole matchers, for other comparisons than equality: `code=~"5.."`."""
        every = {"catalog": self.catalog, **labels}
        equal = (f'{name}="{escaped(value)}"' for name, value in every.items())
        return f"{metric}{{{','.join((*equal, *matchers))}}}"


def escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def duration(seconds: float) -> str:
    """Whole seconds in the largest unit that needs no fraction: 5400 is 90m."""
    whole = math.ceil(seconds)
    for unit, size in (("d", DAY), ("h", HOUR), ("m", MINUTE)):
        if whole % size == 0 and whole:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def spoken(seconds: float) -> str:
    """A duration in a sentence: 1 hour, 5 minutes."""
    whole = math.ceil(seconds)
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE), ("second", 1)):
        if whole % size == 0:
            count = whole // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{whole} seconds"


def number(value: float | Decimal) -> str:
    """As a person writes it, without an exponent or a trailing zero."""
    text = f"{Decimal(str(value)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def bucket(seconds: float) -> str:
    """The label `le` of a bucket as prometheus_client prints it: 8.0, and 1e+06 from a million on."""
    text = repr(float(seconds))
    dot = text.find(".")
    if dot > 6:
        mantissa = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{mantissa}e+{dot - 1:02d}"
    return text


# --- series of promtool's tests, a sample a minute ---------------------------------------------------------


def counter(*phases: tuple[float, int]) -> str:
    """A counter from 0: each phase is its growth a minute and its minutes."""
    parts: list[str] = []
    last = 0.0
    for growth, minutes in phases:
        first = last + growth if parts else 0.0
        count = minutes - 1 if parts else minutes
        parts.append(f"{_plain(first)}+{_plain(growth)}x{count}")
        last = first
        for _ in range(count):  # as promtool adds it up: a last digit less would be a counter that began anew
            last += growth
    return " ".join(parts)


def growing(count: float, seconds: int) -> tuple[str, int]:
    """A counter that grows by `count` in a window of so many seconds, and the minutes until it long has.

    Of a long window it grows in the first ten minutes: nobody waits for days.
    """
    minutes = seconds // MINUTE
    if minutes <= 15:
        return counter((count / minutes, minutes + 10)), minutes + 10
    return counter((count / 10, 10), (0, 10)), 20


def constant(value: float, minutes: int, *, after: int = 0) -> str:
    """A gauge that has one value, from minute `after` on."""
    late = f"_x{after - 1} " if after > 1 else "_ " * after
    return f"{late}{_plain(value)}+0x{minutes - after}"


def _plain(value: float) -> str:
    return number(value) if 1e-6 <= abs(value) < 1e15 or not value else repr(value)


def by(labels: Iterable[str]) -> str:
    names = ", ".join(labels)
    return f"sum by ({names}) " if names else "sum"


def total(inner: str, *labels: str) -> str:
    """A sum over three lines, as promtool lays one out."""
    return f"{by(labels)}(\n{indented(inner)}\n)"


def indented(text: str, spaces: int = 2) -> str:
    return "\n".join(" " * spaces + line for line in text.split("\n"))
