"""Capacity: the limits of the models carry the traffic that the catalog declares, with any provider down too.

Traffic is an average over a day; the limits are per minute. What is refused here cannot be carried however
well it is spread; what passes may still be too much in a busy minute.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from compiler.catalog import Strategy, Traffic
from compiler.diagnostics import TOO_MUCH_TRAFFIC, TOO_MUCH_WITHOUT, Diagnostic
from compiler.interlocks.case import MODES, Case, ask
from compiler.runtime.models import Look
from compiler.runtime.request import Needs

_MINUTES = 24 * 60
_MAX_GROUPS = 10  # lines that share no set of models: every combination of these is looked at
_Limit = Literal["rpm", "tpm"]
_UNITS: Mapping[_Limit, str] = {"rpm": "requests", "tpm": "tokens"}


@dataclass(frozen=True)
class _Load:
    """A line of traffic, and the models and deployments that can take it."""

    line: Traffic
    models: frozenset[str]
    mode: str  # of the requests that are shown: one that some of them serve

    def per_minute(self, limit: _Limit) -> float:
        each = 1.0 if limit == "rpm" else self.line.prompt_tokens + self.line.completion_tokens
        return self.line.requests_per_day / _MINUTES * each


def limits_carry_the_traffic(case: Case) -> Iterator[Diagnostic]:
    """IL701: what is declared fits into the limits of the models that can take it."""
    for found in _overloads(case, down=None):
        yield _too_much(case, *found)


def limits_carry_it_without(case: Case) -> Iterator[Diagnostic]:
    """IL702: so it does while any one provider is down, unless it is too much anyway."""
    if not case.catalog.traffic or any(_overloads(case, down=None)):
        return
    for provider in sorted(case.catalog.providers):
        for loads, limit, demand, capacity in _overloads(case, down=provider):
            found = _too_much(case, loads, limit, demand, capacity, down=provider)
            yield found.with_related(
                case.document.span(case.catalog.providers[provider].path, key=True),
                "the provider that is down",
            )


_Overload = tuple[tuple[_Load, ...], _Limit, float, float]


def _overloads(case: Case, down: str | None) -> Iterator[_Overload]:
    """The smallest sets of lines that ask for more than all their models together take."""
    loads = [load for line in case.catalog.traffic if (load := _load(case, line, down))]
    said: list[frozenset[str]] = []
    for limit in ("rpm", "tpm"):
        capacity = {name: _capacity(case, name, limit, down) for load in loads for name in load.models}
        for some in _together(loads):
            names = frozenset().union(*(load.models for load in some))
            demand = sum(load.per_minute(limit) for load in some)
            most = sum(capacity[name] for name in names)
            lines = frozenset(load.line.name for load in some)
            if demand > most and not any(other <= lines for other in said):
                said.append(lines)
                yield some, limit, demand, most


def _together(loads: list[_Load]) -> Iterator[tuple[_Load, ...]]:
    """Lines that may compete: each alone, those with the same models, and combinations of such groups."""
    groups: dict[frozenset[str], list[_Load]] = {}
    for load in loads:
        groups.setdefault(load.models, []).append(load)
    yield from ((load,) for load in loads)
    sizes = range(1, len(groups) + 1) if len(groups) <= _MAX_GROUPS else (1, len(groups))
    for size in sizes:
        for chosen in combinations(groups.values(), size):
            yield tuple(load for group in chosen for load in group)


def _load(case: Case, line: Traffic, down: str | None) -> _Load | None:
    """None when no model can take the line, or one that has no limit can: thousands need not be looked at."""
    needs = Needs(math.ceil(line.prompt_tokens), max(1, math.ceil(line.completion_tokens)))
    strategy = _strategy(case, line)
    models: dict[str, str] = {}
    for mode in MODES:
        look = case.look(strategy, mode, needs, [down] if down else [])
        names = list(_names(case, line, strategy, look))
        if any(_is_unlimited(case, name, down) and look.fits(name) for name in names):
            return None
        models |= {name: mode for name in names if name not in models and look.fits(name)}
    return _Load(line, frozenset(models), next(iter(models.values()))) if models else None


def _strategy(case: Case, line: Traffic) -> Strategy | None:
    """The strategy that a line asks for; None when it asks for a model alone."""
    if line.model and not line.strategy:
        return None
    return case.catalog.strategies[line.strategy or case.catalog.default_strategy]


def _names(case: Case, line: Traffic, strategy: Strategy | None, look: Look) -> Iterator[str]:
    """The models that a line may come to: the one it names, then the strategy's or that model's fallbacks."""
    if line.model:
        yield line.model
    if strategy is None:
        yield from _after(case, str(line.model), look)
    elif not (line.model and look.mode == "embedding"):  # another model is no stand-in
        yield from strategy.candidates


def _is_unlimited(case: Case, name: str, down: str | None) -> bool:
    return all(_capacity(case, name, limit, down) == math.inf for limit in _UNITS)


def _after(case: Case, name: str, look: Look) -> Iterable[str]:
    """The fallbacks of a pinned model: its own, else the best at each other provider of the chain."""
    model = case.catalog.models[name]
    if model.fallbacks is not None or look.mode == "embedding":
        return model.fallbacks or ()
    chain = [names for provider, names in case.table["provider_order"] if provider not in model.providers]
    return [best for names in chain for best in [n for n in names if look.fits(n)][:1]]


def _capacity(case: Case, name: str, limit: _Limit, down: str | None) -> float:
    """What the deployments of a model take in a minute; infinite when one of them has no limit."""
    left = [d for d in case.catalog.models[name].deployments if d.provider != down]
    limits = [getattr(d, limit) for d in left]
    return math.inf if None in limits else float(sum(limits))


def _too_much(  # noqa: PLR0913, PLR0917  # what one overload is
    case: Case, loads: tuple[_Load, ...], limit: _Limit, demand: float, most: float, down: str | None = None
) -> Diagnostic:
    line = loads[0].line
    names = " and ".join(repr(load.line.name) for load in loads[:3]) + (
        " and others" if len(loads) > 3 else ""
    )
    models = sorted(frozenset().union(*(load.models for load in loads)))
    shown = ", ".join(models[:4]) + (f" and {len(models) - 4} more" if len(models) > 4 else "")
    when = f" while provider {down!r} is down" if down else ""
    need, take = "needs" if len(loads) == 1 else "need", "takes" if len(models) == 1 else "take"
    what = f"{math.ceil(demand):,} {_UNITS[limit]} a minute on average"
    found = (TOO_MUCH_WITHOUT if down else TOO_MUCH_TRAFFIC).on_value(
        case.document,
        (*line.path, "name"),
        f"{names} {need} {what}{when}, and {shown} {take} {most:,.0f}",
        f"have `{limit}` raised by the vendor, add a candidate, or spread the traffic over more strategies",
    )
    place = case.catalog.models[models[0]].path
    found = found.with_related(case.document.span(place, key=True), f"its {limit} is one of the limits")
    asked = {"routing_strategy": line.strategy} if line.strategy else {}
    asked |= {"model": line.model} if line.model else {}
    body = ask(loads[0].mode, **asked, max_tokens=max(1, math.ceil(line.completion_tokens)))
    return found.with_request(body, "meets rate limits", down=[down] if down else [], mode=loads[0].mode)
