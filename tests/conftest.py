"""Shared by every test: where things are, what happens without the proxy extra, the fault matrix in print."""

import os
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from compiler import resolve
from compiler.catalog_gateways import Target
from compiler.dev.extra import missing_extra
from compiler.scope import Scope
from compiler.targets.litellm import DEFAULT, line_for

# The day on which the catalogs of the tests are judged: models retire, and tests must not.
os.environ.setdefault("INTERLOCK_AS_OF", "2026-11-23")

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "catalog" / "foundational-models.yaml"


def pytest_report_header() -> str:
    return f"litellm: {version('litellm')}"


@pytest.fixture(scope="session", autouse=True)
def _compiled_for_the_installed_litellm() -> Iterator[None]:
    """`make prove` runs another line than the default: catalogs are compiled for it, whatever they name."""
    installed = version("litellm")
    if line_for(installed) in (DEFAULT, None):
        yield
        return
    own = resolve._target

    def target(data: Mapping[str, Any], scope: Scope) -> Target:
        return own({**data, "litellm": {"version": installed}}, scope)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resolve, "_target", target)
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the real proxy are skipped where it is not installed, and never in CI."""
    missing = missing_extra()
    if not missing or os.environ.get("CI"):
        return
    for item in items:
        if item.get_closest_marker("proxy"):
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def reference() -> Path:
    return REFERENCE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what tests recorded: as `report`, a title and lines of text; as `fault_matrix`, its cells."""
    reports = [report for found in terminalreporter.stats.values() for report in found]
    # the reports of a test's setup and teardown have them too
    calls = [report for report in reports if getattr(report, "when", None) == "call"]
    properties = [pair for report in calls for pair in report.user_properties]
    for text in (str(value) for name, value in properties if name == "report"):
        title, _, lines = text.partition("\n")
        terminalreporter.section(title)
        terminalreporter.write_line(lines)
    cells = [cell for name, value in properties if name == "fault_matrix" for cell in value]
    if cells:
        terminalreporter.section("fault matrix")
        terminalreporter.write("\n".join([*_matrix(cells), _LEGEND, *_totals(cells), ""]))


def _matrix(cells: list[dict[str, Any]]) -> list[str]:
    rows: dict[tuple[str, str, int], dict[str, str]] = {}
    for cell in cells:
        rows.setdefault((cell["chain"], cell["fault"], cell["faulty"]), {})[cell["kind"]] = cell["text"]
    columns = max((list(found) for found in rows.values()), key=len)
    faults = list(dict.fromkeys(cell["fault"] for cell in cells))
    lines = [
        (*row, *(rows[row].get(column, "-") for column in columns))
        for row in sorted(rows, key=lambda row: (row[0], faults.index(row[1]), row[2]))
    ]
    widths = (11, 17, 7, *(16 for _ in columns))
    table = [("first", "fault", "faulty", *columns), *lines]
    return [
        "".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    ]


_LEGEND = """
~: a stream. 2nd +14: answered by the second model, 14 ms later than the first does when all are well.
503 +31: nobody could answer, one error with that status. in stream, cut: the same, of a stream in course.
lost: a limit, which LIMITS in the test explains. In capitals: a failure."""


def _totals(cells: list[dict[str, Any]]) -> list[str]:
    outcomes = Counter(cell["outcome"] for cell in cells)
    hops = Counter(cell["hop"] for cell in cells if cell["outcome"] == "answered")
    by_hop = ", ".join(f"{count} by model {hop}" for hop, count in sorted(hops.items()))
    quick = [cell for cell in cells if cell["outcome"] == "answered" and not cell["waits"]]
    added = statistics.median(cell["added_ms"] / cell["faulty"] for cell in quick) if quick else 0
    return [
        f"requests sent: {len(cells)}",
        f"answered: {outcomes['answered']} ({by_hop})",
        f"nobody could answer (or two found the request bad), one error each: {outcomes['refused']}",
        f"lost by a documented limit: {outcomes['limit']}",
        f"unanswered where an eligible model was healthy, outside the limits: {outcomes['failed']}",
        f"added by a failed hop that is not waited for: {added:.0f} ms (median)",
    ]
