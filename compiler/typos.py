"""Which legal word was meant beyond doubt: narrower than `diagnostics.nearest`, for what is changed unasked.

Names of models differ by one letter or digit and mean different things: `gpt-4` and `gpt-4o`,
`claude-sonnet-4` and `claude-sonnet-5`. So words with digits must agree; letters may be mistyped.
"""

import re
from collections.abc import Iterable

_RIVAL = 3  # a second word with no more slips than these makes the first one doubtful
_WORDS = re.compile(r"[^\W_]+")


def surely(word: str, legal: Iterable[str]) -> str | None:
    """The legal word that differs in case and marks only, else by a slip in one word of it.

    A slip is one letter of five or more, or two of nine. None when there is none, or
    when a second one is nearly as close.
    """
    if not any(char.isalpha() for char in word):
        return None
    names, letters, words = list(legal), _letters(word), _words(word)
    alike = [name for name in names if _letters(name) == letters]
    if alike:
        return alike[0] if len(alike) == 1 else None
    rivals = (name for name in names if abs(len(name) - len(word)) <= _RIVAL)
    near = [name for name in rivals if _slips(words, _words(name)) <= _RIVAL]
    return near[0] if len(near) == 1 and _is_slip(words, _words(near[0])) else None


def _letters(text: str) -> str:
    return "".join(_WORDS.findall(text)).casefold()


def _words(text: str) -> list[str]:
    return [part.casefold() for part in _WORDS.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text))]


def _slips(one: list[str], two: list[str]) -> int:
    """Letters mistyped in the one word that differs; many when more differs, or a word with a digit does."""
    pairs = [(a, b) for a, b in zip(one, two, strict=False) if a != b]
    if len(one) != len(two) or len(pairs) != 1 or not all(text.isalpha() for text in pairs[0]):
        return _RIVAL + 1
    return _distance(*pairs[0])


def _is_slip(one: list[str], two: list[str]) -> bool:
    longest = next(max(len(a), len(b)) for a, b in zip(one, two, strict=True) if a != b)
    return longest >= 5 and _slips(one, two) <= (2 if longest >= 9 else 1)


def _distance(one: str, two: str) -> int:
    """Letters left out, put in, changed, or swapped with the one beside."""
    if abs(len(one) - len(two)) > _RIVAL:
        return _RIVAL + 1
    older: list[int] = []
    last = list(range(len(two) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(two, start=1):
            best = min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and b == one[i - 2]:
                best = min(best, older[j - 2] + 1)
            row.append(best)
        older, last = last, row
    return last[-1]
