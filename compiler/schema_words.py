"""What `schema` found, in words: what is wrong, what was meant, what the field is for, an example.

The words come from the schema itself (titles, descriptions, examples), so that the editor, the reference
page and a message say the same. No value that is or looks like a secret gets into a message.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compiler.diagnostics import (
    BAD_VALUE,
    ILLEGAL_VALUE,
    MISSING_FIELD,
    NOT_A_MAPPING,
    TOO_LARGE,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    Code,
    Diagnostic,
    nearest,
)
from compiler.litellm_words import instead_of
from compiler.redact import secrets_in
from compiler.schema_fixes import with_fix
from compiler.source import Document, value_at

Path_ = tuple[str | int, ...]

MAX_TEXT = 40  # characters of a value that are printed back
PRIVATE = frozenset(("api_key", "access_key_id", "secret_access_key", "master_key", "password"))

_JUDGED = 256  # characters of a text that are searched for a secret: more than are ever printed
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9 ._:/@+-]*\Z")
_NUMBER = re.compile(r"[$€]?([0-9]{1,15}(?:\.[0-9]{1,9})?(?:e\+?[0-9]{1,2})?)([km]?)\Z", re.IGNORECASE)
_KEEP_OUT = "put the value into a Kubernetes Secret and name it here; replace it if it was ever committed"
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}
_LIMITS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One problem, not in words yet.

    `kind` is the schema's keyword, or a word of our own; `rule` is the way through the schema to what was
    broken; `other` names the field or the index that is involved besides.
    """

    path: Path_
    kind: str
    rule: Path_ = ()
    other: str | int | None = None
    at_key: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """A fault with all that its words need: `told` is what the schema tells people, `rule` what it checks."""

    path: Path_
    other: str | int | None
    value: Any
    told: dict[str, Any]
    rule: dict[str, Any]
    schema: dict[str, Any]

    @property
    def called(self) -> str:
        return called(self.path) if self.path else self.whole

    @property
    def owner(self) -> str:
        return called(self.path[:-1]) if self.path[:-1] else self.whole

    @property
    def whole(self) -> str:
        """What the file is: the catalog, or the tests file."""
        return "the " + str(self.schema["title"]).removeprefix("Interlock ")

    @property
    def found(self) -> str:
        return _found(self.value, self.path)

    def help(self, *before: str) -> str:
        """Advice, then what the field is for and an example of it."""
        advice = [text for text in before if text]
        name = self.path[-1] if self.path else ""
        return ". ".join((*advice, _about(str(name) if isinstance(name, str) else "", self.told)))


_Words = tuple[Code, str, str]


def explained(schema: dict[str, Any], document: Document, fault: Fault) -> Diagnostic:
    told, rule = _told(schema, fault.rule)
    value = fault.path[-1] if fault.kind == "name" else value_at(document.data, fault.path)
    case = _Case(fault.path, fault.other, value, told, rule, schema)
    code, message, hint = _WORDS.get(fault.kind, _unexpected)(case)
    diagnostic = code.at(document.span(fault.path, key=fault.at_key), message, hint)
    diagnostic = with_fix(diagnostic, document, (fault.kind, fault.path), rule, value)
    if fault.kind not in ("both", "repeated") or fault.other is None:
        return diagnostic
    return diagnostic.with_related(document.span((*fault.path[:-1], fault.other), key=True), "and here")


def _told(schema: dict[str, Any], rule: Path_) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the schema says at a place, a property's words before those of the part it shares; that part."""
    node: Any = schema
    told: dict[str, Any] = schema
    for step in rule:
        if step == "$ref":
            node = schema["$defs"][node["$ref"].rpartition("/")[2]]
            told = {**node, **told}
        else:
            node = node[step]
            told = node if isinstance(step, str) and isinstance(node, dict) else told
    return told, node


