"""Whether what a plain Prometheus and Grafana read from monitoring/ is what the objects there hold."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compiler.verify import promql
from compiler.verify.documents import Document
from compiler.verify.finding import Finding, child, descend
from compiler.verify.layout import MONITORING, WATCHERS
from compiler.verify.objects import Object, as_object

RULES = f"{MONITORING}/rules.yaml"
DASHBOARD = f"{MONITORING}/dashboard.json"
# Grafana's own variables that stand for a length of time, and any other.
_INTERVAL = re.compile(r"\$(?:__(?:rate_interval|interval|range)\b|\{__(?:rate_interval|interval|range)\})")
_VARIABLE = re.compile(r"\$(?:\w+|\{[^}]*\})")


def check(
    bundle: Mapping[str, bytes], documents: Sequence[Document], items: Sequence[Object]
) -> Iterator[Finding]:
    """`items` are the objects of the bundle, all of which the schema has accepted."""
    rules = [item for item in items if item.kind == "PrometheusRule"]
    yield from _rules(documents, rules)
    if DASHBOARD in bundle:
        board = json.loads(bundle[DASHBOARD])
        if not isinstance(board, dict) or not isinstance(board.get("panels"), list):
            yield Finding(DASHBOARD, "", "panels", "no dashboard of Grafana: it has no list of panels")
            return
        groups = [group for item in rules for group in item.spec["groups"]]
        yield from _panels(board, promql.recorded(groups) if rules else None)
        watched = {
            as_object(document).identity for document in documents if document.path.startswith(WATCHERS)
        }
        maps = [item for item in items if item.kind == "ConfigMap" and item.identity in watched]
        yield from _held(board, bundle[DASHBOARD].decode(), maps)


def _rules(documents: Sequence[Document], objects: Sequence[Object]) -> Iterator[Finding]:
    """Rules are checked where they are objects; the file for a plain Prometheus holds the same."""
    data = next((document.data for document in documents if document.path == RULES), None)
    groups = data.get("groups") if isinstance(data, dict) else None
    if data is not None and not isinstance(groups, list):
        yield Finding(RULES, "", "groups", "no list of groups of rules")
    for item in objects:
        if groups is not None and item.spec["groups"] != groups:
            yield item.finding("spec.groups", f"not those of {RULES}")


def _held(board: dict[str, Any], raw: str, maps: Sequence[Object]) -> Iterator[Finding]:
    texts = [(item, name, text) for item in maps for name, text in item.data.get("data", {}).items()]
    for item, name, text in texts:
        if name.endswith(".json") and text != raw and _json(text) != board:
            yield item.finding(child("data", name), f"not what {DASHBOARD} holds")
    for item in {id(item): item for item, name, _ in texts if name.endswith(".json")}.values():
        if "grafana_dashboard" not in item.metadata.get("labels", {}):
            yield item.finding(
                "metadata.labels", "no label grafana_dashboard, by which Grafana's sidecar finds it"
            )
    if maps and not any(name.endswith(".json") for _, name, _ in texts):
        yield maps[0].finding("data", "no key ends in .json, which is what Grafana's sidecar takes")


def _panels(board: dict[str, Any], recorded: frozenset[str] | None) -> Iterator[Finding]:
    for path, expression in _expressions(board):
        text = _INTERVAL.sub("5m", expression)
        if reason := promql.expression(_VARIABLE.sub("x", text), recorded):
            yield Finding(DASHBOARD, "", descend("", path), reason)


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _expressions(node: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What the panels ask Prometheus for."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield (*path, "expr"), node["expr"]
        for key, value in node.items():
            yield from _expressions(value, (*path, key)) if isinstance(value, (dict, list)) else ()
    else:
        for place, value in enumerate(node):
            yield from _expressions(value, (*path, place)) if isinstance(value, (dict, list)) else ()
