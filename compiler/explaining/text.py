"""An explanation for people: short enough to stand in a pull request."""

import json
import textwrap
from collections.abc import Iterator, Sequence

from compiler.explaining.explanation import Explanation, Hop, Upstream
from compiler.explaining.reasons import Looked
from compiler.explaining.tables import columns, decimals, usd
from compiler.runtime.models import USUAL_ANSWER_TOKENS
from compiler.runtime.words import printable

MAX_LISTED = 40  # candidates, of which those of the route are always shown
WIDTH = 100  # columns of a refusal's text
_ASKED_BY = {"default": "the default", "header": "header x-routing-strategy"}


def as_text(explanation: Explanation, as_of: str = "") -> str:
    """The explanation in lines.

    Args:
        explanation: what to write down.
        as_of: the day on which models are looked at, year-month-day; empty says nothing of retirement.
    """
    blocks = [_asked(explanation), _answer(explanation), _candidates(explanation, as_of), _end(explanation)]
    # A request may hold anything, and requirements of it are shown.
    return "\n\n".join("\n".join(map(printable, lines)) for block in blocks if (lines := list(block)))


def _asked(explanation: Explanation) -> Iterator[str]:
    decision = explanation.decision
    if not decision.candidates:
        return  # refused before anything was looked at
    strategy = f"strategy {decision.strategy}"
    by = _ASKED_BY.get(explanation.asked_by, explanation.asked_by)
    named = [f"model {decision.pinned}" if decision.pinned else "", f"{strategy} ({by})"]
    yield f"asked: {', '.join(filter(None, named if decision.strategy else named[:1]))}; {_size(explanation)}"
    uses = [
        f"{need.name} ({need.because})"
        for need in explanation.needs
        if need.name in decision.needs.capabilities
    ]
    if uses:
        yield f"needs: {', '.join(uses)}"
    if explanation.requirements:
        yield "must hold: " + ", ".join(
            f"{held.key}={_value(held.value)} ({_sources(held.value, held.sources)})"
            for held in explanation.requirements
        )
    yield from _circumstances(explanation)


def _size(explanation: Explanation) -> str:
    needs = explanation.decision.needs
    answer = "any length" if needs.output_tokens is None else f"up to {needs.output_tokens} tokens"
    if explanation.mode == "embedding":
        return f"an embedding of about {needs.prompt_tokens} tokens"
    kind = "chat" if explanation.mode == "chat" else "a completion"
    prompt = f"a prompt of about {needs.prompt_tokens} tokens" if needs.prompt_tokens else "a short prompt"
    return f"{kind}, {prompt}, an answer of {answer}"


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _sources(value: object, sources: object) -> str:
    """`request`, or `request; strategy: 100000` where another one asked for less."""
    assert isinstance(sources, dict)  # noqa: S101  # Held.sources
    same = [where for where, asked in sources.items() if asked == value]
    others = [f"{where}: {_value(asked)}" for where, asked in sources.items() if asked != value]
    return "; ".join([*([" and ".join(same)] if same else []), *others])


def _circumstances(explanation: Explanation) -> Iterator[str]:
    question, decision = explanation.question, explanation.decision
    canary = explanation.table["strategies"].get(decision.strategy, {}).get("canary")
    if canary is not None and not decision.pinned:
        among = "is" if decision.reason == "canary" else "is not"
        share = f"{canary['model']} goes first for {canary['percent']:g} % of users or conversations"
        yield f"canary: {share}; this one {among} among them"
    if question.down:
        yield f"down: {', '.join(question.down)}"
        if explanation.is_lost:
            late = f"; {decision.route[0]} comes too late" if decision.route else ""
            tried = explanation.tried
            fail = "all of which fail" if len(tried) > 1 else "which fails"
            yield f"lost: the gateway tries {' → '.join(tried)}, {fail}{late}"
    if question.allowed is not None:
        yield f"key: may use {', '.join(sorted(question.allowed)) or 'nothing'}"


