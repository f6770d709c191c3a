"""report.html in a real browser: Debian's Chromium, driven by playwright; axe-core is npm's (package.json).

The page is served at an address that only this test answers, so that whatever else it asked for is seen.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from compiler.pipeline import Outcome, render, validate_text
from compiler.render import litellm
from compiler.render.report import page as page_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ADDRESS = "http://report.example/"
CATALOGS = {
    "foundational-models": ROOT / "catalog" / "foundational-models.yaml",
    "current": ROOT / "catalog" / "current.yaml",
    "smallest": ROOT / "tests" / "golden" / "smallest" / "catalog.yaml",
    "canary": ROOT / "tests" / "catalogs" / "canary.yaml",
    "two-hundred": ROOT / "tests" / "catalogs" / "two-hundred.yaml",
}
SHIPPED = ["foundational-models", "current"]
THEMES = ["light", "dark"]
WIDTHS = [400, 1200]
FOCUSABLE = "a[href], select, summary, button, input, textarea, [tabindex='0']"

of_each = pytest.mark.parametrize("name", CATALOGS)


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    chromium = shutil.which("chromium")
    if chromium is None:
        skip_or_fail("chromium not found: install Debian's package chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        skip_or_fail("playwright not found: pip install playwright")
    as_root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=as_root)
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core; from its lock when it is not there yet."""
    package = HERE / "node_modules" / "axe-core"
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    if version(package) != lock["packages"]["node_modules/axe-core"]["version"]:
        if not shutil.which("npm"):
            skip_or_fail("npm not found: install Node.js")
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            skip_or_fail(f"npm ci failed: {done.stderr[-1000:]}")
    return (package / "axe.min.js").read_text(encoding="utf-8")


def version(package: Path) -> str:
    manifest = package / "package.json"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"]) if manifest.exists() else ""


def skip_or_fail(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def pages() -> dict[str, str]:
    """The page of each catalog."""
    made = {name: render(path) for name, path in CATALOGS.items()}
    return {name: html_of(outcome) for name, outcome in made.items()}


def html_of(outcome: Outcome) -> str:
    assert outcome.bundle is not None
    return outcome.bundle["report.html"].decode()


class Visit:
    """A page in the browser, and what it did that it should not."""

    def __init__(self, page: "Page", html: str) -> None:
        self.page = page
        self.requests: list[str] = []  # the policy has stopped those that fail with "csp"
        self.stopped: list[str | None] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("requestfailed", lambda request: self.stopped.append(request.failure))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", lambda route: route.abort())
        page.route(ADDRESS, lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))
        page.goto(ADDRESS)


@contextmanager
def opened(browser: "Browser", html: str, **options: Any) -> Iterator[Visit]:
    width = options.pop("width", 1200)
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    try:
        visit = Visit(context.new_page(), html)
        yield visit
        assert visit.complaints == []
        assert visit.requests == [ADDRESS]
    finally:
        context.close()


@of_each
@pytest.mark.parametrize("width", WIDTHS)
def test_every_chart_is_drawn_and_nothing_is_loaded(
    browser: "Browser", pages: dict[str, str], name: str, width: int
) -> None:
    with opened(browser, pages[name], width=width) as visit:
        drawn = visit.page.evaluate(
            """() => [...document.querySelectorAll("figure.chart")].map((figure) => {
                const svg = figure.querySelector(".plot svg");
                const box = svg?.getBoundingClientRect();
                return {id: figure.id, width: box?.width, height: box?.height,
                        nonsense: /NaN|undefined|null/.test(svg?.outerHTML),
                        parts: svg?.querySelectorAll("rect, path, text").length, label: svg?.ariaLabel};
            })"""
        )
        expected = {"chart-routes"}
        if "traffic:" in CATALOGS[name].read_text(encoding="utf-8"):
            expected |= {"chart-lines", "chart-models", "chart-months"}
        if name != "smallest":
            expected.add("chart-price")
        assert {one["id"] for one in drawn} == expected
        for one in drawn:
            assert one["width"] > 200, one
            assert one["height"] > 50, one
            assert one["parts"] >= 5, one
            assert not one["nonsense"], one
            assert len(one["label"]) > 20, one


