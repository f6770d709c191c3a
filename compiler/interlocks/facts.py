"""Facts: what is known of each model, and what the catalog says otherwise than LiteLLM's cost map."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from typing import Any

from compiler import edits
from compiler.catalog import Deployment, Facts, Model, Price
from compiler.diagnostics import (
    CONTRADICTION,
    MISSING_FACT,
    PRICE_UNIT,
    UNKNOWN_UPSTREAM,
    WEAK_DEPLOYMENT,
    Diagnostic,
    nearest,
)
from compiler.facts import dearest
from compiler.interlocks.case import OWN_NAMES, Case, ask

MAX_NEAREST = 20  # searches for a nearest id: each takes milliseconds, and thousands would take minutes
_TYPO = 0.85  # how alike two ids are of which one is the other misspelt
_ROUNDING = 1.05  # 128K is 128,000 on one page and 131,072 on another
_DISCOUNT = 0.5  # a contract may well be cheaper than the list price, by not more than this
_SIZES = (("context_window", "context window"), ("max_output_tokens", "longest answer"))


def facts_are_known(case: Case) -> Iterator[Diagnostic]:
    """IL401: the context window of each model is known; IL402: so is its upstream id."""
    searches = 0
    for model in case.catalog.models.values():
        if model.status in ("planned", "retired"):
            continue
        odd = next((d for d in model.deployments if _is_unknown(case, d)), None)
        found = None
        if odd is not None and searches < MAX_NEAREST:
            searches += 1
            found = _unknown_upstream(case, model, odd)
        if found is not None:
            yield found
        elif model.facts.context_window is None:
            yield _missing_window(case, model)


def _is_unknown(case: Case, deployment: Deployment) -> bool:
    return deployment.known is None and case.catalog.providers[deployment.provider].type not in OWN_NAMES


def _missing_window(case: Case, model: Model) -> Diagnostic:
    return MISSING_FACT.on(
        case.document,
        model.path,
        f"the context window of {model.name!r} is not known: long prompts are sent to it unchecked",
        "say `context_window: <tokens>`; LiteLLM's cost map has none for its upstream id",
    )


def _unknown_upstream(case: Case, model: Model, deployment: Deployment) -> Diagnostic | None:
    """Only where it looks misspelt, or the map is asked for facts: the newest models are in no map yet."""
    kind = case.catalog.providers[deployment.provider].type
    stated = _stated(case, model)
    needs_facts = "context_window" not in stated
    if needs_facts:
        close = nearest(deployment.upstream, case.upstreams(kind))
    else:
        close = None if "lifecycle" in stated else _misspelt(deployment.upstream, case.upstreams(kind))
        if close is None:
            return None
    written = "id" in (stated if deployment.path == model.path else _row(case, deployment))
    path = (*deployment.path, "id") if written else case.place(deployment)
    make = UNKNOWN_UPSTREAM.on_value if written else UNKNOWN_UPSTREAM.on
    unknown = ", so its facts are not known" if needs_facts else ""
    otherwise = "state `context_window` and `price`" if needs_facts else "allow it, with a reason"
    return make(
        case.document,
        path,
        f"LiteLLM knows no model {deployment.upstream!r} of {kind}{unknown}",
        f"did you mean {close!r}? If not, {otherwise}"
        if close
        else "check the id with the vendor, and state `context_window`, `price` and `capabilities`",
    )


def _misspelt(upstream: str, known: list[str]) -> str | None:
    """The id that was meant, where a letter or two are wrong; other digits make another version."""
    letters = Counter(_letters(upstream))
    for name in known:
        if abs(len(name) - len(upstream)) > 2:
            continue
        other = _letters(name)
        odd = (letters - Counter(other)).total() + (Counter(other) - letters).total()
        swapped = odd == 0 and other != _letters(upstream)
        if (0 < odd <= 2 or swapped) and SequenceMatcher(None, upstream, name).ratio() >= _TYPO:
            return name
    return None


def _letters(text: str) -> str:
    return re.sub(r"[^a-z]", "", text.lower())


def _stated(case: Case, model: Model) -> Mapping[str, Any]:
    written: Mapping[str, Any] = case.document.data["models"][model.name]
    return written


def _row(case: Case, deployment: Deployment) -> Mapping[str, Any]:
    row: Mapping[str, Any] = _stated_rows(case, deployment)[int(deployment.path[-1])]
    return row


def _stated_rows(case: Case, deployment: Deployment) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = case.document.data["models"][deployment.path[1]]["deployments"]
    return rows


def facts_agree(case: Case) -> Iterator[Diagnostic]:
    """IL403: stated facts are the cost map's; IL313: no deployment does less than its model promises."""
    for model in case.catalog.models.values():
        known = [d for d in model.deployments if case.is_known(d)]
        if not known or not model.in_service:
            continue
        for field, words in _SIZES:
            stated = _stated(case, model).get(field)
            if stated is not None:
                yield from _size(case, model, known, field, words, int(stated))
        yield from _price(case, model, known)
        yield from _kind(case, model, known)
        yield from _last_days(case, model, known)


