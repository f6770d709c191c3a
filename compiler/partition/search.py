"""Every combination of a size, what it uses, limits of price and cost, requirements and outages."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

from compiler.partition.change import Route
from compiler.partition.lenses import Lens
from compiler.partition.limits import Limits, cost_limits, price_limits
from compiler.partition.options import Feature, choices, combined, weight
from compiler.partition.sizes import PART_TOKENS, SHORT, Kinds, points
from compiler.runtime.models import prices
from compiler.runtime.request import Needs

INFERRED = ("audio_input", "function_calling", "json_mode", "pdf_input", "vision")
_PARTS = ("audio_input", "pdf_input", "vision")
ByPrice = tuple[tuple[str, ...], tuple[str, ...]]
Pair = tuple[Route, Route]
Stretch = tuple[tuple[int, int], ...]  # ranges of sizes in tokens, both ends within


def has_parts(capabilities: Iterable[str]) -> bool:
    return not set(_PARTS).isdisjoint(capabilities)


@dataclass(frozen=True, slots=True)
class Class:
    """Requests alike: what they need, and what else sets them apart from a plain one."""

    needs: Needs
    features: tuple[Feature, ...] = ()

    @property
    def weight(self) -> int:
        """How far from a plain request, in tenths of a feature: what clients write on purpose is farther."""
        return 10 * self.count_of_needs + weight(self.features)

    @property
    def count(self) -> int:
        """The number of features."""
        return self.count_of_needs + len(self.features)

    @property
    def count_of_needs(self) -> int:
        own = PART_TOKENS if has_parts(self.needs.capabilities) else SHORT
        size = (self.needs.prompt_tokens != own) + (self.needs.output_tokens is not None)
        return size + len(self.needs.capabilities)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two routes of one request, the plainest that gets them, and the sizes for which they hold.

    The stretch is along the axis on which the example lies: of prompts where it sets no limit of the answer.
    """

    pair: Pair
    example: Class
    stretch: Stretch = ()


class Search:
    """All differences of one lens. `whole`: none can be missing."""

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        self._routes: dict[tuple[int, ByPrice], Pair] = {}
        self._limits: dict[object, Limits] = {}
        self._required, everything = choices(lens)
        self._used = _uses(lens)
        self._points = points(lens)
        self.whole = everything and self._points.whole

    def differences(self) -> list[Difference]:
        """One for each pair of routes that differ, with the plainest request that gets them."""
        found: dict[Pair, tuple[int, Class]] = {}
        required = [(mask, chosen, weight(chosen)) for mask, chosen in self._required.items()]
        for (mask, by_price), one in self._sized().items():
            for left, chosen, more in required:
                pair = self._pair(mask & left, by_price)
                if pair[0] == pair[1]:
                    continue
                known = found.get(pair)
                if known is None or known[0] > one.weight + more:
                    found[pair] = (one.weight + more, replace(one, features=(*one.features, *chosen)))
        return [Difference(pair, one, self._stretch(pair, one)) for pair, (_, one) in found.items()]

    def _pair(self, left: int, by_price: ByPrice) -> Pair:
        key = (left, by_price)
        if key not in self._routes:
            self._routes[key] = self.lens.routes(left, by_price)
        return self._routes[key]

    def _sized(self) -> dict[tuple[int, ByPrice], Class]:
        """What is left by size, use and limits of price, and the order of price: the plainest of each."""
        found: dict[tuple[int, ByPrice], Class] = {}
        for needs in self._cells():
            left, by_price = self.lens.left_of_size(needs), self.lens.by_price(needs)
            limited = combined({left: ()}, self._price_limits(needs))
            limited = combined(limited, cost_limits(self.lens, needs))
            for used, names in self._used.items():
                if needs.prompt_tokens < PART_TOKENS and has_parts(names):
                    continue
                for mask, features in limited.items():
                    one = Class(replace(needs, capabilities=names), features)
                    known = found.get((mask & used, by_price))
                    if known is None or known.weight > one.weight:
                        found[mask & used, by_price] = one
        return found

    def _price_limits(self, needs: Needs) -> Limits:
        """They go with the prices alone, which few tiers tell apart."""
        listed = tuple(row["price"] and prices(row["price"], needs) for row in self.lens.rows)
        if listed not in self._limits:
            self._limits[listed] = price_limits(self.lens, needs)
        return self._limits[listed]

    def _cells(self) -> Iterator[Needs]:
        """The plainest size of each kind, and the plainest that has room for a prompt in parts."""
        alike: dict[object, list[Needs]] = {}
        kinds = Kinds(self.lens)
        for needs in self._points.all():
            alike.setdefault(kinds.of(needs), []).append(needs)
        for sizes in alike.values():
            yield min(sizes, key=lambda one: Class(one).weight)
            roomy = [one for one in sizes if one.prompt_tokens >= PART_TOKENS]
            if roomy:
                yield min(roomy, key=lambda one: (one.output_tokens is not None, one.prompt_tokens))

    def _stretch(self, pair: Pair, one: Class) -> Stretch:
        """Nothing where the limits that the request sets go with its size, or not every size is looked at."""
        sized = any({"max_price", "max_cost_usd"} & set(feature.required) for feature in one.features)
        if sized or self.lens.is_large:
            return ()
        axis = self._points.axis(one.needs)
        fixed = next(mask for mask, names in self._used.items() if names == one.needs.capabilities)
        for feature in one.features:
            fixed &= self.lens.left(required=feature.required, down=feature.down)
        return _runs(
            (size, self._pair(self.lens.left_of_size(needs) & fixed, self.lens.by_price(needs)) == pair)
            for size, needs in axis
        )


def _runs(sizes: Iterator[tuple[int, bool]]) -> Stretch:
    """The first and last size of each run of those that hold."""
    runs: list[tuple[int, int]] = []
    is_open = False
    for size, holds in sizes:
        if holds:
            runs = [*runs[:-1], (runs[-1][0], size)] if is_open else [*runs, (size, size)]
        is_open = holds
    return tuple(runs)


def _uses(lens: Lens) -> Mapping[int, tuple[str, ...]]:
    """What is left of the models for each set of what a request can use without a word of requirements."""
    found: dict[int, tuple[str, ...]] = {}
    for size in range(len(INFERRED) + 1):
        for names in combinations(INFERRED, size):
            found.setdefault(lens.left(Needs(capabilities=names)), names)
    return found
