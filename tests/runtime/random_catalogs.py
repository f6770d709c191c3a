"""Random catalogs and requests to them: every word of SPEC sections 2 and 3, with values that meet and miss.

A pair is a function of its seed and number alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

PROVIDERS = ("alpha", "beta", "gamma", "delta")
PLACES = ("eu", "us", None)
CAPABILITIES = ("vision", "function_calling", "json_mode", "audio_input", "pdf_input")
_WINDOWS = (1_000, 8_192, 32_000, 128_000)
_ANSWERS = (100, 1_000, 4_096)
_PRICES = (0, 0.1, 0.5, 1, 3, 10, 75)
_ORDERS = ("listed", "cost", "latency", "quality", "context_window")
_ENDPOINTS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages")
MODES = {"/v1/completions": "completion", "/v1/embeddings": "embedding"}  # the others ask for chat

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: where to, its body, and the headers that route."""

    path: str
    body: Json
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def mode(self) -> str:
        return MODES.get(self.path, "chat")


def catalog(seed: int, number: int) -> Json:
    """A catalog that the compiler takes: two to eight models at up to four providers."""
    random = Random(f"catalog/{seed}/{number}")  # noqa: S311  # no secret
    providers = {name: _provider(random) for name in PROVIDERS[: random.randint(1, len(PROVIDERS))]}
    names = [f"m{n}" for n in range(random.randint(2, 8))]
    models = {name: _model(random, name, names, list(providers)) for name in names}
    models["m0"].pop("lifecycle", None)  # a gateway serves something
    strategies = {
        name: _strategy(random, names, list(providers)) for name in ("s1", "s2", "s3")[: random.randint(1, 3)]
    }
    strategies["s1"]["default"] = True
    data: Json = {"apiVersion": "interlock/v1", "name": "random", "providers": providers, "models": models}
    fallback = {"providers": _some(random, list(providers), least=1), "max_attempts": random.randint(1, 6)}
    fallback |= _maybe(random, 0.1, retry={"attempts": random.randint(0, 1), "backoff_ms": 1})
    data |= {"strategies": strategies, "fallback": fallback}
    return data | _maybe(random, 0.15, requirements=_wanted(random, list(providers), most=1))


def request(seed: int, number: int, data: Json) -> Asked:
    """A request to a catalog; LiteLLM itself finds nothing wrong with any."""
    random = Random(f"request/{seed}/{number}")  # noqa: S311  # no secret
    path = random.choices(_ENDPOINTS, (45, 15, 12, 14, 14))[0]
    body = _content(random, path) | _who(random, data)
    named = random.choice([*data["strategies"], *data["strategies"], "s9"])
    headers = {"x-routing-strategy": named} if random.random() < 0.2 else {}
    if random.random() < 0.35:
        body["requirements"] = _wanted(random, list(data["providers"]), most=2) | _slip(random)
    body |= _maybe(random, 0.3, stream=True) if path != "/v1/embeddings" else {}
    body |= _maybe(random, 0.4, user=f"user-{random.randrange(50)}")
    body |= _maybe(
        random, 0.2, metadata={random.choice(("session_id", "user_id", "other")): f"{random.randrange(50)}"}
    )
    return Asked(path, body, headers)


# --- catalogs ------------------------------------------------------------------------------------------


def _provider(random: Random) -> Json:
    name = random.choice(("openai", "anthropic", "mistral"))
    place = random.choice(PLACES)
    return {"type": name, "api_key": {"secret": "keys", "key": "key"}} | (
        {"residency": place} if place else {}
    )


def _model(random: Random, name: str, names: list[str], providers: list[str]) -> Json:
    facts = _maybe(random, 0.9, context_window=random.choice(_WINDOWS))
    facts |= _maybe(random, 0.8, max_output_tokens=random.choice(_ANSWERS))
    facts |= _maybe(random, 0.8, price=_price(random))
    facts |= _maybe(random, 0.8, quality=random.randint(0, 100))
    facts |= _maybe(random, 0.8, latency_ms=random.choice((100, 400, 400, 900, 3_000)))
    facts |= _maybe(random, 0.7, modes=_modes(random))
    facts |= _maybe(random, 0.7, capabilities=_some(random, CAPABILITIES, least=2))
    facts |= _maybe(random, 0.1, lifecycle={"status": random.choice(("planned", "deprecated", "retired"))})
    facts |= _maybe(random, 0.4, fallbacks=[n for n in _some(random, names) if n != name])
    return facts | _served(random, name, providers)


def _served(random: Random, name: str, providers: list[str]) -> Json:
    """Every deployment has an upstream id of its own, `<model>--<n>`: what is called says by whom."""
    if random.random() < 0.6:
        return {"provider": random.choice(providers), "id": f"{name}--0"}
    rows = [{"provider": random.choice(providers), "id": f"{name}--{n}"} for n in range(random.randint(2, 3))]
    return {"deployments": [row | _maybe(random, 0.4, weight=random.randint(1, 5)) for row in rows]}


def _price(random: Random) -> Json:
    price: Json = {"input": random.choice(_PRICES), "output": random.choice(_PRICES)}
    tier = {
        "above_context": random.choice((50, 500)),
        "input": random.choice(_PRICES),
        "output": random.choice(_PRICES),
    }
    return price | _maybe(random, 0.3, tiers=[tier])


