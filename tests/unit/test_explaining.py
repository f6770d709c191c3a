"""An explanation is the decision, and nothing else: its order, its reasons, its sources, its calls."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from compiler.catalog import Catalog
from compiler.explaining import Explanation, Question, as_data, as_text, explain, outages_as_text
from compiler.matrix import Answer, Matrix, outage_matrix
from compiler.pipeline import validate, validate_text
from compiler.render import litellm
from compiler.render.docs import MAX_OUTAGES, routes
from compiler.runtime.decision import Decision, decide
from compiler.table import plain_mode, routing_table, with_canary

ROOT = Path(__file__).resolve().parents[2]
CATALOGS = sorted(
    [
        *ROOT.glob("catalog/*.yaml"),
        *ROOT.glob("tests/catalogs/*.yaml"),
        *ROOT.glob("tests/golden/*/catalog.yaml"),
    ]
)
TWO_REGIONS = """\
apiVersion: interlock/v1
name: two
requirements: {exclude_providers: [nobody]}
providers:
  nobody: {type: openai, api_key: {secret: n, key: api-key}}
  north: {type: openai, residency: eu, api_key: {secret: a, key: api-key}}
  south: {type: openai, residency: eu, api_key: {secret: b, key: api-key}}
  west: {type: openai, residency: us, api_key: {secret: c, key: api-key}}
models:
  gpt-5.4:
    quality: 90
    deployments:
      - {provider: north, weight: 3}
      - {provider: south, weight: 1}
      - {provider: west}
  gpt-5.4-mini: {provider: west, quality: 50}
  gpt-5.6: {provider: nobody}
strategies:
  best: {default: true, candidates: [gpt-5.4, gpt-5.4-mini], requirements: {min_quality: 40}}
  cheap: {candidates: [gpt-5.4, gpt-5.4-mini], order: cost}
  one: {candidates: [gpt-5.4-mini, gpt-5.4]}
