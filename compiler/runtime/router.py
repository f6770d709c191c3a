"""The routing table and LiteLLM's router: what the one names and the other does not serve, and prices."""

from dataclasses import replace
from typing import Any

from .decision import Decision
from .journey import deployment_id
from .limits import Limits
from .models import Row
from .table import Loaded, per_token


def not_served(table: Loaded, router: Any) -> list[str]:
    """The models in service of a table for which the router has no deployment."""
    here = {deployment_id(row) for row in router.model_list}
    return [
        name
        for name, model in table.table["models"].items()
        if not model.get("status") and here.isdisjoint(row["id"] for row in model["deployments"])
    ]


def declare_prices(table: Loaded, router: Any) -> None:
    """Tells LiteLLM the prices of a table that has others than the configuration it started with."""
    import litellm

    for row in router.model_list:
        _, deployment = table.deployments.get(deployment_id(row), ("", None))
        prices = _prices(deployment) if deployment else {}
        if any(row["model_info"].get(name) != usd for name, usd in prices.items()):
            row["model_info"].update(prices)
            info = {deployment_id(row): dict(row["model_info"])}
            litellm.register_model(info, persist_across_reloads=False)


def shared_cache(router: Any) -> Any:
    """Where LiteLLM counts, in memory and in the pods' Redis. Under this name on every version line."""
    return router.cooldown_cache.cache


async def resting_last(
    decision: Decision, router: Any, limits: Limits
) -> tuple[Decision, dict[str, Row | None]]:
    """The decision with the models that cool down at its end, and its deployments that cool down.

    A cool-down changes the order, and never leaves a request with nobody to ask, except where the provider
    itself has said to wait (429), or the limit of this minute is used up: such a deployment's row is None.
    """
    ids = {name: [one for level in decision.upstreams[name] for one in level] for name in decision.route}
    every = [one for name in decision.route for one in ids[name]]
    active = await router.cooldown_cache.async_get_active_cooldowns(model_ids=every, parent_otel_span=None)
    spent = limits.spent(every)
    if not active and not spent:
        return decision, {}
    waiting = {one for one, why in active if str(why.get("status_code")) == "429"}
    rows = {deployment_id(row): row for row in router.model_list}
    resting = {one: None if one in waiting else rows.get(one) for one, _ in active}
    resting.update(dict.fromkeys(spent))
    route = tuple(sorted(decision.route, key=lambda name: resting.keys() >= set(ids[name])))
    reason = decision.reason if route[0] == decision.route[0] else "cooling_down"
    return replace(decision, route=route, reason=reason), resting


def _prices(deployment: Row) -> dict[str, float]:
    """The keys of LiteLLM's `model_info`, in USD per token."""
    price = deployment["price"]
    if price is None:
        return {}
    names = ("input_cost_per_token", "output_cost_per_token")
    return {name: per_token(usd) for name, usd in zip(names, price, strict=True)}
