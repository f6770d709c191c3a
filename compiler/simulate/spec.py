"""What is played: requests, as what they ask for, how large they are and when they come."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compiler.runtime.request import Needs, Refusal

OTHERS = "(others)"
MAX_LINES = 200  # of a log that are counted apart


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """What requests say that are routed alike but for their size. Compared by identity: make each once.

    `body` holds what routes (`model`, `routing_strategy`, `requirements`), without any text. `line` counts
    from 0 among the lines of the report. A `refusal` was made before anything was decided.
    """

    body: Mapping[str, Any]
    mode: str
    line: int
    header: str | None = None
    capabilities: tuple[str, ...] = ()
    refusal: Refusal | None = None


@dataclass(slots=True)
class Spec:
    """One kind of request: what it asks, the sizes that the decision looks at, and those it turns out with.

    `on_trial` says on which side of a canary it is. `prompt` and `completion` are the tokens paid for;
    a `completion` of None takes the usual answer of the model that answers.
    """

    ask: Ask
    needs_prompt: int
    needs_output: int | None
    prompt: float
    completion: float | None
    on_trial: bool = False
    key: tuple[Any, ...] = field(init=False)
    line: int = field(init=False)

    def __post_init__(self) -> None:
        self.key = (self.ask, self.on_trial, self.needs_prompt, self.needs_output)
        self.line = self.ask.line

    @property
    def needs(self) -> Needs:
        return Needs(self.needs_prompt, self.needs_output, self.ask.capabilities)


# (seconds since the first request, what it is, its luck: a place from 0 to 4095 among the latencies)
Request = tuple[float, Spec, int]


class Lines:
    """The names of the report's lines, numbered as they are met."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        found = self._numbers.get(name)
        if found is None:
            if len(self.names) >= MAX_LINES:
                return self._add(OTHERS)
            found = self._add(name)
        return found

    def _add(self, name: str) -> int:
        if name not in self._numbers:
            self._numbers[name] = len(self.names)
            self.names.append(name)
        return self._numbers[name]