def _size(  # noqa: PLR0913, PLR0917  # what one fact is
    case: Case, model: Model, known: list[Deployment], field: str, words: str, stated: int
) -> Iterator[Diagnostic]:
    sizes = [(d, _most(d, field)) for d in known]
    less = [(d, size) for d, size in sizes if size is not None and size * _ROUNDING < stated]
    path = (*model.path, field)
    if less and len(less) == len(model.deployments):
        size = max(size for _, size in less)
        found = CONTRADICTION.on_value(
            case.document,
            path,
            f"the {words} of {model.name!r} is {stated} here and {size} in LiteLLM's cost map",
            "correct it, or allow it with the source of yours as the reason; the catalog's value is used",
        )
        outcome = "is let through, and the vendor may refuse it"
        yield _needs(case, found, model, (field, stated), outcome)
        return
    for deployment, size in less:
        found = WEAK_DEPLOYMENT.on(
            case.document,
            case.place(deployment),
            f"the deployment of {model.name!r} at {deployment.provider!r} has a {words} of {size}, "
            f"and the model promises {stated}",
            f"say `{field}: {size}`, or make a model of its own of this deployment",
        )
        found = found.with_related(case.document.span(path), "promised here")
        outcome = f"may be sent to {deployment.provider}, which can do less"
        yield _needs(case, found, model, (field, stated), outcome, deployment)


def _most(deployment: Deployment, field: str) -> int | None:
    """The most that a size can mean: vendors count the answer into the window, and the map does not."""
    known = deployment.known or Facts()
    if field == "max_output_tokens" or known.context_window is None:
        return known.max_output_tokens if field == "max_output_tokens" else None
    return known.context_window + (known.max_output_tokens or 0)


def _needs(  # noqa: PLR0913, PLR0917  # what one fact is, and where
    case: Case,
    found: Diagnostic,
    model: Model,
    fact: tuple[str, int],
    outcome: str,
    deployment: Deployment | None = None,
) -> Diagnostic:
    field, size = fact
    key = "min_context_window" if field == "context_window" else "min_output_tokens"
    mode = model.modes[0]
    body = ask(mode, model=model.name, requirements={key: size})
    return found.with_request(body, outcome, mode=mode) if case.reaches(model, mode, deployment) else found


def _price(case: Case, model: Model, known: list[Deployment]) -> Iterator[Diagnostic]:
    ours, listed = model.facts.price, [d.known.price for d in known if d.known and d.known.price]
    theirs = dearest(listed)
    if "price" not in _stated(case, model) or ours is None or theirs is None:
        return
    differ = list(_differences(ours, theirs))
    if not differ or any(_unit(ours, one) for one in listed):
        return
    said = "; ".join(f"{side} ${a:g} here, ${b:g} there" for side, a, b in differ)
    found = CONTRADICTION.on(
        case.document,
        (*model.path, "price"),
        f"the price of {model.name!r} is not that of LiteLLM's cost map: {said}",
        "correct it, or allow it if it is your contract's (`path: models` allows it for all of them); "
        "the catalog's value is used",
    )
    # Long prompts are dearer at some vendors, and who states one price may well know.
    cheaper = all(_DISCOUNT * b <= a <= b for side, a, b in differ if side in ("input", "output"))
    yield replace(found, severity="note") if cheaper else found


def _differences(ours: Price, theirs: Price) -> Iterator[tuple[str, float, float]]:
    """(side, here, there) of what differs by more than rounding; of long prompts, what is dearer there."""
    for side in ("input", "output"):
        a, b = getattr(ours, side), getattr(theirs, side)
        if abs(a - b) > 0.01 * max(a, b):
            yield side, a, b
    for above, *dear in theirs.tiers:
        here = [(ours.input, ours.output), *(tier[1:] for tier in ours.tiers if tier[0] <= above)][-1]
        for side, a, b in zip(("input", "output"), here, dear, strict=True):
            if b > 1.01 * a:
                yield f"{side} above {above} tokens", a, b


