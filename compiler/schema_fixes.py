"""What a schema fault is mended by, where only one thing can have been meant: for `validate --fix`."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from compiler import edits
from compiler.diagnostics import Diagnostic, Edit
from compiler.redact import may_hold_secret
from compiler.source import Document, Path_, value_at
from compiler.typos import surely

_LONGEST = 100  # characters of a value that a fix is looked for
_BOOLEANS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
_NUMBER = re.compile(r"(-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,9})?)(?:e\+?([0-9]{1,2}))?(k?)\Z", re.IGNORECASE)
_GROUPS = re.compile(r"[1-9][0-9]{0,2}(?:_[0-9]{3})+\Z")
_DATE = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})\Z")
_ONE_NAME = re.compile(r"[^\s,\[\]{}#]+\Z")
_BINARY = frozenset(2**power for power in range(11))  # thousands that may be meant as 1,024


@dataclass(frozen=True, slots=True)
class _Wrong:
    """A value (or, for an unknown field, a key) and the part of the schema that refuses it."""

    document: Document
    path: Path_
    value: Any
    rule: Mapping[str, Any]


_Mending = tuple[str, tuple[Edit, ...]]  # what was done, in words; the edits
_NOTHING: _Mending = ("", ())


def with_fix(
    diagnostic: Diagnostic, document: Document, at: tuple[str, Path_], rule: Mapping[str, Any], value: Any
) -> Diagnostic:
    """The diagnostic of a fault, with its fix where there is one.

    Args:
        diagnostic: what is said of the fault.
        document: the catalog.
        at: the fault's kind (a keyword of the schema, or `unknown`, `form`, `repeated`) and its path.
        rule: the part of the schema that was broken.
        value: what stands at the path.
    """
    kind, path = at
    mend = _MENDING.get(kind)
    judged = path[-1] if kind == "unknown" else value
    if mend is None or not path or (isinstance(judged, str) and not _fit(judged)):
        return diagnostic
    title, made = mend(_Wrong(document, path, value, rule))
    return diagnostic.with_fix(title, *made)


def _fit(text: str) -> bool:
    return len(text) <= _LONGEST and text.isprintable() and not may_hold_secret(text)


def _rename(wrong: _Wrong) -> _Mending:
    name = str(wrong.path[-1])
    meant = surely(name, wrong.rule["properties"])
    if meant is None or meant in _beside(wrong):
        return _NOTHING
    return f"rename {name!r} to {meant!r}", edits.replace_key(wrong.document, wrong.path, meant)


def _beside(wrong: _Wrong) -> Any:
    return value_at(wrong.document.data, wrong.path[:-1]) or {}


def _legal(wrong: _Wrong) -> _Mending:
    legal = wrong.rule.get("enum", [wrong.rule.get("const")])
    words = [word for word in legal if isinstance(word, str)]
    meant = surely(wrong.value, words) if isinstance(wrong.value, str) else None
    if meant is None:
        return _NOTHING
    made = edits.replace_value(wrong.document, wrong.path, meant)
    return f"replace {wrong.value!r} by {meant!r}", made


def _retype(wrong: _Wrong) -> _Mending:
    found = edits.written(wrong.document, wrong.path)
    retype = _RETYPES.get(str(wrong.rule.get("type")))
    if found is None or retype is None:
        return _NOTHING
    text = retype(wrong, found)
    if text is None:
        return _NOTHING
    return f"replace {found} by {text}", edits.replace_source(wrong.document, wrong.path, text)


def _as_number(wrong: _Wrong, _: str) -> str | None:
    text = exact_number(wrong.value) if isinstance(wrong.value, str) else None
    if text is None or (wrong.rule["type"] == "integer" and "." in text):
        return None
    return text if _within(float(text), wrong.rule) else None


def _within(number: float, rule: Mapping[str, Any]) -> bool:
    return (
        rule.get("minimum", number) <= number <= rule.get("maximum", number)
        and ("exclusiveMinimum" not in rule or number > rule["exclusiveMinimum"])
        and ("exclusiveMaximum" not in rule or number < rule["exclusiveMaximum"])
    )


def exact_number(text: str) -> str | None:
    """Plain digits for `8192`, `1_000`, `1e6` and `200k`; None for what may be read in two ways.

    `8k` may be 8,192, `017` may be 15, and `1,000` is one in half of Europe.
    """
    if _GROUPS.match(text):
        return text.replace("_", "")
    match = _NUMBER.match(text)
    if not match or (match[3] and (match[2] or _is_binary(match[1]))):
        return None
    power = int(match[2] or 0) + (3 if match[3] else 0)
    whole, _, part = match[1].partition(".")
    if not power:
        return match[1]
    shifted = whole + part[:power].ljust(power, "0") + ("." + part[power:] if part[power:] else "")
    shifted = re.sub(r"^(-?)0+(?=[0-9])", r"\1", shifted)
    return shifted if len(shifted) <= 18 else None


def _is_binary(thousands: str) -> bool:
    return float(thousands) in _BINARY


def _as_text(wrong: _Wrong, found: str) -> str | None:
    if isinstance(wrong.value, bool) or not isinstance(wrong.value, (int, float)):
        return None
    legal = found in wrong.rule["enum"] if "enum" in wrong.rule else _has_form(found, wrong.rule)
    return f'"{found}"' if legal else None


def _has_form(text: str, rule: Mapping[str, Any]) -> bool:
    return re.search(str(rule.get("pattern", "")), text) is not None


def _as_boolean(wrong: _Wrong, _: str) -> str | None:
    return _BOOLEANS.get(wrong.value.lower()) if isinstance(wrong.value, str) else None


def _as_list(wrong: _Wrong, found: str) -> str | None:
    return f"[{found}]" if isinstance(wrong.value, str) and _ONE_NAME.match(wrong.value) else None


def _reform(wrong: _Wrong) -> _Mending:
    """A date that begins with its year; the other orders differ by country."""
    match = _DATE.match(wrong.value) if isinstance(wrong.value, str) else None
    if match is None or not str(wrong.rule.get("pattern")).startswith("^[0-9]{4}-"):
        return _NOTHING
    date = f"{match[1]}-{int(match[3]):02}-{int(match[4]):02}"
    made = edits.replace_value(wrong.document, wrong.path, date) if _has_form(date, wrong.rule) else ()
    return f"replace {wrong.value!r} by {date!r}", made


def _once(wrong: _Wrong) -> _Mending:
    if not isinstance(wrong.value, str):
        return _NOTHING
    return f"remove the second {wrong.value!r}", edits.remove_item(wrong.document, wrong.path)


_RETYPES: dict[str, Callable[[_Wrong, str], str | None]] = {
    "number": _as_number,
    "integer": _as_number,
    "string": _as_text,
    "boolean": _as_boolean,
    "array": _as_list,
}
_MENDING: dict[str, Callable[[_Wrong], _Mending]] = {
    "unknown": _rename,
    "enum": _legal,
    "const": _legal,
    "type": _retype,
    "form": _reform,
    "repeated": _once,
}
