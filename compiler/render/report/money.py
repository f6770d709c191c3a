"""What the declared traffic costs: by line, by model, by provider, and with each provider down."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.catalog import Catalog
from compiler.render.report.routes import MAX_PROVIDERS, Routes
from compiler.render.report.tables import (
    count,
    left_out,
    served_by,
    via,
)
from compiler.runtime.models import Table as RoutingTable
from compiler.traffic import DAYS_A_MONTH, LineCost, costs


@dataclass(frozen=True, slots=True)
class Month:
    """What all lines cost in a month while a provider is down; None: while none is."""

    down: str | None
    lines: tuple[LineCost, ...]

    @property
    def usd(self) -> float:
        """Of what can be priced: `unpriced` says what is missing."""
        return sum(line.usd_a_month or 0 for line in self.lines)

    @property
    def unpriced(self) -> str:
        """How many lines are not in the sum, and why; empty when all are."""
        refused = sum(any(share.model is None for share in line.shares) for line in self.lines)
        unknown = sum(line.usd_a_month is None for line in self.lines) - refused
        parts = [f"{count(refused, 'line')} refused"] if refused else []
        parts += [f"{count(unknown, 'line')} without a known price"] if unknown else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Bill:
    """The month as it is, and with each provider down."""

    month: Month
    outages: tuple[Month, ...]
    left_out: str


def bill_of(catalog: Catalog, table: RoutingTable, routes: Routes) -> Bill:
    """Every line of the catalog, by the plugin's own decision."""
    month = Month(None, tuple(costs(table, catalog.traffic)))
    answering = {name for line in month.lines for name in _answerers(table, line)}
    providers = sorted(answering.union(routes.providers))
    shown = providers[:MAX_PROVIDERS]
    outages = tuple(_without(table, month, down) for down in shown)
    return Bill(month, outages, left_out(len(providers), len(shown), "providers"))


def _answerers(table: RoutingTable, line: LineCost) -> Iterator[str]:
    """The providers of the models that answer a line."""
    for share in line.shares:
        if share.model:
            yield from table["models"][share.model]["providers"]


def _without(table: RoutingTable, month: Month, down: str) -> Month:
    """A line whose models are not served by what is down goes on as it does."""
    touched = [down in _answerers(table, line) for line in month.lines]
    again = iter(
        costs(table, (line.line for line, hit in zip(month.lines, touched, strict=True) if hit), (down,))
    )
    lines = (next(again) if hit else line for line, hit in zip(month.lines, touched, strict=True))
    return Month(down, tuple(lines))


@dataclass(frozen=True, slots=True)
class Sum:
    """What goes to one model at one provider, or to all models of a provider, in a month."""

    name: str
    provider: str
    requests: float
    usd: float


def by_model(bill: Bill, table: RoutingTable) -> list[Sum]:
    """The dearest first."""
    found: dict[tuple[str, str], list[float]] = {}
    for cost, share in ((line, share) for line in bill.month.lines for share in line.shares):
        if share.model and share.usd_each is not None:
            provider = via(served_by(table, share.decision, share.model)[:1])
            requests = share.of * cost.line.requests_per_day * DAYS_A_MONTH
            sums = found.setdefault((share.model, provider), [0, 0])
            sums[0] += requests
            sums[1] += requests * share.usd_each
    rows = [Sum(model, provider, *sums) for (model, provider), sums in found.items()]
    return sorted(rows, key=lambda row: (-row.usd, row.name, row.provider))


def by_provider(models: Sequence[Sum]) -> list[Sum]:
    """The dearest first; providers that share a model's requests stand together."""
    found: dict[str, list[float]] = {}
    for row in models:
        sums = found.setdefault(row.provider, [0, 0])
        sums[0] += row.requests
        sums[1] += row.usd
    rows = [Sum(name, name, *sums) for name, sums in found.items()]
    return sorted(rows, key=lambda row: (-row.usd, row.name))
