"""Diagnostics → what a person or a program reads. The only stage that turns them into text; hides secrets.

`write` knows every format for programs and loads only the one asked for; `text` is for people.
"""

import importlib
from collections.abc import Callable, Iterable

from compiler.diagnostics import Diagnostic
from compiler.reporters.report import Report
from compiler.reporters.terminal import MAX_SHOWN, Screen, summary, text

__all__ = ["MAX_SHOWN", "STYLES", "Report", "Screen", "summary", "text", "to_json", "write"]

# Format → the module of this package whose `write` makes it.
_MODULES = {"json": "data", "github": "github", "sarif": "sarif", "junit": "junit", "gitlab": "gitlab"}
STYLES = ("text", *_MODULES)


def write(style: str, report: Report) -> str:
    """The report in a format for programs (any of STYLES but text), its last line ended; may be empty."""
    writer: Callable[[Report], str] = importlib.import_module(f"{__name__}.{_MODULES[style]}").write
    return writer(report)


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """A JSON list; lines and columns count from 1."""
    return write("json", Report(tuple(diagnostics))).rstrip("\n")
