"""Included model files and a table in parts, read by the real proxy."""

from pathlib import Path

import pytest
import requests

from compiler.dev.session import DevGateways, files_of
from compiler.pipeline import render

pytestmark = pytest.mark.proxy

MODELS = 900
PRICE = "{input: 0.1, output: 1}"


def test_a_catalog_in_parts_is_served_whole(tmp_path: Path) -> None:
    models = "".join(
        f"  m-{n:03}: {{provider: p, context_window: 1000, quality: {n % 100}, price: {PRICE}}}\n"
        for n in range(MODELS)
    )
    path = tmp_path / "large.yaml"
    path.write_text(
        "apiVersion: interlock/v1\nname: large\n"
        "providers: {p: {type: openai_compatible, base_url: 'http://p.test/v1'}}\n"
        f"models:\n{models}strategies: {{all: {{order: quality}}}}\n"
    )
    outcome = render(path)
    assert outcome.bundle is not None, outcome.diagnostics[:3]
    files = files_of(outcome.bundle)
    assert {"models-001.json", "routing_table-001.json"} <= set(files["llm-router"])
    with DevGateways(files, workdir=tmp_path) as gateways:
        url = gateways.url("llm-router")
        listed = requests.get(f"{url}/v1/models", timeout=30).json()["data"]
        assert len([row for row in listed if row["id"].startswith("m-")]) == MODELS
        body = {"messages": [{"role": "user", "content": "hi"}]}
        answers = [
            requests.post(f"{url}/v1/chat/completions", json={**body, **extra}, timeout=60)
            for extra in ({}, {"model": "m-899"})
        ]
    assert [answer.headers.get("x-interlock-model") for answer in answers] == ["m-099", "m-899"]
