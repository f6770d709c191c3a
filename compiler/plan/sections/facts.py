"""What the catalog says otherwise of models, strategies and providers."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from compiler.plan.facts import PRICES, FactChange, FactChanges, Whole
from compiler.plan.marks import name, names
from compiler.plan.sections.layout import Grid, Section


def sections(facts: FactChanges, *, whole: bool) -> Iterator[Section]:
    lines = [*_wholes("new", facts.added), *_wholes("gone", facts.removed)]
    models = [one for one in facts.changed if one.kind == "model"]
    rest = [one for one in facts.changed if one.kind != "model"]
    head = ("of", "what", "before", "after")
    yield Section("Models and prices", tuple(lines), Grid(head, tuple(map(_fact_row, models))), folded=whole)
    yield Section(
        "Strategies, providers and settings", (), Grid(head, tuple(map(_fact_row, rest))), folded=True
    )


def _wholes(how: str, found: Iterable[Whole]) -> Iterator[str]:
    for one in found:
        said = "; ".join(_said(one))
        yield f"{how}: {one.kind} {name(one.name)}" + (f" ({said})" if said else "")


def _said(one: Whole) -> Iterator[str]:
    """The facts by which a reader knows what it is."""
    facts = one.facts
    if one.kind == "model":
        yield f"at {names(facts['providers'])}"
        if facts["context window"] is not None:
            yield f"window {facts['context window']:,}"
        if facts[PRICES[0]] is not None:
            yield f"${facts[PRICES[0]]:g} in and ${facts[PRICES[1]]:g} out per million tokens"
    elif one.kind == "strategy":
        yield names(facts["candidates"], " → ") if facts.get("candidates") else f"order {facts['order']}"
    elif one.kind == "provider":
        yield str(facts["type"])


def _fact_row(one: FactChange) -> tuple[str, ...]:
    subject = one.name if one.kind == "setting" else f"{one.kind} {name(one.name)}"
    if one.field in PRICES:
        what = f"{one.field} (USD per million tokens)"
        before, after = (_price(side) for side in (one.before, one.after))
        if one.before and one.after is not None:
            after += f" ({100 * (one.after - one.before) / one.before:+.0f} %)"
        return subject, what, before, after
    field = (
        "deployment " + name(one.field.removeprefix("deployment "))
        if "deployment " in one.field
        else one.field
    )
    return subject, field, _value(one.before), _value(one.after)


def _price(price: Any) -> str:
    return "not known" if price is None else f"${price:g}"


def _value(value: Any) -> str:
    if value is None or value in ([], {}):
        return "none"
    if isinstance(value, dict):
        return ", ".join(name(f"{key}: {_json(inner)}") for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(name(one if isinstance(one, str) else _json(one)) for one in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return name(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
