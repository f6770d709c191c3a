"""JUnit's XML, which every CI server shows. Diagnostics: a test case a file, a failure an error."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.diagnostics import Diagnostic
from compiler.reporters.report import Report, plain
from compiler.reporters.terminal import forms

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\t": "&#9;"})
_Said = list[tuple[Diagnostic, str]]  # with its form as text


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a case failed: one line, a word for programs, and the whole story. Texts of any characters."""

    message: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """One test case; it passes when it has no failure. `place` is its (file, line), where it has one."""

    suite: str
    name: str
    failures: Sequence[Failure] = ()
    output: str = ""
    place: tuple[str, int] | None = None


def write(report: Report) -> str:
    """Files without errors pass, what else is found in them is their output."""
    by_file: dict[str, _Said] = {report.relative(file): [] for file in report.files}
    texts = forms(report.diagnostics, report.sources)
    for diagnostic, text in zip(report.diagnostics, texts, strict=True):
        by_file.setdefault(report.place(diagnostic).file, []).append((diagnostic, text))
    return document([_of_file(file, said) for file, said in by_file.items()])


def document(cases: Sequence[Case]) -> str:
    """One suite in ASCII."""
    failed = sum(bool(case.failures) for case in cases)
    counts = f'tests="{len(cases)}" failures="{failed}" errors="0" skipped="0" time="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="interlock" tests="{len(cases)}" failures="{failed}" errors="0" time="0">',
        f'  <testsuite name="interlock" {counts}>',
        *(line for case in cases for line in _lines(case)),
        "  </testsuite>",
        "</testsuites>",
        "",
    ]
    # Standard output may speak another encoding than the one declared.
    return "\n".join(lines).encode("ascii", "xmlcharrefreplace").decode("ascii")


def _of_file(file: str, said: _Said) -> Case:
    failures = [Failure(plain(d.message), d.code, text) for d, text in said if d.severity == "error"]
    output = "\n".join(text for d, text in said if d.severity != "error")
    return Case("interlock.validate", file, failures, output)


def _lines(case: Case) -> list[str]:
    place = f' file="{_attribute(case.place[0])}" line="{case.place[1]}"' if case.place else ""
    named = f'classname="{_attribute(case.suite)}" name="{_attribute(case.name)}"'
    head = f'    <testcase {named}{place} time="0"'
    if not case.failures and not case.output:
        return [f"{head}/>"]
    output = [f"      <system-out>{_content(case.output)}</system-out>"] if case.output else []
    return [f"{head}>", *map(_failure, case.failures), *output, "    </testcase>"]


def _failure(failure: Failure) -> str:
    message, kind = _attribute(failure.message), _attribute(failure.kind)
    return f'      <failure message="{message}" type="{kind}">{_content(failure.text)}</failure>'


def _attribute(text: str) -> str:
    return _NOT_XML.sub("", text).translate(_ESCAPES)


def _content(text: str) -> str:
    """As it stands, lines and all; quotes and line ends mean nothing there."""
    return _NOT_XML.sub("", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
