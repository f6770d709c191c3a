"""report.html: its numbers are those of the decision, and no catalog makes the page unsafe, large or slow."""

import base64
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from compiler.catalog import Catalog
from compiler.matrix import outage_matrix
from compiler.pipeline import validate, validate_text
from compiler.render import litellm
from compiler.render.report import page, report
from compiler.render.report.data import Report
from compiler.render.report.money import bill_of, by_model, by_provider
from compiler.render.report.page import as_data
from compiler.render.report.routes import Routes, routes_of
from compiler.render.report.tables import change, count, listing, usd
from compiler.resources import read_text
from compiler.table import RoutingTable, plain_route, routing_table
from compiler.traffic import DAYS_A_MONTH, costs
from compiler.verify import layout

ROOT = Path(__file__).resolve().parent.parent.parent
CATALOGS = sorted([*ROOT.glob("catalog/*.yaml"), *ROOT.glob("tests/catalogs/*.yaml")])
MOST_BYTES = 500_000
of_each = pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.stem)
of_the_shipped = pytest.mark.parametrize("path", CATALOGS[:2], ids=lambda path: path.stem)

PROVIDERS = """
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
"""
MODELS = """
models:
  dear: {provider: anthropic, price: {input: 10, output: 50}, quality: 90, modes: [chat], capabilities: [],
         context_window: 200000, max_output_tokens: 4096}
  cheap: {provider: openai, price: {input: 1, output: 2}, quality: 70, modes: [chat], capabilities: [],
          context_window: 16000, max_output_tokens: 4096}
strategies:
  best: {default: true, candidates: [dear, cheap], canary: {model: cheap, percent: 25}}
  alone: {candidates: [cheap], single_provider: a test}
"""


def read(text: str) -> Catalog:
    catalog = validate_text(text.encode(), "catalog.yaml", "2026-11-23").catalog
    assert catalog is not None
    return catalog


def of(path: Path) -> Catalog:
    catalog = validate(path).catalog
    assert catalog is not None
    return catalog


def table_of(catalog: Catalog) -> RoutingTable:
    return routing_table(catalog, catalog.front)


def plain_of(table: RoutingTable) -> dict[str, list[str]]:
    return {name: plain_route(table, name) for name in table["strategies"]}


def routes(catalog: Catalog) -> Routes:
    table = table_of(catalog)
    return routes_of(catalog, table, plain_of(table))


def made(catalog: Catalog) -> Report:
    table = table_of(catalog)
    return report(catalog, table, plain_of(table))


def page_of(catalog: Catalog) -> str:
    return page(catalog, [litellm.files(catalog, gateway) for gateway in catalog.gateways.values()])


# --- the numbers --------------------------------------------------------------------------------------------


def assert_matrix_is_the_decision(catalog: Catalog) -> None:
    found, whole = routes(catalog), outage_matrix(table_of(catalog))
    assert set(found.strategies) == set(whole.strategies)
    assert found.providers == whole.providers
    for strategy in whole.strategies:
        for provider in (None, *whole.providers):
            ours, theirs = found.cell(strategy, provider), whole.cells[strategy][provider]
            assert (ours.route, ours.upstreams) == (theirs.route, theirs.upstreams), (strategy, provider)


@of_each
def test_the_matrix_is_that_of_the_decision(path: Path) -> None:
    assert_matrix_is_the_decision(of(path))


@pytest.mark.parametrize("seed", range(40))
def test_the_matrix_is_that_of_the_decision_of_any_catalog(seed: int) -> None:
    assert_matrix_is_the_decision(read(any_catalog(random.Random(seed))))  # noqa: S311  # no secret


def any_catalog(chance: random.Random) -> str:
    """Models at one or two of five providers, in one or two places; strategies in every order."""
    providers = {
        f"p{n}": {
            "type": "openai_compatible",
            "base_url": f"https://p{n}.example/v1",
            "residency": chance.choice(["eu", "us"]),
            "api_key": {"secret": f"p{n}", "key": "k"},
        }
        for n in range(5)
    }
    models = {f"m{n:02}": any_model(chance) for n in range(14)}
    strategies: dict[str, Any] = {
        f"s{n}": {
            "candidates": chance.sample(sorted(models), chance.randint(1, 12)),
            "order": chance.choice(["listed", "cost", "quality"]),
            "requirements": chance.choice([{}, {"residency": "eu"}, {"min_quality": 40}]),
        }
        for n in range(6)
    }
    strategies["s0"]["default"] = True
    return json.dumps(
        {
            "apiVersion": "interlock/v1",
            "name": "any",
            "providers": providers,
            "models": models,
            "strategies": strategies,
            "fallback": {"max_attempts": chance.randint(1, 5)},
        }
    )


