"""The only writer of YAML: every string that is not a plain word is quoted.

PyYAML's own dumper leaves `1e3`, `0o17`, `y` or `09` bare, which kubectl then reads as other types.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_WORD = re.compile(r"[A-Za-z/_][A-Za-z0-9_./@-]*\Z")
_NOT_TEXT = frozenset(["null", "true", "false", "yes", "no", "on", "off", "y", "n"])
_LITERAL = re.compile(r"[\t\n\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]*\Z")


def scalar(value: Any) -> str:
    """One scalar, or a whole list or mapping in flow (JSON) form, safe at any place of a YAML document."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, float):
        return _float(value)
    # ensure_ascii: bytes that every YAML reader agrees on, line separators and emoji included
    return json.dumps(value, ensure_ascii=True, sort_keys=True)


def _float(value: float) -> str:
    """`1.0e-07`, because YAML 1.1 reads `1e-07` as text."""
    digits, _, exponent = repr(value).partition("e")
    return f"{digits if '.' in digits else digits + '.0'}e{exponent}" if exponent else digits


def _text(text: str) -> str:
    if _WORD.match(text) and text.casefold() not in _NOT_TEXT:
        return text
    # json.dumps writes astral characters as surrogate pairs, which YAML readers take for two characters
    if text.isascii() or any(ord(c) > 0xFFFF for c in text):
        return "".join(_escape(c) for c in json.dumps(text, ensure_ascii=False))
    return json.dumps(text, ensure_ascii=True)


def _escape(char: str) -> str:
    code = ord(char)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return char if 0x20 <= code < 0x7F else f"\\u{code:04x}"


def document(data: Any) -> str:
    """Block-style YAML of plain data; keys stay in the order given. Ends with a newline."""
    if not isinstance(data, (dict, list)) or not data:
        return scalar(data) + "\n"
    return "\n".join(_lines(data, "")) + "\n"


def _lines(data: Mapping[str, Any] | Sequence[Any], indent: str) -> Iterator[str]:
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from _entry(f"{indent}{_text(key)}:", value, indent)
        return
    for value in data:
        if isinstance(value, (dict, list)) and value:
            first, *rest = _lines(value, indent + "  ")
            yield f"{indent}- {first[len(indent) + 2 :]}"
            yield from rest
        else:
            yield from _entry(f"{indent}-", value, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield head
        yield from _lines(value, indent + "  ")
    elif isinstance(value, str) and _fits_literal(value):
        yield head + " |" + ("" if value.endswith("\n") else "-")
        yield from (f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{head} {scalar(value)}"


def _fits_literal(text: str) -> bool:
    """Several plain lines: no leading blank (it would set the indentation), no blank lines at the end."""
    return (
        "\n" in text[:-1]
        and text[0] not in " \n\t"
        and not text.endswith("\n\n")
        and _LITERAL.match(text) is not None
    )
