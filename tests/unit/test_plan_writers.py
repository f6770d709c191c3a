"""Plans as text, Markdown and JSON: what a catalog says stays in its cell, a comment is never too long."""

import json
import re
from dataclasses import replace

import pytest

from compiler.partition import Change, Hop
from compiler.plan import Plan, plan
from compiler.plan.data import to_json
from compiler.plan.markdown import MARKER, MOST_BYTES, escaped, markdown
from compiler.plan.marks import clipped, counted, enumerated, name, plain
from compiler.plan.objects import Field, ObjectChange
from compiler.plan.page import page
from compiler.plan.resources import Resources
from compiler.plan.routes import GatewayRoutes
from compiler.plan.sections.layout import Grid, Page, Section
from compiler.plan.sides import nothing
from compiler.plan.text import text
from compiler.plan.thresholds import passed, thresholds
from compiler.plan.verdict import usd, verdict

HOSTILE = "a|b`c``d<script>*e*_f_[g](http://x)@team #12 \\ $1 ~~h~~\n# i"


def shown(*rows: tuple[str, ...], title: str = "title", folded: bool = False) -> str:
    grid = Grid(("one", "two"), rows)
    return markdown([Page("gateway", "main", "verdict", (Section(title, (), grid, folded=folded),))])


def change(**fields: object) -> Change:
    plainly = Change(
        strategy="fast", model=None, modes=("chat",),
        before=(Hop("a", (("p/a",),)),), after=(Hop("b", (("p/b",),)),),
        when=(), request={"routing_strategy": "fast"}, prompt_tokens=10,
    )  # fmt: skip
    return replace(plainly, **fields)  # type: ignore[arg-type]


def routed(*changes: Change, remarks: tuple[str, ...] = ()) -> Plan:
    empty = plan(nothing("main"), nothing("now"))
    routes = (
        GatewayRoutes("llm-router", is_front=True, changes=changes, exact=not remarks, remarks=remarks),
    )
    return replace(empty, name="gateway", is_new=False, is_deleted=False, is_compared=True, routes=routes)


def cells(markdown_row: str) -> list[str]:
    return re.split(r"(?<!\\)\|", markdown_row)[1:-1]


@pytest.mark.parametrize("words", [HOSTILE, name(HOSTILE), f"x {name('a|b')} | {name('`')} y"])
def test_a_cell_stays_one_cell(words: str) -> None:
    row = shown((words, "second")).splitlines()[-1]
    assert len(cells(row)) == 2
    assert cells(row)[1] == " second "


def test_a_name_is_code_whatever_it_holds() -> None:
    row = shown((name("a``b`c|d"), name("`x`"))).splitlines()[-1]
    assert row == r"| ```a``b`c\|d``` | `` `x` `` |"


def test_prose_means_nothing_and_calls_nobody() -> None:
    found = escaped("<b>@team</b> see #12, a@b.example `x` [y](z) 1*2_3 &amp;")
    assert found == (r"\<b\>@&#8203;team\</b\> see #&#8203;12, a@b.example \`x\` \[y\](z) 1\*2\_3 &amp;amp;")


@pytest.mark.parametrize("start", ["- a", "+ a", "# a", "1. a", "1) a", "= a"])
def test_a_line_begins_no_block(start: str) -> None:
    section = Section("title", (start,))
    last = markdown([Page("gateway", "main", "verdict", (section,))]).splitlines()[-1]
    assert re.fullmatch(r"- \d*\\[-+#.)=].*", last)


def test_a_title_is_not_html() -> None:
    assert "<summary>a &lt;b&gt; &amp; c</summary>" in shown(("x", "y"), title="a <b> & c", folded=True)


def test_text_of_a_terminal_holds_no_control_characters() -> None:
    section = Section("title", (name("a\x1b[31mb\x07\u2028c"),))
    found = text([Page("gateway", "main", "verdict", (section,))])
    assert found == "gateway, against main: verdict\n\ntitle\n  a [31mb c\n"


