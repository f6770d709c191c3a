"""What requests have in common, in words that follow "requests"."""

from collections.abc import Iterator

from compiler.partition.asks import Ask
from compiler.partition.search import Difference, Stretch
from compiler.partition.sizes import PART_TOKENS, SHORT
from compiler.runtime.request import MAX_TOKENS, Needs

_TRIAL = {
    (True, True): "of users on trial before and after",
    (True, False): "of users no longer on trial",
    (False, True): "of users now on trial",
}


def in_words(ask: Ask) -> str:
    """`strategy 'fast'`, `model 'gpt-4'`, or both."""
    parts = [
        f"strategy {ask.strategy!r}" if ask.strategy else "",
        f"model {ask.model!r}" if ask.model else "",
    ]
    return " and ".join(filter(None, parts)) or "requests that name nothing"


def when(ask: Ask, found: Difference) -> Iterator[str]:
    one = found.example
    if any(ask.trial):
        yield _TRIAL[ask.trial]
    yield from _of_size(one.needs, found.stretch)
    yield from (f"that use {name}" for name in one.needs.capabilities)
    yield from (feature.words for feature in one.features)


def _of_size(needs: Needs, stretch: Stretch) -> Iterator[str]:
    what = "with prompts" if needs.output_tokens is None else "with max_tokens"
    if stretch:
        said = list(filter(None, (_range(low, high) for low, high in stretch)))
        if said:
            yield f"{what} of {' or '.join(said)} tokens"
        return
    if needs.prompt_tokens not in (SHORT, PART_TOKENS):
        yield f"with prompts of about {needs.prompt_tokens:,} tokens"
    if needs.output_tokens is not None:
        yield f"with max_tokens of about {needs.output_tokens:,}"


def _range(low: int, high: int) -> str:
    """Nothing for all sizes. A size beyond every limit stands for all that are larger."""
    small, large = low <= SHORT, high >= MAX_TOKENS // 2
    if small:
        return "" if large else f"at most {high:,}"
    return f"{low:,} or more" if large else f"{low:,} to {high:,}"
