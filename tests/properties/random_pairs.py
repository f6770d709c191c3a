"""Random catalogs, each with a changed copy, and random requests to both; a seed and a number say which."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from compiler.runtime.models import Table
from tests.properties.random_hazards import (
    _ANSWERS,
    _ORDERS,
    _PRICES,
    _WINDOWS,
    AS_OF,
    _maybe,
    _wanted,
    hazardous,
)

__all__ = ["AS_OF", "Marks", "Request", "pair", "requests"]
Json = dict[str, Any]
Request = tuple[Json, str, tuple[str, ...]]  # body, mode, who is down
_PARTS = ("image_url", "input_audio", "file")


def pair(seed: int, number: int) -> tuple[Json, Json, dict[str, Json]]:
    """A catalog, what one to three changes make of it, and the entries of a cost map for both."""
    before, entries = hazardous(seed, number)
    random = Random(f"pair/{seed}/{number}")  # noqa: S311  # no secret
    after = copy.deepcopy(before)
    for change in random.sample(_CHANGES, random.choice((1, 1, 2, 3))):
        change(after, random)
    return before, after, entries


def _facts(data: Json, random: Random) -> None:
    model = data["models"][random.choice(list(data["models"]))]
    model |= random.choice((
        {"context_window": random.choice(_WINDOWS)}, {"max_output_tokens": random.choice(_ANSWERS)},
        {"quality": random.choice((10, 50, 90))}, {"latency_ms": random.choice((100, 900))},
        {"capabilities": random.sample(("vision", "function_calling", "json_mode"), 2)},
    ))  # fmt: skip


def _price(data: Json, random: Random) -> None:
    cost_in, cost_out = random.choice(_PRICES)
    tier = {"above_context": random.choice((300, 1_500)), "input": 7.0, "output": 21.0}
    model = data["models"][random.choice(list(data["models"]))]
    model["price"] = {"input": cost_in, "output": cost_out} | _maybe(random, 0.5, tiers=[tier])


def _candidates(data: Json, random: Random) -> None:
    strategy = data["strategies"][random.choice(list(data["strategies"]))]
    strategy.pop("select", None)
    strategy["candidates"] = random.sample(list(data["models"]), random.randint(1, len(data["models"])))


def _order(data: Json, random: Random) -> None:
    data["strategies"][random.choice(list(data["strategies"]))]["order"] = random.choice(_ORDERS)


def _requirements(data: Json, random: Random) -> None:
    strategy = data["strategies"][random.choice(list(data["strategies"]))]
    strategy["requirements"] = _wanted(random, list(data["providers"]))


def _canary(data: Json, random: Random) -> None:
    model = random.choice(list(data["models"]))
    share = random.choice((5, 50, 100))
    data["strategies"][random.choice(list(data["strategies"]))]["canary"] = {"model": model, "percent": share}


def _provider(data: Json, random: Random) -> None:
    """One deployment moves to another provider, or a second provider is added to a model."""
    rows = data["models"][random.choice(list(data["models"]))]["deployments"]
    provider = random.choice(list(data["providers"]))
    if all(row["provider"] != provider for row in rows):
        rows.append({**rows[0], "provider": provider}) if random.random() < 0.5 else rows[0].update(
            provider=provider
        )


def _fallback(data: Json, random: Random) -> None:
    data["fallback"]["max_attempts"] = random.choice((1, 2, 3))
    providers = list(data["providers"])
    data["fallback"]["providers"] = random.sample(providers, random.randint(1, len(providers)))


def _status(data: Json, random: Random) -> None:
    model = data["models"][random.choice(list(data["models"]))]
    model["lifecycle"] = {"status": random.choice(("planned", "retired", "deprecated"))}


def _default(data: Json, random: Random) -> None:
    for strategy in data["strategies"].values():
        strategy.pop("default", None)
    data["strategies"][random.choice(list(data["strategies"]))]["default"] = True


def _new(data: Json, random: Random) -> None:
    """A model and a strategy more."""
    data["models"]["new"] = copy.deepcopy(data["models"][random.choice(list(data["models"]))])
    data["strategies"]["new"] = {"candidates": ["new", "m0"]}


_CHANGES: list[Callable[[Json, Random], None]] = [
    _facts, _price, _candidates, _order, _requirements, _canary, _provider, _fallback, _status, _default,
    _new,
]  # fmt: skip


@dataclass(frozen=True)
class Marks:
    """What requests can name, and the sizes at which models begin to be unfit."""

    strategies: list[str]
    models: list[str]
    providers: list[str]
    prompts: list[int]
    answers: list[int]
    prices: list[float]

    @classmethod
    def of(cls, *tables: Table) -> "Marks":
        rows = [row for table in tables for row in table["models"].values()]
        tiers = [tier for row in rows if row["price"] for tier in row["price"]["tiers"]]
        windows = {row["context_window"] for row in rows} | {tier[0] for tier in tiers}
        sides = {row["price"][side] for row in rows if row["price"] for side in ("input", "output")}
        return cls(
            sorted({name for table in tables for name in table["strategies"]}),
            sorted({name for table in tables for name in table["models"]}),
            sorted({name for row in rows for name in row["providers"]}),
            sorted({window or 100 for window in windows}),
            sorted({row["max_output_tokens"] or 100 for row in rows}),
            sorted(sides) or [1.0],
        )


def requests(seed: int, number: int, marks: Marks, count: int) -> Iterator[Request]:
    """Requests of every kind that clients can word."""
    random = Random(f"requests/{seed}/{number}")  # noqa: S311  # no secret
    for _ in range(count):
        yield _request(random, marks)


def _request(random: Random, marks: Marks) -> Request:
    mode = random.choices(("chat", "completion", "embedding"), (6, 1, 1))[0]
    body = _maybe(random, 0.6, routing_strategy=random.choice(marks.strategies))
    body |= _maybe(random, 0.3, model=random.choice(marks.models))
    body |= _maybe(random, 0.4, max_tokens=_size(random, marks.answers))
    required = _required(random, marks)
    body |= {"requirements": required} if required else {}
    body |= _maybe(random, 0.2, tools=[{"type": "function"}])
    body |= _maybe(random, 0.2, response_format={"type": "json_object"})
    body |= _maybe(random, 0.5, user=f"user-{random.randrange(10_000)}")
    content: Any = "x" * int(_size(random, marks.prompts) * 4 / 1.1)
    if random.random() < 0.15:
        content = [{"type": random.choice(_PARTS)}, {"type": "text", "text": content}]
    body["messages"] = [{"role": "user", "content": content}]
    down = tuple(random.sample(marks.providers, 1)) if random.random() < 0.25 else ()
    return body, mode, down


def _required(random: Random, marks: Marks) -> Json:
    every: Mapping[str, Any] = {
        "min_context_window": random.choice(marks.prompts),
        "min_output_tokens": random.choice(marks.answers),
        "min_quality": random.choice((50, 80, 90, 95)),
        "max_latency_ms": random.choice((500, 1_000, 2_000)),
        "capabilities": [random.choice(("vision", "function_calling", "json_mode", "reasoning"))],
        "providers": random.sample(marks.providers, random.randint(1, len(marks.providers))),
        "exclude_providers": random.sample(marks.providers, 1),
        "residency": random.choice(("eu", "eu", "us")),
    }
    count = random.choice((0, 0, 1, 1, 2))
    found = {name: every[name] for name in random.sample(sorted(every), count)}
    limits = {side: random.choice(marks.prices) * random.choice((1, 1, 1.1)) for side in ("input", "output")}
    found |= _maybe(random, 0.2, max_price={side: limits[side] for side in random.sample(sorted(limits), 1)})
    return found | _maybe(random, 0.2, max_cost_usd=10 ** random.uniform(-5, 0))


def _size(random: Random, marks: list[int]) -> int:
    """Near a mark, or anything of any order of magnitude."""
    near = random.choice(marks) + random.randint(-30, 5)
    return max(1, near if random.random() < 0.4 else int((2 * marks[-1]) ** random.random()))
