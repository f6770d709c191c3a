"""Limits of price and cost that a request may set: which of them sort the models in two, at one size."""

from compiler.partition.lenses import Lens
from compiler.partition.options import Feature
from compiler.runtime.models import prices
from compiler.runtime.request import Needs

Limits = list[tuple[int, Feature]]  # what is left of the models, and the limit


def price_limits(lens: Lens, needs: Needs) -> Limits:
    """Limits of the prices a million tokens."""
    if lens.is_large:
        return []
    rows = [
        (bits, *prices(row["price"], needs)) for bits, row in lens.bits_and_rows if row["price"] is not None
    ]
    ins, outs = (sorted({row[side] for row in rows}) for side in (1, 2))
    pairs = [*((i, None) for i in ins), *((None, o) for o in outs), *((i, o) for i in ins for o in outs)]
    found: dict[int, Feature] = {}
    for side_in, side_out in pairs:
        left = sum(
            bits
            for bits, price_in, price_out in rows
            if (side_in is None or price_in <= side_in) and (side_out is None or price_out <= side_out)
        )
        if left not in found:
            found[left] = _price(side_in, side_out)
    return list(found.items())


def _price(side_in: float | None, side_out: float | None) -> Feature:
    limits = {side: one for side, one in (("input", side_in), ("output", side_out)) if one is not None}
    words = " and ".join(f"${usd:g} {side}" for side, usd in limits.items())
    return Feature(f"that require a price of {words} or less per million tokens", {"max_price": limits})


def cost_limits(lens: Lens, needs: Needs) -> Limits:
    """Limits of what the request may cost."""
    if lens.is_large:
        return []
    costs = sorted(lens.costs(needs))
    found, left = [], 0
    for place, (usd, bits) in enumerate(costs):
        left |= bits
        following = costs[place + 1][0] if place + 1 < len(costs) else 2 * usd + 1e-6
        if following > usd:
            found.append((left, _cost(usd, following)))
    return found


def _cost(usd: float, below: float) -> Feature:
    """A limit from `usd` up, in as few digits as keep it below the next model's cost."""
    for digits in range(1, 17):
        limit = float(f"{usd + (below - usd) / 2:.{digits}g}")
        if usd <= limit < below:
            break
    return Feature(f"that may cost ${limit:g} at the most", {"max_cost_usd": limit})