def any_model(chance: random.Random) -> dict[str, Any]:
    places = chance.sample(range(5), chance.choice([1, 1, 2]))
    return {
        "deployments": [{"provider": f"p{n}", "id": "upstream"} for n in places],
        "price": {"input": chance.randint(1, 9), "output": chance.randint(1, 9)},
        "quality": chance.randint(1, 99),
        "modes": chance.choice([["chat"], ["chat"], ["completion"]]),
        "capabilities": [],
        "context_window": 8000,
        "max_output_tokens": 1000,
    }


def test_a_cell_says_who_answers_and_whether_that_is_another() -> None:
    found = made(read(PROVIDERS + MODELS)).matrix
    cells = {row[0].text: [(one.text, one.note) for one in row[1:]] for row in found.rows}
    assert found.columns == ("down", "best", "alone")
    assert cells == {
        "none": [("dear", ""), ("cheap", "")],
        "anthropic": [("cheap", "takes over"), ("cheap", "")],
        "openai": [("dear", ""), ("refused", "one provider: a test")],
    }


def test_a_cell_says_when_the_same_model_is_called_elsewhere() -> None:
    catalog = of(ROOT / "catalog" / "current.yaml")
    rows = {row[0].text: row for row in made(catalog).matrix.rows}
    quality = made(catalog).matrix.columns.index("quality")
    assert (rows["anthropic"][quality].text, rows["anthropic"][quality].note) == (
        "claude-opus-5-5",
        "at bedrock",
    )


@of_the_shipped
def test_every_line_costs_what_the_decision_says(path: Path) -> None:
    catalog = of(path)
    lines = {one.line.name: one for one in costs(table_of(catalog), catalog.traffic)}
    spending = made(catalog).spending
    assert spending is not None
    *rows, total = spending.lines.rows
    assert {row[0].text: row[-1].text for row in rows} == {
        name: usd(one.usd_a_month or 0) for name, one in lines.items()
    }
    assert total[-1].text == usd(sum(one.usd_a_month or 0 for one in lines.values()))


@of_the_shipped
def test_every_outage_costs_what_the_decision_says(path: Path) -> None:
    catalog = of(path)
    table = table_of(catalog)
    bill = bill_of(catalog, table, routes(catalog))
    assert len(bill.outages) >= 3
    for month in bill.outages:
        whole = costs(table, catalog.traffic, (str(month.down),))
        assert [line.usd_a_month for line in month.lines] == [line.usd_a_month for line in whole]
        assert [[s.model for s in line.shares] for line in month.lines] == [
            [s.model for s in line.shares] for line in whole
        ]
    spending = made(catalog).spending
    assert spending is not None
    shown = {row[0].text: row[1].text for row in spending.outages.rows}
    assert shown == {
        "none": usd(bill.month.usd),
        **{str(month.down): usd(month.usd) for month in bill.outages},
    }


def test_the_head_of_the_page_says_what_matters() -> None:
    assert made(read(f"{PROVIDERS}{MODELS}{TRAFFIC}")).highlights == (
        "Nobody answers strategy alone while openai is down.",
        (
            "The expected traffic costs $351.68 a month; while openai is down it runs at $456.25 a month, "
            "+$104.57 (+30 %) (1 line refused, not counted)."
        ),
    )
    (safe, cost, ending) = made(of(ROOT / "catalog" / "foundational-models.yaml")).highlights
    assert safe == "Every strategy answers a plain request whichever one provider is down."
    assert cost.startswith(
        "The expected traffic costs $7,031 a month; while vertex-ai is down it runs at $29,845"
    )
    assert ending.endswith("have a date of retirement; the first is code-bison@002, 2025-04-09.")


