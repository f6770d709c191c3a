"""`interlock plan`: what a change of a catalog does, before it ships."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.commands.common import (
    DEFAULT_CATALOGS,
    PROBLEMS,
    as_of_option,
    catalogs,
    exit_code,
    files_argument,
    show,
)

if TYPE_CHECKING:
    from compiler.pipeline import Outcome
    from compiler.plan import Plan
    from compiler.plan.against import Pair
    from compiler.plan.thresholds import Threshold


def _limits(_context: click.Context, _option: click.Parameter, value: str | None) -> "tuple[Threshold, ...]":
    from compiler.plan.thresholds import thresholds

    try:
        return thresholds(value or "")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("plan")
@files_argument
@click.option(
    "--against", required=True, metavar="WHAT",
    help="A git ref, another catalog's file, or a folder that render wrote.",
)  # fmt: skip
@click.option(
    "--fail-on", "limits", metavar="LIST", callback=_limits,
    help="Exit with 1 on any of: safety, routes, refusals, restarts, cost>10%, cost>$500.",
)  # fmt: skip
@as_of_option
@click.option(
    "--format", "style", type=click.Choice(["text", "markdown", "json"]), default="text", show_default=True,
    help="For a terminal, for a pull request's comment, for programs.",
)  # fmt: skip
def command(
    files: tuple[Path, ...], against: str, limits: "tuple[Threshold, ...]", as_of: str | None, style: str
) -> None:
    """Show what a change does: to requests, safety, cost and the cluster.

    Without FILES, every catalog of catalog/. WHAT is looked for as a file, then as a folder such as out/,
    then as a git ref.

    \b
    Example:
      interlock plan --against origin/main
      interlock plan catalog/current.yaml --against main --fail-on "safety,cost>10%"
      interlock plan --against out
      interlock plan --against main --format markdown > comment.md
    """  # noqa: D301
    from compiler.plan import plan
    from compiler.plan.thresholds import passed

    found = _pairs(against, files, as_of)
    broken = [pair.failed for pair in found if pair.failed]
    plans = [plan(pair.before, pair.after) for pair in found if not pair.failed]
    failures = [line for one in plans for line in passed(one, limits)]
    click.echo(_written(style, plans, broken, failures), nl=False)
    if broken:
        show(broken, "text")
    for line in failures:
        click.echo(line, err=True)
    problems = exit_code(one for outcome in broken for one in outcome.diagnostics)
    sys.exit(problems or (PROBLEMS if failures else 0))


def _written(style: str, plans: "list[Plan]", broken: "list[Outcome]", failures: list[str]) -> str:
    if style == "json":
        from compiler.plan.data import to_json

        return to_json(plans, broken, failures)
    from compiler.plan.page import broken_page, page

    pages = [*map(page, plans), *map(broken_page, broken)]
    if style == "markdown":
        from compiler.plan.markdown import markdown

        return markdown(pages, failures)
    from compiler.plan.text import text

    return text(pages)


def _pairs(against: str, files: tuple[Path, ...], as_of: str | None) -> "list[Pair]":
    from compiler.plan.against import AgainstError, pairs
    from compiler.plan.git import GitError

    folders = [path for path in files or (Path(DEFAULT_CATALOGS),) if path.is_dir()]
    try:
        return list(pairs(against, catalogs(files), folders, as_of))
    except (AgainstError, GitError) as error:
        raise click.BadParameter(str(error), param_hint="--against") from None
