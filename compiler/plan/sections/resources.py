"""What happens in the cluster."""

import json
from collections.abc import Iterator
from typing import Any

from compiler.plan import Plan
from compiler.plan.marks import line, name
from compiler.plan.objects import Field, ObjectChange
from compiler.plan.resources import Resources, Rollout, short
from compiler.plan.sections.layout import Grid, Section

_MOST_FIELDS = 6
_LONGEST_VALUE = 60


def sections(resources: Resources, plan: Plan) -> Iterator[Section]:
    rollouts = tuple(map(_rollout, resources.rollouts))
    quiet = resources.objects and not rollouts
    if quiet and all(one.monitoring for one in resources.objects):
        rollouts = ("Only what watches the gateways changes: no pod is touched",)
    elif quiet and not plan.is_deleted:
        rollouts = ("No pod restarts",)
    yield Section("Roll-out", rollouts)
    first = [one for one in resources.steps if one.first]
    then = [one for one in resources.steps if not one.first]
    yield Section("By hand, before it is applied", tuple(f"{name(one.command)}: {one.why}" for one in first))
    yield Section("By hand, after it is applied", tuple(f"{name(one.command)}: {one.why}" for one in then))
    rows = tuple(_object_row(one) for one in resources.objects)
    yield Section(_objects_title(resources.objects), (), Grid(("object", "", "fields"), rows), folded=True)
    settings = tuple(
        (name(gateway), name(one.path), _brief(one.before), _brief(one.after))
        for gateway, fields in resources.settings
        for one in fields
    )
    head = ("gateway", "setting", "before", "after")
    yield Section("LiteLLM's settings", (), Grid(head, settings), folded=True)


def _rollout(one: Rollout) -> str:
    where = f"{name(one.name)} in namespace {name(one.namespace)}"
    more = len(one.why) - _MOST_FIELDS
    why = ", ".join([*map(line, one.why[:_MOST_FIELDS]), *([f"and {more} more"] if more > 0 else [])])
    return {
        "starts": f"{where} is new",
        "stops": f"{where} is gone",
        "restarts": f"{where} restarts, pod by pod: {why}",
        "scales": f"{where} runs {', and ran '.join(one.why)}",
        "reloads": f"{where} takes up {why} within a minute or two, without a restart",
    }[one.what]


def _objects_title(objects: tuple[ObjectChange, ...]) -> str:
    counts = [(how, sum(one.what == how for one in objects)) for how in ("added", "changed", "removed")]
    said = ", ".join(f"{number} {how}" for how, number in counts if number)
    return f"Kubernetes objects: {said}"


def _object_row(one: ObjectChange) -> tuple[str, ...]:
    where = (
        f"{one.kind} {name(one.name)} in {name(one.namespace)}"
        if one.namespace
        else f"{one.kind} {name(one.name)}"
    )
    paths = dict.fromkeys(_field(field, one.kind) for field in one.fields)
    said, more = list(paths)[:_MOST_FIELDS], len(paths) - _MOST_FIELDS
    return where, one.what, "; ".join([*said, *([f"and {more} more"] if more > 0 else [])])


def _field(one: Field, kind: str) -> str:
    before, after = _brief(one.before), _brief(one.after)
    path = short(one.path) if kind == "Deployment" else one.path
    if "" in (before, after) or path != one.path:
        return name(path)
    return f"{name(path)} {before} → {after}"


def _brief(value: Any) -> str:
    """A value short enough to be read beside another; nothing for a text of many lines."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "" if "\n" in text or len(text) > _LONGEST_VALUE else name(text)