fallback: {max_attempts: 1, retry: {attempts: 2, backoff_ms: 250}}
"""


def catalog_of(text: str) -> Catalog:
    outcome = validate_text(text.encode(), "two.yaml")
    assert outcome.catalog is not None, outcome.diagnostics[0]
    return outcome.catalog


def about(request: Any, text: str = TWO_REGIONS, **more: Any) -> Explanation:
    catalog = catalog_of(text)
    return explain(catalog, catalog.front, Question(request, **more))


def whys(explanation: Explanation) -> dict[str, str]:
    return {one.model: one.why for one in explanation.candidates}


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_agrees_with_the_decision_in_every_catalog(path: Path) -> None:
    catalog = validate(path).catalog
    assert catalog is not None
    names = [{"routing_strategy": name} for name in catalog.strategies]
    for request in [{}, *names, *({"model": name} for name in sorted(catalog.models)[:15])]:
        found = explain(catalog, catalog.front, Question(request))
        decision = found.decision
        placed = sorted((one.place, one.model) for one in found.candidates if one.place)
        assert tuple(model for _, model in placed) == decision.route
        assert [[one.id for one in hop.upstreams] for hop in found.hops] == [
            list(level) for name in decision.route for level in decision.upstreams[name]
        ]
        assert all(abs(sum(one.share for one in hop.upstreams) - 1) < 1e-9 for hop in found.hops)
        assert all(one.why for one in found.candidates)
        text = as_text(found, "2026-11-23")
        assert all(model in text for model in decision.route)
        assert json.loads(json.dumps(as_data(found)))["route"] == list(decision.route)


def test_each_requirement_says_who_asks_for_it() -> None:
    found = about({"routing_strategy": "best", "requirements": {"min_quality": 80, "residency": "eu"}})
    assert {held.key: (held.value, dict(held.sources)) for held in found.requirements} == {
        "exclude_providers": (["nobody"], {"catalog": ["nobody"]}),
        "min_quality": (80, {"strategy": 40, "request": 80}),
        "residency": ("eu", {"request": "eu"}),
    }
    text = as_text(found)
    assert 'exclude_providers=["nobody"] (catalog)' in text
    assert "min_quality=80 (request; strategy: 40)" in text


def test_what_a_request_needs_without_saying_so_says_why() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:,"}}
    body = {
        "messages": [{"role": "user", "content": [image]}],
        "tools": [{"type": "function"}],
        "text": {"format": {"type": "json_schema"}},
        "max_completion_tokens": 77,
    }
    found = {need.name: (need.value, need.because) for need in about(body).needs}
    assert found.pop("prompt_tokens")[1] == "estimated"
    assert found == {
        "output_tokens": (77, "max_completion_tokens"),
        "function_calling": (None, "tools"),
        "json_mode": (None, "text.format"),
        "vision": (None, "an image"),
    }


def test_calls_are_by_priority_and_shared_by_weight_at_their_own_prices() -> None:
    (shared, _) = about({"routing_strategy": "best"}).hops
    assert [(one.providers, one.share) for one in shared.upstreams] == [
        (("north",), 0.75),
        (("south",), 0.25),
    ]
    catalog = validate(ROOT / "catalog" / "current.yaml").catalog
    assert catalog is not None
    hops = explain(catalog, catalog.front, Question({"model": "claude-haiku-5-5", "max_tokens": 1000})).hops
    assert [one.cost_usd for hop in hops[:2] for one in hop.upstreams] == [0.0005, 0.00055]
    data = as_data(about({"routing_strategy": "best"}))
    assert data["hops"][0]["next"] == {"model": "gpt-5.4", "calls": ["west/gpt-5.4"]}
    assert data["hops"][-1]["next"] is None


def test_a_deployment_that_may_not_be_called_is_named_with_the_reason() -> None:
    found = about({"routing_strategy": "best", "requirements": {"residency": "eu"}}, down=("south",))
    (model, *_) = found.candidates
    assert dict(model.left_out) == {
        "south/gpt-5.4": "provider south is down",
        "west/gpt-5.4": "residency us is not eu",
    }
    assert "not west/gpt-5.4: residency us is not eu" in as_text(found)


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        ({"routing_strategy": "best"}, {
            "gpt-5.4": "the strategy's first",
            "gpt-5.4-mini": "could serve it; a route has 1 models at most",
        }),
        ({"routing_strategy": "best", "requirements": {"providers": ["west"], "max_price": {"output": 5}}}, {
            "gpt-5.4-mini": "the strategy's first that can serve it",
        }),
        ({"routing_strategy": "cheap"}, {"gpt-5.4-mini": "the cheapest that can serve it"}),
        ({"model": "gpt-5.4"}, {"gpt-5.4": "the model that the request names"}),
    ],
)  # fmt: skip
def test_why_it_won(request_: dict[str, Any], why: dict[str, str]) -> None:
    found = whys(about(request_))
    assert {name: found[name] for name in why} == why


def test_fallbacks_and_the_provider_chain_say_which_they_are() -> None:
    catalog = validate(ROOT / "catalog" / "current.yaml").catalog
    assert catalog is not None
    own = explain(catalog, catalog.front, Question({"model": "claude-opus-5-5"}))
    assert list(whys(own).values()) == [
        "the model that the request names", "its next fallback", "its next fallback",
    ]  # fmt: skip
    chain = explain(catalog, catalog.front, Question({"model": "command-a-03-2025"}, prompt_tokens=900_000))
    assert whys(chain)["gemini-3.8-flash"] == "the best at vertex-ai, of the provider chain"


@pytest.mark.parametrize(("user", "among"), [("ada", False), ("u17", True)])
def test_a_canary_says_who_is_on_trial(user: str, among: bool) -> None:
    catalog = validate(ROOT / "tests" / "catalogs" / "canary.yaml").catalog
    assert catalog is not None
    table = routing_table(catalog, catalog.front)
    users = {
        name: decide(table, {"user": name}).reason == "canary"
        for name in (user, *map("u{}".format, range(99)))
    }
    name = next(name for name in users if users[name] is among)
    found = explain(catalog, catalog.front, Question({"user": name}))
    assert (found.candidates[0].why == "on trial for this user") is among
    assert f"this one {'is' if among else 'is not'} among them" in as_text(found)


def test_the_size_of_a_prompt_is_taken_as_it_is_given() -> None:
    found = about({"routing_strategy": "best"}, prompt_tokens=10**8)
    assert found.decision.needs.prompt_tokens == 10**8
    assert found.decision.refusal is not None
    assert {need.name: need.because for need in found.needs}["prompt_tokens"] == "given"


@pytest.mark.parametrize(
    ("request_", "mode"),
    [({"prompt": "x"}, "completion"), ({"messages": [{}]}, "chat"), ({"model": "embed"}, "embedding"),
     ({"model": "auto/vectors"}, "embedding"), ({"routing_strategy": "vectors"}, "embedding"), ({}, "chat"),
     ({"routing_strategy": "no such"}, "chat")],
)  # fmt: skip
def test_the_endpoint_is_the_one_that_such_a_request_goes_to(request_: dict[str, Any], mode: str) -> None:
    text = TWO_REGIONS.replace("strategies:", "  embed: {provider: north, modes: [embedding]}\nstrategies:")
    text = text.replace("fallback:", "  vectors: {candidates: [embed]}\nfallback:")
    assert about(request_, text).mode == mode


def test_the_end_of_the_route_says_what_follows() -> None:
    text = as_text(about({"routing_strategy": "one"}))
    assert text.splitlines()[-2] == (
        "when it fails: again after 250 ms, then 500 ms (429, 5xx, no connection), "
        "then an error with the last provider's status"
    )


def test_a_model_that_has_retired_is_marked() -> None:
    catalog = validate(ROOT / "catalog" / "foundational-models.yaml").catalog
    assert catalog is not None
    found = explain(catalog, catalog.front, Question({"model": "gemini-1.5-pro-001"}))
    assert "retired on 2025-05-24" in as_text(found, "2026-11-23")
    assert "retires on 2025-05-24" in as_text(found, "2025-01-01")


def test_a_long_list_is_cut_and_the_route_never_is() -> None:
    found = about({"routing_strategy": "best"})
    many = [replace(found.candidates[1], model=f"m{at:03}", place=None) for at in range(100)]
    last = replace(found.candidates[0], place=2)
    text = as_text(replace(found, candidates=(*many, last)))
    assert "m039" in text
    assert "m040" not in text
    assert "  2.  gpt-5.4" in text
    assert "… and 60 more" in text


HOSTILE = "\ud800\x1b[31m"


@pytest.mark.parametrize(
    "request_",
    [
        None,
        [],
        "x",
        5,
        {"model": 5},
        {"model": "auto/"},
        {"model": "auto/" + HOSTILE},
        {"routing_strategy": {}},
        {"requirements": [1]},
        {"requirements": {"min_quality": "x"}},
        {"requirements": {"residency": HOSTILE}},
        {"requirements": {"capabilities": [HOSTILE], "providers": []}},
        {"max_tokens": "x"},
        {"messages": 5},
        {"tools": {}, "functions": [1]},
        {"messages": [[[[[["x"]]]]]]},
        {"user": {"id": []}},
    ],
)
def test_no_json_at_all_breaks_it(request_: Any) -> None:
    found = about(request_)
    assert all(line.isprintable() for line in as_text(found).splitlines())
    assert json.dumps(as_data(found))


# --- the outage matrix ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_cell_is_the_decision(path: Path) -> None:
    catalog = validate(path).catalog
    assert catalog is not None
    for gateway in catalog.gateways.values():
        table = routing_table(catalog, gateway)
        matrix = outage_matrix(table)
        for strategy in matrix.strategies:
            for down in (None, *matrix.providers):
                cell, own = matrix.cells[strategy][down], with_canary(table, strategy, 0)
                asked = {"routing_strategy": strategy}
                brute = decide(own, asked, mode=plain_mode(table, strategy), down=[down] if down else [])
                assert (cell.route, cell.upstreams) == (brute.route, brute.upstreams)
                assert (cell.refusal is None) == (brute.refusal is None)
                assert matrix.answers[strategy][down] == walked(table, matrix.cells[strategy][None], down)


def walked(table: Mapping[str, Any], plain: Decision, down: str | None) -> Answer | None:
    """Who answers a gateway that knows nothing of the outage and walks its route."""
    rows = {row["id"]: row["providers"] for model in table["models"].values() for row in model["deployments"]}
    for model in plain.route:
        for level in plain.upstreams[model]:
            there = [name for one in level for name in rows[one] if name != down]
            if there:
                return Answer(model, tuple(dict.fromkeys(there)))
    return None


TOO_LATE = (
    TWO_REGIONS.replace("max_attempts: 1", "max_attempts: 2")
    .replace("  one:", "  late: {candidates: [gpt-5.5, gpt-5.4-mini, gpt-5.6]}\n  one:")
    .replace("strategies:", "  gpt-5.5: {provider: west}\nstrategies:")
    .replace("requirements: {exclude_providers: [nobody]}\n", "")
)


def test_a_model_that_comes_too_late_answers_nobody() -> None:
    catalog = catalog_of(TOO_LATE)
    matrix = outage_matrix(routing_table(catalog, catalog.front))
    assert matrix.cells["late"]["west"].route == ("gpt-5.6",)
    assert (matrix.answers["late"]["west"], matrix.too_late("late", "west")) == (None, "gpt-5.6")
    assert "nobody (gpt-5.6 too late)" in outages_as_text(matrix)
    found = about({"routing_strategy": "late"}, TOO_LATE, down=("west",))
    assert found.is_lost
    assert (
        "lost: the gateway tries gpt-5.5 → gpt-5.4-mini, all of which fail; gpt-5.6 comes too late"
        in as_text(found)
    )
    assert not about({"routing_strategy": "late"}, TOO_LATE, down=("nobody",)).is_lost


def matrix_of(strategies: Mapping[str, str]) -> Matrix:
    """A strategy for each name, of one model at one provider each, and a second one behind it."""
    providers = "".join(
        f"  {p}: {{type: openai, api_key: {{secret: s, key: k}}}}\n" for p in strategies.values()
    )
    models = "".join(f"  {name}-model: {{provider: {p}}}\n" for name, p in strategies.items())
    listed = "".join(f"  {name}: {{candidates: [{name}-model]}}\n" for name in strategies)
    catalog = catalog_of(many(providers, models, listed))
    return outage_matrix(routing_table(catalog, catalog.front))


def many(providers: str, models: str, strategies: str) -> str:
    default = strategies.replace("{", "{default: true, ", 1)
    return f"""\
