"""What can be wrong with a simulated provider, and the rules for saying so."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from compiler.dev.answers import MISTAKES

_HOUR_MS = 3_600_000
_RANGES = {
    "latency_ms": (0, _HOUR_MS),
    "first_byte_ms": (0, _HOUR_MS),
    "status": (400, 599),
    "retry_after": (0, 86_400),
    "die_after_chunks": (0, 1_000_000),
    "every": (1, 1_000_000),
}


class FaultError(ValueError):
    """A fault that cannot be set; the message names the legal fields or values."""


class UnknownProviderError(LookupError):
    """No such provider is simulated; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """How a provider misbehaves. All of it at once is allowed: it is slow first, then fails.

    `latency_ms` passes before anything is sent; `first_byte_ms` between a stream's headers and its first
    chunk. `status` answers with that error (and `retry_after`, in seconds, as the header). `error` answers
    400 in OpenAI's words for one of `answers.MISTAKES`, whatever `status` says. `timeout` accepts the
    request and never answers. `refused` closes the listener. `reset` resets the connection halfway through
    an answer. `die_after_chunks` drops a stream after that many chunks of content.

    `every` makes it flap: only each n-th request meets the fault, the others find the provider healthy.
    They are counted by model, from the moment it is set. `refused` does not flap: it is no request's.
    """

    latency_ms: int = 0
    first_byte_ms: int = 0
    status: int | None = None
    retry_after: int | None = None
    error: str | None = None
    timeout: bool = False
    refused: bool = False
    reset: bool = False
    die_after_chunks: int | None = None
    every: int | None = None


LEGAL_FIELDS = (*(field.name for field in fields(Fault)), "model")


class Faults:
    """The faults of one provider, of all its models or of one; a model's own win over the provider's.

    `models` are the upstream ids that may be named; with none given, any may.
    """

    def __init__(self, models: Sequence[str] = ()) -> None:
        self._models = tuple(models)
        self._set: dict[str | None, dict[str, Any]] = {}
        self._met: Counter[str | None] = Counter()  # requests since `every` was set, by model

    def update(self, change: Mapping[str, Any]) -> None:
        """Adds to what is set; None makes a field healthy again. Raises FaultError, then nothing changes."""
        checked = _checked(change)
        model = checked.pop("model", None)
        if model is not None:
            self._check_model(model, checked)
        if "every" in checked:
            self._met.clear()
        merged = self._set.get(model, {}) | checked
        self._set[model] = {name: value for name, value in merged.items() if value is not None}

    def clear(self) -> None:
        self._set.clear()

    def meet(self, model: str) -> Fault:
        """What one request for the model meets, which counts it for `every`."""
        fault = self.of(model)
        if fault.every is None:
            return fault
        self._met[model] += 1
        return Fault() if self._met[model] % fault.every else fault

    def of(self, model: str | None) -> Fault:
        return Fault(**self._set.get(None, {}) | (self._set.get(model, {}) if model else {}))

    def as_json(self) -> list[dict[str, Any]]:
        """Each entry could be sent back as it is to set the same fault again."""
        named = ((({"model": model} if model else {}) | fault) for model, fault in self._set.items() if fault)
        return list(named)

    def _check_model(self, model: str, change: Mapping[str, Any]) -> None:
        if self._models and model not in self._models:
            raise FaultError(f"unknown model {model!r}; legal: {', '.join(self._models)}")
        if "refused" in change:
            raise FaultError("'refused' closes the listener of the whole provider: set it without 'model'")


def _checked(change: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(change, Mapping):
        raise FaultError(f"a fault is a JSON object with any of: {', '.join(LEGAL_FIELDS)}")
    for name, value in change.items():
        _check(name, value)
    return dict(change)


def _check(name: str, value: object) -> None:
    if name not in LEGAL_FIELDS:
        raise FaultError(f"unknown field {name!r}; legal: {', '.join(LEGAL_FIELDS)}")
    if value is None:
        return
    if name == "model":
        if not isinstance(value, str) or not value:
            raise FaultError("'model' is the upstream id of a model, as text")
    elif name == "error":
        if not isinstance(value, str) or value not in MISTAKES:
            raise FaultError(f"'error' is one of: {', '.join(MISTAKES)}")
    elif name in _RANGES:
        _check_range(name, value)
    elif not isinstance(value, bool):
        raise FaultError(f"{name!r} is true or false")


def _check_range(name: str, value: object) -> None:
    low, high = _RANGES[name]
    # a bool is an int to Python, and {"status": true} is a slip of the pen
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise FaultError(f"{name!r} is a whole number from {low} to {high}")
