"""ROUTES.md and SECRETS.md: the output explained to the people who review and deploy it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import jinja2

from compiler.catalog import Catalog, ConfigMapRef, Gateway, Model, SecretRef
from compiler.render.litellm import GatewayFiles, Value
from compiler.resources import read_text

MAX_LISTED = 12  # names in one cell of a table


@dataclass(frozen=True, slots=True)
class SecretUse:
    """One Secret: its keys, each with the gateways whose pods read it (and as which variable)."""

    namespace: str
    secret: str
    keys: dict[str, list[str]]


def routes(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> str:
    """Strategies with their routes, models with their facts, and who answers when a provider is down."""
    front = next(files for files in gateways if files.gateway == catalog.front)
    table, answers = front.table, front.routes
    candidates = {name for strategy in catalog.strategies.values() for name in strategy.candidates}
    providers = {provider for name in candidates for provider in catalog.models[name].providers}
    outages = {
        down: [_first_without(down, names, catalog) for names in answers.values()]
        for down in sorted(providers)
    }
    return _template("ROUTES.md.j2").render(
        catalog=catalog,
        models=[model for _, model in sorted(catalog.models.items())],
        table=table,
        routes=answers,
        outages=outages,
        describe=_describe,
        listing=_listing,
    )


def _listing(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED
    return " → ".join(names[:MAX_LISTED]) + (f" … and {more} more" if more > 0 else "")


def _first_without(down: str, names: Iterable[str], catalog: Catalog) -> str:
    return next((name for name in names if catalog.models[name].providers != (down,)), "nobody")


def _describe(model: Model) -> str:
    parts = [model.status if model.status != "active" else ""]
    parts.append(f"retires {model.facts.retires_on}" if model.facts.retires_on else "")
    parts.append(f"then {model.successor}" if model.successor else "")
    return ", ".join(part for part in parts if part)


def secrets(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> str:
    """Each Secret and ConfigMap key that must exist, who reads it, and the command that makes it."""
    variables = [(files.gateway, name, value) for files in gateways for name, value in files.env]
    identities = [(files.gateway, catalog.identity(files.gateway)) for files in gateways]
    return _template("SECRETS.md.j2").render(
        catalog=catalog,
        secrets=list(_uses(variables)),
        config_maps=sorted(
            (gateway.namespace, value.config_map, value.key, gateway.name, name)
            for gateway, name, value in variables
            if isinstance(value, ConfigMapRef)
        ),
        namespaces=sorted({files.gateway.namespace for files in gateways} - {"default"}),
        asks_for_keys=any(files.gateway.master_key for files in gateways),
        identities=[(gateway, identity) for gateway, identity in identities if identity],
    )


def _uses(variables: Iterable[tuple[Gateway, str, Value]]) -> Iterator[SecretUse]:
    found: dict[tuple[str, str], dict[str, list[str]]] = {}
    for gateway, name, value in variables:
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
