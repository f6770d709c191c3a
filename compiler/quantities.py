"""Kubernetes quantities: `500m`, `2Gi`."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(|[KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def quantity(value: str | float) -> Decimal | None:
    """The number a resource quantity stands for (500m, 1Gi, 2), or None when it is not one."""
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    number, suffix = match.groups()
    if suffix in _BINARY:
        return Decimal(number) * (1 << _BINARY[suffix])
    return Decimal(number).scaleb(_DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:]))


def at_least_zero(text: str) -> Decimal:
    """The same for text that the schema has judged."""
    return quantity(text) or Decimal(0)


MOST_CPUS = 10_000
LEAST_MEMORY = 64 * 1024  # bytes


def slip(resource: str, value: str | float) -> str:
    """What is wrong with an amount of "cpu", "memory" or other bytes that nobody can mean; "" for nothing."""
    number = quantity(value)
    if number is None or number < 0:
        return "is not a quantity such as 500m or 2Gi"
    if resource == "cpu":
        if number > MOST_CPUS:
            return "is more than any node has"
        return "is finer than 1m" if number * 1000 % 1 else ""
    if str(value).endswith("m"):
        return "is thousandths of a byte: M is a million bytes, Mi 1024 times 1024"
    if resource == "memory" and number < LEAST_MEMORY:
        return "is less than any process needs: M is a million bytes, Mi 1024 times 1024"
    return ""
