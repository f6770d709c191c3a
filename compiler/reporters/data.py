"""Diagnostics → a JSON list, for programs."""

import json
from typing import Any

from compiler.diagnostics import CODES, CounterExample, Diagnostic, Edit, Fix, Span, page_address
from compiler.redact import redact
from compiler.reporters.report import Report, body_of, safe_fix


def write(report: Report) -> str:
    """A list of objects, notes among them; lines and columns count from 1, ends are exclusive."""
    return json.dumps([_as_data(diagnostic) for diagnostic in report.diagnostics], indent=2) + "\n"


def _as_data(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": redact(diagnostic.message),
        **_span_data(diagnostic.where),
        "path": redact(".".join(map(str, diagnostic.path))),  # as `allow` writes it
        "hint": redact(diagnostic.hint),
        "related": [{**_span_data(span), "message": redact(note)} for span, note in diagnostic.related],
        "request": _request_data(diagnostic.request),
        "fix": _fix_data(safe_fix(diagnostic)),
        "page": page_address(diagnostic.code) if diagnostic.code in CODES else None,
    }


def _span_data(span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": None, "line": None, "column": None, "end_column": None}
    return {"file": span.file, "line": span.line, "column": span.column, "end_column": span.end_column}


def _request_data(request: CounterExample | None) -> dict[str, Any] | None:
    if request is None:
        return None
    return {
        "body": body_of(request),
        "down": [redact(name) for name in request.down],
        "mode": request.mode,
        "outcome": redact(request.outcome),
    }


def _fix_data(fix: Fix | None) -> dict[str, Any] | None:
    if fix is None:
        return None
    return {"title": redact(fix.title), "edits": [_edit_data(edit) for edit in fix.edits]}


def _edit_data(edit: Edit) -> dict[str, Any]:
    return {
        "file": edit.file,
        "line": edit.line,
        "column": edit.column,
        "end_line": edit.end_line,
        "end_column": edit.end_column,
        "text": edit.text,
    }
