"""Tests that a catalog without any may begin with, made from what it does today."""

from collections.abc import Iterator
from typing import Any

from compiler import emit
from compiler.matrix import outage_matrix
from compiler.policy.expectations import first_providers
from compiler.runtime.models import Table


def first_tests(table: Table) -> str:
    """YAML to paste: the default strategy's route, and the same with the provider down that answers first."""
    rows = "".join(f"  - {_lines(row)}\n" for row in _rows(table))
    return f"tests:\n{rows}" if rows else ""


def _lines(row: dict[str, Any]) -> str:
    return "\n    ".join(f"{key}: {emit.scalar(value)}" for key, value in row.items())


def _rows(table: Table) -> Iterator[dict[str, Any]]:
    strategy = table["default_strategy"]
    cells = outage_matrix(table).cells[strategy]
    request = {"routing_strategy": strategy}
    first, *rest = cells[None].route or ("",)
    if not first:
        return
    name = f"{strategy} is answered by {first}"
    yield {"name": name, "request": request, "expect": {"model": first, "fallbacks": rest}}
    provider = first_providers(cells[None], table)[0]
    without = cells[provider]
    expect: dict[str, Any] = {"model": without.route[0]} if without.route else {"refused": True}
    others = first_providers(without, table)
    if len(others) == 1:
        expect["provider"] = others[0]
    yield {"name": f"{strategy} without {provider}", "down": [provider], "request": request, "expect": expect}
