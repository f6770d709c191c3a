"""Diagnostics → GitHub Actions' workflow commands, which annotate the lines of a pull request.

GitHub shows ten errors, ten warnings and ten notices of a step, and fifty of a job: of a longer list fifty
are written, errors before warnings before notes, and a last notice counts the others. They stand in the
order of the files. Escaped as `@actions/core` does: properties more than messages.
"""

from compiler.diagnostics import CODES, Diagnostic, page_address
from compiler.reporters.report import Report, plain, remarks

MAX_SHOWN = 50
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def write(report: Report) -> str:
    """A command a line; empty when nothing was found."""
    shown = _most_severe(list(report.diagnostics))
    lines = [_command(diagnostic, report) for diagnostic in shown]
    if left := len(report.diagnostics) - len(shown):
        lines.append(
            f"::notice title=Interlock::{left} more problems are not shown here; "
            "`interlock validate` lists them"
        )
    return "".join(f"{line}\n" for line in lines)


def _most_severe(found: list[Diagnostic]) -> list[Diagnostic]:
    order = list(_COMMANDS)
    ranked = sorted(range(len(found)), key=lambda at: order.index(found[at].severity))
    return [found[at] for at in sorted(ranked[:MAX_SHOWN])]


def _command(diagnostic: Diagnostic, report: Report) -> str:
    title = CODES[diagnostic.code].title if diagnostic.code in CODES else ""
    place = report.place(diagnostic)
    properties = {
        "file": place.file,
        "line": str(place.line),
        "col": str(place.column),
        "endColumn": str(place.end_column),
        "title": f"{diagnostic.code}: {title}" if title else diagnostic.code,
    }
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{_COMMANDS[diagnostic.severity]} {written}::{_data(_message(diagnostic, report))}"


def _message(diagnostic: Diagnostic, report: Report) -> str:
    lines = [plain(diagnostic.message)]
    lines += [
        f"{report.relative(span.file)}:{span.line}:{span.column}: {plain(note)}"
        for span, note in diagnostic.related
    ]
    lines += [f"{label}: {words}" for label, words in remarks(diagnostic)]
    if diagnostic.code in CODES:
        lines.append(page_address(diagnostic.code))
    return "\n".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
