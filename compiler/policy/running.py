"""Runs routing tests: each is one request, decided by the very function that runs in the gateway."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from compiler.catalog import Catalog
from compiler.catalog_tests import RoutingTest
from compiler.policy.expectations import Failure, failures
from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Table
from compiler.runtime.request import Needs, RefusedError, needs_of
from compiler.table import routing_table


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a test: it passed when there is no failure. `table` is the one it was decided by."""

    test: RoutingTest
    decision: Decision
    failures: tuple[Failure, ...]
    table: Table

    @property
    def passed(self) -> bool:
        return not self.failures


def run(catalog: Catalog, tests: Iterable[RoutingTest]) -> tuple[Result, ...]:
    """The result of each test, in the order given, at the gateway that it names or that clients call."""
    tables: dict[str, Table] = {}
    results = []
    for test in tests:
        gateway = catalog.gateways[test.gateway] if test.gateway else catalog.front
        if gateway.name not in tables:
            tables[gateway.name] = routing_table(catalog, gateway)
        results.append(judge(tables[gateway.name], test))
    return tuple(results)


def judge(table: Table, test: RoutingTest) -> Result:
    """The result of one test by a gateway's table."""
    decision = decide(
        table,
        dict(test.request),
        mode=test.mode,
        header=test.header,
        allowed=test.key_models,
        down=test.down,
        needs=_needs(test.request, test.mode, test.prompt_tokens),
    )
    return Result(test, decision, tuple(failures(decision, table, test.expect)), table)


def _needs(request: Mapping[str, Any], mode: str, prompt_tokens: int | None) -> Needs | None:
    """What the request needs, its prompt of the size given; None where its own text says all."""
    if prompt_tokens is None:
        return None
    try:
        return replace(needs_of(dict(request), mode), prompt_tokens=prompt_tokens)
    except RefusedError:
        return None  # the decision refuses it likewise, and says why
