"""The routing tests of the shipped catalogs: they pass, cover all there is, and notice changes."""

from pathlib import Path

import pytest

from compiler.pipeline import validate, validate_text
from compiler.policy import coverage_of, run
from compiler.table import routing_table

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "catalog").glob("*.yaml"))

# What stands in a catalog, and what takes its place: changes of routes that a reviewer could overlook.
MUTATIONS = {
    "current": [
        ("candidates: [claude-opus-5-5, gpt-5.6,", "candidates: [gpt-5.6, claude-opus-5-5,"),
        ("candidates: [claude-haiku-5-5, nova-lite, gpt-5.6-luna]", "candidates: [claude-haiku-5-5]"),
        ("claude-sonnet-5-5, gpt-5.6, codestral-latest]", "claude-sonnet-5-5, codestral-latest]"),
        ("order: cost", "order: latency"),
        ("{max_latency_ms: 1000}", "{max_latency_ms: 3000}"),
        ("{max_latency_ms: 1000}", "{max_latency_ms: 600}"),
        ("\n      - {provider: bedrock, id: eu.anthropic.claude-opus-5-5}", ""),
        ("\n    fallbacks: [gpt-5.6, mistral-large-4]", "\n    fallbacks: [mistral-large-4, gpt-5.6]"),
        ("max_attempts: 3", "max_attempts: 2"),
        ("quality: 62, latency_ms: 500", "price: {input: 1, output: 1}"),
        ("region: eu-central-1\n    residency: eu", "region: eu-central-1"),
    ],
    "foundational-models": [
        ("\n    fallbacks: [gpt-4, claude-3-opus]", "\n    fallbacks: [claude-3-opus, gpt-4]"),
        ("[gemini-1.5-pro-001, claude-3-opus, gpt", "[claude-3-opus, gemini-1.5-pro-001, gpt"),
        ("candidates: [gemini-1.5-flash-001, gpt-3.5-turbo]", "candidates: [gpt-3.5-turbo]"),
        ("{min_context_window: 100000}", "{min_context_window: 1000}"),
        ("context_window: 6144", "context_window: 61440"),
        ("price: {input: 0.10, output: 0.30}", "price: {input: 1.10, output: 3.30}"),
        ("candidates: [code-bison@002, gpt-4-turbo-preview,", "candidates: [code-bison@002, gpt-4,"),
    ],
}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_they_pass_and_cover_all_there_is(path: Path) -> None:
    catalog = validate(path).catalog
    assert catalog is not None
    results = run(catalog, catalog.tests)
    assert 8 <= len(results) <= 16
    assert [(r.test.name, [f.text for f in r.failures]) for r in results if r.failures] == []
    found = coverage_of(routing_table(catalog, catalog.front), results)
    assert [item.text for item in found.missing] == []


@pytest.mark.parametrize(
    ("name", "old", "new"), [(name, *change) for name, changes in MUTATIONS.items() for change in changes]
)
def test_a_change_of_the_routes_fails(name: str, old: str, new: str) -> None:
    text = (ROOT / "catalog" / f"{name}.yaml").read_text("utf-8")
    assert text.count(old) == 1
    catalog = validate_text(text.replace(old, new).encode(), f"{name}.yaml").catalog
    assert catalog is not None
    assert any(not result.passed for result in run(catalog, catalog.tests))
