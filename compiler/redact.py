"""Finds secret values by shape and by entropy, and hides them, for the interlock and for every reporter."""

import math
import re
from collections import Counter
from collections.abc import Iterator

HIDDEN = "[hidden]"

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*"),
        ("an API key", r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"),
        ("an API key", r"\b(?:gsk|xai|hf|co|r8)_[A-Za-z0-9]{20,}"),
        ("a Google API key", r"\bAIza[0-9A-Za-z_-]{30,}"),
        ("a Google OAuth token", r"\bya29\.[0-9A-Za-z_-]{20,}"),
        ("an AWS access key id", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a GitHub token", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
        ("a Slack token", r"\bxox[abprs]-[A-Za-z0-9-]{10,}"),
        ("a signed token", r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*"),
        ("a password in an address", r"(?<=://)[^/\s:@]*:[^/\s:@]+(?=@)"),
    )
)
_WORD = re.compile(r"[A-Za-z0-9+/_=-]{24,}")
_MIN_ENTROPY = 4.0  # bits a character: random base64 of 24 has about 4.3, names and paths stay under 3.9
# A secret field with a value in the place of its reference: hidden whatever it looks like.
_FIELD = re.compile(
    r"""(\b(?:api_key|access_key_id|secret_access_key|master_key|password)["']?\s*:\s*)(?![\s{&*#]|$)([^,}#\n]+)"""
)


_ANY = re.compile("|".join(f"(?:{shape.pattern})" for shape in (*(s for _, s in _SHAPES), _WORD)))


def may_hold_secret(text: str) -> bool:
    """False for most texts, at the cost of one search."""
    return _ANY.search(text) is not None and next(secrets_in(text), None) is not None


def secrets_in(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, what it looks like) of each secret value in a text."""
    for kind, shape in _SHAPES:
        for match in shape.finditer(text):
            yield match.start(), match.end(), kind
    for match in _WORD.finditer(text):
        if _looks_random(match.group()) and not text[: match.start()].endswith("sha256:"):
            yield match.start(), match.end(), "a random value"


def redact(text: str) -> str:
    """The text with every secret value hidden."""
    text = _FIELD.sub(lambda match: match.group(1) + HIDDEN, text)
    for start, end, _ in sorted(secrets_in(text), reverse=True):
        text = text[:start] + HIDDEN + text[end:]
    return text


def _looks_random(word: str) -> bool:
    """Letters of both cases and digits, well mixed: a name has words in it, a digest has one case."""
    mixed = (
        any(c.isupper() for c in word) and any(c.islower() for c in word) and any(c.isdigit() for c in word)
    )
    return mixed and _entropy(word) > _MIN_ENTROPY


def _entropy(word: str) -> float:
    size = len(word)
    return -sum(count / size * math.log2(count / size) for count in Counter(word).values())