@of_each
@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_the_page_never_scrolls_sideways(
    browser: "Browser", pages: dict[str, str], name: str, width: int
) -> None:
    with opened(browser, pages[name], width=width) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert visit.page.evaluate("document.documentElement.scrollWidth") == width
        visit.page.set_viewport_size({"width": 360, "height": 900})  # a phone that is turned
        visit.page.wait_for_function("document.querySelector('.plot svg').clientWidth <= 360")
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("name", ["foundational-models", "smallest"])
def test_everything_is_reached_by_tab_and_seen_to_be(
    browser: "Browser", pages: dict[str, str], name: str
) -> None:
    with opened(browser, pages[name], width=400, reduced_motion="reduce") as visit:
        page = visit.page
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        wanted = page.evaluate(
            f"""() => [...document.querySelectorAll("{FOCUSABLE}")].map((one, at) => (one.dataset.at = at))"""
        )
        reached = []
        for _ in wanted:
            page.keyboard.press("Tab")
            found = page.evaluate(
                """() => {
                    const one = document.activeElement;
                    const style = getComputedStyle(one), box = one.getBoundingClientRect();
                    const across = box.left >= 0 && box.left < innerWidth;
                    return {at: Number(one.dataset.at),
                            line: style.outlineStyle, wide: parseFloat(style.outlineWidth),
                            seen: across && box.bottom > 0 && box.top < innerHeight,
                            what: one.outerHTML.slice(0, 80)};
                }"""
            )
            assert found["line"] == "solid", found
            assert found["wide"] >= 2, found
            assert found["seen"], found
            reached.append(found["at"])
        assert reached == wanted


def test_the_skip_link_leads_past_the_head(browser: "Browser", pages: dict[str, str]) -> None:
    with opened(browser, pages["current"]) as visit:
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Enter")
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate("document.activeElement.id") == "down"


JUDGED = [(name, theme, width) for name in [*SHIPPED, "smallest"] for theme in THEMES for width in WIDTHS]


@pytest.mark.parametrize("case", [*JUDGED, ("canary", "dark", 1200), ("two-hundred", "light", 400)], ids=str)
def test_axe_finds_nothing(
    browser: "Browser", pages: dict[str, str], axe: str, case: tuple[str, str, int]
) -> None:
    name, theme, width = case
    with opened(browser, pages[name], width=width, color_scheme=theme) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        visit.page.evaluate(axe)
        result = visit.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found = [(one["id"], node["html"]) for one in result["violations"] for node in one["nodes"]]
        assert found == []
        assert len(result["passes"]) > 20


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_drawn_stands_out_from_the_paper(
    browser: "Browser", pages: dict[str, str], theme: str
) -> None:
    """axe looks at text of HTML alone: texts of drawings need 4.5 : 1, and the marks of providers 3 : 1."""
    with opened(browser, pages["foundational-models"], color_scheme=theme) as visit:
        colours = visit.page.evaluate(
            """() => {
                const style = getComputedStyle(document.documentElement);
                const rgb = (name) => {
                    const hex = style.getPropertyValue(name).trim().slice(1);
                    const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
                    return [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16) / 255);
                };
                const tones = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => `t${number}`);
                const names = ["paper", "shade", "ink", "soft", "bad", ...tones];
                return Object.fromEntries(names.map((name) => [name, rgb(`--${name}`)]));
            }"""
        )
    for ground in ("paper", "shade"):
        for name in ("ink", "soft", "bad"):
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for number in range(8):
            assert contrast(colours[f"t{number}"], colours[ground]) >= 3, (number, ground)


def contrast(one: list[float], other: list[float]) -> float:
    """As WCAG 2.2 counts it."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: list[float]) -> float:
    parts = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in colour]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def test_an_outage_is_drawn_when_it_is_chosen(browser: "Browser", pages: dict[str, str]) -> None:
    with opened(browser, pages["foundational-models"]) as visit:
        page = visit.page
        options = page.locator("#down option").all_text_contents()
        assert options == ["none", "anthropic", "openai", "vertex-ai"]
        assert page.locator("#chart-routes .gone").count() == 0
        page.select_option("#down", "vertex-ai")
        assert page.locator("#chart-routes .gone").count() == 5
        assert page.locator("#chart-routes text.lost").first.text_content() == "gemini-1.5-pro-001"
        assert page.locator("#told").text_content() == (
            "While vertex-ai is down: 5 of 5 strategies answered by another model, 0 refused, "
            "0 by the same model."
        )


def test_a_refusal_and_a_canary_that_is_down_are_drawn_in_words(browser: "Browser") -> None:
    catalog = validate_text(REFUSING.encode(), "catalog.yaml").catalog
    assert catalog is not None
    html = page_of(catalog, [litellm.files(catalog, catalog.front)])
    for width in WIDTHS:
        with opened(browser, html, width=width) as visit:
            visit.page.select_option("#down", "openai")
            drawn = visit.page.locator("#chart-routes .plot text").all_text_contents()
            assert drawn.count("refused") == 1
            assert drawn.count("down") == 2  # the only model of `alone`, and the canary of `best`


REFUSING = """
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  dear: {provider: anthropic, price: {input: 0, output: 0}, quality: 90, modes: [chat]}
  cheap: {provider: openai, price: {input: 1, output: 2}, quality: 70, modes: [chat]}
