"""What the verbs share: file arguments, the output format, exit codes."""

import os
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

import click

from compiler import reporters
from compiler.diagnostics import Diagnostic, has_errors, nearest
from compiler.pipeline import Outcome
from compiler.source import MAX_BYTES

PROBLEMS, INTERNAL = 1, 3
DEFAULT_CATALOGS = "catalog"

format_option = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="How diagnostics are written.",
)  # fmt: skip
out_option = click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), show_default=True,
    help="The folder that holds out/<name>/.",
)  # fmt: skip
files_argument = click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILES]...")


def catalogs(files: tuple[Path, ...]) -> list[Path]:
    """The files given, or every catalog of `catalog/`. A folder stands for the catalogs in it."""
    asked = list(files) or [Path(DEFAULT_CATALOGS)]
    if not files and not asked[0].is_dir():
        raise click.UsageError(f"there is no folder {DEFAULT_CATALOGS}/ here: name the catalog's file")
    found: list[Path] = []
    for path in asked:
        found += sorted(p for p in path.glob("*.yaml") if p.is_file()) if path.is_dir() else [path]
    if not found:
        raise click.UsageError(f"no catalog in {', '.join(str(p) for p in asked)}/ (looked for *.yaml)")
    return list(dict.fromkeys(found))


def one_catalog(file: Path | None) -> Path:
    """The file given, or the only catalog of `catalog/`."""
    found = catalogs((file,) if file else ())
    if len(found) > 1:
        raise click.UsageError(f"say which catalog: {', '.join(str(path) for path in found)}")
    return found[0]


def known(option: str, names: Iterable[str], legal: Collection[str]) -> None:
    """Refuses a name that the catalog does not hold, with the nearest that it does."""
    for name in names:
        if name not in legal:
            close = nearest(name, legal)
            hint = f"did you mean {close!r}?" if close else f"there are: {', '.join(sorted(legal))}"
            raise click.BadParameter(f"{name!r} does not exist; {hint}", param_hint=option)


def show(outcomes: Iterable[Outcome], style: str, *, quiet_ok: bool = False) -> None:
    """Writes every diagnostic; text goes to stderr with a last line that counts, json to stdout."""
    results = list(outcomes)
    found = [diagnostic for outcome in results for diagnostic in outcome.diagnostics]
    if style == "json":
        click.echo(reporters.to_json(found))
        return
    sources = {o.document.file: o.document.text for o in results if o.document}
    for file in {d.where.file for d in found if d.where} - set(sources):
        sources[file] = _text_of(file)
    if found:
        click.echo(reporters.text(found, sources, colour=wants_colour()), err=True)
    if found or not quiet_ok:
        click.echo(reporters.summary(found, len(results)), err=True)


def _text_of(file: str) -> str:
    """What can be shown of a file that is not a document: it may be missing, huge, or not text."""
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def wants_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def exit_code(diagnostics: Iterable[Diagnostic]) -> int:
    """3 when the output itself was found wrong (our defect), 1 for errors, else 0."""
    found = list(diagnostics)
    if any(diagnostic.code == "IL901" for diagnostic in found):
        return INTERNAL
    return PROBLEMS if has_errors(found) else 0
