"""`interlock test`: the routing tests of catalogs, decided by the very function that runs in the gateway."""

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from compiler.catalog import Catalog
from compiler.commands.common import PROBLEMS, as_of_option, catalogs, files_argument, show
from compiler.pipeline import validate
from compiler.policy import coverage_of, run
from compiler.policy.beginning import first_tests
from compiler.policy.reports import Tally, as_json, as_junit, as_text
from compiler.table import routing_table


def _percent(_context: click.Context, _option: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):  # which no range refuses
        raise click.BadParameter("nan is not a percentage")
    return value


@click.command("test")
@files_argument
@click.option("-k", "pattern", metavar="PATTERN", help="Only the tests whose name holds this text.")
@click.option("--coverage", "everything", is_flag=True,
              help="List all that is covered and is not (text; JSON has it in any case).")  # fmt: skip
@click.option("--min-coverage", "floor", metavar="PERCENT", type=click.FloatRange(0, 100), callback=_percent,
              help="Fail when less of each catalog is covered.")  # fmt: skip
@as_of_option
@click.option("--format", "style", type=click.Choice(["text", "json", "junit"]), default="text",
              show_default=True, help="For people, for programs, for CI servers.")  # fmt: skip
def command(  # one parameter an option
    files: tuple[Path, ...], pattern: str | None, everything: bool, floor: float | None,
    as_of: str | None, style: str,
) -> None:  # fmt: skip
    """Run the routing tests of catalogs: those under `tests`, and those of the tests file beside it.

    Without FILES, of every catalog of catalog/. Says which strategies, hops, requirements and outages of a
    single provider no test covers.

    \b
    Example:
      interlock test
      interlock test catalog/current.yaml -k "is down"
      interlock test --min-coverage 90 --format junit > interlock.xml
    """  # noqa: D301
    if pattern is not None and (floor is not None or everything):
        raise click.UsageError(
            "coverage is that of all tests: leave -k out, or --min-coverage and --coverage"
        )
    outcomes = [validate(path, as_of=as_of) for path in catalogs(files)]
    broken = [outcome for outcome in outcomes if not outcome.ok]
    if broken:  # nothing is run: what these catalogs would do is not known
        show(broken, style)
        sys.exit(PROBLEMS)
    tested = [
        _tested(outcome.catalog, outcome.document.file, pattern, floor or 0)
        for outcome in outcomes
        if outcome.catalog and outcome.document
    ]
    if pattern is not None:
        tested = [one for one in tested if one.results]
        if not tested:
            raise click.BadParameter(f"no test's name holds {pattern!r}", param_hint="-k")
    click.echo(_written(tested, style, everything=everything))
    sys.exit(0 if all(one.ok for one in tested) else PROBLEMS)


def _tested(catalog: Catalog, file: str, pattern: str | None, floor: float) -> Tally:
    chosen = [test for test in catalog.tests if pattern is None or pattern in test.name]
    results = run(catalog, chosen)
    if pattern is not None:
        return Tally(file, catalog.name, results)
    table = routing_table(catalog, catalog.front)
    begin = "" if results else first_tests(table)
    return Tally(file, catalog.name, results, coverage_of(table, results), floor, begin)


def _written(tested: Sequence[Tally], style: str, *, everything: bool) -> str:
    if style == "json":
        return as_json(tested)
    if style == "junit":
        return as_junit(tested).rstrip("\n")
    return "\n".join(as_text(one, everything=everything) for one in tested)
