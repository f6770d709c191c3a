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
