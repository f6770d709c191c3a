"""Names that do not exist are said beside what the schema refuses, and as `resolve` says them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from compiler import schema
from compiler.diagnostics import Diagnostic
from compiler.facts import load_cost_map
from compiler.pipeline import validate_text
from compiler.references import MAX_SHOWN, REFERENCES, unknown_names
from compiler.resolve import resolve
from compiler.resources import read_text
from compiler.source import Document, parse

SCHEMA = json.loads(read_text("schemas", "catalog.schema.json"))
EVERY_REFERENCE = """\
apiVersion: interlock/v1
name: g
gateways: {router: {}, inner: {}}
providers:
  p: {type: openai, gateway: gatewy}
  q: {type: openai, gateway: inner}
models:
  m: {provider: q, fallbacks: [m2, mm, n]}
  n: {deployments: [{provider: pp}, {provider: q}]}
  o: {provider: zzz}
strategies:
  a: {candidates: [m, mmm, n], canary: {model: nn, percent: 5}}
  b: {select: {providers: [q, qq]}, requirements: {providers: [ppp], exclude_providers: [p, qqq]}}
requirements: {providers: [p, q, r], exclude_providers: [s]}
fallback: {providers: [q, t]}
tests:
  - name: t
    gateway: outer
    down: [q, u]
    request: {model: no-such-model}
    expect: {model: m3, fallbacks: [n, m4], provider: v}
"""


def document(text: str) -> Document:
    parsed = parse(text, "catalog.yaml")
    assert isinstance(parsed, Document), parsed
    return parsed


def names(text: str) -> list[str]:
    """What is unknown in a catalog that the schema refuses."""
    parsed = document(text)
    faults = schema.check(parsed)
    assert faults
    return sorted(found.message for found in unknown_names(parsed, faults))


def test_it_says_what_the_resolver_says() -> None:
    parsed = document(EVERY_REFERENCE)
    assert schema.check(parsed) == []
    _, problems = resolve(parsed, load_cost_map())
    expected = [found for found in problems if found.code == "IL301"]
    assert len(expected) == 18
    assert sorted(unknown_names(parsed, []), key=key) == sorted(expected, key=key)


def key(found: Diagnostic) -> Any:
    return found.sort_key


# What `resolve` alone looks up, or nobody: a successor may be in no catalog yet.
ELSEWHERE = {
    ("model", "models.*.lifecycle.successor"),
    ("model", "traffic.[].model"),
}


def test_every_name_of_the_format_is_looked_up() -> None:
    kinds = {"provider_name": "provider", "model_name": "model", "gateway_name": "gateway"}
    found = {(kinds[name], path) for name, path in _named(SCHEMA, ()) if name in kinds}
    assert found == set(REFERENCES) | ELSEWHERE


def _named(node: dict[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        yield name, ".".join(path)
        yield from _named(SCHEMA["$defs"][name], path)
    for part, inner in node.get("properties", {}).items():
        yield from _named(inner, (*path, part))
    for keyword, part in (("additionalProperties", "*"), ("items", "[]")):
        if isinstance(node.get(keyword), dict):
            yield from _named(node[keyword], (*path, part))


GOOD = "apiVersion: interlock/v1\nname: g\nproviders: {p: {type: openai}}\n"


def test_a_faulty_entry_still_has_its_name() -> None:
    text = GOOD + "models: {m: {provider: p, typo: 1}, n: {provider: p, fallbacks: [m, x]}}\n"
    assert names(text) == ["model 'x' does not exist"]


def test_nothing_is_said_of_names_whose_section_cannot_be_read() -> None:
    for providers in ("", "providers: []\n", "providers:\n", "providers: {}\n", "provider: {p: {}}\n"):
        text = (
            f"apiVersion: interlock/v1\nname: g\n{providers}models: {{m: {{provider: p, fallbacks: [x]}}}}\n"
        )
        assert names(text) == ["model 'x' does not exist"]
    assert names(GOOD + "gateways: 5\nmodels: {m: {provider: x}}\n") == ["provider 'x' does not exist"]


def test_a_name_that_is_itself_wrong_is_one_finding() -> None:
    assert names(GOOD + "models: {m: {provider: P_Q}}\n") == []
    assert names(GOOD + "models: {m: {provider: [p]}, n: {provider: 5}, o: {fallbacks: p}}\n") == []


def test_many_are_not_all_listed() -> None:
    listed = ", ".join(f"x{n}" for n in range(MAX_SHOWN + 5))
    found = names(GOOD + f"typo: 1\nmodels: {{m: {{provider: p, fallbacks: [{listed}]}}}}\n")
    assert len(found) == MAX_SHOWN + 1
    assert found[0] == "model 'x0' does not exist"
    assert "more names that do not exist follow" in found


@pytest.mark.parametrize(
    "data",
    [None, [], 5, {"models": 5}, {"models": {"m": None}}, {"providers": {"p": {"gateway": []}}},
     {"models": {"m": {"provider": {}}}, "providers": {"p": []}}, {"fallback": {"providers": [[], None, ""]}},
     {"strategies": {"s": {"canary": []}}, "models": {"m": {"deployments": [5]}}}],
)  # fmt: skip
def test_data_of_any_shape_is_borne(data: Any) -> None:
    assert unknown_names(Document("catalog.yaml", "", data), []) == []


def test_all_kinds_of_problems_are_said_in_one_run() -> None:
    text = GOOD + "models: {m: {provider: x}, m: {provider: p}}\nname: h\nfallback: {max_attempts: 99}\n"
    found = validate_text(text.encode(), "catalog.yaml").diagnostics
    assert [d.code for d in found] == ["IL301", "IL104", "IL104", "IL205"]


def test_a_key_written_twice_hides_nothing_of_a_catalog_that_is_good_otherwise() -> None:
    text = GOOD + "models: {m: {provider: p, provider: p}}\nstrategies: {s: {candidates: [m]}}\n"
    outcome = validate_text(text.encode(), "catalog.yaml")
    codes = {d.code for d in outcome.diagnostics}
    assert codes == {"IL104", "IL304", "IL308", "IL402"}


def test_a_secret_in_the_place_of_a_name_is_not_repeated() -> None:
    key = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"
    text = GOOD + f"models: {{m: {{provider: x, fallbacks: [{key}, {key}x]}}, {key}y: {{provider: p}}}}\n"
    outcome = validate_text(text.encode(), "catalog.yaml")
    assert [d.message for d in outcome.diagnostics if d.code == "IL301"] == ["provider 'x' does not exist"]
    assert not any("4fK9" in f"{d.message} {d.hint}" for d in outcome.diagnostics)
