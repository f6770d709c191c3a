"""`interlock validate`: what pre-commit runs."""

import sys
from pathlib import Path

import click

from compiler.commands.common import catalogs, exit_code, files_argument, format_option, show
from compiler.pipeline import validate


@click.command("validate")
@files_argument
@format_option
def command(files: tuple[Path, ...], style: str) -> None:
    """Check catalogs: source, schema, references, interlocks.

    Without FILES, every catalog of catalog/.

    \b
    Example:
      interlock validate catalog/foundational-models.yaml
      interlock validate --format json
    """  # noqa: D301
    outcomes = [validate(path) for path in catalogs(files)]
    show(outcomes, style)
    sys.exit(exit_code(d for outcome in outcomes for d in outcome.diagnostics))
