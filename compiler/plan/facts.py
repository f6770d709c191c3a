"""What the catalog says of models, strategies and providers: what is new, gone and otherwise.

From a catalog, or from a routing table, which knows less: only what both sides know is compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog, Deployment, Model, Provider, Strategy
from compiler.plan.sides import Side
from compiler.runtime.models import Row, Table

Facts = Mapping[str, Any]  # field, in words → its value; a value that is not known is None
Subject = tuple[str, str]  # (kind, name): kind is model, strategy, provider or setting
PRICES = ("input price", "output price")  # USD per million tokens


@dataclass(frozen=True, slots=True)
class FactChange:
    """One fact of one subject that is otherwise now."""

    kind: str
    name: str
    field: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Whole:
    """A subject that is new or gone, with the facts that say what it is."""

    kind: str
    name: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class FactChanges:
    """Sorted by kind and name."""

    added: tuple[Whole, ...] = ()
    removed: tuple[Whole, ...] = ()
    changed: tuple[FactChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def compare(before: Side, after: Side) -> FactChanges:
    """What the two sides say of the same things; nothing where either says nothing."""
    old, new = _known(before), _known(after)
    kinds = {kind for kind, _ in old} & {kind for kind, _ in new}
    order = sorted(subject for subject in {**old, **new} if subject[0] in kinds)
    return FactChanges(
        tuple(Whole(*subject, new[subject]) for subject in order if subject not in old),
        tuple(Whole(*subject, old[subject]) for subject in order if subject not in new),
        tuple(change for subject in order if subject in old and subject in new
              for change in _changes(subject, old[subject], new[subject])),
    )  # fmt: skip


def _changes(subject: Subject, old: Facts, new: Facts) -> Iterator[FactChange]:
    own = [field for field in {**old, **new} if field.startswith("deployment ")]
    known = "successor" in old and "successor" in new  # by catalogs, which know the deployments
    for field in [
        *(field for field in old if field in new and field not in own),
        *sorted(own if known else ()),
    ]:
        if old.get(field) != new.get(field):
            yield FactChange(*subject, field, old.get(field), new.get(field))


def _known(side: Side) -> dict[Subject, Facts]:
    if side.catalog is not None:
        return dict(_of_catalog(side.catalog))
    return dict(_of_table(side.table)) if side.table is not None else {}


def _of_catalog(catalog: Catalog) -> Iterator[tuple[Subject, Facts]]:
    for name, model in catalog.models.items():
        yield ("model", name), _model(model)
    for name, provider in catalog.providers.items():
        yield ("provider", name), _provider(provider)
    for name, strategy in catalog.strategies.items():
        yield ("strategy", name), _strategy(strategy, catalog)
    fallback = catalog.fallback
    yield ("setting", "the default strategy"), {"name": catalog.default_strategy}
    yield ("setting", "every request"), dict(_sorted(catalog.requirements))
    yield (
        ("setting", "fallback"),
        {
            "attempts": fallback.max_attempts,
            "walked again": fallback.retry_attempts,
            "pause in ms": fallback.retry_backoff_ms,
            "providers": list(fallback.providers),
            "timeout in s": fallback.timeout_s,
            "failures before a cool-down": fallback.cooldown_failures,
            "cool-down in s": fallback.cooldown_s,
        },
    )


def _model(model: Model) -> Facts:
    facts, price = model.facts, model.facts.price
    return {
        "status": model.status,
        "retires on": facts.retires_on,
        "successor": model.successor,
        "providers": list(model.providers),
        "context window": facts.context_window,
        "longest answer": facts.max_output_tokens,
        "input price": price and price.input,
        "output price": price and price.output,
        "price tiers": [list(tier) for tier in price.tiers] if price else [],
        "modes": list(model.modes),
        "capabilities": None if facts.capabilities is None else sorted(facts.capabilities),
        "quality": model.quality,
        "latency in ms": model.latency_ms,
        "fallbacks": None if model.fallbacks is None else list(model.fallbacks),
        **{f"deployment {one.id}": _deployment(one) for one in model.deployments},
    }


def _deployment(one: Deployment) -> str:
    parts = [
        one.upstream,
        f"at {one.provider}",
        f"in {one.region}" if one.region else "",
        f"priority {one.priority}",
        "" if one.weight is None else f"weight {one.weight}",
        "" if one.rpm is None else f"{one.rpm} requests a minute",
        "" if one.tpm is None else f"{one.tpm} tokens a minute",
    ]
    return ", ".join(filter(None, parts))


def _provider(provider: Provider) -> Facts:
    """What of a provider decides where requests go; keys and identities are told of as access."""
    return {
        "type": provider.type,
        "gateway": provider.gateway,
        "location": provider.location,
        "region": provider.region,
        "base_url": provider.base_url,
        "api_version": provider.api_version,
        "residency": provider.residency,
    }


def _strategy(strategy: Strategy, catalog: Catalog) -> Facts:
    canary = strategy.canary if strategy.canary and catalog.models[strategy.canary.model].in_service else None
    return {
        "candidates": [name for name in strategy.candidates if catalog.models[name].in_service],
        "order": strategy.order,
        "must hold": dict(_sorted(strategy.requirements)),
        "canary": canary and f"{canary.model} for {canary.percent:g} %",
        "single_provider": strategy.single_provider,
    }


def _sorted(requirements: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted((key, sorted(value) if isinstance(value, (list, tuple)) else value)
                  for key, value in requirements.items())  # fmt: skip


def _of_table(table: Table) -> Iterator[tuple[Subject, Facts]]:
    for name, row in table["models"].items():
        yield ("model", name), _row(row)
    yield ("setting", "the default strategy"), {"name": table["default_strategy"]}
    yield ("setting", "every request"), dict(_sorted(table["requirements"]))
    retry = table["retry"]
    yield (
        ("setting", "fallback"),
        {
            "attempts": table["max_attempts"],
            "walked again": retry["attempts"],
            "pause in ms": retry["backoff_ms"],
            "providers": [provider for provider, _ in table["provider_order"]],
        },
    )
    for name, row in table["strategies"].items():
        yield ("strategy", name), _strategy_row(row)


def _row(row: Row) -> Facts:
    price = row["price"]
    return {
        "status": row.get("status", "active"),
        "providers": row["providers"],
        "context window": row["context_window"],
        "longest answer": row["max_output_tokens"],
        "input price": price and price["input"],
        "output price": price and price["output"],
        "price tiers": price["tiers"] if price else [],
        "modes": row["modes"],
        "capabilities": None if row["capabilities"] is None else sorted(row["capabilities"]),
        "quality": row["quality"],
        "latency in ms": row["latency_ms"],
        "fallbacks": row["fallbacks"],
    }


def _strategy_row(row: Row) -> Facts:
    canary = row.get("canary")
    return {
        "order": row["order"],
        "must hold": dict(_sorted(row["requirements"])),
        "canary": canary and f"{canary['model']} for {canary['percent']:g} %",
    }


def of_kind(found: Iterable[Any], kind: str) -> list[Any]:
    """Those of a kind."""
    return [one for one in found if one.kind == kind]