def called(path: Path_) -> str:
    """A path as a reader writes it: `models.gpt-4.deployments[0].id`."""
    text = ""
    for index, part in enumerate(path):
        hidden = not PRIVATE.isdisjoint(path[:index]) and part not in ("secret", "key")
        text += f"[{part}]" if isinstance(part, int) else "." + ("…" if hidden else _name(part))
    return f"`{text.removeprefix('.')}`" if path else "the catalog"


def _name(name: str) -> str:
    if _like_a_secret(name):
        return "…"
    return name if _PLAIN.match(name) and len(name) <= MAX_TEXT else repr(_capped(name))


def _like_a_secret(text: str) -> bool:
    head = text[:_JUDGED]
    return any(True for _ in secrets_in(head)) or ("://" in head and "@" in head)


def _capped(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 1] + "…"


def _found(value: Any, path: Path_) -> str:
    """A value in words, never more of it than is fit to print."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}" if abs(value) < 1e18 else "a number with too many digits"
        case str():
            hidden = not PRIVATE.isdisjoint(path) or path[-1:] == ("auth",) or _like_a_secret(value)
            return "text (not shown)" if hidden else f"text {_capped(value)!r}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _about(name: str, told: dict[str, Any]) -> str:
    """What a field is for, and an example of it."""
    examples = told.get("examples") or ()
    shown = f"{_name(name)}: {_flow(examples[0])}" if examples and name else "".join(map(_flow, examples[:1]))
    about = str(told.get("description", ""))
    return f"{about} For example: {shown}" if shown else about


def _flow(value: Any) -> str:
    """A value as a person writes it in YAML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.match(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def _as_number(text: str) -> float | None:
    """What somebody meant who wrote 1e6, 1_000, 200k or $3.50."""
    match = _NUMBER.match(text.replace("_", "").replace(",", "").strip())
    if not match:
        return None
    number = float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()]
    return number if number < 1e15 else None


def _advice(value: Any, wanted: str) -> str:
    """How to write what was meant, when a value only has the wrong type."""
    if wanted in ("number", "integer") and isinstance(value, str):
        number = _as_number(value)
        plain = "" if number is None else f"{number:.9f}".rstrip("0").rstrip(".")
        fits = number is not None and (wanted == "number" or number.is_integer())
        return f"write plain digits without quotes: {plain}" if fits else ""
    if wanted == "string" and isinstance(value, (int, float)):
        return f"write it in quotes: {json.dumps(str(value).lower())}" if abs(value) < 1e15 else ""
    if wanted == "boolean" and isinstance(value, str):
        word = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(value.lower())
        return f"write {word}" if word else ""
    return "write it as a list, in square brackets" if wanted == "array" and isinstance(value, str) else ""


def _choice(word: Any, legal: list[str], what: str) -> str:
    close = nearest(word[:100], legal) if isinstance(word, str) else None
    return (f"did you mean {close!r}? " if close else "") + f"{what}: {', '.join(legal)}"


def _unknown(case: _Case) -> _Words:
    name = str(case.path[-1])
    hidden = not PRIVATE.isdisjoint(case.path[:-1]) or _like_a_secret(name)
    shown = "of that name" if hidden else repr(_capped(name))
    legal = list(case.rule["properties"])
    theirs = instead_of(name, str(case.path[0]))
    hint = (
        f"{theirs}. The fields here are: {', '.join(legal)}"
        if theirs
        else _choice(name, legal, "its fields are")
    )
    if name == "<<":
        hint = "YAML 1.2 has no merge keys: write the fields out, or give the whole value an anchor"
    return UNKNOWN_FIELD, f"{case.owner} has no field {shown}", hint


def _missing(case: _Case) -> _Words:
    name = str(case.other)
    own = case.rule["properties"][name]
    told = (
        {**_told(case.schema, ("$defs", own["$ref"].rpartition("/")[2]))[1], **own} if "$ref" in own else own
    )
    return MISSING_FIELD, f"{case.called} lacks the field {name!r}", _about(name, told)


