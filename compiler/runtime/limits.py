"""`rpm` and `tpm` of the deployments: by minutes of the clock, together with the other pods where Redis is.

LiteLLM has a check of its own (`enforce_model_rate_limits`), which we do not use: it turns a call away in the
midst of a hop, and its failure is written down once the request has gone on, against the deployment that
answers in its place. That one then rests, although it never failed.
"""

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from .journey import deployment_id
from .models import Row
from .request import get
from .words import is_number

MINUTE_S = 60


class Limits:
    """What this process knows of them. `cache` is where LiteLLM keeps its cool-downs, in the pods' Redis too.

    Asks Redis no more often than LiteLLM's own check does: a limit that is known to be used up, never.
    """

    def __init__(self) -> None:
        self._spent: dict[str, int] = {}  # deployment → the minute of which nothing is left
        self._by_tokens: set[str] = set()

    def spent(self, deployments: Iterable[str]) -> list[str]:
        """Those of which nothing is left in this minute, as far as is known."""
        if not self._spent:
            return []
        minute = _minute()
        return [one for one in deployments if self._spent.get(one) == minute]

    async def admits(self, row: Row, cache: Any) -> bool:
        """Whether a deployment may be called now; if so, the call is counted."""
        rpm, tpm = _limit(row, "rpm"), _limit(row, "tpm")
        if rpm == tpm == math.inf:
            return True
        name, minute = str(deployment_id(row)), _minute()
        if self._spent.get(name) == minute:
            return False
        is_spent = False
        if tpm < math.inf:
            self._by_tokens.add(name)
            is_spent = await _tokens(cache, _key(name, "tpm", minute), tpm) >= tpm
        if not is_spent and rpm < math.inf:
            # counted before it is compared: of several calls at once, none takes the place of another
            calls = await cache.async_increment_cache(key=_key(name, "rpm", minute), value=1, ttl=MINUTE_S)
            is_spent = calls is not None and calls > rpm
        if is_spent:
            self._spent[name] = minute
        return not is_spent

    async def answered(self, details: Mapping[str, Any], cache: Any) -> None:
        """Counts the tokens of an answer. `details` is LiteLLM's standard logging payload."""
        name, tokens = str(details.get("model_id")), details.get("total_tokens", 0)
        if name in self._by_tokens and is_number(tokens) and tokens > 0:
            await cache.async_increment_cache(key=_key(name, "tpm", _minute()), value=tokens, ttl=MINUTE_S)


def wait_s() -> int:
    """Whole seconds until another minute begins."""
    return math.ceil(MINUTE_S - time.time() % MINUTE_S)


def _limit(row: Row, name: str) -> float:
    limit = get(row.get("litellm_params"), name)
    return limit if limit and is_number(limit) else math.inf


def _minute() -> int:
    return int(time.time() // MINUTE_S)


def _key(deployment: str, limit: str, minute: int) -> str:
    return f"interlock:{deployment}:{limit}:{minute}"


async def _tokens(cache: Any, key: str, enough: float) -> float:
    """The tokens of a minute so far: of all pods, unless this one's alone are enough, or Redis is away."""
    own = await cache.async_get_cache(key=key, local_only=True) or 0
    if cache.redis_cache is None or own >= enough:
        return float(own)
    try:
        return float(await cache.redis_cache.async_get_cache(key=key) or 0)
    except Exception:  # noqa: BLE001  # whatever it is, the request goes on
        return float(own)
