"""ROUTES.md and SECRETS.md: the output explained to the people who review and deploy it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jinja2

from compiler.catalog import Catalog, Model, SecretRef
from compiler.render.litellm import files
from compiler.resources import read_text
from compiler.runtime.routing_plugin import decide
from compiler.table import routing_table


@dataclass(frozen=True, slots=True)
class SecretUse:
    """One Secret: its keys, each with the gateways whose pods read it (and as which variable)."""

    namespace: str
    secret: str
    keys: dict[str, list[str]]


def routes(catalog: Catalog) -> str:
    """Strategies with their routes, models with their facts, and who answers when a provider is down."""
    routers = [g for _, g in sorted(catalog.gateways.items()) if catalog.is_router(g)]
    table = routing_table(catalog, routers[0])
    candidates = {name for strategy in catalog.strategies.values() for name in strategy.candidates}
    providers = {provider for name in candidates for provider in catalog.models[name].providers}
    outages = {p: [_answer(table, strategy, p) for strategy in catalog.strategies] for p in sorted(providers)}
    return _template("ROUTES.md.j2").render(
        catalog=catalog,
        models=[model for _, model in sorted(catalog.models.items())],
        table=table,
        outages=outages,
        describe=_describe,
    )


def _answer(table: dict[str, Any], strategy: str, down: str) -> str:
    route = decide(table, {"routing_strategy": strategy}, down={down}).route
    return route[0] if route else "nobody"


def _describe(model: Model) -> str:
    parts = [model.status if model.status != "active" else ""]
    parts.append(f"retires {model.facts.retires_on}" if model.facts.retires_on else "")
    parts.append(f"then {model.successor}" if model.successor else "")
    return ", ".join(part for part in parts if part)


def secrets(catalog: Catalog) -> str:
    """Each Secret and ConfigMap key that must exist, who reads it, and the command that makes it."""
    gateways = [gateway for _, gateway in sorted(catalog.gateways.items())]
    return _template("SECRETS.md.j2").render(
        catalog=catalog,
        gateways=gateways,
        secrets=list(_uses(catalog)),
        config_maps=sorted(
            {
                (gateway.namespace, value.config_map, value.key, gateway.name, name)
                for gateway in gateways
                for name, value in files(catalog, gateway).env
                if not isinstance(value, (str, SecretRef))
            }
        ),
        namespaces=sorted({gateway.namespace for gateway in gateways}),
        identities=[(g, identity) for g in gateways if (identity := catalog.identity(g))],
    )


def _uses(catalog: Catalog) -> Iterator[SecretUse]:
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for _, gateway in sorted(catalog.gateways.items()):
        for name, value in files(catalog, gateway).env:
            if isinstance(value, SecretRef):
                keys = found.setdefault((gateway.namespace, value.secret), {})
                keys.setdefault(value.key, []).append(f"{gateway.name} (`{name}`)")
    for (namespace, secret), keys in sorted(found.items()):
        yield SecretUse(namespace, secret, dict(sorted(keys.items())))


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown of names that the schema has judged
    )
    return environment.from_string(read_text("templates", "docs", name))
