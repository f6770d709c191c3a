"""Diagnostics → SARIF 2.1.0, for code scanning and editors: rules, results, fixes, suppressions.

The same findings give the same bytes: no time, no machine, no absolute path below the folder of the run.
Source text is left out, since it may hold secrets. Braces in messages stay single, as other scanners write
them: code scanning and editors show a message as it stands.
"""

import json
import re
from itertools import groupby
from typing import Any
from urllib.parse import quote

from compiler import __version__
from compiler.diagnostics import CODES, PAGES, Code, Diagnostic, Edit, Fix, Span, page_address
from compiler.reporters.fingerprints import fingerprint, subject
from compiler.reporters.pages import first_paragraph, page_elsewhere
from compiler.reporters.report import Report, in_words, plain, safe_fix

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HOME = PAGES.rpartition("/")[0]


def write(report: Report) -> str:
    """One run; allowed findings come last, as suppressed results."""
    found = [*report.diagnostics, *(diagnostic for diagnostic, _ in report.allowed)]
    reasons: list[str | None] = [
        *(None for _ in report.diagnostics),
        *(reason for _, reason in report.allowed),
    ]
    rules = sorted({diagnostic.code for diagnostic in found})
    results = [
        _result(diagnostic, reason, rules, report) for diagnostic, reason in zip(found, reasons, strict=True)
    ]
    driver = {
        "name": "Interlock",
        "informationUri": _HOME,
        "semanticVersion": __version__,
        "rules": [_rule(CODES.get(code) or Code(code, code)) for code in rules],
    }
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: Code) -> dict[str, Any]:
    page = plain(page_elsewhere(code.id) or "")  # an example may show a made-up key
    rule = {
        "id": code.id,
        "name": "".join(
            word.capitalize() for word in re.findall(r"[A-Za-z0-9]+", code.title.replace("'", ""))
        ),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": first_paragraph(page) or code.title},
        "defaultConfiguration": {"level": code.severity},
    }
    if code.id in CODES:
        rule["helpUri"] = page_address(code.id)
    return {**rule, "help": {"text": page, "markdown": page}} if page else rule


def _result(diagnostic: Diagnostic, reason: str | None, rules: list[str], report: Report) -> dict[str, Any]:
    said = [plain(diagnostic.message), in_words(diagnostic.request) if diagnostic.request else ""]
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rules.index(diagnostic.code),
        "level": diagnostic.severity,
        "message": {"text": "\n".join(filter(None, [*said, plain(diagnostic.hint)]))},
        "locations": [{"physicalLocation": _location(report.place(diagnostic), report)}],
        "partialFingerprints": {"interlock/v1": fingerprint(diagnostic.code, subject(diagnostic))},
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _location(span, report), "message": {"text": plain(note)}}
            for number, (span, note) in enumerate(diagnostic.related, start=1)
        ]
    if fix := safe_fix(diagnostic):
        result["fixes"] = [_fix(fix, report)]
    if report.allowed:  # in a run that suppresses some, a result without the list is of unknown standing
        result["suppressions"] = [] if reason is None else [_suppression(reason)]
    return result


def _suppression(reason: str) -> dict[str, str]:
    return {"kind": "inSource", "status": "accepted", "justification": plain(reason)}


def _location(span: Span, report: Report) -> dict[str, Any]:
    region = {"startLine": span.line, "startColumn": span.column, "endColumn": span.end_column}
    return {"artifactLocation": _artifact(span.file, report), "region": region}


def _artifact(file: str, report: Report) -> dict[str, str]:
    name = report.relative(file)
    if name.startswith("/"):
        return {"uri": f"file://{quote(name)}"}
    return {"uri": quote(name), "uriBaseId": "%SRCROOT%"}


def _fix(fix: Fix, report: Report) -> dict[str, Any]:
    changes = [
        {"artifactLocation": _artifact(file, report), "replacements": [_replacement(edit) for edit in edits]}
        for file, edits in groupby(sorted(fix.edits, key=_place), key=lambda edit: edit.file)
    ]
    return {"description": {"text": plain(fix.title)}, "artifactChanges": changes}


def _place(edit: Edit) -> tuple[str, int, int]:
    return edit.file, edit.line, edit.column


def _replacement(edit: Edit) -> dict[str, Any]:
    region = {
        "startLine": edit.line,
        "startColumn": edit.column,
        "endLine": edit.end_line,
        "endColumn": edit.end_column,
    }
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}
