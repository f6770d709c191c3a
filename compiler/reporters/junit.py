"""Diagnostics → JUnit's XML, which every CI server shows: a test case a file, a failure an error."""

import re
from collections.abc import Iterable

from compiler.diagnostics import Diagnostic
from compiler.reporters.report import Report, plain
from compiler.reporters.terminal import forms

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
_Said = list[tuple[Diagnostic, str]]  # with its form as text


def write(report: Report) -> str:
    """One suite in ASCII; files without errors pass, what else is found in them is their output."""
    by_file: dict[str, _Said] = {report.relative(file): [] for file in report.files}
    texts = forms(report.diagnostics, report.sources)
    for diagnostic, text in zip(report.diagnostics, texts, strict=True):
        by_file.setdefault(report.place(diagnostic).file, []).append((diagnostic, text))
    failed = sum(any(d.severity == "error" for d, _ in said) for said in by_file.values())
    counts = f'tests="{len(by_file)}" failures="{failed}" errors="0" skipped="0" time="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="interlock" tests="{len(by_file)}" failures="{failed}" errors="0" time="0">',
        f'  <testsuite name="interlock" {counts}>',
        *(line for file, said in by_file.items() for line in _case(file, said)),
        "  </testsuite>",
        "</testsuites>",
        "",
    ]
    # Standard output may speak another encoding than the one declared.
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _case(file: str, said: _Said) -> list[str]:
    head = f'    <testcase classname="interlock.validate" name="{_attribute(file)}" time="0"'
    if not said:
        return [f"{head}/>"]
    failures = [_failure(d, text) for d, text in said if d.severity == "error"]
    output = _output(text for d, text in said if d.severity != "error")
    return [f"{head}>", *failures, *output, "    </testcase>"]


def _failure(diagnostic: Diagnostic, text: str) -> str:
    message, kind = _attribute(plain(diagnostic.message)), _attribute(diagnostic.code)
    return f'      <failure message="{message}" type="{kind}">{_content(text)}</failure>'


def _output(texts: Iterable[str]) -> list[str]:
    together = "\n".join(texts)
    return [f"      <system-out>{_content(together)}</system-out>"] if together else []


def _attribute(text: str) -> str:
    return _NOT_XML.sub("", text).translate(_ESCAPES)


def _content(text: str) -> str:
    """As it stands, lines and all; quotes and line ends mean nothing there."""
    return _NOT_XML.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
