"""`plan` names every difference that random requests find, and only differences that there are.

More: INTERLOCK_PAIRS=200, INTERLOCK_REQUESTS=100000, INTERLOCK_SEED=7.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from compiler import facts
from compiler.facts import CostMap
from compiler.partition import Change, Changes, Hop, changes
from compiler.pipeline import validate_text
from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Table
from compiler.runtime.request import needs_of
from compiler.table import without_digest
from tests.properties.random_pairs import AS_OF, Marks, Request, pair, requests

PAIRS = int(os.environ.get("INTERLOCK_PAIRS", "40"))
REQUESTS = int(os.environ.get("INTERLOCK_REQUESTS", "1500"))
SEED = int(os.environ.get("INTERLOCK_SEED", "6"))
FIRST = int(os.environ.get("INTERLOCK_FIRST", "0"))
Tables = Callable[[int], tuple[Table, Table]]


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    def made(number: int) -> tuple[Table, Table]:
        before, after, entries = pair(SEED, number)
        monkeypatch.setattr(facts, "load_cost_map", lambda: CostMap(entries))
        found = []
        for data in (before, after):
            catalog = validate_text(json.dumps(data).encode(), "catalog.yaml", AS_OF).catalog
            assert catalog is not None
            found.append(without_digest(catalog, catalog.front))
        return found[0], found[1]

    return made


def test_every_difference_that_requests_find_is_named(
    tables: Tables, record_property: Callable[[str, object], None]
) -> None:
    differing = named = 0
    for number in range(FIRST, FIRST + PAIRS):
        before, after = tables(number)
        found = changes(before, after)
        assert found.exact, (number, found.remarks)
        known = {
            (row.strategy, row.model, mode, row.before, row.after) for row in found.rows for mode in row.modes
        }
        named += len(known)
        for request in requests(SEED, number, Marks.of(before, after), REQUESTS):
            ours, theirs = (routed(table, request) for table in (before, after))
            if ours != theirs:
                differing += 1
                key = (*asked(before, after, request), request[1], ours, theirs)
                assert key in known, (number, {**request[0], "messages": "…"}, request[1:], key)
    record_property(
        "report", f"{PAIRS} pairs, {PAIRS * REQUESTS} requests: {differing} differ; {named} differences named"
    )
    assert differing > PAIRS * REQUESTS / 100


def test_every_difference_that_is_named_is_one(tables: Tables) -> None:
    seen = 0
    for number in range(FIRST, FIRST + PAIRS):
        before, after = tables(number)
        for row in changes(before, after).rows:
            for mode in row.modes:
                ours, theirs = (as_example(table, row, mode) for table in (before, after))
                assert (plain(ours), plain(theirs)) == (row.before, row.after), (number, row)
                seen += 1
    assert seen > PAIRS


def test_tables_that_are_the_same_differ_in_nothing(tables: Tables) -> None:
    before, after = tables(1)
    assert changes(before, before) == changes(after, after) == Changes()


def routed(table: Table, request: Request) -> Any:
    body, mode, down = request
    return plain(decide(table, body, mode=mode, down=down))


def plain(decision: Decision) -> Any:
    return tuple(Hop(name, tuple(decision.upstreams[name])) for name in decision.route)


def asked(before: Table, after: Table, request: Request) -> tuple[str | None, str | None]:
    """What the request names; the default strategy where it names nothing and that is the same."""
    strategy, model = request[0].get("routing_strategy"), request[0].get("model")
    if strategy is None and model is None and before["default_strategy"] == after["default_strategy"]:
        strategy = before["default_strategy"]
    return strategy, model


def as_example(table: Table, row: Change, mode: str) -> Decision:
    """The example as a client would send it, its text as long as it says."""
    body = dict(row.request)
    needs = needs_of(body, mode)
    return decide(
        table, body, mode=mode, down=row.down, needs=replace(needs, prompt_tokens=row.prompt_tokens)
    )
