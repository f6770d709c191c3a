"""Prices: in US dollars per million tokens, and the cost map's unless there is a reason."""

from collections.abc import Iterator
from dataclasses import replace

from compiler import edits
from compiler.catalog import Model, Price
from compiler.diagnostics import CONTRADICTION, PRICE_UNIT, Diagnostic
from compiler.facts import dearest
from compiler.interlocks.case import Case, ask

_DISCOUNT = 0.5  # a contract may well be cheaper than the list price, by not more than this


def prices_agree(case: Case) -> Iterator[Diagnostic]:
    """IL403: a stated price is the cost map's, of the dearest deployment."""
    for model in case.catalog.models.values():
        listed = _listed(case, model) if model.in_service else []
        theirs, ours = dearest(listed), model.facts.price
        if ours is None or theirs is None or any(_unit(ours, one) for one in listed):
            continue
        differ = list(_differences(ours, theirs))
        if differ:
            yield _otherwise(case, model, differ)


def _listed(case: Case, model: Model) -> list[Price]:
    """What the map says of a model whose price the catalog states, too."""
    if "price" not in case.stated(model):
        return []
    return [d.known.price for d in model.deployments if d.known and d.known.price and case.is_known(d)]


def _otherwise(case: Case, model: Model, differ: list[tuple[str, float, float]]) -> Diagnostic:
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
    return replace(found, severity="note") if cheaper else found


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


def prices_are_per_million(case: Case) -> Iterator[Diagnostic]:
    """IL404: a stated price looks like one for a million tokens, not for a thousand or for one."""
    for model in case.catalog.models.values():
        ours = model.facts.price
        if ours is None or "price" not in case.stated(model):
            continue
        known = next(iter(_listed(case, model)), None)
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
    written = case.stated(model)["price"]
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
