"""Catalog and routing table → everything that the page says, as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog
from compiler.render.report import models as models_part
from compiler.render.report import money
from compiler.render.report.routes import Routes, graph, matrix_table, routes_of, strategies_table
from compiler.render.report.spending import Spending, bars, spending
from compiler.render.report.tables import Cell, Table, change, count, left_out, listing, usd
from compiler.runtime.models import Table as RoutingTable

TONES = 7  # providers with a colour and a shape of their own; those after them share an eighth
MAX_ALLOWANCES = 200


@dataclass(frozen=True, slots=True)
class Report:
    """The page. `charts` is what is drawn, as JSON; each of its parts repeats a table."""

    name: str
    gateway: str
    overview: str
    highlights: tuple[str, ...]
    strategies: Table
    matrix: Table
    spending: Spending | None  # None: the catalog declares no traffic
    models: Table
    not_drawn: str
    allowances: Table | None
    charts: Mapping[str, Any]


def report(catalog: Catalog, table: RoutingTable, plain: Mapping[str, Sequence[str]]) -> Report:
    """What the page says of the gateway that clients call.

    Args:
        catalog: the whole catalog.
        table: the routing table of `catalog.front`.
        plain: by strategy of that table, what `plain_route` says.
    """
    routes = routes_of(catalog, table, plain)
    shown = models_part.shown_models(catalog, routes.used())
    colours = _tones(catalog, table)
    tones = {name: number for name, (_, number) in colours.items()}
    bill = money.bill_of(catalog, table, routes) if catalog.traffic else None
    charts = {
        "legend": _legend(colours),
        "routes": graph(routes, tones),
        "outages": list(routes.shown),
        "points": models_part.points(shown, routes, tones),
    }
    return Report(
        name=catalog.name,
        gateway=catalog.front.name,
        overview=_overview(catalog),
        highlights=tuple(filter(None, (_safety(routes), _cost(bill), _endings(catalog, routes)))),
        strategies=strategies_table(routes),
        matrix=matrix_table(routes),
        spending=spending(catalog, table, bill) if bill else None,
        models=models_part.models_table(catalog, shown, routes),
        not_drawn=models_part.without_a_point(shown),
        allowances=_allowances(catalog),
        charts={**charts, **bars(bill, table, tones)} if bill else charts,
    )


def _tones(catalog: Catalog, table: RoutingTable) -> dict[str, tuple[str, int]]:
    """(what a colour stands for, its number) of each provider; of many, a colour is their type's.

    Those of many candidates come first, and the last ones share the last number.
    """
    own = len(catalog.providers) <= TONES
    meant = {name: name if own else provider.type for name, provider in catalog.providers.items()}
    weight = dict.fromkeys(meant.values(), 0)
    for strategy in table["strategies"].values():
        for provider in (p for name in strategy["candidates"] for p in table["models"][name]["providers"]):
            weight[meant[provider]] += 1
    order = sorted(weight, key=lambda name: (-weight[name], name))
    return {name: (group, min(order.index(group), TONES)) for name, group in sorted(meant.items())}


def _legend(tones: Mapping[str, tuple[str, int]]) -> list[Sequence[Any]]:
    """(what it stands for, number) of each colour."""
    named = {number: group for group, number in tones.values()}
    return [("others" if number == TONES else named[number], number) for number in sorted(named)]


def _overview(catalog: Catalog) -> str:
    served = sum(model.in_service for model in catalog.models.values())
    models = count(len(catalog.models), "model")
    return ", ".join(
        (
            count(len(catalog.gateways), "gateway"),
            count(len(catalog.providers), "provider"),
            models if served == len(catalog.models) else f"{models} ({served:,} in service)",
            count(len(catalog.strategies), "strategy"),
        )
    )


def _safety(routes: Routes) -> str:
    refused = routes.refused()
    if not refused:
        return "Every strategy answers a plain request whichever one provider is down."
    cases = [f"strategy {strategy} while {down} is down" for strategy, down in refused]
    return f"Nobody answers {listing(cases)}."


def _cost(bill: money.Bill | None) -> str:
    if bill is None:
        return ""
    month = bill.month
    text = f"The expected traffic costs {usd(month.usd)} a month"
    text += f" ({month.unpriced}, not counted)" if month.unpriced else ""
    worst = max(bill.outages, key=lambda one: one.usd, default=month)
    if worst.usd - month.usd < 0.005:
        return f"{text}; no single outage makes it dearer."
    dearer = f"{usd(worst.usd)} a month, {change(month.usd, worst.usd)}"
    dearer += f" ({worst.unpriced}, not counted)" if worst.unpriced else ""
    return f"{text}; while {worst.down} is down it runs at {dearer}."


def _endings(catalog: Catalog, routes: Routes) -> str:
    used = routes.used()
    dated = {
        name: model.facts.retires_on
        for name, model in sorted(catalog.models.items())
        if name in used and model.in_service and model.facts.retires_on
    }
    if not dated:
        return ""
    earliest = min(dated, key=lambda name: (dated[name], name))
    many = count(len(dated), "model")
    has = "has" if len(dated) == 1 else "have"
    return (
        f"{many} of these strategies {has} a date of retirement; the first is {earliest}, {dated[earliest]}."
    )


def _allowances(catalog: Catalog) -> Table | None:
    if not catalog.allowances:
        return None
    shown = catalog.allowances[:MAX_ALLOWANCES]
    return Table(
        "What the compiler would refuse or warn of, and the catalog allows",
        ("rule", "place", "reason"),
        tuple((Cell(one.rule), Cell(one.place), Cell(one.reason)) for one in shown),
        more=left_out(len(catalog.allowances), len(shown), "allowances"),
    )
