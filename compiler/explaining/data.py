"""An explanation for programs. Keys are added, never renamed."""

from collections.abc import Sequence
from typing import Any

from compiler.explaining.explanation import Explanation, Hop, Upstream
from compiler.explaining.reasons import Looked
from compiler.matrix import Matrix
from compiler.runtime.decision import Decision


def as_data(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain JSON data."""
    decision, question = explanation.decision, explanation.question
    return {
        "route": list(decision.route),
        "strategy": decision.strategy,
        "asked_by": explanation.asked_by if decision.strategy else None,
        "pinned": decision.pinned,
        "reason": decision.reason,
        "gateway": explanation.table["gateway"],
        "table": explanation.table["digest"],
        "mode": explanation.mode,
        "down": list(question.down),
        "tried": list(explanation.tried),
        "key_models": None if question.allowed is None else sorted(question.allowed),
        "cost_usd": _first_cost(explanation),
        "upstreams": {name: [list(level) for level in decision.upstreams[name]] for name in decision.route},
        "hops": _hops(explanation.hops),
        "requirements": decision.requirements,
        "requirements_from": {held.key: dict(held.sources) for held in explanation.requirements},
        "prompt_tokens": decision.needs.prompt_tokens,
        "output_tokens": decision.needs.output_tokens,
        "capabilities": list(decision.needs.capabilities),
        "needs": [
            {"need": need.name, "value": need.value, "because": need.because} for need in explanation.needs
        ],
        "candidates": [_candidate(one) for one in explanation.candidates],
        "headers": explanation.headers,
        "refusal": _refusal(decision),
    }


def _first_cost(explanation: Explanation) -> float | None:
    """Of the first answer; the dearest of deployments that share."""
    if not explanation.hops:
        return None
    found = [one.cost_usd for one in explanation.hops[0].upstreams if one.cost_usd is not None]
    return max(found, default=None)


def _hops(hops: Sequence[Hop]) -> list[dict[str, Any]]:
    """`next` is what is called when each of `calls` has failed; null: the route is at its end."""
    following = [*hops, None][1:]
    return [
        {
            "hop": number,
            "model": hop.model,
            "calls": [_call(one) for one in hop.upstreams],
            "next": after and {"model": after.model, "calls": [one.id for one in after.upstreams]},
        }
        for number, (hop, after) in enumerate(zip(hops, following, strict=True), 1)
    ]


def _call(one: Upstream) -> dict[str, Any]:
    return {
        "deployment": one.id,
        "providers": list(one.providers),
        "gateway": one.gateway,
        "share": round(one.share, 6),
        "cost_usd": one.cost_usd,
    }


def _candidate(one: Looked) -> dict[str, Any]:
    return {
        "model": one.model,
        "eligible": not one.reasons,
        "place": one.place,
        "why": one.why,
        "reasons": list(one.reasons),
        "cost_usd": one.cost_usd,
        "price": one.price and {"input": one.price[0], "output": one.price[1]},
        "providers": list(one.providers),
        "not_called": [{"deployment": name, "reason": why} for name, why in one.left_out],
        "retires_on": one.retires_on,
    }


def _refusal(decision: Decision) -> dict[str, Any] | None:
    refusal = decision.refusal
    if refusal is None:
        return None
    return {"message": refusal.message, "code": refusal.code, "param": refusal.param}


def outages_as_data(matrix: Matrix) -> dict[str, Any]:
    """The matrix as plain JSON data: an entry of `answers` for each strategy and each `down` (null: none)."""
    return {
        "strategies": list(matrix.strategies),
        "providers": list(matrix.providers),
        "answers": [
            _answer(matrix, strategy, down)
            for strategy in matrix.strategies
            for down in (None, *matrix.providers)
        ],
    }


def _answer(matrix: Matrix, strategy: str, down: str | None) -> dict[str, Any]:
    decision, answer = matrix.cells[strategy][down], matrix.answers[strategy][down]
    return {
        "strategy": strategy,
        "down": down,
        "model": answer and answer.model,
        "providers": list(answer.providers) if answer else [],
        "route": list(decision.route),
        "changed": matrix.changed(strategy, down),
        "too_late": matrix.too_late(strategy, down),
        "refusal": _refusal(decision),
    }
