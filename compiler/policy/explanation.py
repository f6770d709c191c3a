"""How the decision of a test came about, in lines: what was asked, the route, why each other model lost."""

from collections.abc import Iterator

from compiler.policy.running import Result
from compiler.runtime.models import Candidate
from compiler.runtime.words import printable

MAX_SHOWN = 20  # candidates of one failure


def explanation(result: Result) -> list[str]:
    """The lines of a result, in the words of `interlock explain`."""
    return [printable(line) for line in _lines(result)]


def _lines(result: Result) -> Iterator[str]:
    decision = result.decision
    yield f"asked: {_asked(result)}"
    if decision.refusal and not decision.candidates:
        yield f"refused ({decision.refusal.code}): {decision.refusal.message}"
        return
    yield f"route: {' → '.join(decision.route)}" if decision.route else "route: none, the request is refused"
    shown = decision.candidates[:MAX_SHOWN]
    width = max((len(candidate.model) for candidate in shown), default=0)
    yield from (f"  {_candidate(result, candidate, width)}" for candidate in shown)
    if len(decision.candidates) > MAX_SHOWN:
        yield f"  and {len(decision.candidates) - MAX_SHOWN} more"


def _asked(result: Result) -> str:
    decision, test = result.decision, result.test
    needs = decision.needs
    parts = [
        f"pinned {decision.pinned}" if decision.pinned else "",
        f"strategy {decision.strategy}" if decision.strategy else "",
        f"mode {test.mode}" if test.mode != "chat" else "",
        f"prompt about {needs.prompt_tokens} tokens",
        f"uses {', '.join(needs.capabilities)}" if needs.capabilities else "",
        f"key for {', '.join(sorted(test.key_models)) or 'nothing'}" if test.key_models is not None else "",
        f"{', '.join(test.down)} down" if test.down else "",
        f"gateway {test.gateway}" if test.gateway else "",
    ]
    return "; ".join(filter(None, parts))


def _candidate(result: Result, candidate: Candidate, width: int) -> str:
    if candidate.reasons:
        return f"✗  {candidate.model:<{width}}  {'; '.join(candidate.reasons)}"
    route = result.decision.route
    place = f"{route.index(candidate.model) + 1}." if candidate.model in route else "- "
    cost = "price not known" if candidate.cost_usd is None else f"about ${candidate.cost_usd:.6f}"
    return f"{place} {candidate.model:<{width}}  {cost}"