apiVersion: interlock/v1
name: many
providers:
{providers}models:
{models}strategies:
{default}"""


@pytest.mark.parametrize("width", [40, 60, 100, 1000])
def test_the_matrix_fits_the_terminal(width: int) -> None:
    matrix = matrix_of({f"strategy-{at}": f"p{at}" for at in range(12)})
    lines = outages_as_text(matrix, width).splitlines()
    table = lines[1:]  # below its title
    assert max(len(line) for line in table if ": " not in line) <= width
    text = "\n".join(table)
    assert all(f"strategy-{at}-model" in text for at in range(12))
    assert text.count("nobody") == 12 + 1  # and the legend


def test_a_matrix_says_where_the_same_model_is_answered() -> None:
    catalog = catalog_of(TWO_REGIONS.replace("weight: 3", "region: a").replace(", weight: 1", ""))
    text = outages_as_text(outage_matrix(routing_table(catalog, catalog.front)))
    assert "at south" in text
    assert "at: the same model at another provider" in text


COUNT = MAX_OUTAGES + 25


@pytest.mark.parametrize(
    ("strategies", "rows", "line"),
    [
        (1, 2, f"Of {COUNT - 2} more providers an outage changes none of these answers."),
        (COUNT, MAX_OUTAGES, f"{COUNT - MAX_OUTAGES} more providers whose outage changes an answer: "),
    ],
)
def test_many_providers_are_cut_in_the_document(
    strategies: int, rows: int, line: str, tmp_path: Path
) -> None:
    """Those that change an answer stand first."""
    names = [f"p{at:03}" for at in range(COUNT)]
    providers = "".join(f"  {p}: {{type: openai, api_key: {{secret: s, key: k}}}}\n" for p in names)
    models = "".join(f"  {p}-model: {{provider: {p}, context_window: 9, modes: [chat]}}\n" for p in names)
    everyone = ", ".join(f"{p}-model" for p in names)
    listed = "".join(f"  s{at}: {{candidates: [{p}-model]}}\n" for at, p in enumerate(names[:strategies]))
    one = f"  s0: {{candidates: [{everyone}]}}\n  s1: {{candidates: [p001-model]}}\n"
    path = tmp_path / "many.yaml"
    path.write_text(many(providers, models, one if strategies == 1 else listed), encoding="utf-8")
    catalog = validate(path).catalog
    assert catalog is not None
    page = routes(catalog, [litellm.files(catalog, gateway) for gateway in catalog.gateways.values()])
    assert line in page
    section = page.split("## When a provider is down")[1].split("\n## ", maxsplit=1)[0]
    assert section.count("\n| p") == rows
