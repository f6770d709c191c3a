"""What a gateway calls: upstreams with prices and limits, and what each process remembers of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from compiler.catalog import Catalog, Deployment, Price
from compiler.catalog_gateways import Gateway
from compiler.runtime.models import USUAL_ANSWER_TOKENS, Row, Table
from compiler.simulate.latency import SHORT_ANSWER
from compiler.table import upstreams

_MILLION = 1_000_000


@dataclass(slots=True, eq=False)
class Target:
    """One deployment of the catalog. What is wrong with it changes while a scenario is played.

    Prices are USD per token; `rate` is the share of calls that fail with `status` (0: they hang).
    """

    number: int
    id: str
    model: str
    provider: str
    weight: float
    priority: int
    latency_ms: float | None
    price: tuple[float, float] | None
    tiers: tuple[tuple[int, float, float], ...]
    usual_answer: float
    rpm: int | None
    tpm: int | None
    down: bool = False
    rate: float = 0.0
    status: int = 503
    slow: float = 1.0
    wary: bool = False  # it is not enough to take a call for answered

    def changed(self) -> None:
        limited = self.rpm is not None or self.tpm is not None
        self.wary = self.down or limited or self.rate > 0 or self.slow != 1

    def usd(self, prompt: float, completion: float) -> float | None:
        """What an answer costs."""
        if self.price is None:
            return None
        side_in, side_out = self.price
        for above, tier_in, tier_out in self.tiers:
            if prompt > above:
                side_in, side_out = tier_in, tier_out
        return prompt * side_in + completion * side_out

    def short_ms(self, luck: float) -> float | None:
        """Of a short answer."""
        return None if self.latency_ms is None else max(1.0, self.latency_ms * self.slow * luck)

    def whole_ms(self, short_ms: float, completion: float) -> float:
        return short_ms * completion / SHORT_ANSWER if completion > SHORT_ANSWER else short_ms


@dataclass(frozen=True, slots=True, eq=False)
class Upstream:
    """One entry of a gateway's LiteLLM: a deployment, or a gateway that chooses among its own."""

    id: str
    seat: int
    vendor: str
    weight: float
    targets: tuple[Target, ...]  # in the order of a gateway behind; weights are among equals
    is_direct: bool


@dataclass(frozen=True, slots=True)
class Plant:
    """`upstreams` are by id; `seats` is how many memories a process needs: of targets, then of gateways."""

    targets: tuple[Target, ...]
    upstreams: Mapping[str, Upstream]
    seats: int
    shared: bool  # the processes share what they remember

    def of(self, name: str) -> list[Target]:
        """The targets of a provider, or of a model."""
        by_provider = [target for target in self.targets if target.provider == name]
        return by_provider or [target for target in self.targets if target.model == name]


@dataclass(slots=True)
class Seat:
    """What one process remembers of one upstream."""

    fails: int = 0
    forgets_at: float = -1.0
    rests_until: float = -1.0
    waits: bool = False  # the provider has said to: it is not asked before its time
    minute_of_calls: int = -1
    calls: int = 0
    minute_of_tokens: int = -1
    tokens: float = 0.0


@dataclass(slots=True)
class Replica:
    """One process of the gateway."""

    seats: list[Seat]
    rests_until: float = field(default=-1.0)  # nobody rests from then on


def plant(catalog: Catalog, gateway: Gateway, table: Table, repriced: Collection[str] = frozenset()) -> Plant:
    """The upstreams of one gateway. The deployments of models in `repriced` cost what the table says."""
    rows = list(_rows(catalog, gateway, table))
    count = sum(len(deployments) for _, _, deployments in rows)
    targets: list[Target] = []
    found: dict[str, Upstream] = {}
    behind = count  # the next seat of a gateway
    for model, is_direct, deployments in rows:
        row, latency = table["models"][model], catalog.models[model].latency_ms
        prices = [_price(row, one.price if model not in repriced else None) for one in deployments]
        usual = _usual_answer(row)
        own = [
            _target(len(targets) + at, model, one, price, usual, latency)
            for at, (one, price) in enumerate(zip(deployments, prices, strict=True))
        ]
        targets += own
        first = deployments[0]
        seat = own[0].number if is_direct else behind
        behind += not is_direct
        vendor = catalog.providers[first.provider].type
        weight = float(first.weight or 1) if is_direct else 1.0
        found[first.id] = Upstream(first.id, seat, vendor, weight, tuple(own), is_direct)
    return Plant(tuple(targets), found, behind, gateway.redis is not None)


def _rows(
    catalog: Catalog, gateway: Gateway, table: Table
) -> Iterator[tuple[str, bool, Sequence[Deployment]]]:
    for model in catalog.served(gateway):
        if model.name in table["models"]:
            for behind, deployments in upstreams(model, catalog, gateway):
                yield model.name, behind is None, deployments


_Price = tuple[tuple[float, float] | None, tuple[tuple[int, float, float], ...]]


def _target(  # noqa: PLR0913, PLR0917  # what one is made of
    number: int, model: str, deployment: Deployment, price: _Price, usual: float, latency_ms: float | None
) -> Target:
    target = Target(
        number, deployment.id, model, deployment.provider, float(deployment.weight or 1), deployment.priority,
        latency_ms, *price, usual, deployment.rpm, deployment.tpm,
    )  # fmt: skip
    target.changed()
    return target


def _usual_answer(row: Row) -> float:
    """What the decision takes an answer for when the request sets no limit."""
    if "embedding" in row["modes"]:
        return 0.0
    return float(min(USUAL_ANSWER_TOKENS, row["max_output_tokens"] or USUAL_ANSWER_TOKENS))


def _price(row: Row, own: Price | None) -> _Price:
    """USD per token: the table's, as the decision has it, unless this deployment has a price of its own."""
    of_row = row["price"]
    base = of_row and (of_row["input"], of_row["output"])
    if own is not None and (own.input, own.output) != base:
        return (own.input / _MILLION, own.output / _MILLION), _per_token(own.tiers)
    if base is None:
        return None, ()
    return (base[0] / _MILLION, base[1] / _MILLION), _per_token(of_row["tiers"])


def _per_token(tiers: Iterable[Sequence[float]]) -> tuple[tuple[int, float, float], ...]:
    return tuple((int(above), side_in / _MILLION, side_out / _MILLION) for above, side_in, side_out in tiers)
