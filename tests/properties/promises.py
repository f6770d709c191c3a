"""What a catalog without a word from the interlocks promises, and what brute force finds broken.

P1  A strategy has a model for a plain request of each kind it claims: those that all its candidates in
    service serve, else the first that any of them serves.
P2  So it has while any one provider is down, unless it says `single_provider`; for those too who do not get
    its model on trial.
P3  Each listed candidate, model on trial (of more than 0 percent) and fallback stands in the route of some
    request to that strategy or model: of any mode, size, requirements.
P3b And of one that states no requirements. (By cost and of models on trial this is found and not
    held: which of three is the cheapest for no request at all is no business of a rule.)
P4  No route ends at a model that is planned or retired or whose last day has come, or at a deployment that
    fails what the catalog, the strategy or the request requires or the request needs: each deployment by what
    the cost map says of it. What the map does not say is the catalog's word; that it names no capability says
    nothing.
P5  All embedding requests to one strategy, or to one model by its name, or to both, are answered by one
    model, whatever they ask for and whatever is down: vectors of two models spoil an index. Models that share
    an upstream id are one; the deployments of a model are one by the catalog's word.
P6  No gateway without a key serves what another asks a key for; none without a key is reachable from outside.
P7  The declared traffic fits into the models' limits, of requests and of tokens a minute each, and so it does
    while any one provider is down, however it has to be spread over the models of its routes.
P8  Every route ends: no model twice, no more than the attempts; no fallbacks lead back to where they started.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from random import Random

from compiler.catalog import (
    Catalog,
    Deployment,
    Model,
    Strategy,
    Traffic,
)
from compiler.catalog_gateways import Gateway
from compiler.runtime.decision import Decision
from tests.properties.brute_force import (
    MODES,
    Ask,
    World,
    asks_for,
    asks_without_requirements,
    every_ask,
    flatten,
    upstreams_of,
)
from tests.properties.failures import failures
from tests.properties.flow import most_that_flows


@dataclass(frozen=True, slots=True)
class Broken:
    """A broken promise: about what (any of these names), which codes say so, and by which request."""

    promise: str
    names: frozenset[str]
    codes: frozenset[str]
    what: str


def _broken(promise: str, names: Iterable[str | None], codes: str, what: object) -> Broken:
    return Broken(promise, frozenset(name for name in names if name), frozenset(codes.split()), str(what))


def broken(world: World) -> list[Broken]:
    """Everything that brute force finds, each once."""
    catalog = world.catalog
    found = [
        *_strategies(world), *_lists(world), *_routes(world), *_gateways(catalog), *_traffic(world),
        *_cycles(catalog),
    ]  # fmt: skip
    unique = {(one.promise, one.names, one.codes): one for one in reversed(found)}
    return list(unique.values())


# --- P1, P2 --------------------------------------------------------------------------------------------


def _strategies(world: World) -> Iterator[Broken]:
    for strategy in world.catalog.strategies.values():
        for mode in world.claimed(strategy) or ["chat"]:
            refused = _refused(world, strategy, mode, ())
            if refused:
                yield _broken("P1", [strategy.name], "IL302", refused)
                continue
            for provider in world.catalog.providers if not strategy.single_provider else ():
                refused = _refused(world, strategy, mode, (provider,))
                if refused:
                    only = provider if len(world.catalog.providers) == 1 else None
                    yield _broken("P2", [strategy.name, only], "IL304", refused)


def _refused(world: World, strategy: Strategy, mode: str, down: tuple[str, ...]) -> Ask | None:
    """A plain request that is refused. Whoever gets the model on trial is asked about others too."""
    users = dict.fromkeys(
        (
            None,
            *world.users(strategy.name, " by cost" if "max_cost_usd" in world.catalog.requirements else ""),
        )
    )
    asks = (Ask(strategy.name, mode=mode, down=down, user=user) for user in users)
    return next((ask for ask in asks if not world.decide(ask).route), None)


# --- P3 ------------------------------------------------------------------------------------------------


def _lists(world: World) -> Iterator[Broken]:
    for strategy in world.catalog.strategies.values():
        required = {**world.catalog.requirements, **strategy.requirements}
        by_cost = strategy.order == "cost" or "max_cost_usd" in required
        fixed = " by cost" if by_cost else ""
        for name in strategy.candidates if strategy.listed else ():
            yield from _unreached(world, strategy.name, None, name, fixed)
        trial = strategy.canary
        if (
            trial
            and (trial.percent or not world.catalog.models[trial.model].in_service)
            and trial.model not in strategy.candidates
        ):
            yield from _unreached(world, strategy.name, None, trial.model, " by trial")
    for model in world.models:
        for name in model.fallbacks or ():
            yield from _unreached(
                world,
                None,
                model.name,
                name,
                " by cost" if "max_cost_usd" in world.catalog.requirements else "",
            )


def _unreached(world: World, strategy: str | None, pin: str | None, name: str, kind: str) -> Iterator[Broken]:
    model, names = world.catalog.models[name], [strategy, pin, name]
    plain = asks_without_requirements(world, model, strategy, pin)
    if any(name in world.decide(ask).route for ask in plain):
        return
    asks = list(asks_for(world, model, strategy, pin))
    if not any(name in world.decide(ask).route for ask in asks):
        # Who can serve a request and is always too dear for its attempts is too late by cost.
        can = kind == " by cost" and any(_is_eligible(world.decide(ask), name) for ask in asks)
        promise = "P3b by cost" if can else "P3"
        yield _broken(promise, names, "IL302 IL309 IL312 IL602", f"{name} by {strategy or pin}")
    else:
        yield _broken(f"P3b{kind}", names, "IL302 IL312", f"{name} by {strategy or pin}")


def _is_eligible(decision: Decision, name: str) -> bool:
    return any(one.model == name and not one.reasons for one in decision.candidates)


# --- P4, P5, P8 ----------------------------------------------------------------------------------------


def _routes(world: World) -> Iterator[Broken]:
    embedders: dict[tuple[str | None, str | None], dict[str, Ask]] = {}
    for ask in every_ask(world, Random(len(world.models))):  # noqa: S311  # no secret
        decision = world.decide(ask)
        route = decision.route
        if len(set(route)) != len(route) or len(route) > world.catalog.fallback.max_attempts:
            yield _broken("P8", route, "", ask)
        for name in route:
            yield from _hop(world, ask, decision, name)
            if ask.mode == "embedding":
                embedders.setdefault((ask.strategy, ask.model), {}).setdefault(name, ask)
    for (strategy, pin), found in embedders.items():
        sets = {name: upstreams_of(world.catalog.models[name]) for name in found}
        odd = [(a, b) for a in sets for b in sets if a < b and sets[a].isdisjoint(sets[b])]
        for one, other in odd[:1]:
            yield _broken(
                "P5", [strategy, pin], "IL314 IL309", f"{one} or {other}: {found[one]}; {found[other]}"
            )


def _hop(world: World, ask: Ask, decision: Decision, name: str) -> Iterator[Broken]:
    model = world.catalog.models[name]
    if not model.in_service or ask.mode not in model.modes:
        yield _broken("P4", [name], "", ask)
    for upstream in flatten(decision.upstreams[name]):
        for row in world.behind(name, upstream):
            if row.provider not in ask.down:
                yield from _deployment(world, ask, decision, model, row)


def _deployment(
    world: World, ask: Ask, decision: Decision, model: Model, row: Deployment
) -> Iterator[Broken]:
    for promise, codes, what in failures(world, ask, decision, model, row):
        yield _broken(promise, [model.name], codes, f"{what} at {row.id}: {ask}")


# --- P6 ------------------------------------------------------------------------------------------------


def _gateways(catalog: Catalog) -> Iterator[Broken]:
    for gateway in catalog.gateways.values():
        if gateway.master_key is not None:
            continue
        if gateway.service.type != "ClusterIP":
            yield _broken("P6 outside", [gateway.name], "IL502", gateway.name)
        for other in catalog.gateways.values():
            if other.master_key is not None and _answers(catalog, gateway) & _answers(catalog, other):
                yield _broken("P6 key", [gateway.name], "IL503", f"{gateway.name} beside {other.name}")


def _answers(catalog: Catalog, gateway: Gateway) -> set[str]:
    owned = {name for name, provider in catalog.providers.items() if provider.gateway == gateway.name}
    models = [model for model in catalog.models.values() if model.status in ("active", "deprecated")]
    return {model.name for model in models if not owned or owned & set(model.providers)}


# --- P7 ------------------------------------------------------------------------------------------------


def _traffic(world: World) -> Iterator[Broken]:
    names = [line.name for line in world.catalog.traffic]
    at = ["traffic"] if names else []
    if not names:
        return
    over = [limit for limit in ("rpm", "tpm") if not _carried(world, limit, ())]
    if over:
        yield _broken("P7", at, "IL701", over)
        return
    for provider in world.catalog.providers:
        over = [limit for limit in ("rpm", "tpm") if not _carried(world, limit, (provider,))]
        if over:
            yield _broken("P7 outage", at, "IL702", f"{over} without {provider}")


def _carried(world: World, limit: str, down: tuple[str, ...]) -> bool:
    """Whether what the lines ask for flows through the models of their routes within their limits."""
    sources: dict[str, Fraction] = {}
    sinks: dict[str, Fraction | None] = {}
    edges: dict[str, set[str]] = {}
    for line in world.catalog.traffic:
        takers = _takers(world, line, down)
        if takers:  # P1 and P2 speak of those that nobody can take
            each = 1 if limit == "rpm" else line.prompt_tokens + line.completion_tokens
            sources[line.name] = Fraction(line.requests_per_day) * Fraction(each) / 1440
            edges[line.name] = takers
            sinks |= {name: _limit(world.catalog.models[name], limit, down) for name in takers}
    return most_that_flows(sources, edges, sinks) == sum(sources.values())


def _takers(world: World, line: Traffic, down: tuple[str, ...]) -> set[str]:
    """The models that a request of a line may come to in any mode, however many have failed before."""
    strategy = line.strategy or (None if line.model else world.catalog.default_strategy)
    answer = max(1, int(line.completion_tokens))
    found: set[str] = set()
    for mode in MODES:
        ask = Ask(strategy, line.model, mode, int(line.prompt_tokens), answer, down=down)
        found |= {one.model for one in world.decide(ask).candidates if not one.reasons}
    trial = world.catalog.strategies[strategy].canary if strategy else None
    listed = world.catalog.strategies[strategy].candidates if strategy else ()
    return found - ({trial.model} - {*listed, line.model} if trial else set())


def _limit(model: Model, limit: str, down: tuple[str, ...]) -> Fraction | None:
    limits = [getattr(row, limit) for row in model.deployments if row.provider not in down]
    return None if None in limits else Fraction(sum(limits))


# --- P8 ------------------------------------------------------------------------------------------------


def _cycles(catalog: Catalog) -> Iterator[Broken]:
    reach = {name: set(model.fallbacks or ()) for name, model in catalog.models.items()}
    for via in catalog.models:
        for found in reach.values():
            found.update(reach[via] if via in found else ())
    for name, found in reach.items():
        if name in found:
            yield _broken("P8 cycle", [other for other in found if name in reach[other]], "IL303", name)
