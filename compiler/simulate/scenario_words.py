"""The words of a scenario, the same in flags and in its file: `openai=5%:429@10m..20m`."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any, TypeVar

from compiler.catalog import Catalog
from compiler.diagnostics import nearest
from compiler.simulate.scenario import During, Fault, NewLimit, NewPrice, Scenario

MANY = ("down", "errors", "slow", "price", "rpm", "tpm")  # may be said more than once
ONCE = ("limits", "growth")
WORDS = (*MANY, *ONCE)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhd])+")
_PART = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_STATUSES = range(400, 600)
Value = TypeVar("Value")


class ScenarioError(ValueError):
    """A word that cannot be understood. `word` is which (`errors`), the message what is legal."""

    def __init__(self, word: str, message: str) -> None:
        super().__init__(message)
        self.word = word


class UnknownNameError(ValueError):
    """A name that the catalog does not hold."""


@dataclass(slots=True)
class Said:
    """The texts of each word, in the order in which they were said."""

    texts: dict[str, list[str]] = field(default_factory=lambda: {word: [] for word in WORDS})

    def add(self, word: str, texts: Sequence[str]) -> None:
        self.texts[word] = self.texts[word] + list(texts) if word in MANY else list(texts) or self.texts[word]


def seconds_of(text: str) -> float:
    """`90s`, `10m`, `1h30m`, `2d`. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no time; write 90s, 10m, 1h30m or 2d")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def scenario_of(said: Said, catalog: Catalog) -> Scenario:
    """The scenario. Raises ScenarioError, which names the legal values or the nearest name."""
    models, providers = catalog.models, catalog.providers
    either = {*models, *providers}
    texts = said.texts
    down = [_each("down", text, lambda text: _down(text, providers)) for text in texts["down"]]
    errors = [_each("errors", text, lambda text: _errors(text, either)) for text in texts["errors"]]
    slow = [_each("slow", text, lambda text: _slow(text, either)) for text in texts["slow"]]
    prices = dict(_each("price", text, lambda text: _pair(text, models, _price)) for text in texts["price"])
    rpm = dict(_each("rpm", text, lambda text: _pair(text, models, _limit)) for text in texts["rpm"])
    tpm = dict(_each("tpm", text, lambda text: _pair(text, models, _limit)) for text in texts["tpm"])
    no_limits = [_each("limits", text, _limits) for text in texts["limits"]]
    growth = [_each("growth", text, _factor) for text in texts["growth"]]
    words = tuple(f"{word} {text}" for word in WORDS for text in texts[word])
    faults = (*down, *errors, *slow)
    return Scenario(words, faults, prices, rpm, tpm, any(no_limits), growth[-1] if growth else 1.0)


def said_in(data: Any) -> Said:
    """What a scenario's file says: a word, and one text or a list of them. Raises ScenarioError."""
    if not isinstance(data, Mapping):
        raise ScenarioError("", f"a scenario is a mapping of: {', '.join(WORDS)}")
    said = Said()
    for word, value in data.items():
        if word == "description":
            continue
        if word not in WORDS:
            close = nearest(str(word), WORDS)
            meant = f"did you mean {close!r}?" if close else f"there are: description, {', '.join(WORDS)}"
            raise ScenarioError(str(word), f"unknown word {str(word)!r}; {meant}")
        said.add(word, _texts(word, value))
    return said


def _texts(word: str, value: Any) -> list[str]:
    texts = value if isinstance(value, list) else [value]
    if word in ONCE and len(texts) != 1:
        raise ScenarioError(word, "is said once")
    if not all(isinstance(text, (str, int, float)) and not isinstance(text, bool) for text in texts):
        raise ScenarioError(word, f"takes texts such as {_EXAMPLES[word]!r}")
    return [str(text) for text in texts]


_EXAMPLES = {
    "down": "openai@10m..20m", "errors": "openai=5%:429", "slow": "openai=3x",
    "price": "gpt-4=input:10,output:20", "rpm": "gpt-4=100", "tpm": "gpt-4=off",
    "limits": "off", "growth": "2x",
}  # fmt: skip


