"""What an unquoted scalar means: a number, a boolean or null only where every reader agrees."""

import math
import re

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# Longer digits than these are text: int() refuses thousands of digits, and a float of them is infinite.
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})?\.[0-9]{0,30}([eE][-+][0-9]{1,3})?\Z")


def plain(text: str) -> str | int | float | bool | None:
    """The value of a scalar that is written without quotes; text where YAML 1.1, 1.2 and JSON disagree."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+.0123456789":
        if _INTEGER.match(text):
            return int(text)
        if _FLOAT.match(text) and text.strip("+-.")[:1].isdigit() and math.isfinite(float(text)):
            return float(text)
    return text
