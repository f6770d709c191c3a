"""ROUTES.md is what reviewers read: each route in it is the one that the plugin takes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from compiler.pipeline import render
from compiler.runtime.routing_plugin import decide

HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent.name for path in HERE.glob("*/catalog.yaml"))
MODES = ("chat", "completion", "embedding")

TWO_EMBEDDERS = """\
apiVersion: interlock/v1
name: two-embedders
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  mistral: {type: mistral, api_key: {secret: mistral-api-key, key: api-key}}
models:
  text-embedding-3-small: {provider: openai}
  mistral-embed: {provider: mistral}
strategies:
  embed: {candidates: [text-embedding-3-small, mistral-embed]}
allow:
  - {rule: IL314, path: strategies.embed, reason: nobody keeps what these return}
"""


def rows(text: str, heading: str) -> Iterator[list[str]]:
    """The cells of the table below a heading, its own heading first."""
    section = text.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    for line in section.splitlines():
        if line.startswith("| "):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def mode_of(table: Mapping[str, Any], strategy: str) -> str:
    """What the strategy is for: the first mode that a candidate of it serves."""
    served = {
        mode
        for name in table["strategies"][strategy]["candidates"]
        for mode in table["models"][name]["modes"]
    }
    return next(mode for mode in MODES if mode in served)


def route(table: Mapping[str, Any], strategy: str, *down: str) -> tuple[str, ...]:
    return decide(table, {"routing_strategy": strategy}, mode=mode_of(table, strategy), down=down).route


def output(catalog: Path) -> tuple[str, dict[str, Any]]:
    """ROUTES.md and the routing table of `llm-router`."""
    bundle = render(catalog).bundle
    assert bundle is not None
    return bundle["ROUTES.md"].decode(), json.loads(bundle["litellm/llm-router/routing_table.json"])


@pytest.fixture(params=["reference", "two-embedders", *CASES])
def documented(request: pytest.FixtureRequest, reference: Path, tmp_path: Path) -> tuple[str, dict[str, Any]]:
    if request.param == "reference":
        return output(reference)
    if request.param in CASES:
        return output(HERE / request.param / "catalog.yaml")
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(TWO_EMBEDDERS, encoding="utf-8")
    return output(catalog)


def test_the_route_of_each_strategy_is_the_one_taken(documented: tuple[str, dict[str, Any]]) -> None:
    text, table = documented
    _, *strategies = rows(text, "Strategies")
    shown = {name.removesuffix(" (default)"): cells[1] for name, *cells in strategies}
    assert shown == {name: " → ".join(route(table, name)) for name in table["strategies"]}


def test_who_answers_in_an_outage_is_who_does(documented: tuple[str, dict[str, Any]]) -> None:
    text, table = documented
    (_, *names), (none, *usual), *outages = rows(text, "When a provider is down")
    assert none == "(none)"
    assert usual == [route(table, name)[0] for name in names]
    assert outages
    for provider, *answers in outages:
        taken = {name: route(table, name, provider) for name in names}
        models = [answer.partition(" ")[0] for answer in answers]  # "gpt-4o at azure-sweden"
        assert dict(zip(names, models, strict=True)) == {n: r[0] if r else "nobody" for n, r in taken.items()}
        for name, answer in zip(names, answers, strict=True):
            first = decide(table, {"routing_strategy": name}, mode=mode_of(table, name), down=[provider])
            called = {one for level in list(first.upstreams.values())[:1] for one in level[0]}
            _, at, who = answer.partition(" at ")
            rows_ = [d for m in table["models"].values() for d in m["deployments"] if d["id"] in called]
            assert not at or who.split(", ") == [p for d in rows_ for p in d["providers"]]
