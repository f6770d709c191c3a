"""Finds secret values by shape and by randomness, and hides them: for the interlock and every reporter."""

import re
from collections.abc import Iterator
from itertools import pairwise

HIDDEN = "[hidden]"

# What it is, the texts that one of stands in every such value, its form. A text that has none of them (nearly
# every one) is searched for them alone: a form that begins with `\b` takes twenty times as long.
_SHAPES: tuple[tuple[str, tuple[str, ...], re.Pattern[str]], ...] = tuple(
    (kind, tuple(heads.split()), re.compile(pattern))
    for kind, heads, pattern in (
        ("a private key", "-----BEGIN", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[A-Za-z0-9+/=\s\\]*"),
        ("an API key", "sk- pk- rk-", r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"),
        ("an API key", "gsk_ xai_ hf_ co_ r8_", r"\b(?:gsk|xai|hf|co|r8)_[A-Za-z0-9]{20,}"),
        ("a Google API key", "AIza", r"\bAIza[0-9A-Za-z_-]{30,}"),
        ("a Google OAuth token", "ya29.", r"\bya29\.[0-9A-Za-z_-]{20,}"),
        ("an AWS access key id", "AKIA ASIA", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"\bgh[pousr]_[A-Za-z0-9]{30,}"),
        ("a GitHub token", "github_pat_", r"\bgithub_pat_[A-Za-z0-9_]{30,}"),
        ("a Slack token", "xox", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("a signed token", "eyJ", r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
        ("a password in an address", "://", r"(?<=://)[^/\s:@]*:[^/\s:@]+(?=@)"),
    )
)
_WORD = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
# The longest run of letters and digits in a word; a random value has one this long, and it changes between
# capitals, small letters and digits at four places in ten, where words and dates hardly do.
_RUN = re.compile(r"[A-Za-z0-9+/_]+")
_RUN_BESIDE_DASHES = re.compile(r"[A-Za-z0-9_]+")  # what has dashes is no plain base64, and a '/' parts names
_MIN_RUN = 16
_MIN_CHANGES = 0.4
# A secret field with a value in the place of its reference: hidden whatever it looks like.
_FIELD = re.compile(
    r"""(\b(?:api_key|access_key_id|secret_access_key|master_key|password)["']?\s*:\s*)(?![\s{&*#]|$)([^,}#\n]+)"""
)


def may_hold_secret(text: str) -> bool:
    """Whether there is any: False, for most texts."""
    return next(secrets_in(text), None) is not None


def secrets_in(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what it looks like) of each secret value in a text."""
    shapes = [(kind, form) for kind, heads, form in _SHAPES if any(head in text for head in heads)]
    found = [(*match.span(), kind) for kind, form in shapes for match in form.finditer(text)]
    words = (match for match in _WORD.finditer(text) if _looks_random(match.group()))
    found += [(*match.span(), "a random value") for match in words]
    end = 0
    for place in sorted(found, key=lambda place: (place[0], -place[1])):
        if place[0] >= end:  # one value may have several shapes
            yield place
            end = place[1]


def hidden(text: str) -> list[tuple[int, int]]:
    """The (start, end) of everything that must not be shown, sorted, none touching another."""
    found = [(start, end) for start, end, _ in secrets_in(text)]
    found += [match.span(2) for match in _FIELD.finditer(text)]
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def redact(text: str) -> str:
    """The text with every secret value hidden."""
    parts: list[str] = []
    done = 0
    for start, end in hidden(text):  # a line of megabytes may hold thousands: it is copied once
        parts += [text[done:start], HIDDEN]
        done = end
    return "".join([*parts, text[done:]])


def moved(column: int, spans: list[tuple[int, int]]) -> int:
    """Where a column (from 0) of a text stands once `spans` of it are hidden."""
    shift = 0
    for start, end in spans:
        if column <= start:
            break
        if column < end:
            return start + shift
        shift += len(HIDDEN) - (end - start)
    return column + shift


def _looks_random(word: str) -> bool:
    runs = _RUN_BESIDE_DASHES if "-" in word else _RUN
    longest = max(runs.findall(word), key=len, default="")
    kinds = [_kind(char) for char in longest]
    if len(longest) < _MIN_RUN or not {"digit", "capital", "small"} <= set(kinds):
        return False
    changes = sum(a != b for a, b in pairwise(kinds))
    return changes / (len(kinds) - 1) >= _MIN_CHANGES


def _kind(char: str) -> str:
    return (
        "digit" if char.isdigit() else "capital" if char.isupper() else "small" if char.islower() else "mark"
    )
