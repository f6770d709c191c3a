"""What rolls the pods: config.yaml and the plugin, and nothing that a running gateway takes up by itself."""

import pytest

from compiler.pipeline import validate_text
from compiler.render.litellm import GatewayFiles, files

CATALOG = """
apiVersion: interlock/v1
name: rolling
providers: {openai: {type: openai, api_key: {secret: s, key: k}}}
models:
  one: {provider: openai, context_window: 1000, price: {input: 1, output: 2}}
  two: {provider: openai, context_window: 1000, price: {input: 3, output: 4}}
strategies:
  first: {default: true, candidates: [one, two]}
  second: {candidates: [two]}
fallback: {max_attempts: 2, timeout_s: 30}
"""


def compiled(text: str) -> GatewayFiles:
    catalog = validate_text(text.encode(), "rolling.yaml").catalog
    assert catalog is not None
    return files(catalog, catalog.front)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("price: {input: 1, output: 2}", "price: {input: 0.25, output: 1.5}"),
        ("candidates: [one, two]", "candidates: [two, one]"),
        ("candidates: [two]", "candidates: [two], canary: {model: one, percent: 5}"),
        ("candidates: [two]", "candidates: [two], requirements: {min_quality: 50}, order: quality"),
    ],
)
def test_what_the_table_brings_does_not(old: str, new: str) -> None:
    before, after = compiled(CATALOG), compiled(CATALOG.replace(old, new))
    assert after.table["digest"] != before.table["digest"]
    assert after.digest == before.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "  two: {provider: openai,",
            "  three: {provider: openai, context_window: 1}\n  two: {provider: openai,",
        ),
        ("timeout_s: 30", "timeout_s: 20"),
        ("  second:", "  third: {candidates: [one]}\n  second:"),
        ("context_window: 1000, price: {input: 3", "context_window: 2000, price: {input: 3"),
    ],
)
def test_what_litellm_reads_at_its_start_does(old: str, new: str) -> None:
    assert compiled(CATALOG.replace(old, new)).digest != compiled(CATALOG).digest
