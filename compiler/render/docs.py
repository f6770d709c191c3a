"""ROUTES.md and SECRETS.md: the output explained to the people who review and deploy it."""

from collections.abc import Iterable, Sequence

from compiler.catalog import Catalog, Model
from compiler.render.litellm import GatewayFiles
from compiler.render.pages import page
from compiler.render.secrets_document import secrets

__all__ = ["routes", "secrets"]
MAX_LISTED = 12  # names in one cell of a table


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
    return page("ROUTES.md.j2").render(
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
