"""The models of the page: their facts, and price against quality."""

from collections.abc import Iterable, Mapping
from typing import Any

from compiler.catalog import Catalog, Model, Price
from compiler.render.report.routes import Routes
from compiler.render.report.tables import UNKNOWN, Cell, Table, as_json, cells, left_out, listing, usd

MAX_MODELS = 300
BLEND = 3  # tokens read for each token written, in the one price that the chart shows


def blended(price: Price) -> float:
    """USD per million tokens of which three in four are read, one is written. A long prompt's tiers aside."""
    return (BLEND * price.input + price.output) / (BLEND + 1)


def shown_models(catalog: Catalog, used: Iterable[str]) -> list[Model]:
    """By name; of many, those that strategies use and then the best."""
    models = [model for _, model in sorted(catalog.models.items())]
    if len(models) <= MAX_MODELS:
        return models
    wanted = set(used)
    models.sort(key=lambda model: (model.name not in wanted, not model.in_service, -(model.quality or 0)))
    return sorted(models[:MAX_MODELS], key=lambda model: model.name)


def models_table(catalog: Catalog, models: Iterable[Model], routes: Routes) -> Table:
    strategies = _strategies_of(routes)
    rows = tuple(_model(model, strategies.get(model.name, [])) for model in models)
    return Table(
        "Models: prices are USD per million tokens, windows and answers are tokens",
        (
            "model",
            "input",
            "output",
            "3:1 blend",
            "window",
            "answer",
            "quality",
            "p50, ms",
            "lifecycle",
            "strategies",
        ),
        rows,
        frozenset({1, 2, 3, 4, 5, 6, 7}),
        left_out(len(catalog.models), len(rows), "models"),
    )


def _strategies_of(routes: Routes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for strategy in routes.strategies:
        row = routes.table["strategies"][strategy]
        on_trial = [row["canary"]["model"]] if "canary" in row else []
        for name in dict.fromkeys([*row["candidates"], *on_trial]):
            found.setdefault(name, []).append(strategy)
    return found


def _model(model: Model, strategies: list[str]) -> tuple[Cell, ...]:
    facts, price = model.facts, model.facts.price
    return cells(
        Cell(model.name, ", ".join(model.providers)),
        _price(price, "input"),
        _price(price, "output"),
        UNKNOWN if price is None else usd(blended(price)),
        _number(facts.context_window),
        _number(facts.max_output_tokens),
        _number(model.quality),
        _number(model.latency_ms),
        _lifecycle(model),
        listing(strategies) or Cell("none", mark="unknown"),
    )


def _price(price: Price | None, side: str) -> Cell:
    if price is None:
        return UNKNOWN
    tier = price.tiers[-1] if price.tiers else None
    dearest = tier and (tier[1] if side == "input" else tier[2])
    note = f"{usd(dearest)} above {tier[0]:,} tokens" if tier and dearest is not None else ""
    return Cell(usd(getattr(price, side)), note)


def _number(value: float | None) -> Cell:
    return UNKNOWN if value is None else Cell(f"{value:,.10g}")


def _lifecycle(model: Model) -> Cell:
    note = f"then {model.successor}" if model.successor else ""
    return Cell(model.status, note, "" if model.in_service else "unknown", model.facts.retires_on)


def points(models: Iterable[Model], routes: Routes, tones: Mapping[str, int]) -> list[Mapping[str, Any]]:
    """What the chart of price against quality shows: models in service of which both are known."""
    used = routes.used()
    return [
        as_json(
            model=model.name,
            via=" or ".join(model.providers),
            tone=tones[model.providers[0]],
            usd=round(blended(model.facts.price), 6),
            quality=model.quality,
            window=model.facts.context_window,
            used=model.name in used,
        )
        for model in models
        if model.in_service and model.facts.price is not None and model.quality is not None
    ]


def without_a_point(models: Iterable[Model]) -> str:
    """The models that the chart leaves out, and why."""
    here = [model for model in models if model.in_service]
    reasons = {
        "no price is known of": [m.name for m in here if m.facts.price is None],
        "the catalog gives no quality to": [m.name for m in here if m.facts.price and m.quality is None],
    }
    parts = [f"{why} {listing(names, 12)}" for why, names in reasons.items() if names]
    return f"Not in the chart: {'; '.join(parts)}." if parts else ""