def test_a_secret_value_is_hidden() -> None:
    key = "sk-" + "proj1234567890abcdefghij"
    assert key not in plain(name(f"key {key}"))


def test_json_holds_no_whole_file_and_no_digest() -> None:
    fields = (
        Field("data[a.yaml]", "a\nb", "a\nc"),
        Field("spec.template.metadata.annotations[interlock.dev/config-digest]", "12", "34"),
        Field("spec.maxReplicas", 1, 2),
    )
    one = ObjectChange("Pod", "llm", "x", "llm-router", fields, {"spec": 1}, {"spec": 2})
    found = replace(routed(), resources=Resources((one,)))
    (written,) = json.loads(to_json([found], [], []))["plans"][0]["resources"]["objects"]
    assert [(field["before"], field["after"]) for field in written["fields"]] == [
        (None, None), (None, None), (1, 2),
    ]  # fmt: skip
    assert set(written) == {"kind", "namespace", "name", "gateway", "what", "fields", "monitoring"}


@pytest.mark.parametrize("width", [10, 900])
def test_a_comment_is_cut_where_it_would_be_too_long(width: int) -> None:
    rows = tuple((name(f"{number}-{'ü' * width}"), "y") for number in range(5000))
    found = markdown([Page("gateway", "main", "verdict", (Section("a", (), Grid(("one", "two"), rows)),))])
    assert len(found.encode()) <= MOST_BYTES
    kept = found.count("-ü")
    assert f"… and {5000 - kept:,} more, left out here" in found
    assert kept > 0


def test_a_thousand_plans_are_cut_to_whole_lines() -> None:
    pages = [Page(f"gateway-{number}", "main", "x" * 100, ()) for number in range(2000)]
    found = markdown(pages)
    assert len(found.encode()) <= MOST_BYTES
    kept = found.count("**: ")
    assert f"{2000 - kept:,} more plans are left out here" in found
    assert found.startswith(f"{MARKER}\n")


def test_details_are_closed() -> None:
    found = shown(*[("x", "y")] * 300, folded=True)
    assert (found.count("<details>"), found.count("</details>")) == (1, 1)
    assert "… and 260 more" in found


def test_text_says_how_much_more_there_is() -> None:
    rows = tuple((str(number), "") for number in range(50))
    found = text(
        [Page("gateway", "main", "verdict", (Section("a", (), Grid(("one", "two"), rows), folded=True),))]
    )
    assert found.endswith("  … and 38 more: `--format json` has them all\n")


def test_ordinary_requests_stand_first_and_the_rest_is_folded() -> None:
    rare = change(when=("that require json_mode",), request={"requirements": {}}, weight=1)
    long = change(when=("with prompts of 9,000 or more tokens",), prompt_tokens=9000, weight=1)
    both = change(model="a", request={"model": "a", "routing_strategy": "fast"})
    sections = page(routed(change(), rare, long, both)).sections
    assert [(one.title, one.size, one.folded) for one in sections[:3]] == [
        ("Routes that change", 2, False),
        ("Rarer requests, which ask for more or meet an outage: 1 kind", 1, True),
        ("Requests that name a model and a strategy: 1 kind", 1, True),
    ]


def test_the_same_models_elsewhere_are_told_by_their_deployments() -> None:
    found = change(after=(Hop("a", (("p/a", "q/a"), ("r/a",))),))
    (section, *_) = page(routed(found)).sections
    assert section.grid is not None
    assert [plain(cell) for cell in section.grid.rows[0]] == [
        "strategy fast", "all", "a (p/a)", "a (p/a and q/a, then r/a)",
    ]  # fmt: skip


def test_embeddings_are_named() -> None:
    (section, *_) = page(routed(change(modes=("embedding",), after=()))).sections
    assert section.grid is not None
    assert [plain(cell) for cell in section.grid.rows[0]] == ["strategy fast", "embeddings", "a", "refused"]


def test_what_was_not_looked_at_is_said() -> None:
    (section, *_) = page(routed(change(), remarks=("strategy 'x': too many",))).sections
    assert section.lines == ("strategy 'x': too many",)