def _answer(explanation: Explanation) -> Iterator[str]:
    refusal = explanation.decision.refusal
    if refusal is None:
        yield f"route: {' → '.join(explanation.decision.route)}"
        yield f"cost: {_cost(explanation)}"
        return
    field = f", param {refusal.param}" if refusal.param else ""
    yield f"refused: HTTP 400, code {refusal.code}{field}"
    yield from textwrap.wrap(
        refusal.message, WIDTH, initial_indent="  ", subsequent_indent="  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _cost(explanation: Explanation) -> str:
    """Of the first answer, with its prices, and of the dearest answer that the route may end at."""
    digits = _digits(explanation)
    begins = _dearest(explanation.hops[:1])
    if begins is None:
        return f"not known, for the price of {explanation.hops[0].model} is not"
    limited = explanation.decision.needs.output_tokens is not None or explanation.mode == "embedding"
    assumed = "" if limited else f" with an answer of {_priced_answer(explanation)} tokens"
    dearest = _dearest(explanation.hops) or begins
    most = f"; up to {usd(dearest, digits)} where the first call fails" if dearest > begins else ""
    return f"about {usd(begins, digits)}{assumed}{most}"


def _dearest(hops: Sequence[Hop]) -> float | None:
    found = [one.cost_usd for hop in hops for one in hop.upstreams if one.cost_usd is not None]
    return max(found, default=None)


def _digits(explanation: Explanation) -> int:
    """One number of decimals for the whole page, so that amounts can be compared at a glance."""
    calls = [upstream.cost_usd for hop in explanation.hops for upstream in hop.upstreams]
    return decimals([*calls, *(one.cost_usd for one in _shown(explanation))])


def _priced_answer(explanation: Explanation) -> int:
    longest = explanation.table["models"][explanation.decision.route[0]]["max_output_tokens"]
    return min(USUAL_ANSWER_TOKENS, longest or USUAL_ANSWER_TOKENS)


def _candidates(explanation: Explanation, as_of: str) -> Iterator[str]:
    shown = _shown(explanation)
    if not shown:
        return
    rows = [("", "model", "calls", "about", "why")]
    for one in shown:
        mark = f"{one.place}." if one.place else "✗" if one.reasons else "-"
        first, *more = [*(one.reasons or (one.why,)), *_notes(one, as_of)]
        rows.append((mark, one.model, _calls(explanation, one), _costs(explanation, one), first))
        rows += [("", "", "", "", line) for line in more]
    yield from columns(rows)
    more_of_them = len(explanation.candidates) - len(shown)
    if more_of_them:
        yield f"  … and {more_of_them} more; `--format json` has them all"


def _shown(explanation: Explanation) -> list[Looked]:
    return [one for at, one in enumerate(explanation.candidates) if at < MAX_LISTED or one.place]


def _notes(one: Looked, as_of: str) -> Iterator[str]:
    for deployment, why in one.left_out:
        yield f"not {deployment}: {why}"
    if as_of and one.place and one.retires_on:
        yield f"retired on {one.retires_on}" if one.retires_on <= as_of else f"retires on {one.retires_on}"


def _calls(explanation: Explanation, one: Looked) -> str:
    """The providers in the order of the calls: `anthropic, then bedrock`; of a model that is out, all."""
    hops = [hop for hop in explanation.hops if hop.model == one.model]
    return ", then ".join(_level(hop, hops) for hop in hops) if hops else ", ".join(one.providers)


def _costs(explanation: Explanation, one: Looked) -> str:
    """What each call of a model of the route costs, once where they agree; else what the model does."""
    digits = _digits(explanation)
    levels = [_dearest([hop]) for hop in explanation.hops if hop.model == one.model] or [one.cost_usd]
    return ", then ".join(dict.fromkeys(usd(amount, digits) for amount in levels))


def _level(hop: Hop, hops: list[Hop]) -> str:
    names = [_name(upstream, hops) for upstream in hop.upstreams]
    if len(names) == 1:
        return names[0]
    return " or ".join(f"{n} {u.share:.0%}" for n, u in zip(names, hop.upstreams, strict=True))


def _name(upstream: Upstream, hops: list[Hop]) -> str:
    """The provider, where that is enough to tell the model's deployments apart."""
    alike = [one for hop in hops for one in hop.upstreams if one.providers == upstream.providers]
    return "/".join(upstream.providers) if len(alike) == 1 else upstream.id


def _end(explanation: Explanation) -> Iterator[str]:
    """What follows when the last call has failed, and how a client sees who answered."""
    if not explanation.hops:
        return
    retry = explanation.table["retry"]
    pauses = [f"{retry['backoff_ms'] * 2**lap:g} ms" for lap in range(retry["attempts"])]
    again = f"again after {', then '.join(pauses)} (429, 5xx, no connection), then " if pauses else ""
    one = len(explanation.hops) == 1 and len(explanation.hops[0].upstreams) == 1
    if not one:
        yield "when a call fails: the next one of the list"
    yield f"when {'it' if one else 'the last'} fails: {again}an error with the last provider's status"
    told = (f"{key}: {value}" for key, value in explanation.headers.items() if key != "x-interlock-table")
    yield f"headers: {', '.join(told)}"
