"""Every place of a catalog where a key can be written, by the schema, and documents that lead there."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Rule = dict[str, Any]
Path_ = tuple[str | int, ...]

MODELINE = "# yaml-language-server: $schema=../schemas/catalog.schema.json"


@dataclass(frozen=True)
class Place:
    """An object of the schema: the path that leads to it in a catalog (0 is a list's item), and its keys."""

    path: Path_
    keys: dict[str, Rule]

    def __str__(self) -> str:
        return ".".join(map(str, self.path)) or "top"


def places(schema: Rule, rule: Rule, path: Path_ = ()) -> Iterator[Place]:
    """The objects with keys of their own at a path and below it, in the order of the schema."""
    rule = resolved(schema, rule)
    if "properties" in rule:
        yield Place(path, {name: resolved(schema, key) for name, key in rule["properties"].items()})
    for name, inner in rule.get("properties", {}).items():
        yield from places(schema, inner, (*path, name))
    if isinstance(rule.get("additionalProperties"), dict):
        name = resolved(schema, rule["propertyNames"])["examples"][0]
        yield from places(schema, rule["additionalProperties"], (*path, name))
    if "items" in rule:
        yield from places(schema, rule["items"], (*path, 0))
    for branch in rule.get("anyOf", ()):
        yield from places(schema, branch, path)


def resolved(schema: Rule, rule: Rule) -> Rule:
    """The rule with what its $ref says; what stands beside a $ref has the last word."""
    if "$ref" not in rule:
        return rule
    return {**resolved(schema, schema["$defs"][rule["$ref"].rpartition("/")[2]]), **rule}


def objects(node: Any) -> Iterator[Rule]:
    """The keys of every object that the schema speaks of, wherever it is written; examples are not rules."""
    if isinstance(node, list):
        for inner in node:
            yield from objects(inner)
    elif isinstance(node, dict):
        if "properties" in node:
            yield node["properties"]
        inner_rules = {**node, **node.get("properties", {}), "properties": None, "examples": None}
        for inner in inner_rules.values():
            yield from objects(inner)


def legal_values(schema: Rule, rule: Rule) -> list[Any]:
    """The words that a value can be, where they can be listed."""
    rule = resolved(schema, rule)
    if rule.get("type") == "boolean":
        return [True, False]
    own = rule.get("enum", [rule["const"]] if "const" in rule else [])
    return [*own, *(word for branch in rule.get("anyOf", ()) for word in legal_values(schema, branch))]


def told(schema: Rule, rule: Rule) -> list[tuple[str, str]]:
    """The (title, description) that may be shown over a key: its own words, or those of a branch of it."""
    branches = [resolved(schema, branch) for branch in rule.get("anyOf", ())]
    return [(rule["title"], {**rule, **one}["description"]) for one in (rule, *branches)]


def written(path: Path_) -> tuple[list[str], str, str]:
    """The lines of a catalog down to a place; what stands before its first key, and before the others."""
    lines, first, rest = [MODELINE], "", ""
    for step in path:
        if step == 0:
            first, rest = f"{rest}- ", f"{rest}  "
            continue
        lines.append(f"{first}{step}:")
        first = rest = f"{rest}  "
    return lines, first, rest


def flow(value: Any) -> str:
    """A value on one line: JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)
