"""Catalog → the routing table of one gateway: the contract between the compiler and the plugin."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from compiler.catalog import Catalog, Gateway, Model, Strategy
from compiler.runtime.routing_plugin import TABLE_VERSION, decide

RoutingTable = dict[str, Any]  # see schemas/routing_table.schema.json


def routing_table(catalog: Catalog, gateway: Gateway) -> RoutingTable:
    """The table of one gateway. It holds what that gateway serves, and what it must refuse with a reason."""
    models = _models(catalog, gateway)
    strategies = {name: _strategy(strategy, models) for name, strategy in sorted(catalog.strategies.items())}
    strategies = {name: strategy for name, strategy in strategies.items() if strategy["candidates"]}
    if not strategies:  # no strategy of the catalog reaches what this gateway serves: its own best first
        best_first = _ordered(list(models), "quality", models)
        strategies = {"default": {"candidates": best_first, "order": "quality", "requirements": {}}}
    default = catalog.default_strategy
    table: RoutingTable = {
        "version": TABLE_VERSION,
        "catalog": catalog.name,
        "gateway": gateway.name,
        "default_strategy": default if default in strategies else next(iter(strategies)),
        "max_attempts": catalog.fallback.max_attempts,
        "provider_order": list(catalog.fallback.providers),
        "requirements": dict(catalog.requirements),
        "strategies": strategies,
        "models": models,
    }
    return {**table, "digest": digest(table)}


def digest(table: Mapping[str, Any]) -> str:
    """Twelve hex digits that name a table's content; responses carry them in `x-interlock-table`."""
    content = {key: value for key, value in table.items() if key != "digest"}
    return sha256(canonical(content).encode()).hexdigest()[:12]


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical(data: Any) -> str:
    """The one JSON text of plain data."""
    return _ENCODER.encode(data)


def _models(catalog: Catalog, gateway: Gateway) -> dict[str, Any]:
    served = {model.name for model in catalog.served(gateway)}
    router = catalog.is_router(gateway)
    return {
        name: _model(model, catalog, gateway, served)
        for name, model in sorted(catalog.models.items())
        if name in served or (router and not model.in_service)
    }


def _model(model: Model, catalog: Catalog, gateway: Gateway, served: set[str]) -> dict[str, Any]:
    facts, price = model.facts, model.facts.price
    deployments = reached(model, catalog, gateway)
    providers = dict.fromkeys(deployment.provider for deployment in deployments)
    places = dict.fromkeys(catalog.residency(deployment) for deployment in deployments)
    row: dict[str, Any] = {
        "providers": list(providers),
        "residency": list(places),
        "deployments": [deployment.id for deployment in deployments],
        "modes": list(model.modes),
        "capabilities": None if facts.capabilities is None else list(facts.capabilities),
        "context_window": facts.context_window,
        "max_output_tokens": facts.max_output_tokens,
        "price": price
        and {"input": price.input, "output": price.output, "tiers": [list(t) for t in price.tiers]},
        "quality": model.quality,
        "latency_ms": model.latency_ms,
        "fallbacks": None
        if model.fallbacks is None
        else [name for name in model.fallbacks if name in served],
    }
    return row if model.in_service else {**row, "status": model.status}


def reached(model: Model, catalog: Catalog, gateway: Gateway) -> list[Any]:
    """The deployments of a model that a request through this gateway may end at."""
    if catalog.is_router(gateway):
        return list(model.deployments)
    return [d for d in model.deployments if catalog.providers[d.provider].gateway == gateway.name]


def _strategy(strategy: Strategy, models: Mapping[str, Any]) -> dict[str, Any]:
    here = [name for name in strategy.candidates if name in models]
    return {
        "candidates": _ordered(here, strategy.order, models),
        "order": strategy.order,
        "requirements": dict(strategy.requirements),
    }


def plain_route(table: Mapping[str, Any], strategy: str) -> list[str]:
    """Every model of a strategy that can serve a short request of the strategy's own mode, in order."""
    modes = {
        mode
        for name in table["strategies"][strategy]["candidates"]
        for mode in table["models"][name]["modes"]
    }
    mode = next((mode for mode in ("chat", "completion", "embedding") if mode in modes), "chat")
    decision = decide(table, {"routing_strategy": strategy}, mode=mode)
    return [candidate.model for candidate in decision.candidates if not candidate.reasons]


_ORDERS = {"latency": ("latency_ms", 1), "quality": ("quality", -1), "context_window": ("context_window", -1)}


def _ordered(names: list[str], order: str, models: Mapping[str, Any]) -> list[str]:
    """By a fact of the models, an unknown one last; `listed` and `cost` (priced per request) stay."""
    if order not in _ORDERS:
        return names
    fact, sign = _ORDERS[order]
    return sorted(names, key=lambda n: (models[n][fact] is None, sign * (models[n][fact] or 0), n))
