"""The cases of this folder reach every statement of every interlock, and each counter-example goes wrong.

A rule that no case reaches is a rule whose words nobody has read.
"""

import ast
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from compiler import facts, interlocks
from compiler.catalog import Catalog
from compiler.diagnostics import CounterExample, Diagnostic
from compiler.pipeline import Outcome, validate
from compiler.runtime.decision import Decision, decide
from compiler.table import routing_table

HERE = Path(__file__).resolve().parent
RULES = Path(interlocks.__file__).resolve().parent
_Lines = dict[str, set[int]]  # by the path of a source file
Judged = tuple[dict[str, Outcome], _Lines]


@pytest.fixture(scope="module")
def judged() -> Judged:
    """What is said of the catalog of each case, and which lines of the interlocks were run to say it."""
    known = facts.load_cost_map()
    reached: _Lines = {}
    before = sys.gettrace()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "load_cost_map", lambda: known)
        sys.settrace(_tracer(reached))
        try:
            outcomes = {path.parent.name: validate(path) for path in sorted(HERE.glob("IL*-*/catalog.*"))}
        finally:
            sys.settrace(before)
    return outcomes, reached


def _tracer(reached: _Lines) -> Callable[[FrameType, str, Any], Any]:
    """Notes the lines that run in the interlocks, and stays out of every other function."""
    inside = f"{RULES}/"

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            reached.setdefault(frame.f_code.co_filename, set()).add(frame.f_lineno)
        return line

    def call(frame: FrameType, _event: str, _: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(inside) else None

    return call


@pytest.mark.parametrize("module", sorted(RULES.glob("*.py")), ids=lambda path: path.stem)
def test_the_cases_reach_every_statement(module: Path, judged: Judged) -> None:
    text = module.read_text("utf-8")
    reached = judged[1].get(str(module), set())
    missed = [lines.start for lines in _statements(text) if reached.isdisjoint(lines)]
    shown = [f"{module.name}:{number}: {text.splitlines()[number - 1].strip()}" for number in missed]
    assert not shown, "no case of tests/errors reaches:\n" + "\n".join(shown)


def _statements(text: str) -> Iterator[range]:
    """The lines of each statement in a function; of one that holds others (`if`, `for`), of its head."""
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef))
    for function in functions:
        for node in _below(function):
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else node.end_lineno or node.lineno
            yield range(node.lineno, max(last, node.lineno) + 1)


def _below(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a function, but not its docstring, functions in it, and `try:`, which is no step."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef):
            continue
        says_nothing = isinstance(child, ast.Try) or (
            isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        )
        if isinstance(child, ast.stmt) and not says_nothing:
            yield child
        yield from _below(child)


def test_a_line_that_is_not_reached_is_seen() -> None:
    head = 'def f(a):\n    "Says."\n    if (\n        a\n    ):\n        return 1\n'
    text = f"{head}    return g(\n        2,\n    )"
    assert list(_statements(text)) == [range(3, 6), range(6, 7), range(7, 10)]


def test_every_counter_example_goes_wrong(judged: Judged) -> None:
    """As the message says, when the very function that runs in the proxy decides the request."""
    seen = set()
    for name, outcome in judged[0].items():
        for found in outcome.diagnostics:
            if found.request:
                assert outcome.catalog
                right = _comes_to_pass(found, found.request, _decided(outcome.catalog, found.request))
                assert right, f"{name}: {found.message}: {found.request}"
                seen.add(found.code)
    assert len(seen) > 10


def _decided(catalog: Catalog, asked: CounterExample) -> Decision:
    table = routing_table(catalog, catalog.front)
    return decide(table, json.loads(asked.body), mode=asked.mode, down=frozenset(asked.down))


def _comes_to_pass(found: Diagnostic, asked: CounterExample, decision: Decision) -> bool:
    first, _, last = asked.outcome.rpartition(" ")
    if asked.outcome == "is refused":
        return decision.refusal is not None
    if first in {"is never sent to", "never comes to"}:
        return last not in decision.route
    if first == "is embedded by":
        return decision.route[0] == last
    if first in {"may be embedded by", "would come back to"} and last != "either":
        return last in decision.route
    # All others are answered, and should not have been: by the model that they name, where they name one.
    pinned = json.loads(asked.body).get("model")
    return bool(decision.route) and pinned in {None, decision.route[0]} and found.code != "IL304"
