"""The routing tests of a catalog, typed: a request, and what is expected of its route."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from compiler.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a route has to be; only what is not None is compared. `max_cost_usd` is of the first hop."""

    model: str | None = None
    fallbacks: tuple[str, ...] | None = None  # the whole rest of the route, in order
    refused: bool | None = None
    code: str | None = None  # the refusal's
    provider: str | None = None
    max_cost_usd: float | None = None
    residency: str | None = None


@dataclass(frozen=True, slots=True)
class RoutingTest:
    """One test. The request may name what does not exist; every other name in it exists.

    `gateway` None is the one that clients call; `key_models` None is a key that may use everything;
    `prompt_tokens` None means that the request's own text is measured.
    """

    name: str
    where: Span
    request: Mapping[str, Any]
    expect: Expectation
    mode: Literal["chat", "completion", "embedding"] = "chat"
    down: tuple[str, ...] = ()
    header: str | None = None
    key_models: frozenset[str] | None = None
    prompt_tokens: int | None = None
    gateway: str | None = None