strategies:
  best: {default: true, candidates: [dear], canary: {model: cheap, percent: 25}}
  alone: {candidates: [cheap], single_provider: a test}
"""


def test_dates_are_judged_by_the_readers_clock(browser: "Browser", pages: dict[str, str]) -> None:
    with opened(browser, pages["foundational-models"]) as visit:
        visit.page.clock.set_fixed_time("2027-03-29T12:00:00Z")
        visit.page.reload()
        visit.requests.pop()
        told = " ".join(visit.page.locator("#models-table small").all_inner_texts())
        assert "retires 2025-05-24 (passed), then gemini-2.5-pro" in told
        assert "retires 2027-03-30 (in 1 day)" in told


@pytest.mark.parametrize("name", [*SHIPPED, "smallest"])
def test_without_scripts_the_tables_say_everything(
    browser: "Browser", pages: dict[str, str], name: str
) -> None:
    with opened(browser, pages[name], java_script_enabled=False) as visit:
        tables = visit.page.locator("table")
        assert tables.count() >= 3
        assert all(tables.nth(at).is_visible() for at in range(tables.count()))
        assert not visit.page.locator("figure").first.is_visible()


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("theme", THEMES)
def test_in_print_nothing_is_folded_and_the_paper_is_white(
    browser: "Browser", pages: dict[str, str], name: str, theme: str
) -> None:
    with opened(browser, pages[name], color_scheme=theme) as visit:
        page = visit.page
        page.evaluate(
            "addEventListener('beforeprint', () => { window.printed = [...document.querySelectorAll("
            "'details')].every((one) => one.open); })"
        )
        assert page.pdf(format="A4").startswith(b"%PDF-")
        assert page.evaluate("window.printed")
        assert page.locator("details[open]").count() == 0  # folded again
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.locator("#lines-table").is_visible()  # by the style sheet too
        assert not page.locator("nav").is_visible()


def test_nothing_moves_for_who_wants_it_so(browser: "Browser", pages: dict[str, str]) -> None:
    for motion, scrolling in (("reduce", "auto"), ("no-preference", "smooth")):
        with opened(browser, pages["smallest"], reduced_motion=motion) as visit:
            told = visit.page.evaluate("getComputedStyle(document.documentElement).scrollBehavior")
            assert told == scrolling


def test_what_a_catalog_says_never_runs(browser: "Browser") -> None:
    hostile = json.dumps("</script><script>alert(1)</script><img src=x onerror=alert(2)>")
    text = REFUSING.replace("default: true,", f"default: true, description: {hostile},")
    line = f"{{name: {hostile}, requests_per_day: 9, prompt_tokens: 9, completion_tokens: 9}}"
    catalog = validate_text(f"{text}traffic:\n  - {line}\n".encode(), "catalog.yaml").catalog
    assert catalog is not None
    html = page_of(catalog, [litellm.files(catalog, catalog.front)])
    with opened(browser, html) as visit:
        alerts: list[str] = []
        visit.page.on("dialog", lambda dialog: alerts.append(dialog.message))
        assert visit.page.locator("img").count() == 0
        assert "<img src=x" in visit.page.locator("#chart-lines .plot").inner_text()
        assert alerts == []


def test_the_policy_holds_where_something_does_get_in(browser: "Browser", pages: dict[str, str]) -> None:
    html = pages["smallest"].replace("<main", "<script>window.ran = true</script><img src='/x'><main", 1)
    context = browser.new_context()
    try:
        visit = Visit(context.new_page(), html)
        assert visit.page.evaluate("window.ran") is None
        assert visit.stopped == ["csp"]
        assert len(visit.complaints) == 2
    finally:
        context.close()