def _each(word: str, text: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(text)
    except UnknownNameError as error:
        raise ScenarioError(word, str(error)) from None
    except ValueError as error:
        raise ScenarioError(word, f"{text!r}: {error}; for example {_EXAMPLES[word]}") from None


def _known(name: str, legal: Collection[str]) -> str:
    if name in legal:
        return name
    close = nearest(name, legal)
    hint = f"did you mean {close!r}?" if close else f"there are: {', '.join(sorted(legal))}"
    raise UnknownNameError(f"{name!r} does not exist; {hint}")


def _down(text: str, providers: Collection[str]) -> Fault:
    name, during = _timed(text, providers)
    return Fault(_known(name, providers), during, down=True)


def _errors(text: str, names: Collection[str]) -> Fault:
    name, rest = _split(text, names)
    value, during = _timed(rest, ())
    percent, _, status = value.partition(":")
    return Fault(_known(name, names), during, rate=_percent(percent), status=_status(status))


def _slow(text: str, names: Collection[str]) -> Fault:
    name, rest = _split(text, names)
    value, during = _timed(rest, ())
    return Fault(_known(name, names), during, slow=_factor(value))


def _pair(text: str, names: Collection[str], read: Callable[[str], Value]) -> tuple[str, Value]:
    name, value = _split(text, names)
    return _known(name, names), read(value)


def _split(text: str, names: Collection[str]) -> tuple[str, str]:
    """Name and value, at the `=` after the longest name that fits."""
    known = [name for name in names if text.startswith(f"{name}=")]
    name = max(known, key=len, default=text.partition("=")[0])
    if not text.startswith(f"{name}="):
        raise ValueError("write NAME=VALUE")
    return name, text[len(name) + 1 :]


def _timed(text: str, names: Collection[str]) -> tuple[str, During]:
    """What stands before `@FROM..TO`, and the time. A model may be called `text-bison@002`."""
    name, at, during = text.rpartition("@")
    if not at or text in names:
        return text, During()
    start, dots, end = during.partition("..")
    if not dots:
        raise ValueError(f"{during!r} is no time from..to")
    found = During(seconds_of(start) if start else 0.0, seconds_of(end) if end else inf)
    if found.end <= found.start:
        raise ValueError(f"{during} ends before it begins")
    return name, found


def _percent(text: str) -> float:
    number = _number(text.removesuffix("%"))
    if not text.endswith("%") or not 0 <= number <= 100:
        raise ValueError(f"{text!r} is no percentage from 0% to 100%")
    return number / 100


def _status(text: str) -> int:
    if text == "timeout":
        return 0
    if not text:
        return 503
    if not text.isdigit() or int(text) not in _STATUSES:
        raise ValueError(f"{text!r} is neither a status from 400 to 599 nor timeout")
    return int(text)


def _factor(text: str) -> float:
    number = _number(text.removesuffix("x"))
    if not text.endswith("x") or not 0 < number <= 1000:
        raise ValueError(f"{text!r} is no factor such as 2x")
    return number


def _price(text: str) -> NewPrice:
    if text.endswith("x"):
        return NewPrice(factor=_factor(text))
    sides = dict(part.partition(":")[::2] for part in text.split(","))
    if not sides.keys() <= {"input", "output"}:
        raise ValueError("a price has input and output, in USD per million tokens, or is a factor such as 2x")
    found = {side: _number(number) for side, number in sides.items()}
    return NewPrice(found.get("input"), found.get("output"))


def _limit(text: str) -> NewLimit:
    if text == "off":
        return NewLimit()
    if text.endswith("x"):
        return NewLimit(factor=_factor(text))
    if not text.isdigit() or int(text) == 0:
        raise ValueError(f"{text!r} is neither a number a minute, nor a factor such as 2x, nor off")
    return NewLimit(int(text))


def _limits(text: str) -> bool:
    if text not in ("on", "off"):
        raise ValueError("limits are on or off")
    return text == "off"


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not isfinite(number) or number < 0:
        raise ValueError(f"{text!r} is no number of zero or more")
    return number
