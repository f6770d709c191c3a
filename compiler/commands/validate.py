"""`interlock validate`: what pre-commit runs."""

import sys
from pathlib import Path

import click

from compiler.commands.common import as_of_option, catalogs, exit_code, files_argument, format_option, show
from compiler.pipeline import add_tests, validate


@click.command("validate")
@files_argument
@as_of_option
@click.option("--fix", is_flag=True, help="Mend the files where only one thing can have been meant.")
@click.option("--diff", is_flag=True, help="Show what --fix would change, and write nothing.")
@click.option("--notes", is_flag=True, help="Show notes, too: what is worth knowing and wrong nowhere.")
@click.option("--strict", is_flag=True, help="Fail on warnings, too.")
@format_option
def command(  # one parameter an option
    files: tuple[Path, ...], as_of: str | None, fix: bool, diff: bool, notes: bool, strict: bool, style: str
) -> None:
    """Check catalogs: source, schema, references, interlocks.

    Without FILES, every catalog of catalog/. The tests beside one (gateway.test.yaml) are checked with it.

    \b
    Example:
      interlock validate catalog/foundational-models.yaml
      interlock validate --fix
      interlock validate --as-of 2027-06-30 --notes
      interlock validate --format sarif > interlock.sarif
    """  # noqa: D301
    if diff and style != "text":
        raise click.UsageError("--diff is text: leave --format out")
    if fix or diff:
        from compiler.commands.mending import mended

        outcomes = [add_tests(mended(path, as_of, write=not diff), path) for path in catalogs(files)]
    else:
        outcomes = [validate(path, as_of=as_of) for path in catalogs(files)]
    show(outcomes, style, notes=notes)
    sys.exit(exit_code((d for outcome in outcomes for d in outcome.diagnostics), strict=strict))
