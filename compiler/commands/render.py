"""`interlock render`: catalogs → out/."""

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
from compiler.diagnostics import OUTPUT_NOT_OURS, UNREADABLE, Diagnostic, Span
from compiler.pipeline import Outcome, render
from compiler.write import Changes, write


@click.command("render")
@files_argument
@out_option
@as_of_option
@format_option
def command(files: tuple[Path, ...], out: Path, as_of: str | None, style: str) -> None:
    """Compile catalogs into out/<name>/: manifests, LiteLLM configuration, routing tables, documents.

    Without FILES, every catalog of catalog/. Nothing is written when any of them has errors.

    \b
    Example:
      interlock render
      interlock render catalog/foundational-models.yaml -o /tmp/out
    """  # noqa: D301
    outcomes = [render(path, as_of=as_of) for path in catalogs(files)]
    refuse_same_name(outcomes)
    lines = []
    if all(outcome.ok for outcome in outcomes):
        lines = [line for outcome in outcomes if (line := _written(outcome, out))]
    show(outcomes, style, quiet_ok=True)
    for line in lines if style == "text" else ():
        click.echo(line)
    sys.exit(exit_code(d for outcome in outcomes for d in outcome.diagnostics))


def refuse_same_name(outcomes: list[Outcome]) -> None:
    """Two catalogs of one name would write over each other: both are reported, neither is written."""
    first: dict[str, Outcome] = {}
    for outcome in outcomes:
        if outcome.bundle is None or outcome.document is None:
            continue
        other = first.setdefault(outcome.name, outcome)
        if other is not outcome and other.document is not None:
            found = OUTPUT_NOT_OURS.at(
                outcome.document.span(("name",)),
                f"another catalog is named {outcome.name!r} too",
                "rename one",
            )
            outcome.diagnostics.append(found.with_related(other.document.span(("name",)), "the other one"))


def _written(outcome: Outcome, out: Path) -> str | None:
    folder = out / outcome.name
    try:
        result = write(outcome.bundle or {}, folder)
    except OSError as error:
        where = Span(folder.as_posix(), 1, 1, 2)
        result = UNREADABLE.at(
            where, f"cannot write the output: {error.strerror or error}", "the old one is intact"
        )
    if isinstance(result, Diagnostic):
        outcome.diagnostics.append(result)
        return None
    return f"{folder.as_posix()}: {_counted(result, len(outcome.bundle or {}))}"


def _counted(changes: Changes, files: int) -> str:
    if not changes:
        return f"{files} files, unchanged"
    parts = [("added", changes.added), ("changed", changes.changed), ("removed", changes.removed)]
    return f"{files} files, " + ", ".join(f"{len(paths)} {what}" for what, paths in parts if paths)