def _kind(case: Case, model: Model, known: list[Deployment]) -> Iterator[Diagnostic]:
    """An embedding model that is to chat, or the other way round: only one of them can be answered."""
    wrong = [d for d in known if d.known and d.known.modes and not _same_kind(d.known.modes, model.modes)]
    ours = " and ".join(model.modes)
    if wrong and len(wrong) == len(model.deployments):
        theirs = " and ".join((wrong[0].known and wrong[0].known.modes) or ())
        found = CONTRADICTION.on(
            case.document,
            (*model.path, "modes"),
            f"{model.name!r} serves {ours} requests here and {theirs} requests in LiteLLM's cost map",
            "correct it; the catalog's value is used",
        )
        yield _sent(case, found, model, wrong[0])
        return
    for deployment in wrong:
        found = WEAK_DEPLOYMENT.on(
            case.document,
            case.place(deployment),
            f"the deployment of {model.name!r} at {deployment.provider!r} is no model for {ours} requests",
            "take it out, or make a model of its own of this deployment",
        )
        yield _sent(case, found, model, deployment)


def _same_kind(known: Sequence[str], ours: Sequence[str]) -> bool:
    return all(("embedding" in known) == (mode == "embedding") for mode in ours)


def _sent(case: Case, found: Diagnostic, model: Model, deployment: Deployment) -> Diagnostic:
    known = (deployment.known and deployment.known.modes) or ()
    mode = next(m for m in model.modes if not _same_kind(known, [m]))
    body = ask(mode, model=model.name)
    outcome = f"may be sent to {deployment.provider}, which cannot answer it"
    return found.with_request(body, outcome, mode=mode) if case.reaches(model, mode, deployment) else found


def _last_days(case: Case, model: Model, known: list[Deployment]) -> Iterator[Diagnostic]:
    stated = (_stated(case, model).get("lifecycle") or {}).get("retires_on")
    theirs = min((d.known.retires_on for d in known if d.known and d.known.retires_on), default=None)
    if stated and theirs and stated > theirs:
        found = CONTRADICTION.on_value(
            case.document,
            (*model.path, "lifecycle", "retires_on"),
            f"{model.name!r} retires on {stated} here and on {theirs} in LiteLLM's cost map",
            "ask the vendor; the catalog's value is used",
        )
        yield replace(found, severity="note")


def prices_are_per_million(case: Case) -> Iterator[Diagnostic]:
    """IL404: a stated price looks like one for a million tokens, not for a thousand or for one."""
    for model in case.catalog.models.values():
        ours = model.facts.price
        if ours is None or "price" not in _stated(case, model):
            continue
        listed = (d.known.price for d in model.deployments if d.known and case.is_known(d))
        known = next((price for price in listed if price), None)
        unit = _unit(ours, known) if known else _unit_by_size(ours)
        if unit is None:
            continue
        factor, words = unit
        found = PRICE_UNIT.on(
            case.document,
            (*model.path, "price"),
            f"the price of {model.name!r} looks like that of {words}: "
            f"${_decimal(ours.input)} and ${_decimal(ours.output)} for a million would be next to nothing",
            f"multiply both by {factor:,}: prices are in US dollars per million tokens",
        )
        found = found.with_request(
            ask(model.modes[0], model=model.name),
            "is priced at next to nothing",
            mode=model.modes[0],
        )
        yield _scaled(case, model, found, factor, known) if known else replace(found, severity="warning")


def _scaled(case: Case, model: Model, found: Diagnostic, factor: int, known: Price) -> Diagnostic:
    """With a fix, where the price multiplied is the cost map's own."""
    written = _stated(case, model)["price"]
    sides = [(side, round(written[side] * factor, 6), getattr(known, side)) for side in ("input", "output")]
    if written.get("tiers") or any(abs(mine - theirs) > 0.01 * theirs for _, mine, theirs in sides):
        return found
    changes = [
        edits.replace_value(case.document, (*model.path, "price", side), _plain(mine))
        for side, mine, _ in sides
    ]
    whole = [edit for change in changes for edit in change] if all(changes) else []
    return found.with_fix(f"multiply both by {factor:,}", *whole)


def _plain(number: float) -> float:
    return int(number) if number == int(number) else number


def _decimal(price: float) -> str:
    """A small price as a person writes it: 0.0000002, not 2e-07."""
    return f"{price:.12f}".rstrip("0").rstrip(".")


def _unit(ours: Price, theirs: Price) -> tuple[int, str] | None:
    """(what to multiply by, what the price is for) when it is the map's in another unit."""
    ratios = [b / a for a, b in ((ours.input, theirs.input), (ours.output, theirs.output)) if a and b]
    for factor, words in ((1_000, "a thousand tokens"), (1_000_000, "one token")):
        if ratios and all(0.2 * factor <= ratio <= 5 * factor for ratio in ratios):
            return factor, words
    return None


def _unit_by_size(ours: Price) -> tuple[int, str] | None:
    """The same of a model that the map does not know: no vendor asks so little for a million tokens."""
    dearest = max(ours.input, ours.output)
    if not 0 < dearest < 0.005:
        return None
    return (1_000_000, "one token") if dearest < 0.000_2 else (1_000, "a thousand tokens")
