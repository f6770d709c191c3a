"""What `changes` returns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Hop:
    """One model of a route, and the ids of its deployments that may answer, the best priority first."""

    model: str
    upstreams: tuple[tuple[str, ...], ...]


Route = tuple[Hop, ...]  # () is a refusal


@dataclass(frozen=True, slots=True)
class Change:
    """Requests that one table routes as `before` and the other as `after`, and the simplest of them.

    Both `strategy` and `model` are None for requests that name neither; those stand apart only where the
    default strategy is another one. `when` says what else they have in common: nothing for plain requests.
    `request` is a body as a client sends it, without a text for a long prompt: `prompt_tokens` is its size as
    the gateway estimates it. `modes` are the kinds of request of which all this is true.
    """

    strategy: str | None
    model: str | None
    modes: tuple[str, ...]
    before: Route
    after: Route
    when: tuple[str, ...]
    request: Mapping[str, Any]
    prompt_tokens: int
    down: tuple[str, ...] = ()
    weight: int = 0  # how much such a request differs from a plain one: the number of features it needs

    @property
    def mode(self) -> str:
        return self.modes[0]


@dataclass(frozen=True, slots=True)
class Changes:
    """Every change, those of the simplest requests first. `remarks` say where not all could be looked at."""

    rows: tuple[Change, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        return not self.remarks
