"""One request on its way: the hops that LiteLLM is to walk, what failed, whether to go on."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any

from .decision import Decision
from .models import Row
from .request import get
from .words import is_number

# A key of an entry of `fallbacks` that LiteLLM keeps from the provider. Two entries that differ in it are two
# attempts to LiteLLM. The values given to it here are no ids of deployments, so they exclude nothing.
HOP = "_excluded_deployment_ids"
CALLERS_FAULT = (400, 413, 422)
# Worth a second try after a pause. A timeout has cost its time already, and 4xx stay what they are.
_PASSING = frozenset((429, 500, 502, 503, 504, 529))


class Journey:
    """What the hops of one request know of each other. LiteLLM copies metadata; this stays one object."""

    def __init__(  # noqa: PLR0913, PLR0917  # what is known when it starts
        self,
        decision: Decision,
        retry: Mapping[str, Any],
        vendors: Mapping[str, str],
        kind: str = "",
        resting: Mapping[str, Row | None] | None = None,
        table: str = "",
        *,
        is_hop: bool = False,
    ) -> None:
        self.decision = decision
        self.route = decision.route
        self.retry = retry
        self.vendors = vendors  # of deployments
        self.kind = kind  # LiteLLM's call type
        self.table = table  # the digest of that by which it was decided: another may be in force at its end
        self.is_hop = is_hop  # another gateway of ours asks, for a client that called that one
        self.started = time.monotonic()
        self.called_at = self.started  # when the present hop began
        self.attempts = 0  # calls of a provider
        self.lap = 0  # how often the whole route was walked before
        self.over = False  # nothing further is worth calling
        self.resting = resting or {}  # deployments that cool down; None: the provider has said to wait
        self.failed: dict[str, int] = {}  # deployment → status of its last error
        self.failed_this_lap: set[str] = set()
        self.idle: set[str] = set()  # models of which no deployment was left to call
        self.limited: set[str] = set()  # deployments whose limit was used up, so that nobody called them
        self.refusers: set[str] = set()  # vendors that called the request itself wrong
        self.called: str | None = None  # the deployment that the present hop calls
        self.last: str | None = None  # the one that was called last
        self.answered: str | None = None
        self.begun = False  # something of a stream has reached the client

    def __deepcopy__(self, memo: Any) -> "Journey":
        return self

    def __repr__(self) -> str:
        return f"Journey({' → '.join(self.route)})"

    def fallbacks(self) -> list[Any]:
        """What LiteLLM walks after the first call: each deployment of each model, then all over again."""
        counts = [(name, sum(map(len, self.decision.upstreams[name]))) for name in self.route]
        laps = range(int(self.retry.get("attempts", 0)) + 1)
        if len(laps) == 1 and not self.resting and all(count == 1 for _, count in counts):
            return list(self.route[1:])
        hops = [(name, lap, place) for lap in laps for name, count in counts for place in range(count)]
        # A resting deployment is passed by where its place is, and has another once nothing else is left.
        late = [(name, 0, -1 - place) for name, count in counts for place in range(count) if self.resting]
        one_lap = sum(count for _, count in counts)
        hops = [*hops[:one_lap], *late, *hops[one_lap:]]
        return [{"model": name, HOP: [f"{lap}/{place}"]} for name, lap, place in hops[1:]]

    def note(self, error: BaseException | None, *, another_may: bool) -> tuple[str, int] | None:
        """Remembers a provider's error: (deployment, status) where it is news.

        `another_may` is true of a 400 that says nothing against the request itself, such as a full window.
        """
        status = getattr(error, "status_code", None)
        deployment = self.called or getattr(error, "failed_deployment_id", None)
        if not isinstance(deployment, str) or not isinstance(status, int):
            return None
        self.called = None
        if deployment in self.failed_this_lap:
            return None
        self.failed.pop(deployment, None)  # so that the last error stands last
        self.failed[deployment] = status
        self.failed_this_lap.add(deployment)
        if status in CALLERS_FAULT and not another_may:
            self.refusers.add(self.vendors.get(deployment, deployment))
        # One vendor may know a parameter that another does not. Two that refuse it agree: it is the request.
        self.over = self.over or len(self.refusers) > 1
        return deployment, status

    def broken(self, error: BaseException) -> tuple[str, int] | None:
        """Remembers that the stream of the last call broke, perhaps with a bare error of its connection."""
        self.called = self.last
        if not isinstance(getattr(error, "status_code", None), int):
            error.status_code = 500  # type: ignore[attr-defined]
        return self.note(error, another_may=False)

    async def enter(self, lap: int) -> None:
        """Before the first hop of another lap: waits, unless no error was of the kind that passes."""
        if lap <= self.lap or self.over:
            return
        self.lap = lap
        self.over = not any(status in _PASSING for status in self.failed.values())
        if not self.over:
            pause = self.retry.get("backoff_ms", 0) / 1000 * 2 ** (lap - 1)
            await asyncio.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311  # so that pods do not step together
            self.failed_this_lap = {name for name, status in self.failed.items() if status not in _PASSING}

    def next_of(self, model: str, healthy: list[Row]) -> list[Row]:
        """The deployment of `model` to call next, if any: of the best priority, by weight among equals."""
        self.called = None
        if self.over:
            return []
        for level in self.decision.upstreams[model]:
            rows = [row for row in healthy if deployment_id(row) in level]
            left = self._untried(rows) or self._untried(self._rested(level))
            if left:
                chosen = random.choices(left, [_weight(row) for row in left])  # noqa: S311  # no secret
                self.called = self.last = deployment_id(chosen[0])
                self.attempts += 1
                self.called_at = time.monotonic()
                return chosen
        self.idle.add(model)
        return []

    def turned_away(self) -> None:
        """The limit of the deployment that was chosen is used up: it is not called, and nobody has failed."""
        if self.called is not None:
            self.limited.add(self.called)
            self.failed_this_lap.add(self.called)
            self.attempts -= 1
        self.called = None

    def _untried(self, rows: list[Row]) -> list[Row]:
        return [row for row in rows if deployment_id(row) not in self.failed_this_lap]

    def _rested(self, level: tuple[str, ...]) -> list[Row]:
        """Those that cool down, when nobody else is left: asking one of them beats asking nobody."""
        levels = (level for levels in self.decision.upstreams.values() for level in levels)
        awake = {one for level in levels for one in level} - set(self.resting)
        if not awake <= self.failed_this_lap:
            return []
        return [row for one, row in self.resting.items() if one in level and row is not None]

    def fate_of(self, error: BaseException) -> str:
        """`refused` for a request that was wrong in itself, which is no outage; else `failed`."""
        last = next(reversed(self.failed.values()), getattr(error, "status_code", None))
        return "refused" if last in CALLERS_FAULT else "failed"

    def model_of(self, deployment: str) -> str | None:
        """The model of the route that a deployment serves."""
        levels = self.decision.upstreams.items()
        return next((model for model, ids in levels if any(deployment in level for level in ids)), None)

    def result_of(self, model: str) -> int | str:
        """The status of a model's last error, or why it has none."""
        ids = [one for level in self.decision.upstreams[model] for one in level]
        status = next((status for one, status in reversed(self.failed.items()) if one in ids), None)
        idle = "cooling down" if self.limited.isdisjoint(ids) else "over its limit"
        return status or (idle if model in self.idle else "not asked")


def _weight(row: Row) -> float:
    weight = get(row.get("litellm_params"), "weight")
    return weight if is_number(weight) and weight else 1


def deployment_id(row: Row) -> Any:
    return get(row.get("model_info"), "id")


def lap_of(request_kwargs: Mapping[str, Any]) -> int:
    marks = request_kwargs.get(HOP)
    mark = marks[0] if isinstance(marks, list) and marks else ""
    lap, slash, _ = mark.partition("/") if isinstance(mark, str) else ("", "", "")
    return int(lap) if slash and lap.isdigit() else 0
