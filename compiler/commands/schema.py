"""`interlock schema`."""

import click

from compiler.resources import read_text


@click.command("schema")
@click.option(
    "--tests", is_flag=True, help="The schema of *.test.yaml, which refers to the catalog's beside it."
)
def command(*, tests: bool) -> None:
    """Print the catalog's JSON Schema (draft 2020-12), for editors and other checkers.

    \b
    Example:
      interlock schema > catalog.schema.json
      interlock schema --tests > tests.schema.json
    """  # noqa: D301
    click.echo(read_text("schemas", "tests.schema.json" if tests else "catalog.schema.json"), nl=False)
