"""A JSON-lines log of requests, as a stream: OpenAI bodies, in an envelope or not, and LiteLLM's spend logs.

A log may be larger than memory: a line is read, judged and forgotten. One that cannot be played is counted
with its reason and the rest goes on.
"""

import heapq
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import IO, Any

from compiler.runtime.canary import on_trial, who
from compiler.runtime.decision import decide
from compiler.runtime.models import USUAL_ANSWER_TOKENS, Table
from compiler.runtime.request import MARGIN_PERCENT, Needs, Refusal, RefusedError, needs_of
from compiler.simulate.entry import Entry, NotARequestError, entry_of
from compiler.simulate.latency import LUCK_BITS
from compiler.simulate.plans import strategy_of
from compiler.simulate.spec import Ask, Lines, Request, Spec

MAX_LINE_BYTES = 64 * 2**20  # an image in a body takes megabytes
_MAX_ASKS = 20_000  # that are kept: a log may hold any number of requirements
_WINDOW = 10_000  # requests that may stand in the wrong order; a log is written when requests end
_SHOWN = 10
_ROUTING = ("model", "routing_strategy", "requirements")
Row = tuple[float, int, Spec]


@dataclass(slots=True)
class Account:
    """What was read. `bad` counts reasons; `shown` are the first lines that could not be played."""

    lines: int = 0
    requests: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)
    late: int = 0  # requests that stood too far from their place
    timed: int = 0
    first: float | None = None  # Unix time, where the log has times
    bytes_read: int = 0

    def reject(self, where: str, why: str) -> None:
        self.bad[why] += 1
        if len(self.shown) < _SHOWN:
            self.shown.append(f"{where}: {why}")


class Log:
    """The requests of a log, in order of time.

    `rate` is how many come a second where lines have no time of their own.
    """

    def __init__(self, table: Table, name: str, *, seed: int, rate: float) -> None:
        self.account, self.lines = Account(), Lines()
        self.name = name
        self._table, self._rate = table, rate
        self._asks: dict[Any, Ask] = {}
        self._luck = random.Random(f"{seed}/luck")  # noqa: S311  # repeatable, and no secret
        self._sides = random.Random(f"{seed}/sides")  # noqa: S311
        self._clock = 0.0  # of lines without a time

    def requests(self, lines: Iterable[bytes]) -> Iterator[Request]:
        """Each request, with the seconds since the first one."""
        numbers, waiting = count(), list[Row]()
        start, now = None, 0.0
        for t, spec in self._read(lines):
            heapq.heappush(waiting, (t, next(numbers), spec))
            if len(waiting) > _WINDOW:
                start, now, request = self._next(waiting, start, now)
                yield request
        while waiting:
            start, now, request = self._next(waiting, start, now)
            yield request

    def _next(self, waiting: list[Row], start: float | None, now: float) -> tuple[float, float, Request]:
        t, _, spec = heapq.heappop(waiting)
        if start is None:
            start = t
            self.account.first = t if self.account.timed else None
        if t - start < now:
            self.account.late += 1
        now = max(now, t - start)
        return start, now, (now, spec, self._luck.getrandbits(LUCK_BITS))

    def _read(self, lines: Iterable[bytes]) -> Iterator[tuple[float, Spec]]:
        account = self.account
        for number, raw in enumerate(lines, 1):
            account.lines = number
            account.bytes_read += len(raw)
            if not raw.strip():
                continue
            try:
                entry = entry_of(_parsed(raw, number))
                spec = self._spec(entry)
            except NotARequestError as error:
                account.reject(f"{self.name}:{number}", str(error))
                continue
            account.requests += 1
            yield self._time(entry), spec

    def _time(self, entry: Entry) -> float:
        if entry.time is not None:
            self.account.timed += 1
            self._clock = entry.time
        else:
            self._clock += 1 / self._rate
        return self._clock

    def _spec(self, entry: Entry) -> Spec:
        body = entry.body
        needs, refusal = self._needs(entry)
        ask = self._ask(entry, needs.capabilities, refusal)
        # The plugin's estimate has a margin on top, which nobody pays.
        prompt = needs.prompt_tokens * 100 / (100 + MARGIN_PERCENT) if entry.prompt is None else entry.prompt
        completion = entry.completion
        if completion is None and needs.output_tokens is not None:
            completion = min(needs.output_tokens, USUAL_ANSWER_TOKENS)
        trial = self._on_trial(body, entry.header)
        return Spec(ask, needs.prompt_tokens, needs.output_tokens, prompt, completion, trial)

    def _needs(self, entry: Entry) -> tuple[Needs, Refusal | None]:
        """What the plugin would take the request to need, by the body where there is one."""
        if entry.mode is None:
            return Needs(), Refusal(f"this gateway routes no {entry.kind}", "not_routed")
        if not entry.has_text:
            output = entry.completion
            return Needs(int(entry.prompt or 0), None if output is None else max(1, int(output))), None
        try:
            return needs_of(dict(entry.body), entry.mode), None
        except RefusedError as error:
            # What is asked for is judged before sizes are.
            decision = decide(self._table, dict(entry.body), mode=entry.mode, header=entry.header)
            return Needs(), decision.refusal or error.refusal

    def _ask(self, entry: Entry, capabilities: tuple[str, ...], refusal: Refusal | None) -> Ask:
        routing = {name: entry.body[name] for name in _ROUTING if entry.body.get(name) is not None}
        key = (_hashable(routing), entry.mode, entry.header, capabilities, refusal)
        found = self._asks.get(key)
        if found is None:
            if len(self._asks) >= _MAX_ASKS:
                self._asks.clear()
            line = self.lines.number(self._label(routing, entry.header))
            found = Ask(routing, entry.mode or "chat", line, entry.header, capabilities, refusal)
            self._asks[key] = found
        return found

    def _label(self, routing: Mapping[str, Any], header: str | None) -> str:
        model = routing.get("model")
        pinned = isinstance(model, str) and model != "auto" and not model.startswith("auto/")
        if pinned and not routing.get("routing_strategy"):
            return f"model {str(model)[:60]}"
        return f"strategy {strategy_of(self._table, routing, header)[:60]}"

    def _on_trial(self, body: Mapping[str, Any], header: str | None) -> bool:
        """By the user or conversation, as the gateway has it; by lot where the log does not say who asks."""
        name = strategy_of(self._table, body, header)
        row = self._table["strategies"].get(name, {})
        if "canary" not in row:
            return False
        if who(body):
            return bool(on_trial(name, row, dict(body)))
        return bool(self._sides.random() * 100 < row["canary"]["percent"])


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file; of one that is too long no more than it takes to see that."""
    while raw := file.readline(MAX_LINE_BYTES + 1):
        yield raw
        while len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            raw = file.readline(MAX_LINE_BYTES + 1)


def _parsed(raw: bytes, number: int) -> Any:
    if len(raw) > MAX_LINE_BYTES:
        raise NotARequestError("a line of more than 64 MiB")
    try:
        # A byte order mark may begin a file.
        return json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError):
        raise NotARequestError("is not JSON") from None


def _hashable(routing: Mapping[str, Any]) -> Any:
    if all(isinstance(value, str) for value in routing.values()):
        return tuple(routing.items())
    return json.dumps(routing, sort_keys=True)
