"""Random catalogs in which things are wrong every other time, and the cost map that they are judged with.

A pair is a function of its seed and number alone. Every hazard that an interlock speaks of is drawn here
with a chance of its own, so that about half of the catalogs have none and each is met often.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

Json = dict[str, Any]

AS_OF = "2026-11-23"
TYPES = ("openai", "mistral", "groq", "gemini")  # each has entries of its own in the map
CAPABILITIES = ("vision", "function_calling", "json_mode")  # a request asks for them without saying so
UNSEEN = "reasoning"  # and for this one it does not
_CHATS, _EMBEDDINGS = ("chat-a", "chat-b", "chat-c"), ("embed-a", "embed-b")
# An image counts for some 1,200 tokens: at a window not much larger it and a long answer exclude each other,
# and IL312, which is a warning, looks at each alone.
_WINDOWS, _ANSWERS = (3_000, 4_000, 9_000), (100, 400, 1_500)
_PRICES = ((0.5, 1.0), (2.0, 6.0), (8.0, 4.0), (10.0, 30.0))
_ORDERS = ("listed", "cost", "latency", "quality", "context_window")
_KEY = {"api_key": {"secret": "keys", "key": "key"}}


def hazardous(seed: int, number: int) -> tuple[Json, dict[str, Json]]:
    """A catalog of two to four providers and up to six models, and the entries of a cost map."""
    random = Random(f"hazards/{seed}/{number}")  # noqa: S311  # no secret
    providers = _providers(random)
    entries = {
        _entry_name(kind, upstream): entry
        for upstream, family in _families(random).items()
        for kind, entry in ((kind, _entry(random, family)) for kind in TYPES)
    }
    names = [f"m{n}" for n in range(random.choice((2, 3, 3, 4, 5, 6)))]
    models = {name: _model(random, name, names, list(providers)) for name in names}
    strategies = {f"s{n}": _strategy(random, models, list(providers)) for n in range(random.randint(1, 3))}
    strategies["s0"]["default"] = True
    data: Json = {"apiVersion": "interlock/v1", "name": "hazards", "providers": providers, "models": models}
    data["strategies"] = strategies
    data["fallback"] = {"max_attempts": random.choice((1, 2, 3, 3, 4))} | _maybe(
        random, 0.5, providers=random.sample(list(providers), random.randint(1, len(providers)))
    )
    data |= _maybe(random, 0.08, requirements=_wanted(random, list(providers)))
    data |= _maybe(random, 0.3, traffic=_traffic(random, names, list(strategies)))
    if random.random() < 0.2:
        data["gateways"] = _gateways(random, providers)
    return data, entries


def _providers(random: Random) -> Json:
    """Each is of a type of its own, so that the map may know otherwise of the same upstream id."""
    found = {}
    for kind in TYPES[: random.choice((1, 2, 3, 3, 4, 4))]:
        place = random.choice(("eu", "eu", "us", None))
        found[f"at-{kind}"] = {"type": kind, **_KEY} | ({"residency": place} if place else {})
    return found


def _gateways(random: Random, providers: Json) -> Json:
    """A router, and often a gateway of its own for one provider, each with or without a key."""
    gateways = {"router": _gateway(random)}
    if random.random() < 0.7:
        gateways["behind"] = _gateway(random)
        random.choice(list(providers.values()))["gateway"] = "behind"
    return gateways


def _gateway(random: Random) -> Json:
    service = random.choice(("ClusterIP", "ClusterIP", "LoadBalancer"))
    return {"service": {"type": service, "internal": True}} | _maybe(random, 0.25, auth="none")


# --- the cost map --------------------------------------------------------------------------------------


def _families(random: Random) -> dict[str, Json]:
    return {name: _family(random, "chat") for name in _CHATS} | {
        name: _family(random, "embedding") for name in _EMBEDDINGS
    }


def _family(random: Random, mode: str) -> Json:
    cost_in, cost_out = random.choice(_PRICES)
    family: Json = {"mode": mode, "max_input_tokens": random.choice(_WINDOWS)}
    family |= {"input_cost_per_token": cost_in / 1e6, "output_cost_per_token": cost_out / 1e6}
    family |= _maybe(random, 0.8, max_output_tokens=random.choice(_ANSWERS))
    family |= {f"supports_{name}": True for name in ("vision", "function_calling") if random.random() < 0.6}
    family |= _maybe(random, 0.4, supports_response_schema=True)
    return family | _maybe(random, 0.15, supports_reasoning=True)


def _entry(random: Random, family: Json) -> Json:
    """What one vendor does of a family: mostly what the others do."""
    entry = family | _maybe(random, 0.06, max_input_tokens=random.choice(_WINDOWS))
    entry |= _maybe(random, 0.04, max_output_tokens=random.choice(_ANSWERS))
    if random.random() < 0.06:
        cost_in, cost_out = random.choice(_PRICES)
        entry |= {"input_cost_per_token": cost_in / 1e6, "output_cost_per_token": cost_out / 1e6}
    entry |= _maybe(random, 0.05, input_cost_per_token_above_1k_tokens=9e-6)
    days = (AS_OF, "2025-01-01", "2026-11-24", "2027-01-22", "2031-01-01")
    return entry | _maybe(random, 0.05, deprecation_date=random.choice(days))


def _entry_name(kind: str, upstream: str) -> str:
    return upstream if kind == "openai" else f"{kind}/{upstream}"


# --- models --------------------------------------------------------------------------------------------


def _model(random: Random, name: str, names: list[str], providers: list[str]) -> Json:
    upstream = random.choice((*_CHATS, *_CHATS, *_EMBEDDINGS))
    facts = _maybe(random, 0.7, quality=random.choice((10, 50, 90)))
    facts |= _maybe(random, 0.7, latency_ms=random.choice((100, 900)))
    facts |= _maybe(random, 0.06, context_window=random.choice(_WINDOWS))
    facts |= _maybe(random, 0.05, max_output_tokens=random.choice(_ANSWERS))
    facts |= _maybe(random, 0.08, price=_price(random))
    facts |= _maybe(random, 0.06, capabilities=random.sample([*CAPABILITIES, UNSEEN], 2))
    facts |= _maybe(random, 0.05, modes=random.choice((["chat"], ["completion"], ["embedding"])))
    facts |= _maybe(random, 0.06, lifecycle=_lifecycle(random))
    facts |= _maybe(random, 0.15, fallbacks=_some(random, [n for n in names if n != name], 2))
    where = random.sample(providers, min(len(providers), random.choice((1, 1, 2, 3))))
    rows = [{"provider": one, "id": upstream} | _limits(random) for one in where]
    if random.random() < 0.04:
        rows[-1]["id"] = random.choice((*_CHATS, *_EMBEDDINGS))
    if random.random() < 0.05:
        rows[-1]["id"] = "new-one"  # which the map does not know
        facts |= {"context_window": random.choice(_WINDOWS)}
    return facts | {"deployments": rows}


def _price(random: Random) -> Json:
    cost_in, cost_out = random.choice(_PRICES)
    tier = {"above_context": random.choice((300, 1_500)), "input": 9.0, "output": 20.0}
    return {"input": cost_in, "output": cost_out} | _maybe(random, 0.3, tiers=[tier])


def _lifecycle(random: Random) -> Json:
    days = (AS_OF, "2026-11-24", "2027-02-01", "2031-01-01")
    return random.choice((
        {"status": "planned"}, {"status": "retired"}, {"status": "deprecated"},
        {"retires_on": random.choice(days)},
    ))  # fmt: skip


def _limits(random: Random) -> Json:
    return _maybe(random, 0.5, rpm=random.choice((10, 60, 200))) | _maybe(
        random, 0.5, tpm=random.choice((10_000, 50_000, 200_000))
    )


# --- strategies and traffic ----------------------------------------------------------------------------


def _strategy(random: Random, models: Json, providers: list[str]) -> Json:
    strategy: Json = {}
    kinds = random.choices((_CHATS, _EMBEDDINGS, (*_CHATS, *_EMBEDDINGS)), (7, 1, 1))[0]
    alike = [name for name, model in models.items() if model["deployments"][0]["id"] in kinds]
    if random.random() < 0.85:
        strategy["candidates"] = _some(random, alike or list(models), 4, least=2)
    else:
        strategy["select"] = random.choice(({"modes": ["chat"]}, {"min_context_window": 2_000}, {}))
    strategy |= _maybe(random, 0.6, order=random.choice(_ORDERS))
    strategy |= _maybe(random, 0.15, requirements=_wanted(random, providers))
    strategy |= _maybe(random, 0.12, single_provider="the contract says so")
    share = random.choice((0, 5, 50, 90))
    on_trial = random.choice(alike or list(models))
    return strategy | _maybe(random, 0.12, canary={"model": on_trial, "percent": share})


def _wanted(random: Random, providers: list[str]) -> Json:
    every: Mapping[str, Any] = {
        "min_context_window": random.choice(_WINDOWS),
        "min_output_tokens": random.choice(_ANSWERS),
        "min_quality": 50,
        "max_latency_ms": 500,
        "max_price": random.choice(({"input": 5}, {"output": 10}, {"input": 9, "output": 10})),
        "max_cost_usd": random.choice((0.0003, 0.0013, 0.011)),
        "capabilities": [random.choice((*CAPABILITIES, UNSEEN))],
        "providers": random.sample(providers, random.randint(1, len(providers))),
        "exclude_providers": random.sample(providers, 1),
        "residency": random.choice(("eu", "eu", "us")),
    }
    return {name: every[name] for name in random.sample(sorted(every), random.choice((1, 1, 2)))}


def _traffic(random: Random, names: list[str], strategies: list[str]) -> list[Json]:
    lines: list[Json] = []
    for n in range(random.randint(1, 3)):
        line: Json = {"name": f"line-{n}", "requests_per_day": random.choice((100, 20_000, 90_000, 300_000))}
        line |= {
            "prompt_tokens": random.choice((50, 500, 1_500)),
            "completion_tokens": random.choice((0, 50)),
        }
        line |= _maybe(random, 0.7, strategy=random.choice(strategies))
        lines.append(line | _maybe(random, 0.2, model=random.choice(names)))
    return lines


# --- chance --------------------------------------------------------------------------------------------


def _maybe(random: Random, chance: float, **fields: Any) -> Json:
    return fields if random.random() < chance else {}


def _some(random: Random, names: Sequence[str], most: int, least: int = 1) -> list[str]:
    """Some of the names, in a random order."""
    most = min(most, len(names))
    return random.sample(list(names), random.randint(min(least, most), most))
