"""The models that an ask can come to, as bits: one bit a deployment, those of the two tables side by side.

A request leaves some of them. What it needs and what it requires are judged one by one, and each judgement is
the set of deployments that it leaves: a request leaves what all of them leave. The plugin does the judging.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.partition.asks import Ask, Order, order_of
from compiler.partition.change import Hop, Route
from compiler.runtime.models import Look, Row, Table, cost_usd
from compiler.runtime.request import Needs

PLAIN = Needs()
LARGE = 60  # models of both tables: beyond, not every combination is looked at
FEW = 12  # values of a fact that are looked at then


class Half:
    """One table's models for an ask."""

    def __init__(self, table: Table, order: Order | None, mode: str, start: int) -> None:
        self.table, self.order, self.mode = table, order, mode
        self.names = order.names if order else ()
        self.rows: dict[str, Row] = {name: table["models"][name] for name in self.names}
        self._bits: dict[str, list[tuple[str, int, int]]] = {}  # of a model: id, priority, bit
        for name, row in self.rows.items():
            self._bits[name] = [
                (one["id"], one["priority"], 1 << (start + place))
                for place, one in enumerate(row["deployments"])
            ]
            start += len(row["deployments"])
        self.end = start
        self.whole = {name: sum(bit for *_, bit in bits) for name, bits in self._bits.items()}

    def left(self, needs: Needs, required: Mapping[str, Any], down: Iterable[str] = ()) -> int:
        """The deployments that are left for a request which needs and requires just this."""
        look = Look(self.table, dict(required), needs, self.mode, None, frozenset(down))
        mask = 0
        for name in self.names:
            if look.fits(name):
                ids = {one for level in look.upstreams(name) for one in level}
                mask |= sum(bit for one, _, bit in self._bits[name] if one in ids)
        return mask

    def by_price(self, needs: Needs) -> tuple[str, ...]:
        """The candidates as a request of this size finds them; () where the price orders nothing."""
        if self.order is None or not self.order.by_cost:
            return ()
        look = Look(self.table, {}, needs, self.mode, None, frozenset())
        return tuple(sorted(self.order.rest, key=look.price_order))

    def route(self, left: int, by_price: tuple[str, ...]) -> Route:
        """The route over what is left: `_Order.route` of the plugin, on bits."""
        if self.order is None:
            return ()
        whole = self.whole
        names = [name for name in self.order.first if left & whole[name]]
        for name in self._chained(left) if self.order.groups else by_price or self.order.rest:
            if len(names) == self.order.most:
                break
            if left & whole[name] and name not in self.order.first and name not in names:
                names.append(name)
        return tuple(self._hop(name, left) for name in names)

    def _chained(self, left: int) -> list[str]:
        assert self.order is not None  # noqa: S101  # `route` looked
        found = (next((n for n in group if left & self.whole[n]), None) for group in self.order.groups)
        return [name for name in found if name is not None]

    def _hop(self, name: str, left: int) -> Hop:
        levels: dict[int, list[str]] = {}
        for one, priority, bit in self._bits[name]:
            if left & bit:
                levels.setdefault(priority, []).append(one)
        return Hop(name, tuple(tuple(ids) for _, ids in sorted(levels.items())))


@dataclass(frozen=True, slots=True)
class Lens:
    """Both tables' models for an ask and a kind of request."""

    before: Half
    after: Half

    @property
    def halves(self) -> tuple[Half, Half]:
        return (self.before, self.after)

    @property
    def rows(self) -> list[Row]:
        return [row for half in self.halves for row in half.rows.values()]

    @property
    def is_large(self) -> bool:
        return len(self.before.names) + len(self.after.names) > LARGE

    def values(self, fact: str) -> list[Any]:
        """The values that the models have of a fact, sorted; of a large lens some of them, spread evenly."""
        values = sorted({row[fact] for row in self.rows if row[fact] is not None})
        return values[:: max(1, len(values) // FEW)] if self.is_large else values

    @property
    def bits_and_rows(self) -> list[tuple[int, Row]]:
        return [(half.whole[name], row) for half in self.halves for name, row in half.rows.items()]

    @property
    def kind(self) -> object:
        """What the kind of request decides: kinds that agree in it are routed alike."""
        serving = tuple(half.mode in row["modes"] for half in self.halves for row in half.rows.values())
        return (str([half.order for half in self.halves]), serving)

    def left(self, needs: Needs = PLAIN, required: Mapping[str, Any] | None = None, down: str = "") -> int:
        away = (down,) if down else ()
        return self.before.left(needs, required or {}, away) | self.after.left(needs, required or {}, away)

    def left_of_size(self, needs: Needs) -> int:
        """What is left for a request of a size that requires nothing beyond what the ask always does."""
        masks = [half.left(needs, half.order.required) for half in self.halves if half.order]
        return sum(masks)

    def by_price(self, needs: Needs) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (self.before.by_price(needs), self.after.by_price(needs))

    def routes(self, left: int, by_price: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[Route, Route]:
        return (self.before.route(left, by_price[0]), self.after.route(left, by_price[1]))

    def costs(self, needs: Needs) -> list[tuple[float, int]]:
        """(estimated USD, the model's bits) of each model whose price is known."""
        priced = ((cost_usd(row, needs), bits) for bits, row in self.bits_and_rows)
        return [(usd, bits) for usd, bits in priced if usd is not None]


def lens(before: Table, after: Table, ask: Ask, mode: str) -> Lens:
    """Both halves, their bits side by side."""
    ours = Half(before, order_of(before, ask, mode, trial=ask.trial[0]), mode, 0)
    theirs = Half(after, order_of(after, ask, mode, trial=ask.trial[1]), mode, ours.end)
    return Lens(ours, theirs)
