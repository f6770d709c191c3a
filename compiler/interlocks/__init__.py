"""Compile-time safety rules. A rule is a generator over the Catalog; this list is the registry."""

from collections.abc import Callable, Iterator

from compiler.catalog import Catalog
from compiler.diagnostics import Diagnostic
from compiler.interlocks import access, routes, sizes
from compiler.source import Document

Rule = Callable[[Catalog, Document], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    routes.strategy_has_a_model,
    routes.fallbacks_end,
    routes.names_are_free,
    routes.gateway_serves_something,
    routes.provider_is_reached,
    sizes.limits_hold_requests,
    sizes.most_pods_hold_fewest,
    access.credentials_fit,
    access.one_identity_a_pod,
    access.accounts_stay_apart,
    access.outside_needs_a_key,
)


def judge(catalog: Catalog, document: Document) -> list[Diagnostic]:
    """What every interlock has to say of a catalog. `document` gives the places."""
    return [found for rule in RULES for found in rule(catalog, document)]
