"""PromQL and templates as far as a look without a parser goes: brackets, functions, recorded names."""

import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compiler.verify.finding import brief

_CLOSES = {")": "(", "]": "[", "}": "{"}
_QUOTED = re.compile(r'(?P<text>"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`)|#[^\n]*')
_MATCHER = re.compile(r'[=!]~\s*"(?P<regex>(?:[^"\\\n]|\\.)*)"')
_CALLED = re.compile(r"(?<![\w:.])(?P<name>[a-zA-Z_]\w*)\s*\(")
# Operators, aggregations and functions: what may stand before a bracket.
_WORDS = """
    and bool by group_left group_right ignoring offset on or unless without avg bottomk count
    count_values group limit_ratio limitk max min quantile stddev stdvar sum topk abs absent
    absent_over_time acos acosh asin asinh atan atanh avg_over_time ceil changes clamp clamp_max
    clamp_min cos cosh count_over_time day_of_month day_of_week day_of_year days_in_month deg delta
    deriv double_exponential_smoothing exp floor histogram_avg histogram_count histogram_fraction
    histogram_quantile histogram_stddev histogram_stdvar histogram_sum hour idelta increase info irate
    label_join label_replace last_over_time ln log10 log2 mad_over_time max_over_time min_over_time
    minute month pi predict_linear present_over_time quantile_over_time rad rate resets round scalar sgn
    sin sinh sort sort_by_label sort_by_label_desc sort_desc sqrt stddev_over_time stdvar_over_time
    sum_over_time tan tanh time timestamp vector year
"""
_KNOWN = frozenset(_WORDS.split())
_OF_RANGES = frozenset(
    {"changes", "delta", "deriv", "idelta", "increase", "irate", "predict_linear", "rate", "resets"}
)
_NOT_RE2 = re.compile(r"\(\?(?:[=!>]|<[=!])|\\[1-9]")
_RANGE = re.compile(r"\[(?P<range>[^\[\]]*)\]")
_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
# A name with a colon is one that a rule records; `[30m:1m]` begins with a digit.
_RECORDED = re.compile(r"(?<![\w:.])[a-zA-Z_]\w*(?::\w+)+")
_DANGLING = re.compile(r"(?:[-+*/%^<>=,(\[{]|\b(?:and|or|unless|by|without|on|ignoring|offset))\s*\Z")
_MILLISECONDS = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
    "y": 31_536_000_000,
}


def duration_ms(text: str) -> int:
    """The milliseconds of a duration of Prometheus ("1m30s"); 0 for what is none."""
    if not _DURATION.fullmatch(text):
        return 0
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _PART.findall(text))


def recorded(groups: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """The metrics that the rules record."""
    return frozenset(rule["record"] for group in groups for rule in group["rules"] if "record" in rule)


def expression(text: str, known: frozenset[str] | None) -> str:
    """Why an expression cannot be right, or "". `known`: what rules record, None when nobody can tell."""
    bare = _QUOTED.sub(lambda match: '""' if match["text"] else "", text)
    return next(filter(None, _faults(text, bare, known)), "")


def _faults(text: str, bare: str, known: frozenset[str] | None) -> Iterator[str]:
    """`bare` is the text without comments, and with empty texts."""
    if not bare.strip():
        yield "no expression"
    yield _unbalanced(bare)
    if _DANGLING.search(bare):
        yield "ends where an operand is wanted"
    if known is not None:
        yield from (f"no rule records {brief(name)}" for name in _RECORDED.findall(bare) if name not in known)
    yield from _ranges(bare)
    yield from _calls(bare)
    yield from (regex(match["regex"].replace("\\\\", "\\")) for match in _MATCHER.finditer(text))


def _calls(bare: str) -> Iterator[str]:
    for match in _CALLED.finditer(bare):
        name = match["name"]
        if name not in _KNOWN:
            yield f"{brief(name)!r} is no function of PromQL"
        elif (name in _OF_RANGES or name.endswith("_over_time")) and "[" not in _argument(
            bare[match.end() :]
        ):
            yield f"{name} wants a range such as [5m]"


def _argument(rest: str) -> str:
    """The text up to the bracket that closes; `rest` begins after the one that opens."""
    depth = 1
    for place, letter in enumerate(rest):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return rest[:place]
    return rest


def _unbalanced(bare: str) -> str:
    open_brackets: list[str] = []
    for letter in bare:
        if letter in "([{":
            open_brackets.append(letter)
        elif letter in ")]}" and (not open_brackets or open_brackets.pop() != _CLOSES[letter]):
            return f"{letter!r} closes nothing"
    if open_brackets:
        return f"{open_brackets[-1]!r} is not closed"
    return "a quotation mark is not closed" if re.search(r"[\"'`]", bare.replace('""', "")) else ""


def _ranges(bare: str) -> Iterator[str]:
    for match in _RANGE.finditer(bare):
        whole, colon, step = match["range"].partition(":")
        if not _DURATION.fullmatch(whole.strip()) or (
            colon and step.strip() and not _DURATION.fullmatch(step.strip())
        ):
            yield f"[{brief(match['range'])}] is no range such as [5m]"


def template(text: str) -> str:
    """Why an annotation or label is no template of Go, or "" when its braces close."""
    depth = 0
    for mark in re.findall(r"\{\{|\}\}", text):
        depth += 1 if mark == "{{" else -1
        if depth not in {0, 1}:
            return f"{mark!r} is at the wrong place"
    return "'{{' is not closed" if depth else ""


def regex(text: str) -> str:
    """Why a pattern is none. RE2 and Python differ in what they know, not in brackets and repeats."""
    if match := _NOT_RE2.search(text):
        return f"no regular expression of RE2: {match[0]}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        return "" if re.search(r"\\[pPzQC]", text) else f"no regular expression: {brief(error)}"
    return ""