def test_models_and_providers_add_up_to_the_month() -> None:
    catalog = read(f"{PROVIDERS}{MODELS}{TRAFFIC}")
    table = table_of(catalog)
    bill = bill_of(catalog, table, routes(catalog))
    models = by_model(bill, table)
    short, pinned = 1000 * DAYS_A_MONTH, 10 * DAYS_A_MONTH
    dear, cheap = (1000 * 10 + 100 * 50) / 1e6, (1000 * 1 + 100 * 2) / 1e6
    assert [(one.name, one.provider) for one in models] == [("dear", "anthropic"), ("cheap", "openai")]
    assert [one.requests for one in models] == pytest.approx([short * 0.75, short * 0.25 + pinned])
    assert [one.usd for one in models] == pytest.approx(
        [short * 0.75 * dear, short * 0.25 * cheap + pinned * cheap]
    )
    assert sum(one.usd for one in by_provider(models)) == pytest.approx(bill.month.usd)


TRAFFIC = """
traffic:
  - {name: short, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
  - {name: pinned, strategy: alone, requests_per_day: 10, prompt_tokens: 1000, completion_tokens: 100}
"""


def test_a_line_that_an_outage_refuses_is_told_and_not_counted() -> None:
    spending = made(read(f"{PROVIDERS}{MODELS}{TRAFFIC}")).spending
    assert spending is not None
    rows = {row[0].text: row for row in spending.outages.rows}
    assert (rows["openai"][1].note, rows["openai"][3].text) == (
        "1 line refused",
        "short to dear and pinned to a refusal",
    )
    assert spending.lines.rows[0][5].text == "75 %: dear (anthropic); 25 %: cheap (openai)"


def test_a_line_without_a_price_is_told_and_not_counted() -> None:
    models = MODELS.replace("price: {input: 10, output: 50}, ", "")
    spending = made(read(f"{PROVIDERS}{models}{TRAFFIC}")).spending
    assert spending is not None
    by_line = {row[0].text: row[-1] for row in spending.lines.rows}
    assert by_line["short"].text == "not known"
    assert by_line["all lines"].note == "1 line without a known price, not counted"


def test_without_traffic_the_page_says_how_to_declare_it() -> None:
    catalog = read(PROVIDERS + MODELS)
    assert made(catalog).spending is None
    assert "ticket-summaries, strategy: fast, requests_per_day: 20000" in page_of(catalog)


def test_points_are_the_models_in_service_with_both_numbers() -> None:
    catalog = of(ROOT / "catalog" / "foundational-models.yaml")
    points = {one["model"]: one for one in made(catalog).charts["points"]}
    assert points["gemini-1.5-pro-001"]["usd"] == pytest.approx((3 * 3.5 + 10.5) / 4)
    assert (points["gemini-1.5-pro-001"]["quality"], points["gemini-1.5-pro-001"]["used"]) == (95, True)
    assert "used" not in points["gpt-4"]
    assert "gemini-ultra" not in points


def test_models_that_are_not_drawn_are_named() -> None:
    models = MODELS.replace("quality: 70, ", "").replace("price: {input: 10, output: 50}, ", "")
    found = made(read(PROVIDERS + models))
    assert found.charts["points"] == []
    assert found.not_drawn == (
        "Not in the chart: no price is known of dear; the catalog gives no quality to cheap."
    )


def test_a_canary_is_drawn_and_told() -> None:
    found = made(read(PROVIDERS + MODELS))
    assert found.charts["routes"][0]["canary"] == ("cheap", ["openai"], 0, "25 %")
    assert found.strategies.rows[0][2].note == "canary: cheap first, for 25 % of users"


def test_many_providers_share_the_colours_of_their_types() -> None:
    legend = made(of(ROOT / "tests" / "catalogs" / "two-hundred.yaml")).charts["legend"]
    assert legend == [("anthropic", 0), ("openai", 1)]


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (0.00001, "$1.0e-05"),
        (0.0375, "$0.037"),
        (0.3000000001, "$0.30"),
        (12.345, "$12.35"),
        (999.5, "$999.50"),
        (1234.5, "$1,234"),
    ],
)
def test_an_amount_has_as_many_digits_as_one_reads(amount: float, text: str) -> None:
    assert usd(amount) == text


def test_words_for_numbers() -> None:
    assert [count(1, "strategy"), count(2, "strategy"), count(2, "gateway")] == [
        "1 strategy",
        "2 strategies",
        "2 gateways",
    ]
    assert [change(10, 10.001), change(0, 5), change(100, 104), change(100, 50)] == [
        "no change",
        "+$5.00",
        "+$4.00 (+4.0 %)",
        "\N{MINUS SIGN}$50.00 (\N{MINUS SIGN}50 %)",
    ]
    assert [listing([]), listing(["a"]), listing(["a", "b", "c"]), listing(list("abcd"), 2)] == [
        "",
        "a",
        "a, b and c",
        "a, b and 2 more",
    ]


