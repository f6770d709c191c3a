"""`validate --fix` and `--diff`: a file mended where only one thing can have been meant."""

import difflib
import os
import tempfile
from pathlib import Path

import click

from compiler.diagnostics import UNREADABLE, Diagnostic, Span
from compiler.fixing import fixed
from compiler.pipeline import Outcome, validate, validate_text
from compiler.redact import redact
from compiler.source import MAX_BYTES

_NO_END = "\n\\ No newline at end of file\n"


def mended(path: Path, as_of: str | None, *, write: bool) -> Outcome:
    """What is to be said of a file once it is mended; the file is written, or the difference shown."""
    name = path.as_posix()
    raw = _content(path)
    if raw is None:
        return validate(path, as_of=as_of)
    new, done = fixed(raw, name, lambda text, shown: validate_text(text, shown, as_of).diagnostics)
    if new == raw:
        return validate_text(raw, name, as_of)
    if not write:
        click.echo(_difference(raw, new, name), nl=False)
        return validate_text(new, name, as_of)
    try:
        _replace(path, new)
    except OSError as error:
        return _unwritten(validate_text(raw, name, as_of), name, error)
    for line in done:
        click.echo(redact(line), err=True)
    return validate_text(new, name, as_of)


def _content(path: Path) -> bytes | None:
    """The bytes of a plain file; None for what `validate` alone can speak of."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError:
        return None


def _difference(old: bytes, new: bytes, name: str) -> str:
    """A unified diff. Secret values are hidden in it, as they are wherever a file's lines are shown."""
    before, after = (raw.decode().splitlines(keepends=True) for raw in (old, new))
    shown = map(redact, difflib.unified_diff(before, after, name, f"{name} (fixed)"))
    return "".join(line if line.endswith("\n") else line + _NO_END for line in shown)


def _replace(path: Path, content: bytes) -> None:
    """Puts the content in the place of the file's in one step; a link stays one, the mode is kept."""
    path = path.resolve()
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied", str(path))  # renaming would not ask
    mode = path.stat().st_mode & 0o7777
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(beside).chmod(mode)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def _unwritten(outcome: Outcome, name: str, error: OSError) -> Outcome:
    found: Diagnostic = UNREADABLE.at(
        Span(name, 1, 1, 2), f"cannot write the file: {error.strerror or error}", "it is as it was"
    )
    outcome.diagnostics = [found, *outcome.diagnostics]
    return outcome
