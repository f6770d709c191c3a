"""What a key may use: LiteLLM has judged only the model that the client sent, here every other one is."""

import time
from collections.abc import Iterable
from typing import Any

from .models import Allowed, Table

# What on a key may keep it from a model; a key with none of these, such as the master key, may use all.
_RESTRICTIONS = ("models", "team_id", "team_models", "project_id", "end_user_id", "access_group_ids")
_KEY = (*_RESTRICTIONS, "user_id", "token", "config", "aliases")  # what an answer to "which models" hangs on
ALLOWED_S = 5.0  # how long it is kept: LiteLLM itself keeps a key for a minute
MAX_KEYS = 1000


class Keys:
    """Answers, for a short while, which names a key may use."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, frozenset[str]]] = {}

    async def allowed(self, key: Any, table: Table, router: Any) -> Allowed:
        """The names of models and strategies (`auto/fast`) that a key may use; None when it may use all."""
        if not any(getattr(key, name, None) for name in _RESTRICTIONS):
            return None
        which = repr([table["digest"], *(getattr(key, name, None) for name in _KEY)])
        until, names = self._known.get(which, (0.0, frozenset()))
        if until < time.monotonic():
            names = await _ask(key, (*table["models"], *strategy_names(table)), router)
            if len(self._known) >= MAX_KEYS:
                self._known.clear()
            self._known[which] = (time.monotonic() + ALLOWED_S, names)
        return names


def strategy_names(table: Table) -> list[str]:
    """The names by which strategies are listed and granted."""
    return ["auto", *(f"auto/{name}" for name in table["strategies"])]


async def _ask(key: Any, names: Iterable[str], router: Any) -> frozenset[str]:
    from litellm.proxy.auth.auth_checks import can_key_call_resolved_model

    granted = set()
    for name in names:
        try:
            await can_key_call_resolved_model(
                model=name, llm_model_list=None, valid_token=key, llm_router=router
            )
            granted.add(name)
        except Exception:  # noqa: BLE001, S110  # LiteLLM says no by raising one of several types
            pass
    return frozenset(granted)


def with_grant(key: Any, route: Iterable[str]) -> Any:
    """The key as LiteLLM's check before each fallback shall see it: that asks of the model alone.

    A key that is granted a strategy is granted its candidates by it; `decide` has looked at each.
    """
    changes = {"models": list(route), "team_id": None, "team_models": [], "project_id": None}
    return key.model_copy(update=changes)
