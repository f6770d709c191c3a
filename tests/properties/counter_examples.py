"""Does the counter-example of a diagnostic go wrong as its outcome says? Each wording has a check."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from compiler.diagnostics import CounterExample, Diagnostic
from compiler.runtime.decision import Decision, decide
from compiler.table import routing_table
from tests.properties.brute_force import World, flatten, upstreams_of


def goes_wrong(world: World, found: Diagnostic) -> bool:
    """Whether the request of a diagnostic, run through `decide`, does what the diagnostic says.

    Raises:
        LookupError: nobody has said how to check an outcome of this wording.
    """
    shown = found.request
    assert shown is not None
    decision = decide(world.table, json.loads(shown.body), mode=shown.mode, down=shown.down)
    for wording, check in _CHECKS.items():
        match = re.fullmatch(wording, shown.outcome)
        if match:
            return check(world, shown, decision, match)
    raise LookupError(f"no check for the outcome {shown.outcome!r} of {found.code}")


def _body(shown: CounterExample) -> Mapping[str, Any]:
    body: Mapping[str, Any] = json.loads(shown.body)
    return body


def _is_refused(world: World, shown: CounterExample, decision: Decision, _: re.Match[str]) -> bool:
    """And, where it is for what is down, not otherwise."""
    plain = decide(world.table, _body(shown), mode=shown.mode)
    return not decision.route and (not shown.down or bool(plain.route))


def _is_not_sent(_world: World, _: CounterExample, decision: Decision, match: re.Match[str]) -> bool:
    return match[1] not in decision.route


def _comes_too_late(world: World, _: CounterExample, decision: Decision, match: re.Match[str]) -> bool:
    full = len(decision.route) == world.catalog.fallback.max_attempts
    return full and match[1] not in decision.route


def _is_gone(world: World, shown: CounterExample, decision: Decision, _: re.Match[str]) -> bool:
    name = _body(shown)["model"]
    stated = world.data["models"][name].get("lifecycle", {}).get("retires_on")
    rows = [r for up in flatten(decision.upstreams.get(name, ())) for r in world.behind(name, up)]
    days = [stated or (row.known and row.known.retires_on) for row in rows]
    return any(day and day <= world.as_of for day in days)


def _takes_less(world: World, shown: CounterExample, decision: Decision, match: re.Match[str]) -> bool:
    name, at = _body(shown)["model"], match.groupdict().get("provider")
    required = decision.requirements
    rows = [r for up in flatten(decision.upstreams.get(name, ())) for r in world.behind(name, up)]
    known = [row.known for row in rows if row.known and at in (None, row.provider)]
    windows = [facts.context_window for facts in known if facts.context_window]
    answers = [facts.max_output_tokens for facts in known if facts.max_output_tokens]
    return any(w < required.get("min_context_window", 0) for w in windows) or any(
        a < required.get("min_output_tokens", 0) for a in answers
    )


def _wrong_kind(world: World, shown: CounterExample, decision: Decision, match: re.Match[str]) -> bool:
    name = _body(shown)["model"]
    rows = [r for up in flatten(decision.upstreams.get(name, ())) for r in world.behind(name, up)]
    known = [r.known.modes for r in rows if r.known and r.known.modes and r.provider == match[1]]
    return any(("embedding" in modes) != (shown.mode == "embedding") for modes in known)


def _by_either(world: World, _: CounterExample, decision: Decision, _match: re.Match[str]) -> bool:
    """Two of the models that this request may come to are not one."""
    names = [one.model for one in decision.candidates if not one.reasons]
    sets = [upstreams_of(world.catalog.models[name]) for name in names]
    return any(one.isdisjoint(other) for one in sets for other in sets)


def _is_embedded_by(_world: World, _: CounterExample, decision: Decision, match: re.Match[str]) -> bool:
    return decision.route[:1] == (match[1],)


def _may_be_embedded_by(_world: World, _: CounterExample, decision: Decision, match: re.Match[str]) -> bool:
    return match[1] in [one.model for one in decision.candidates if not one.reasons]


def _comes_back(world: World, shown: CounterExample, _: Decision, match: re.Match[str]) -> bool:
    seen: set[str] = set()
    reached = {match[1]}
    while not reached <= seen:
        seen |= reached
        reached = {f for name in reached for f in world.catalog.models[name].fallbacks or ()}
        if match[1] in reached:
            return bool(_body(shown)["model"] == match[1])
    return False


def _without_a_key(world: World, shown: CounterExample, _: Decision, match: re.Match[str]) -> bool:
    gateway = world.catalog.gateways[match[1]]
    body = _body(shown)
    modes = world.catalog.models[body["model"]].modes
    answered = decide(routing_table(world.catalog, gateway), body, mode=shown.mode).route
    return gateway.master_key is None and shown.mode in modes and body["model"] in answered


def _meets_limits(world: World, shown: CounterExample, decision: Decision, _: re.Match[str]) -> bool:
    """It is routed, and what it may come to has a limit, each deployment of it."""
    rows = [
        row
        for name in decision.route
        for row in world.catalog.models[name].deployments
        if row.provider not in shown.down
    ]
    return bool(rows) and any(row.rpm or row.tpm for row in rows)


def _for_nothing(world: World, _: CounterExample, decision: Decision, _match: re.Match[str]) -> bool:
    prices = [world.catalog.models[name].facts.price for name in decision.route]
    return any(price and max(price.input, price.output) < 0.005 for price in prices)


_Check = Callable[[World, CounterExample, Decision, re.Match[str]], bool]
_CHECKS: dict[str, _Check] = {
    r"is refused": _is_refused,
    r"is never sent to (\S+)": _is_not_sent,
    r"never comes to (\S+)": _comes_too_late,
    r"is sent to a model that is gone": _is_gone,
    r"is let through, and the vendor may refuse it": _takes_less,
    r"may be sent to (?P<provider>\S+), which can do less": _takes_less,
    r"may be sent to (\S+), which cannot answer it": _wrong_kind,
    r"may be embedded by either": _by_either,
    r"is embedded by (\S+)": _is_embedded_by,
    r"may be embedded by (\S+)": _may_be_embedded_by,
    r"would come back to (\S+)": _comes_back,
    r"is answered by (\S+) without a key": _without_a_key,
    r"meets rate limits": _meets_limits,
    r"is priced at next to nothing": _for_nothing,
}
