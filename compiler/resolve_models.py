"""Models: their deployments, and their facts from the catalog and from LiteLLM's cost map."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

from compiler.catalog import (
    Deployment,
    Facts,
    Model,
    Price,
)
from compiler.facts import CostMap, merged
from compiler.scope import Scope
from compiler.source import Path_


def resolve_model(name: str, data: Mapping[str, Any], scope: Scope, known: CostMap) -> Model:
    """A model of the catalog: what is stated, and what the cost map knows where nothing is."""
    path: Path_ = ("models", name)
    lifecycle = data.get("lifecycle") or {}
    stated = _stated(data, lifecycle)
    upstreams: list[Facts] = []
    deployments = tuple(_deployments(name, data, stated.price, scope, known, upstreams))
    facts = merged(stated, upstreams)
    status = lifecycle.get("status", "active")
    return Model(
        name=name,
        path=path,
        deployments=deployments,
        facts=facts,
        modes=facts.modes or ("chat", "completion"),
        quality=data.get("quality"),
        latency_ms=data.get("latency_ms"),
        status=status,
        successor=lifecycle.get("successor"),
        fallbacks=_fallbacks(data, path, scope),
    )


def _fallbacks(data: Mapping[str, Any], path: Path_, scope: Scope) -> tuple[str, ...] | None:
    if "fallbacks" not in data:
        return None
    return scope.names("model", data["fallbacks"], (*path, "fallbacks"))


def _stated(data: Mapping[str, Any], lifecycle: Mapping[str, Any]) -> Facts:
    capabilities, modes = data.get("capabilities"), data.get("modes")
    return Facts(
        context_window=_whole(data.get("context_window")),
        max_output_tokens=_whole(data.get("max_output_tokens")),
        price=_price(data.get("price")),
        modes=tuple(modes) if modes else None,
        capabilities=tuple(capabilities) if capabilities is not None else None,
        retires_on=lifecycle.get("retires_on"),
    )


def _whole(value: float | None) -> int | None:
    """JSON Schema takes 2.0 for a whole number; what is written out must be one."""
    return None if value is None else int(value)


def _price(data: Mapping[str, Any] | None) -> Price | None:
    if not data:
        return None
    cost_in, cost_out = float(data.get("input", 0)), float(data.get("output", 0))
    tiers = sorted(
        (tier["above_context"], float(tier.get("input", cost_in)), float(tier.get("output", cost_out)))
        for tier in data.get("tiers", ())
    )
    return Price(cost_in, cost_out, tuple(tiers))


def _deployments(  # noqa: PLR0913, PLR0917  # one pass over the rows gives both what they are and what is known
    model: str,
    data: Mapping[str, Any],
    price: Price | None,
    scope: Scope,
    known: CostMap,
    upstreams: list[Facts],
) -> Iterator[Deployment]:
    """The deployments whose provider exists; appends what the cost map knows of each to `upstreams`."""
    names: set[str] = set()
    priority = 0
    weighted = False
    for row, path in _rows(model, data):
        provider = row.get("provider", "")
        if not scope.known("provider", provider, (*path, "provider")):
            continue
        upstream = row.get("id", model)
        entry = known.facts(scope.providers[provider]["type"], upstream)
        facts = entry or Facts()
        upstreams.append(facts)
        # Neighbours that both carry a weight share one priority; anything else is the next one.
        priority += 0 if weighted and "weight" in row else 1
        weighted = "weight" in row
        yield Deployment(
            id=_free_id(f"{provider}/{model}", names),
            provider=provider,
            upstream=upstream,
            path=path,
            priority=priority,
            weight=_whole(row.get("weight")),
            region=row.get("region"),
            rpm=_whole(row.get("rpm")),
            tpm=_whole(row.get("tpm")),
            price=price or facts.price,
            known=entry,
        )


def _rows(model: str, data: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], Path_]]:
    """Each deployment as written, and where; the short form is one."""
    path: Path_ = ("models", model)
    written = data.get("deployments")
    return (
        [(data, path)] if written is None else [(d, (*path, "deployments", i)) for i, d in enumerate(written)]
    )


def _free_id(base: str, names: set[str]) -> str:
    """`base`, or `base#2` and so on where one provider serves a model several times."""
    number = next(n for n in count(1) if (f"{base}#{n}" if n > 1 else base) not in names)
    names.add(f"{base}#{number}" if number > 1 else base)
    return f"{base}#{number}" if number > 1 else base
