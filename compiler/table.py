"""Catalog → the routing table of one gateway: the contract between the compiler and the plugin."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from compiler.catalog import (
    Catalog,
    Deployment,
    Model,
    Strategy,
)
from compiler.catalog_gateways import Gateway
from compiler.runtime.decision import decide
from compiler.runtime.table import TABLE_VERSION, digest

RoutingTable = dict[str, Any]  # see schemas/routing_table.schema.json
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def routing_table(catalog: Catalog, gateway: Gateway) -> RoutingTable:
    """The table of one gateway. It holds what that gateway serves, and what it must refuse with a reason."""
    table = without_digest(catalog, gateway)
    return {**table, "digest": digest(table)}


def without_digest(catalog: Catalog, gateway: Gateway) -> RoutingTable:
    """The table as rules look at it before anything is written."""
    models = _models(catalog, gateway)
    strategies = {name: _strategy(strategy, models) for name, strategy in sorted(catalog.strategies.items())}
    strategies = {name: strategy for name, strategy in strategies.items() if strategy["candidates"]}
    if not strategies:  # no strategy of the catalog reaches what this gateway serves: its own best first
        best_first = _ordered(list(models), "quality", models)
        strategies = {"default": {"candidates": best_first, "order": "quality", "requirements": {}}}
    default = catalog.default_strategy
    return {
        "version": TABLE_VERSION,
        "catalog": catalog.name,
        "gateway": gateway.name,
        "default_strategy": default if default in strategies else next(iter(strategies)),
        "max_attempts": catalog.fallback.max_attempts,
        "retry": {
            "attempts": catalog.fallback.retry_attempts,
            "backoff_ms": catalog.fallback.retry_backoff_ms,
        },
        "provider_order": _best_of_each(catalog, models),
        "requirements": dict(catalog.requirements),
        "strategies": strategies,
        "models": models,
    }


def _best_of_each(catalog: Catalog, models: Mapping[str, Any]) -> list[Any]:
    """The provider chain: [provider, its models in service, the best first]."""
    return [
        [provider, _by_quality([n for n, row in models.items() if provider in row["providers"]], models)]
        for provider in catalog.fallback.providers
    ]


def _by_quality(names: list[str], models: Mapping[str, Any]) -> list[str]:
    in_service = [name for name in names if "status" not in models[name]]
    return sorted(in_service, key=lambda name: (-(models[name]["quality"] or 0), name))


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
    entries = upstreams(model, catalog, gateway)
    row: dict[str, Any] = {
        "providers": list(dict.fromkeys(d.provider for _, deployments in entries for d in deployments)),
        "deployments": [_deployment(behind, deployments, catalog) for behind, deployments in entries],
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
    if not model.in_service:
        return {**row, "status": model.status}
    if facts.retires_on and _DAY.fullmatch(facts.retires_on):  # the cost map's may be any text
        row["retires_on"] = facts.retires_on
    return row


def _deployment(
    behind: Gateway | None, deployments: Sequence[Deployment], catalog: Catalog
) -> dict[str, Any]:
    """One entry of LiteLLM's: a deployment, or all that another gateway chooses from."""
    first = deployments[0]
    return {
        "id": first.id,
        "type": catalog.providers[first.provider].type,
        "providers": list(dict.fromkeys(d.provider for d in deployments)),
        "residency": list(dict.fromkeys(catalog.residency(d) for d in deployments)),
        "priority": first.priority,
        "gateway": behind and behind.name,
        "price": first.price and [first.price.input, first.price.output],
    }


def upstreams(
    model: Model, catalog: Catalog, gateway: Gateway
) -> list[tuple[Gateway | None, list[Deployment]]]:
    """What a gateway calls for a model, in order: a deployment, or another gateway and what is behind it.

    A gateway chooses among its deployments itself, so that these are one upstream here.
    """
    found: dict[str, tuple[Gateway | None, list[Deployment]]] = {}
    for deployment in reached(model, catalog, gateway):
        behind = catalog.providers[deployment.provider].gateway
        if behind in (None, gateway.name):
            found[deployment.id] = (None, [deployment])
        else:
            found.setdefault(f"through {behind}", (catalog.gateways[str(behind)], []))[1].append(deployment)
    return list(found.values())


def reached(model: Model, catalog: Catalog, gateway: Gateway) -> list[Deployment]:
    """The deployments of a model that a request through this gateway may end at."""
    if catalog.is_router(gateway):
        return list(model.deployments)
    return [d for d in model.deployments if catalog.providers[d.provider].gateway == gateway.name]


def _strategy(strategy: Strategy, models: Mapping[str, Any]) -> dict[str, Any]:
    here = [name for name in strategy.candidates if name in models]
    row = {
        "candidates": _ordered(here, strategy.order, models),
        "order": strategy.order,
        "requirements": dict(strategy.requirements),
    }
    canary = strategy.canary
    if canary is None or canary.model not in models:
        return row
    return {**row, "canary": {"model": canary.model, "percent": canary.percent}}


def plain_mode(table: Mapping[str, Any], strategy: str) -> str:
    """The kind of request that a strategy is mostly for: the first that it serves."""
    modes = {
        mode
        for name in table["strategies"][strategy]["candidates"]
        for mode in table["models"][name]["modes"]
    }
    return next((mode for mode in ("chat", "completion", "embedding") if mode in modes), "chat")


def with_canary(table: Mapping[str, Any], strategy: str, percent: float) -> Mapping[str, Any]:
    """The table in which that share of users gets the strategy's model on trial; 0: nobody, 100: all."""
    row = table["strategies"][strategy]
    if "canary" not in row:
        return table
    trial = {**row, "canary": {**row["canary"], "percent": percent}}
    return {**table, "strategies": {**table["strategies"], strategy: trial}}


def plain_route(table: Mapping[str, Any], strategy: str) -> list[str]:
    """Every model of a strategy that can serve a short request of the strategy's own mode, in order."""
    mode = plain_mode(table, strategy)
    decision = decide(with_canary(table, strategy, 0), {"routing_strategy": strategy}, mode=mode)
    return [candidate.model for candidate in decision.candidates if not candidate.reasons]


_ORDERS = {"latency": ("latency_ms", 1), "quality": ("quality", -1), "context_window": ("context_window", -1)}


def _ordered(names: list[str], order: str, models: Mapping[str, Any]) -> list[str]:
    """By a fact of the models, an unknown one last; `listed` and `cost` (priced per request) stay."""
    if order not in _ORDERS:
        return names
    fact, sign = _ORDERS[order]
    return sorted(names, key=lambda n: (models[n][fact] is None, sign * (models[n][fact] or 0), n))
