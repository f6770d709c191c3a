"""Outages: what is left of a strategy when one provider is down."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler import edits
from compiler.catalog import Strategy
from compiler.diagnostics import LOST_STRATEGY, ONE_PROVIDER_ONLY, UNUSED_ALLOWANCE, Diagnostic
from compiler.interlocks.case import Case
from compiler.interlocks.routes import choice_path

_INFERRED = ("function_calling", "json_mode", "vision")  # what ordinary clients use without saying so
_MUCH = 2  # a window less than this many times another is no other kind of model
# What some requests have in common (what they use, or that they are longer), and requirements that mean them.
_Alone = tuple[str, Mapping[str, Any]]


def survives_any_provider(case: Case) -> Iterator[Diagnostic]:
    """IL304: a strategy keeps a model for each kind of request that it claims, whichever provider is down."""
    strategies = case.catalog.strategies.values()
    if len(case.catalog.providers) == 1 and not all(strategy.single_provider for strategy in strategies):
        found = _one_for_all(case)
        if found.request:  # else IL302 says it of every strategy
            yield found
        return
    for strategy in strategies:
        lost = _lost_with(case, strategy)
        if lost and not strategy.single_provider:
            yield _lost(case, strategy, *lost)


def excuses_are_needed(case: Case) -> Iterator[Diagnostic]:
    """IL291: `single_provider` stands only where a strategy would not survive."""
    for strategy in case.catalog.strategies.values():
        if strategy.single_provider and not _lost_with(case, strategy):
            path = (*strategy.path, "single_provider")
            found = UNUSED_ALLOWANCE.on(
                case.document,
                path,
                f"strategy {strategy.name!r} survives the loss of any provider: there is nothing to excuse",
                "remove `single_provider`, so that the next change is judged",
            )
            yield found.with_fix("remove `single_provider`", *edits.remove_key(case.document, path))


def _one_for_all(case: Case) -> Diagnostic:
    """One provider in all is a choice more often than a slip: it is said once, and stops nothing."""
    (provider,) = case.catalog.providers.values()
    found = LOST_STRATEGY.on(
        case.document,
        provider.path,
        f"every strategy ends with provider {provider.name!r}: the catalog has no other",
        "add a provider; or say why one is enough: "
        f"`allow: [{{rule: IL304, path: providers.{provider.name}, reason: …}}]`",
    )
    for strategy in case.catalog.strategies.values():
        mode = next((m for m in case.modes_of(strategy) if case.standing(strategy, m)), None)
        if mode and found.request is None and not strategy.single_provider:
            body = case.ask_of(strategy, mode)
            found = found.with_request(body, "is refused", down=[provider.name], mode=mode)
    return replace(found, severity="warning")


def _lost_with(case: Case, strategy: Strategy) -> tuple[str, str] | None:
    """(the provider whose loss ends the strategy, the kind of request that is refused then)."""
    for mode in case.modes_of(strategy):
        providers = set(case.standing(strategy, mode).values())
        if len(providers) == 1 and (only := providers.pop()) is not None:
            return only, mode
    return None


def _lost(case: Case, strategy: Strategy, provider: str, mode: str) -> Diagnostic:
    kind = "" if mode == "chat" else f" for {mode} requests"
    more = "add a candidate of another provider"
    if mode == "embedding":  # another model would not do: see IL314
        more = "give its model a second deployment, at another provider"
    found = LOST_STRATEGY.on(
        case.document,
        choice_path(strategy, case.document),
        f"strategy {strategy.name!r} has no model left{kind} when provider {provider!r} is down",
        f"{more}, or say `single_provider: <reason>` on the strategy",
    )
    place = case.document.span(case.catalog.providers[provider].path, key=True)
    found = found.with_related(place, "every candidate that can serve it is served here")
    body = case.ask_of(strategy, mode)
    return found.with_request(body, "is refused", down=[provider], mode=mode)


def some_requests_need_one_provider(case: Case) -> Iterator[Diagnostic]:
    """IL320: which requests a strategy refuses while a provider is down that it serves otherwise."""
    for strategy in case.catalog.strategies.values():
        if strategy.single_provider or _lost_with(case, strategy):
            continue
        for mode in case.modes_of(strategy)[:1]:
            kinds = _kinds(case, case.standing(strategy, mode))
            alone = [*_capabilities(kinds), *_windows(kinds)]
            for provider in sorted({provider for provider, _ in alone}):
                own = [what for one, what in alone if one == provider]
                yield _dependence(case, strategy, provider, mode, own)


@dataclass(frozen=True)
class _Kind:
    """What models of a strategy have in common, of which there may be thousands. None is "not known"."""

    provider: str | None  # without which they are lost
    capabilities: tuple[str, ...] | None
    window: float


def _kinds(case: Case, standing: Mapping[str, str | None]) -> set[_Kind]:
    facts = ((provider, case.catalog.models[name].facts) for name, provider in standing.items())
    distinct = {(provider, f.capabilities, f.context_window or math.inf) for provider, f in facts}
    return {_Kind(*one) for one in distinct}


def _capabilities(kinds: set[_Kind]) -> Iterator[tuple[str, _Alone]]:
    """What only the models of one provider offer. One that is not known may offer anything."""
    for capability in _INFERRED:
        offer = [k for k in kinds if k.capabilities is None or capability in k.capabilities]
        providers = {kind.provider for kind in offer}
        known = any(kind.capabilities is not None for kind in offer)
        if known and len(providers) == 1 and (only := providers.pop()) is not None:
            yield only, (capability, {"capabilities": [capability]})


def _windows(kinds: set[_Kind]) -> Iterator[tuple[str, _Alone]]:
    """The size above which only the models of one provider hold a request."""
    widest: dict[str | None, float] = {}
    for kind in kinds:
        widest[kind.provider] = max(widest.get(kind.provider, 0), kind.window)
    (largest, provider), (second, _), *_ = [
        *sorted(((w, p) for p, w in widest.items()), key=lambda one: -one[0]),
        (0, None),
        (0, None),
    ]
    if provider is not None and 0 < _MUCH * second <= largest < math.inf:
        yield provider, ("", {"min_context_window": int(second) + 1})


def _dependence(case: Case, strategy: Strategy, provider: str, mode: str, alone: list[_Alone]) -> Diagnostic:
    uses = [what for what, _ in alone if what]
    longer = [needed["min_context_window"] - 1 for what, needed in alone if not what]
    which = ", or ".join([
        *([f"use {' or '.join(uses)}"] if uses else ()),
        *(f"need more than {least} tokens" for least in longer),
    ])  # fmt: skip
    found = ONE_PROVIDER_ONLY.on(
        case.document,
        choice_path(strategy, case.document),
        f"while provider {provider!r} is down, strategy {strategy.name!r} refuses requests that {which}",
        "add a candidate of another provider that can serve them, if such requests matter here",
    )
    body = case.ask_of(strategy, mode, requirements=alone[0][1])
    return found.with_request(body, "is refused", down=[provider], mode=mode)
