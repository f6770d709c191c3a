"""Compile-time safety rules. A rule is a generator over the Case; this list is the registry."""

from collections.abc import Callable, Iterator

from compiler.diagnostics import Diagnostic
from compiler.interlocks import (
    access,
    attempts,
    capacity,
    contradictions,
    embeddings,
    exposure,
    facts,
    hops,
    lifecycle,
    outages,
    places,
    prices,
    routes,
    settings,
    sizes,
)
from compiler.interlocks.case import Case

Rule = Callable[[Case], Iterator[Diagnostic]]

RULES: tuple[Rule, ...] = (
    routes.strategy_has_a_model,
    routes.fallbacks_end,
    routes.names_are_free,
    routes.gateway_serves_something,
    routes.provider_is_reached,
    outages.survives_any_provider,
    outages.excuses_are_needed,
    outages.some_requests_need_one_provider,
    hops.models_can_be_used,
    hops.candidates_can_be_chosen,
    hops.fallbacks_can_be_chosen,
    hops.chain_providers_serve,
    attempts.attempts_reach_candidates,
    attempts.attempts_reach_fallbacks,
    embeddings.embeddings_stay_of_one_model,
    places.residency_is_true,
    facts.facts_are_known,
    contradictions.facts_agree,
    prices.prices_agree,
    prices.prices_are_per_million,
    lifecycle.dates_exist,
    lifecycle.models_are_not_retired,
    lifecycle.routes_are_in_service,
    capacity.limits_carry_the_traffic,
    capacity.limits_carry_it_without,
    sizes.amounts_can_be_meant,
    sizes.limits_hold_requests,
    sizes.most_pods_hold_fewest,
    access.credentials_fit,
    access.one_identity_a_pod,
    access.accounts_stay_apart,
    exposure.outside_needs_a_key,
    exposure.keys_hold_on_every_hop,
    exposure.the_internet_is_encrypted,
    exposure.entrances_let_somebody_in,
    settings.settings_do_something,
    settings.a_store_is_named,
    settings.identities_are_your_own,
    settings.images_are_pinned,
)


def judge(case: Case) -> list[Diagnostic]:
    """What every interlock has to say of a catalog."""
    return [found for rule in RULES for found in rule(case)]