def _modes(random: Random) -> list[str]:
    # a model of both kinds is none that a vendor has, and `interlock dev` reaches it in one way only
    every = (["chat", "completion"], ["chat"], ["completion"], ["embedding"])
    return random.choices(every, (5, 1, 1, 3))[0]


def _strategy(random: Random, names: list[str], providers: list[str]) -> Json:
    kind = random.random()
    strategy: Json = {}
    if kind < 0.6:
        strategy["candidates"] = _some(random, names, least=1)
    elif kind < 0.8:
        strategy["select"] = random.choice(
            ({"modes": ["chat"]}, {"capabilities": ["vision"]}, {"min_context_window": 1_000})
        )
    strategy |= _maybe(random, 0.7, order=random.choice(_ORDERS))
    strategy |= _maybe(random, 0.25, requirements=_wanted(random, providers, most=1))
    share = random.choice((0, 5, 50, 99.5, 100))
    return strategy | _maybe(random, 0.3, canary={"model": random.choice(names), "percent": share})


# --- requests ------------------------------------------------------------------------------------------


def _who(random: Random, data: Json) -> Json:
    """A model, a strategy, both in one of their forms, or neither."""
    odd = random.choice(("auto/", "auto/s9", "m9", None, ""))
    autos = ["auto", *(f"auto/{name}" for name in data["strategies"])]
    named = _maybe(random, 0.55, model=random.choice([*data["models"], *data["models"], *autos, odd]))
    strategies = [*data["strategies"], *data["strategies"], *data["strategies"], random.choice(("s9", None))]
    return named | _maybe(random, 0.35, routing_strategy=random.choice(strategies))


def _wanted(random: Random, providers: list[str], most: int) -> Json:
    every: Json = {
        "min_context_window": random.choice((1, *_WINDOWS)),
        "min_output_tokens": random.choice((1, *_ANSWERS)),
        "min_quality": random.choice((0, 10, 40, 99.5)),
        "max_latency_ms": random.choice((100, 500, 1_000, 5_000)),
        "max_price": random.choice(({"input": 10}, {"output": 10}, {"input": 1, "output": 3})),
        "max_cost_usd": random.choice((0, 0.001, 0.01, 1)),
        "capabilities": _some(random, CAPABILITIES)[:1],
        "providers": _some(random, providers, least=1),
        "exclude_providers": _some(random, providers)[:1],
        "residency": random.choice(("eu", "us")),
    }
    return {name: every[name] for name in random.sample(sorted(every), random.randint(min(1, most), most))}


def _slip(random: Random) -> Json:
    slips: tuple[Json, ...] = (
        {"min_context": 1},
        {"min_quality": "high"},
        {"providers": "alpha"},
        {"residency": None},
    )
    return random.choice(slips) if random.random() < 0.08 else {}


def _content(random: Random, path: str) -> Json:
    text = random.choice(("hi", "Grüße, 世界", "word " * random.randrange(3_000)))
    limit = random.choice((1, 10, 90, 700, 2_000))
    tokens = _maybe(random, 0.4, max_tokens=limit)
    if path == "/v1/completions":
        return {"prompt": text, **tokens}
    if path == "/v1/embeddings":
        return {"input": random.choice((text, [text, "hi"]))}
    if path == "/v1/responses":
        return {"input": text, **_maybe(random, 0.4, max_output_tokens=limit)} | _maybe(
            random, 0.15, tools=[_FLAT_TOOL]
        )
    if path == "/v1/messages":
        plain = {"messages": [{"role": "user", "content": text}], "max_tokens": limit}
        return plain | _maybe(random, 0.15, tools=[_CLAUDE_TOOL])
    return {"messages": _messages(random, text), **tokens} | _asks(random)


def _messages(random: Random, text: str) -> list[Json]:
    parts = [{"type": "text", "text": text}, *(part for part in _PARTS if random.random() < 0.1)]
    last = {"role": "user", "content": parts if len(parts) > 1 or random.random() < 0.2 else text}
    history = [{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Yes?"}]
    return [*(history if random.random() < 0.3 else ()), last]


def _asks(random: Random) -> Json:
    wants = _maybe(random, 0.15, tools=[{"type": "function", "function": _FUNCTION}])
    wants |= _maybe(random, 0.1, response_format={"type": "json_object"})
    return wants | _maybe(
        random, 0.05, response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": _EMPTY}}
    )


_EMPTY: Json = {"type": "object", "properties": {}}
_FUNCTION: Json = {"name": "f", "description": "does f", "parameters": _EMPTY}
_FLAT_TOOL: Json = {"type": "function", **_FUNCTION}
_CLAUDE_TOOL: Json = {"name": "f", "description": "does f", "input_schema": _EMPTY}
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_PARTS: tuple[Json, ...] = (
    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_PIXEL}"}},
    {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
)


# --- chance --------------------------------------------------------------------------------------------


def _maybe(random: Random, chance: float, **fields: Any) -> Json:
    return fields if random.random() < chance else {}


def _some(random: Random, names: Sequence[str], least: int = 0) -> list[str]:
    """Some of the names, in a random order."""
    return random.sample(list(names), random.randint(least, len(names)))
