"""Why each candidate is where it is: first, next, to spare, or out."""

from collections.abc import Iterator
from dataclasses import dataclass

from compiler.explaining.question import Question
from compiler.runtime.decision import Decision
from compiler.runtime.models import Candidate, Look, Row, Table, prices

_FIRST = {
    "listed": ("the strategy's first", "the strategy's first that can serve it"),
    "cost": ("the cheapest that can serve it", "the cheapest that can serve it"),
    "latency": ("the fastest", "the fastest that can serve it"),
    "quality": ("the best quality", "the best quality that can serve it"),
    "context_window": ("the largest context window", "the largest context window that can serve it"),
}
_NEXT = {
    "listed": "next in the strategy's order",
    "cost": "the next cheapest",
    "latency": "the next fastest",
    "quality": "the next best quality",
    "context_window": "the next largest context window",
}


@dataclass(frozen=True, slots=True)
class Looked:
    """A candidate. `place` counts from 1 in the route; `reasons` are against it, `why` says it in any case.

    `price` is (input, output) in USD per million tokens for a prompt of this size. `left_out` are deployments
    that may not be called though the model may: (id, why).
    """

    model: str
    place: int | None
    why: str
    reasons: tuple[str, ...]
    cost_usd: float | None
    price: tuple[float, float] | None
    providers: tuple[str, ...]
    left_out: tuple[tuple[str, str], ...]
    retires_on: str | None


def looked_at(table: Table, decision: Decision, question: Question, mode: str) -> tuple[Looked, ...]:
    """Every candidate in the order in which it was looked at."""
    return tuple(_looked(table, decision, question, mode, one) for one in decision.candidates)


def _looked(table: Table, decision: Decision, question: Question, mode: str, one: Candidate) -> Looked:
    row = table["models"][one.model]
    place = decision.route.index(one.model) + 1 if one.model in decision.route else None
    return Looked(
        one.model,
        place,
        _why(table, decision, one, place),
        one.reasons,
        one.cost_usd,
        prices(row["price"], decision.needs) if row["price"] else None,
        tuple(row["providers"]),
        tuple(_left_out(table, decision, question, mode, one.model)) if place else (),
        row.get("retires_on"),
    )


def _why(table: Table, decision: Decision, one: Candidate, place: int | None) -> str:
    if one.reasons:
        return "; ".join(one.reasons)
    if place is None:
        return f"could serve it; a route has {table['max_attempts']} models at most"
    if place == 1 and decision.reason in ("pinned", "canary"):
        asked = {"pinned": "the model that the request names", "canary": "on trial for this user"}
        return asked[decision.reason]
    if decision.strategy is None:
        return _of_its_own(table, decision, one.model, place)
    order = table["strategies"][decision.strategy]["order"]
    # Behind a model that stands first by itself, the strategy's own order begins.
    begins = place == (2 if decision.reason in ("pinned", "canary") else 1)
    return _FIRST[order][decision.reason in ("filtered", "pinned_unfit")] if begins else _NEXT[order]


def _of_its_own(table: Table, decision: Decision, name: str, place: int) -> str:
    """Behind a pinned model without a strategy."""
    own = table["models"][decision.pinned]
    if own["fallbacks"] is None:
        chain = [(at, names) for at, names in table["provider_order"] if at not in own["providers"]]
        provider = next(at for at, names in chain if name in names)
        return f"the best at {provider}, of the provider chain"
    return "its first fallback that can serve it" if place == 1 else "its next fallback"


def _left_out(
    table: Table, decision: Decision, question: Question, mode: str, name: str
) -> Iterator[tuple[str, str]]:
    """The deployments of a model of the route that may not be called, each looked at as if it were all."""
    row = table["models"][name]
    called = {one for level in decision.upstreams[name] for one in level}
    for deployment in row["deployments"]:
        if deployment["id"] not in called:
            alone: Row = {**row, "deployments": [deployment], "providers": deployment["providers"]}
            look = Look(
                {"models": {name: alone}}, decision.requirements, decision.needs, mode, None,
                frozenset(question.down),
            )  # fmt: skip
            yield deployment["id"], "; ".join(look.candidate(name).reasons)