# --- the page -----------------------------------------------------------------------------------------------


class Outline(HTMLParser):
    """The elements of a page, their attributes, and the text of each kind."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.elements[-1][0] if self.elements else "", data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag and text.strip()]


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> ]]> --> \u2028 {0} {report} & \"'"


@pytest.fixture(scope="module")
def hostile() -> Catalog:
    text = json.dumps(HOSTILE)
    return read(
        PROVIDERS
        + MODELS.replace("{default: true,", f"{{default: true, description: {text},")
        + f"traffic:\n  - {{name: {text}, requests_per_day: 9, prompt_tokens: 9, completion_tokens: 9}}\n"
        + f"allow:\n  - {{rule: IL401, path: models.dear, reason: {text}}}\n"
    )


def test_no_text_of_a_catalog_becomes_part_of_the_page(hostile: Catalog) -> None:
    outline = Outline(page_of(hostile))
    assert len(outline.all("script")) == 3
    assert outline.all("img") == []
    # the description, the reason, the line of traffic, and the two outages that move it
    assert sum(HOSTILE in text for _, text in outline.texts) == 5


def test_the_data_of_the_charts_survives_any_text(hostile: Catalog) -> None:
    raw = next(text for tag, text in Outline(page_of(hostile)).texts if tag == "script")
    assert not set("<>&\u2028\u2029") & set(raw)
    assert json.loads(raw) == json.loads(json.dumps(made(hostile).charts))
    assert json.loads(raw)["lines"][0]["label"] == HOSTILE
    assert as_data("\u2029</script>") == '"\\u2029\\u003c/script\\u003e"'


@of_each
def test_a_page_is_small_and_refers_to_nothing(path: Path) -> None:
    html = page_of(of(path))
    assert len(html.encode()) < MOST_BYTES
    assert list(layout.check_report({layout.REPORT: html.encode()})) == []
    outline = Outline(html)
    targets = {attrs["id"] for _, attrs in outline.elements if "id" in attrs}
    assert [
        attrs["href"] for attrs in outline.all("a") if str(attrs["href"]).removeprefix("#") not in targets
    ] == []
    assert {
        tag for tag, attrs in outline.elements if attrs.keys() & {"src", "style", "onclick", "onload"}
    } == set()


def test_the_policy_allows_exactly_what_the_page_holds() -> None:
    html = page_of(of(CATALOGS[0]))
    policy = re.search(r'Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    held = [
        *re.findall(r"<style>(.*?)</style>", html, re.DOTALL),
        *re.findall(r"<script>(.*?)</script>", html, re.DOTALL),
    ]
    style, *scripts = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in held)
    assert policy[1] == (
        f"default-src 'none'; style-src 'sha256-{style}'; "
        f"script-src 'sha256-{scripts[0]}' 'sha256-{scripts[1]}'; base-uri 'none'; form-action 'none'"
    )


def test_headings_go_down_one_at_a_time_and_every_table_has_a_name() -> None:
    outline = Outline(page_of(of(ROOT / "catalog" / "foundational-models.yaml")))
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    named = {attrs.get("id") for _, attrs in outline.elements}
    assert [attrs for attrs in outline.all("table") if attrs["aria-labelledby"] not in named] == []


def test_without_scripts_every_table_is_open() -> None:
    outline = Outline(page_of(of(ROOT / "catalog" / "foundational-models.yaml")))
    assert len(outline.all("details")) == 5
    assert all("open" in attrs for attrs in outline.all("details"))
    assert all("hidden" in attrs for attrs in outline.all("figure"))


def test_the_page_is_the_same_in_every_process() -> None:
    code = (
        "import hashlib; from pathlib import Path; from compiler.pipeline import render;"
        "print(hashlib.sha256(render(Path('catalog/current.yaml')).bundle['report.html']).hexdigest())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] != ""


def test_a_large_catalog_makes_a_page_of_bounded_size_in_bounded_time() -> None:
    catalog = read(large())
    gateways = [litellm.files(catalog, gateway) for gateway in catalog.gateways.values()]
    started = time.process_time()
    html = page(catalog, gateways)
    spent = time.process_time() - started
    assert len(html.encode()) < MOST_BYTES
    assert spent < 5
    more = [text for text in Outline(html).inside("p") if "are shown" in text]
    assert more == [
        "30 of 90 strategies are shown; ROUTES.md has them all.",
        "60 of 80 providers are shown; ROUTES.md has them all.",
        "50 of 200 lines are shown; the totals count every line.",
        "50 of 90 models are shown; the totals count every line.",
        "50 of 80 providers are shown; the totals count every line.",
        "60 of 80 providers are shown; ROUTES.md has them all.",
        "300 of 4,000 models are shown; ROUTES.md has them all.",
    ]


def large() -> str:
    """4,000 models at 80 providers, 90 strategies, 200 lines of traffic."""
    key = {"secret": "s", "key": "k"}
    return json.dumps(
        {
            "apiVersion": "interlock/v1",
            "name": "large",
            "providers": {f"provider-{n:02}": {"type": "openai", "api_key": key} for n in range(80)},
            "models": {
                f"model-with-a-rather-long-name-{n:04}": {
                    "provider": f"provider-{n % 80:02}",
                    "price": {"input": 1 + n % 7, "output": 2 + n % 5},
                    "quality": n % 100,
                    "modes": ["chat"],
                    "capabilities": [],
                    "context_window": 100_000,
                    "max_output_tokens": 4000,
                }
                for n in range(4000)
            },
            "strategies": {
                f"strategy-{s:02}": {
                    "default": s == 0,
                    "candidates": [
                        f"model-with-a-rather-long-name-{(s * 37 + n) % 4000:04}" for n in range(40)
                    ],
                }
                for s in range(90)
            },
            "traffic": [
                {
                    "name": f"line {n}",
                    "strategy": f"strategy-{n % 90:02}",
                    "requests_per_day": 100 + n,
                    "prompt_tokens": 1000,
                    "completion_tokens": 100,
                }
                for n in range(200)
            ],
        }
    )


# --- verify -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole() -> bytes:
    return page_of(of(CATALOGS[0])).encode()


def broken(whole: bytes) -> Iterator[tuple[bytes, str]]:
    yield whole[1:], "does not start as an HTML page"
    yield whole.replace(b"default-src 'none'", b"default-src *"), "has no policy"
    for address in (b'<img src="https://example.com/x">', b'<a href="/x">', b"<form action=x>"):
        yield whole.replace(b"<main", address + b"<main"), "refers to something outside of the page"


def test_verify_finds_what_is_wrong_with_a_page(whole: bytes) -> None:
    for bad, message in broken(whole):
        found = [one.message for one in layout.check_report({layout.REPORT: bad})]
        assert len(found) == 1
        assert message in found[0]


def test_verify_finds_a_page_that_is_missing(whole: bytes) -> None:
    assert [one.message for one in layout.check_report({layout.WRITTEN: b"{}"})] == ["is missing"]
    assert list(layout.check_report({layout.WRITTEN: b"{}", layout.REPORT: whole})) == []


# --- the library --------------------------------------------------------------------------------------------


def test_the_library_says_what_it_is_and_under_which_licence() -> None:
    text = read_text("templates", "report", "d3.min.js")
    head = text[: text.index("*/")]
    lock = json.loads(read_text("templates", "report", "package-lock.json"))["packages"]
    for name in json.loads(read_text("templates", "report", "package.json"))["dependencies"]:
        assert f"{name} {lock[f'node_modules/{name}']['version']}" in head
    assert "Permission to use, copy, modify, and/or distribute this software" in head
    assert "</script" not in text
    assert "</style" not in read_text("templates", "report", "report.css")


def test_the_library_can_be_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    missing = [tool for tool in ("node", "npm") if not shutil.which(tool)]
    if missing:
        skip_or_fail(f"{' and '.join(missing)} not found: install Node.js")
    folder = ROOT / "templates" / "report"
    command = ["node", str(folder / "build.mjs"), str(tmp_path / "d3.min.js")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        skip_or_fail(f"build.mjs failed: {done.stderr[-1000:]}")
    assert (tmp_path / "d3.min.js").read_bytes() == (folder / "d3.min.js").read_bytes()


def skip_or_fail(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
