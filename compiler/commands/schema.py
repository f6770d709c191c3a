"""`interlock schema`."""

import click

from compiler.resources import read_text


@click.command("schema")
def command() -> None:
    """Print the catalog's JSON Schema (draft 2020-12), for editors and other checkers.

    \b
    Example:
      interlock schema > catalog.schema.json
    """  # noqa: D301
    click.echo(read_text("schemas", "catalog.schema.json"), nl=False)
