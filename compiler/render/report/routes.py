"""Strategies and their routes, whole and with each provider down: as tables, and as what the graph draws."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog
from compiler.matrix import outage_matrix
from compiler.render.report.tables import Cell, Table, as_json, cells, left_out, served_by, via
from compiler.runtime.decision import Decision
from compiler.runtime.models import Table as RoutingTable
from compiler.table import plain_mode

MAX_STRATEGIES = 40
MAX_CELLS = 2_400  # of the matrix: strategies times providers
MAX_PROVIDERS = 60
MAX_HOPS = 10


@dataclass(frozen=True, slots=True)
class Routes:
    """The decisions of the strategies that the page shows, the default one first.

    `providers` are those of their candidates, by name; `cells` lacks those that change no route.
    """

    catalog: Catalog
    table: RoutingTable
    cells: Mapping[str, Mapping[str | None, Decision]]
    strategies: tuple[str, ...]
    providers: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """The providers of which the page shows the outage."""
        return self.providers[:MAX_PROVIDERS]

    def cell(self, strategy: str, down: str | None = None) -> Decision:
        """What `outage_matrix` says of it, in far less time for a strategy of thousands of candidates."""
        row = self.cells[strategy]
        return row.get(down, row[None])

    def used(self) -> set[str]:
        """The models that some strategy of the page may choose."""
        rows = [self.table["strategies"][name] for name in self.strategies]
        on_trial = {row["canary"]["model"] for row in rows if "canary" in row}
        return on_trial.union(*(row["candidates"] for row in rows))

    def refused(self) -> list[tuple[str, str]]:
        """(strategy, provider) of each request that nobody answers while that provider alone is down."""
        return [
            (strategy, down)
            for down in self.shown
            for strategy in self.strategies
            if not self.cell(strategy, down).route and self.cell(strategy).route
        ]


def routes_of(catalog: Catalog, table: RoutingTable, plain: Mapping[str, Sequence[str]]) -> Routes:
    """The routes that the page shows: of a large catalog no more than a page can hold.

    Args:
        catalog: the whole catalog.
        table: the routing table of one of its gateways.
        plain: by strategy, every model that can serve a plain request, in order.
    """
    default = table["default_strategy"]
    names = sorted(table["strategies"], key=lambda name: (name != default, name))
    most = max(1, MAX_CELLS // max(1, len(catalog.providers)))
    shown = names[: min(most, MAX_STRATEGIES)]
    cells = {name: outage_matrix(_shortened(table, name, plain[name])).cells[name] for name in shown}
    models = {model for name in shown for model in table["strategies"][name]["candidates"]}
    providers = sorted({provider for model in models for provider in table["models"][model]["providers"]})
    return Routes(catalog, table, cells, tuple(shown), tuple(providers))


def _shortened(table: RoutingTable, name: str, plain: Sequence[str]) -> RoutingTable:
    """The table of one strategy, of which the candidates are those that decide its routes in any outage."""
    row = {**table["strategies"][name], "candidates": _deciding(table, plain)}
    on_trial = [row["canary"]["model"]] if "canary" in row else []
    models = {model: table["models"][model] for model in (*row["candidates"], *on_trial)}
    return {**table, "strategies": {name: row}, "models": models}


def _deciding(table: RoutingTable, plain: Sequence[str]) -> list[str]:
    """The first ones up to where, whichever provider is down, enough of them are not served there."""
    served: dict[str, int] = {}  # by provider, how many of them it serves
    for place, model in enumerate(plain, 1):
        for provider in table["models"][model]["providers"]:
            served[provider] = served.get(provider, 0) + 1
        if place - max(served.values(), default=0) >= table["max_attempts"]:
            return list(plain[:place])
    return list(plain)


def strategies_table(routes: Routes) -> Table:
    return Table(
        "The route of a plain request, by strategy",
        ("strategy", "order", "first, then", "candidates", "must hold"),
        tuple(_strategy(routes, name) for name in routes.strategies),
        frozenset({3}),
        left_out(len(routes.table["strategies"]), len(routes.strategies), "strategies"),
    )


def _strategy(routes: Routes, name: str) -> tuple[Cell, ...]:
    row, whole = routes.table["strategies"][name], routes.cell(name)
    notes = ["default"] if name == routes.table["default_strategy"] else []
    described = routes.catalog.strategies.get(name)
    notes += [described.description] if described and described.description else []
    mode = plain_mode(routes.table, name)
    must = [f"{key}: {_plain(value)}" for key, value in row["requirements"].items()]
    must += [] if mode == "chat" else [f"requests: {mode}"]
    hops = [f"{model} ({via(served_by(routes.table, whole, model))})" for model in whole.route[:MAX_HOPS]]
    trial = row.get("canary")
    canary = f"canary: {trial['model']} first, for {trial['percent']:g} % of users" if trial else ""
    return cells(
        Cell(name, "; ".join(notes)),
        row["order"],
        Cell(" → ".join(hops) or "refused", canary),
        f"{len(row['candidates']):,}",
        "; ".join(must) or "nothing",
    )


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else str(value)


def matrix_table(routes: Routes) -> Table:
    return Table(
        "Who answers a plain request of each strategy while a provider is down",
        ("down", *routes.strategies),
        (
            (Cell("none"), *(_whole(routes, name) for name in routes.strategies)),
            *(
                (Cell(down), *(_without(routes, name, down) for name in routes.strategies))
                for down in routes.shown
            ),
        ),
        more=left_out(len(routes.providers), len(routes.shown), "providers"),
    )


def _whole(routes: Routes, strategy: str) -> Cell:
    decision = routes.cell(strategy)
    return Cell(decision.route[0]) if decision.route else Cell("refused", "no model can serve it", "refused")


def _without(routes: Routes, strategy: str, down: str) -> Cell:
    whole, decision = routes.cell(strategy), routes.cell(strategy, down)
    if decision is whole and whole.route:
        return Cell(whole.route[0], mark="same")
    if not decision.route:
        declared = routes.catalog.strategies.get(strategy)
        reason = declared.single_provider if declared else None
        return Cell("refused", f"one provider: {reason}" if reason else "no model is left", "refused")
    model = decision.route[0]
    if not whole.route or model != whole.route[0]:
        return Cell(model, "takes over", "moved")
    here = via(served_by(routes.table, decision, model, down))
    moved = here != via(served_by(routes.table, whole, model))
    return Cell(model, f"at {here}" if moved else "", "same")


def graph(routes: Routes, tones: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """A lane a strategy: hops of (model, providers in words, tone of the first provider), canary, outages."""
    return [_lane(routes, name, tones) for name in routes.strategies]


def _lane(routes: Routes, name: str, tones: Mapping[str, int]) -> Mapping[str, Any]:
    row, whole = routes.table["strategies"][name], routes.cell(name)
    trial = row.get("canary")
    return as_json(
        name=name,
        default=name == routes.table["default_strategy"],
        hops=list(_hops(routes, whole, None, tones)),
        canary=trial and _canary(routes.table["models"][trial["model"]], trial, tones),
        down={
            down: list(_hops(routes, routes.cell(name, down), down, tones))
            for down in routes.shown
            if routes.cell(name, down).upstreams != whole.upstreams
        },
    )


def _hops(
    routes: Routes, decision: Decision, down: str | None, tones: Mapping[str, int]
) -> Iterator[Sequence[Any]]:
    for model in decision.route[:MAX_HOPS]:
        providers = served_by(routes.table, decision, model, down)
        yield model, via(providers), tones[providers[0][0]] if providers else 0


def _canary(model: Mapping[str, Any], trial: Mapping[str, Any], tones: Mapping[str, int]) -> Sequence[Any]:
    providers = model["providers"]
    return trial["model"], providers, tones[providers[0]], f"{trial['percent']:g} %"
