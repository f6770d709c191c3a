"""A golden plan names exactly the requests that change: random requests, and every example, say so too."""

import os
from dataclasses import replace
from typing import Any

import pytest

from compiler.partition import Change, Hop, changes
from compiler.plan.sides import Side
from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Table
from compiler.runtime.request import needs_of
from tests.plans.test_plans import CASES, planned, sides
from tests.properties.random_pairs import Marks, requests

REQUESTS = int(os.environ.get("INTERLOCK_REQUESTS", "4000"))
# Nothing is routed otherwise by these; by every other change of the corpus something is.
ROUTED_ALIKE = {"auth-removed", "nothing", "replicas-changed"}
Route = tuple[Hop, ...]


def tables(case: str) -> tuple[Side, Side]:
    before, after = sides(case)
    assert before.table is not None
    assert after.table is not None
    return before, after


def route(decision: Decision) -> Route:
    return tuple(Hop(name, tuple(decision.upstreams[name])) for name in decision.route)


def named(case: str) -> set[tuple[str | None, str | None, str, Route, Route]]:
    return {
        (row.strategy, row.model, mode, row.before, row.after)
        for row in planned(case).front_routes
        for mode in row.modes
    }


def asked(table: Table, body: dict[str, Any]) -> tuple[str | None, str | None]:
    strategy, model = body.get("routing_strategy"), body.get("model")
    return (table["default_strategy"] if strategy is None and model is None else strategy), model


@pytest.mark.parametrize("case", CASES)
def test_no_request_changes_that_is_not_named(case: str) -> None:
    before, after = tables(case)
    assert before.table["default_strategy"] == after.table["default_strategy"]
    known = named(case)
    found = set()
    for body, mode, down in requests(6, CASES.index(case), Marks.of(before.table, after.table), REQUESTS):
        ours, theirs = (route(decide(side.table, body, mode=mode, down=down)) for side in (before, after))
        if ours != theirs:
            key = (*asked(before.table, body), mode, ours, theirs)
            assert key in known, {**body, "messages": "…"}
            found.add(key)
    assert bool(found) == (case not in ROUTED_ALIKE)


@pytest.mark.parametrize("case", CASES)
def test_every_request_that_is_named_changes(case: str) -> None:
    before, after = tables(case)
    rows = changes(before.table, after.table)
    assert rows.exact
    assert bool(rows.rows) == (case not in ROUTED_ALIKE)
    for row in rows.rows:
        for mode in row.modes:
            assert (as_said(before, row, mode), as_said(after, row, mode)) == (row.before, row.after), row


def as_said(side: Side, row: Change, mode: str) -> Route:
    """The route of the example, with a prompt of the size that it names."""
    needs = replace(needs_of(dict(row.request), mode), prompt_tokens=row.prompt_tokens)
    return route(decide(side.table, row.request, mode=mode, down=row.down, needs=needs))
