"""What a test expects, held against the decision."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.catalog_tests import Expectation
from compiler.runtime.decision import Decision
from compiler.runtime.models import Row, Table, cost_usd


@dataclass(frozen=True, slots=True)
class Failure:
    """An expectation that does not hold: `what` is its field, the others are in words."""

    what: str
    expected: str
    came: str

    @property
    def text(self) -> str:
        return f"{self.what}: expected {self.expected}, came {self.came}"


_Check = Callable[[Decision, Table, Any], Failure | None]


def failures(decision: Decision, table: Table, expect: Expectation) -> Iterator[Failure]:
    """Every expectation that does not hold. A request refused against expectation fails once."""
    wanted = {name: value for name in _CHECKS if (value := getattr(expect, name)) is not None}
    if decision.refusal and not {"refused", "code"} & wanted.keys():
        first = next(iter(wanted))
        yield Failure(first, _said(first, wanted[first]), _refused(decision))
        return
    for name, value in wanted.items():
        failure = _CHECKS[name](decision, table, value)
        if failure:
            yield failure


def _said(what: str, value: Any) -> str:
    """A value that is expected, in words."""
    if what == "fallbacks":
        return " → ".join(value) or "none"
    return f"at most ${value:g}" if what == "max_cost_usd" else str(value)


def _refused(decision: Decision) -> str:
    return f"a refusal ({decision.refusal.code})" if decision.refusal else "no refusal"


def _check_refused(decision: Decision, _table: Table, wanted: bool) -> Failure | None:
    if bool(decision.refusal) is wanted:
        return None
    return Failure("refused", "a refusal" if wanted else "no refusal", _answer(decision))


def _check_code(decision: Decision, _table: Table, wanted: str) -> Failure | None:
    code = decision.refusal and decision.refusal.code
    return None if code == wanted else Failure("code", f"a refusal ({wanted})", _answer(decision))


def _answer(decision: Decision) -> str:
    return _refused(decision) if decision.refusal else " → ".join(decision.route)


def _check_model(decision: Decision, _table: Table, wanted: str) -> Failure | None:
    came = decision.route[0]
    return None if came == wanted else Failure("model", wanted, came)


def _check_fallbacks(decision: Decision, _table: Table, wanted: tuple[str, ...]) -> Failure | None:
    rest = decision.route[1:]
    if rest == wanted:
        return None
    return Failure("fallbacks", _said("fallbacks", wanted), _said("fallbacks", rest))


def _check_provider(decision: Decision, table: Table, wanted: str) -> Failure | None:
    came = first_providers(decision, table)
    return None if came == (wanted,) else Failure("provider", wanted, " or ".join(came))


def _check_cost(decision: Decision, table: Table, most: float) -> Failure | None:
    cost = cost_usd(table["models"][decision.route[0]], decision.needs)
    if cost is not None and cost <= most:
        return None
    came = "a price that is not known" if cost is None else f"about ${cost:.6f}"
    return Failure("max_cost_usd", _said("max_cost_usd", most), f"{came} ({decision.route[0]})")


def _check_residency(decision: Decision, table: Table, wanted: str) -> Failure | None:
    for model in decision.route:
        for row in answering(decision, table, model):
            others = [
                place or "a residency that is not known" for place in row["residency"] if place != wanted
            ]
            if others:
                return Failure("residency", f"{wanted} on every hop", f"{' and '.join(others)} ({model})")
    return None


def answering(decision: Decision, table: Table, model: str) -> Iterator[Row]:
    """The deployments of a model of the route that may answer, the first to be called first."""
    rows: Mapping[str, Row] = {row["id"]: row for row in table["models"][model]["deployments"]}
    return (rows[one] for level in decision.upstreams[model] for one in level)


def first_providers(decision: Decision, table: Table) -> tuple[str, ...]:
    """The providers of which one is called first: of the first model, those of the best priority. Sorted."""
    if not decision.route:
        return ()
    model = decision.route[0]
    rows: Mapping[str, Row] = {row["id"]: row for row in table["models"][model]["deployments"]}
    first = decision.upstreams[model][0]
    return tuple(sorted({provider for one in first for provider in rows[one]["providers"]}))


_CHECKS: Mapping[str, _Check] = {
    "refused": _check_refused,
    "code": _check_code,
    "model": _check_model,
    "fallbacks": _check_fallbacks,
    "provider": _check_provider,
    "max_cost_usd": _check_cost,
    "residency": _check_residency,
}
