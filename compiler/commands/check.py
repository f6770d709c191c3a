"""`interlock check`: is out/ what `render` would write?"""

import sys
from pathlib import Path

import click

from compiler.commands.common import (
    as_of_option,
    catalogs,
    exit_code,
    files_argument,
    format_option,
    out_option,
    show,
)
from compiler.commands.render import refuse_same_name
from compiler.pipeline import render
from compiler.write import difference, stale


@click.command("check")
@files_argument
@out_option
@as_of_option
@format_option
def command(files: tuple[Path, ...], out: Path, as_of: str | None, style: str) -> None:
    """Fail, with the difference, when out/ is not what `render` would write. Writes nothing.

    \b
    Example:
      interlock check
    """  # noqa: D301
    outcomes = [render(path, as_of=as_of) for path in catalogs(files)]
    refuse_same_name(outcomes)
    for outcome in outcomes:
        if outcome.bundle is not None and outcome.ok:
            folder = out / outcome.name
            outcome.diagnostics += stale(outcome.bundle, folder)
            if style == "text":
                click.echo(difference(outcome.bundle, folder), nl=False)
    show(outcomes, style)
    sys.exit(exit_code(d for outcome in outcomes for d in outcome.diagnostics))