def test_a_refusal_is_in_the_line() -> None:
    assert "1 route changes, requests that were answered are REFUSED" in verdict(routed(change(after=())))
    rare = change(after=(), when=("while p is down",), down=("p",), weight=1)
    assert "rarer requests of 1 route change, some rarer requests are refused" in verdict(routed(rare))


def test_limits_of_price_are_no_alarm() -> None:
    limited = change(after=(), request={"requirements": {"max_price": {"input": 1}}}, weight=1)
    assert verdict(routed(limited)).startswith(
        "only requests that limit a price are routed otherwise, no safety"
    )
    assert verdict(routed(change(), limited)).startswith("1 route changes, no safety lost")


def test_no_change_found_is_not_no_change_where_not_all_was_looked_at() -> None:
    found = verdict(routed(remarks=("not looked at, of strategy 'x'",)))
    assert found.startswith("no route is known to change (not all were looked at), no safety lost")


def test_routes_of_another_gateway_are_told_apart() -> None:
    front = routed(change())
    behind = replace(front, routes=(replace(front.routes[0], gateway="vertex", is_front=False),))
    assert plain(verdict(behind)).startswith("no route changes, routes change at vertex itself")
    assert [section.title for section in page(behind).sections][:1] == ["Routes that change at vertex itself"]
    assert list(passed(behind, thresholds("routes,refusals"))) == []


def test_refusals_stand_first() -> None:
    sections = page(routed(change(model=None), change(after=(), strategy="slow"))).sections
    assert sections[0].grid is not None
    assert [plain(row[0]) for row in sections[0].grid.rows] == ["strategy slow", "strategy fast"]


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (0, "$0.00"),
        (0.0042, "$0.0042"),
        (0.5, "$0.50"),
        (9.999, "$10.00"),
        (12.3, "$12"),
        (-1234.5, "-$1,234"),
    ],
)
def test_an_amount(amount: float, words: str) -> None:
    assert usd(amount) == words


def test_every_threshold_is_read() -> None:
    found = thresholds(" safety,routes , refusals,restarts,cost,cost>10%, cost > $ 2.5,")
    assert [one.text for one in found] == [
        "safety", "routes", "refusals", "restarts", "cost", "cost>10%", "cost>$2.5",
    ]  # fmt: skip


@pytest.mark.parametrize("wrong", ["cost>", "cost>10", "cost>%", "Safety", "cost>-5%", "cost>1e3$", "x,y"])
def test_what_is_no_threshold_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"is no threshold.*there are: safety, routes"):
        thresholds(wrong)


def test_thresholds_are_judged_apart() -> None:
    limits = thresholds("safety,routes,refusals,restarts,cost")
    assert [line.split(":")[0] for line in passed(routed(change(after=())), limits)] == [
        "--fail-on routes",
        "--fail-on refusals",
    ]


def test_small_words() -> None:
    assert (counted(1, "route"), counted(2000, "route")) == ("1 route", "2,000 routes")
    assert [enumerated(list("abc"[:size])) for size in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert (clipped("abcdef", 4), clipped("abcd", 4)) == ("abc…", "abcd")


def test_a_gate_is_closed_for_what_could_not_be_compared() -> None:
    blind = replace(routed(), is_compared=False, is_judged=False, resources=None)
    limits = thresholds("safety,routes,refusals,restarts,cost")
    assert [line.split(":")[0] for line in passed(blind, limits)] == [
        f"--fail-on {limit.text}" for limit in limits
    ]


def test_a_gate_is_closed_where_not_all_routes_were_looked_at() -> None:
    partly = routed(remarks=("not looked at",))
    assert any("not all routes" in line for line in passed(partly, thresholds("routes")))
    assert list(passed(routed(), thresholds("routes,refusals"))) == []


def test_a_new_catalog_passes_no_threshold() -> None:
    new = replace(routed(), is_new=True, is_compared=False)
    assert list(passed(new, thresholds("routes,refusals,cost"))) == []