def _mistyped(case: _Case) -> _Words:
    if not case.path:
        return (
            NOT_A_MAPPING,
            f"a catalog is a mapping, found {case.found}",
            "start with `apiVersion: interlock/v1`",
        )
    wanted = case.rule["type"]
    if case.rule is case.schema["$defs"]["secret_ref"]:
        message = f"{case.called} must be a reference {{secret: …, key: …}}, not a value"
        return WRONG_TYPE, message, case.help(_KEEP_OUT if isinstance(case.value, str) else "")
    message = f"{case.called}: expected {_TYPES[wanted]}, found {case.found}"
    return WRONG_TYPE, message, case.help(_advice(case.value, wanted))


def _illegal(case: _Case) -> _Words:
    legal = case.rule["enum"] if "enum" in case.rule else [case.rule["const"]]
    hint = _choice(case.value, legal, "the legal values are" if len(legal) > 1 else "the one legal value is")
    return ILLEGAL_VALUE, f"{case.called}: {case.found} is not a legal value", hint


def _out_of_range(case: _Case) -> _Words:
    limits = [f"{words} {case.rule[kind]}" for kind, words in _LIMITS.items() if kind in case.rule]
    message = f"{case.called} must be {' and '.join(limits)}, found {case.found}"
    return BAD_VALUE, message, case.help()


def _misformed(case: _Case) -> _Words:
    form = str(case.rule["description"]).partition(". ")[0].rstrip(".")
    examples = " or ".join(map(_flow, case.told.get("examples", ())))
    message = f"{case.called}: {case.found} is not {form[0].lower()}{form[1:]}"
    return BAD_VALUE, message, f"for example: {examples}"


def _misnamed(case: _Case) -> _Words:
    code, message, hint = _misformed(case)
    return code, message.replace(case.called, case.owner, 1).replace(": text", ": the name", 1), hint


def _empty(case: _Case) -> _Words:
    return BAD_VALUE, f"{case.called} is empty, at least one entry is needed", case.help()


def _too_many(case: _Case) -> _Words:
    most = case.rule.get("maxItems") or case.rule["maxProperties"]
    return BAD_VALUE, f"{case.called} has more than {most} entries", case.help()


def _repeated(case: _Case) -> _Words:
    return BAD_VALUE, f"{case.called}: {case.found} is listed twice", "keep one of the two"


def _both(case: _Case) -> _Words:
    message = (
        f"{case.owner} has both {str(case.other)!r} and {str(case.path[-1])!r}, which exclude each other"
    )
    told = case.rule["properties"][str(case.other)]["description"]
    return BAD_VALUE, message, f"keep one of the two; {case.other}: {told}"


def _neither(case: _Case) -> _Words:
    code = ILLEGAL_VALUE if isinstance(case.value, str) else WRONG_TYPE
    one_word = any("const" in branch for branch in case.rule["anyOf"])
    advice = "" if one_word else _advice(case.value, "string")
    return code, f"{case.called} cannot be {case.found}", case.help(advice)


def _unreadable(case: _Case) -> _Words:
    hint = "it is nested too deep, or has text or a key that is not Unicode text"
    return TOO_LARGE, f"{case.called} cannot be checked", hint


def _unexpected(case: _Case) -> _Words:
    return BAD_VALUE, f"{case.called} cannot be {case.found}", case.help()


_WORDS: dict[str, Callable[[_Case], _Words]] = {
    "unknown": _unknown,
    "missing": _missing,
    "type": _mistyped,
    "enum": _illegal,
    "const": _illegal,
    "form": _misformed,
    "name": _misnamed,
    "minItems": _empty,
    "minProperties": _empty,
    "maxItems": _too_many,
    "maxProperties": _too_many,
    "repeated": _repeated,
    "both": _both,
    "anyOf": _neither,
    "unreadable": _unreadable,
    **dict.fromkeys(_LIMITS, _out_of_range),
}
