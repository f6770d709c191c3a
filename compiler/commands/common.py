"""What the verbs share: file arguments, the output format, exit codes."""

import os
import sys
from collections.abc import Collection, Iterable
from datetime import date
from pathlib import Path

import click

from compiler import reporters
from compiler.diagnostics import Diagnostic, has_errors, nearest
from compiler.pipeline import Outcome
from compiler.reporters import Report, Screen
from compiler.source import MAX_BYTES
from compiler.tests_file import catalog_of

PROBLEMS, INTERNAL = 1, 3
DEFAULT_CATALOGS = "catalog"

format_option = click.option(
    "--format", "style", type=click.Choice(reporters.STYLES), default="text", show_default=True,
    help="How diagnostics are written.",
)  # fmt: skip
text_or_json_option = click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True,
    help="For people or for programs.",
)  # fmt: skip


def _day(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    try:
        return value and date.fromisoformat(value).isoformat()
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a day written year-month-day") from None


as_of_option = click.option(
    "--as-of", metavar="DATE", envvar="INTERLOCK_AS_OF", callback=_day,
    help="Judge lifecycles as on that day, year-month-day (default: today).",
)  # fmt: skip
out_option = click.option(
    "-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), show_default=True,
    help="The folder that holds out/<name>/.",
)  # fmt: skip
files_argument = click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILES]...")


def catalogs(files: tuple[Path, ...]) -> list[Path]:
    """The files given, or every catalog of `catalog/`. A folder stands for the catalogs in it.

    A file of tests, `<catalog>.test.yaml`, stands for its catalog: the two are judged together.
    """
    asked = list(files) or [Path(DEFAULT_CATALOGS)]
    if not files and not asked[0].is_dir():
        raise click.UsageError(f"there is no folder {DEFAULT_CATALOGS}/ here: name the catalog's file")
    found: list[Path] = []
    for path in asked:
        found += _in_folder(path) if path.is_dir() else [catalog_of(path)]
    if not found:
        raise click.UsageError(f"no catalog in {', '.join(str(p) for p in asked)}/ (looked for *.yaml)")
    return list(dict.fromkeys(found))


def _in_folder(folder: Path) -> list[Path]:
    # Tests whose catalog is not there are not passed over: they may be misnamed.
    return sorted({catalog_of(path) for path in folder.glob("*.yaml") if path.is_file()})


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


def show(
    outcomes: Iterable[Outcome],
    style: str,
    *,
    quiet_ok: bool = False,
    notes: bool = False,
) -> None:
    """Writes every diagnostic; text goes to stderr with a last line that counts, other formats to stdout.

    Text shows notes when `notes` says so.
    """
    report = _report(list(outcomes))
    if style == "text":
        _show_text(report, quiet_ok=quiet_ok, notes=notes)
    else:
        click.echo(reporters.write(style, report), nl=False)


def _report(results: list[Outcome]) -> Report:
    found = dict.fromkeys(diagnostic for outcome in results for diagnostic in outcome.diagnostics)
    sources = {d.file: d.text for o in results for d in (o.document, o.tests_document) if d}
    for file in {d.where.file for d in found if d.where} - set(sources):
        sources[file] = _text_of(file)
    files = [name for outcome in results for name in _files_of(outcome)]
    allowed = [relaxed for outcome in results for relaxed in outcome.allowed]
    return Report(tuple(found), files, sources, allowed, root=Path.cwd().as_posix())


def _files_of(outcome: Outcome) -> list[str]:
    """The catalog's file and that of its tests; one that cannot be read has no document, but a diagnostic."""
    documents = [document.file for document in (outcome.document, outcome.tests_document) if document]
    if outcome.document:
        return documents
    unread = next((d.where.file for d in outcome.diagnostics if d.where), None)
    return [*([unread] if unread else []), *documents]


def _show_text(report: Report, *, quiet_ok: bool, notes: bool) -> None:
    shown = [diagnostic for diagnostic in report.diagnostics if notes or diagnostic.severity != "note"]
    if shown:
        screen = _screen()
        click.echo(
            reporters.text(
                shown, report.sources, colour=screen.colour, links=screen.links, width=screen.width
            ),
            err=True,
        )
    if shown or not quiet_ok:
        counted = reporters.summary(
            report.diagnostics, len(report.files), allowed=len(report.allowed), notes=notes
        )
        click.echo(counted, err=True)


def _text_of(file: str) -> str:
    """What can be shown of a file that is not a document: it may be missing, huge, or not text."""
    try:
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES).decode("utf-8-sig", "replace")
    except OSError:
        return ""


def _screen() -> Screen:
    """What stderr is: a terminal with its width, or a pipe, in which nothing is broken or painted."""
    if not sys.stderr.isatty():
        return Screen()
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns or None
    except OSError:
        width = None
    return Screen(colour=wants_colour(), links=wants_colour(), width=width)


def wants_colour() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def exit_code(diagnostics: Iterable[Diagnostic], *, strict: bool = False) -> int:
    """3 when the output itself was found wrong (our defect), 1 for errors (strict: or warnings), else 0."""
    found = list(diagnostics)
    if any(diagnostic.code == "IL901" for diagnostic in found):
        return INTERNAL
    warned = strict and any(diagnostic.severity == "warning" for diagnostic in found)
    return PROBLEMS if warned or has_errors(found) else 0
