"""Plans for programs: JSON of the same shape as `Plan`, and the verdict in words."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from compiler.pipeline import Outcome
from compiler.plan import Plan
from compiler.plan.marks import line, plain
from compiler.plan.objects import Field, ObjectChange
from compiler.plan.verdict import verdict
from compiler.reporters import to_json as to_list

VERSION = 1
_SHORT, _DEEPEST = 80, 6  # characters; levels
_LONGEST_VALUE = 200  # characters


def to_json(plans: list[Plan], broken: list[Outcome], failed: list[str]) -> str:
    """`{"version": 1, "plans": […], "not_compiled": […], "failed": […]}`.

    `broken` are today's catalogs with errors, with their diagnostics as `validate --format json` has them.
    `failed` are the lines of the thresholds that were passed.
    """
    content = {
        "version": VERSION,
        "plans": [_plan(plan) for plan in plans],
        "not_compiled": [json.loads(to_list(outcome.diagnostics)) for outcome in broken],
        "failed": failed,
    }
    return _pretty(content) + "\n"


def _pretty(value: Any, depth: int = 0) -> str:
    """JSON that is read line by line: a route, an object or a short list is one line."""
    short = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(short) < _SHORT or depth == _DEEPEST:
        return short
    start, end = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        return f"[{start}{f',{start}'.join(_pretty(one, depth + 1) for one in value)}{end}]"
    parts = (
        f"{json.dumps(key, ensure_ascii=False)}: {_pretty(one, depth + 1)}" for key, one in value.items()
    )
    return f"{{{start}{f',{start}'.join(parts)}{end}}}"


def _plan(plan: Plan) -> dict[str, Any]:
    money = plan.money
    totals = {
        "before": money.before,
        "after": money.after,
        "delta": money.delta,
        "percent": money.percent,
        "lines": len(money.priced),
    }
    data = _data(plan)
    data["money"]["total"] = totals if money.lines else None
    return {"catalog": data.pop("name"), "verdict": plain(verdict(plan)), "changed": plan.changed, **data}


def _data(value: Any) -> Any:
    if isinstance(value, ObjectChange):
        return _object(value)
    if isinstance(value, Field):
        hidden = value.path.endswith("config-digest]")  # it moves with the plugin, whatever the catalog says
        sides = {"before": value.before, "after": value.after}
        return {"path": line(value.path)} | {
            key: None if hidden else _brief(side) for key, side in sides.items()
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _data(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {line(key): _data(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_data(inner) for inner in value]
    return line(plain(value)) if isinstance(value, str) else value


def _brief(value: Any) -> Any:
    """A digest and a text of many lines say nothing beside another one: null."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return None if "\n" in text or len(text) > _LONGEST_VALUE else _data(value)


def _object(one: ObjectChange) -> dict[str, Any]:
    """Without the objects themselves, and without whole files in their fields."""
    kept = ("kind", "namespace", "name", "gateway", "what", "fields", "monitoring")
    return {key: _data(getattr(one, key)) for key in kept}
