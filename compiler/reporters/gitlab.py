"""Diagnostics → GitLab's code quality report: the artifact `codequality` of a job."""

import json
from collections import Counter
from typing import Any

from compiler.diagnostics import Diagnostic
from compiler.reporters.fingerprints import fingerprint, subject
from compiler.reporters.report import Report, plain

_SEVERITIES = {"error": "major", "warning": "minor", "note": "info"}


def write(report: Report) -> str:
    """A JSON list. Fingerprints tell apart what is found twice, and stay the same when lines move."""
    before: Counter[str] = Counter()
    return json.dumps([_issue(found, report, before) for found in report.diagnostics], indent=2) + "\n"


def _issue(diagnostic: Diagnostic, report: Report, before: Counter[str]) -> dict[str, Any]:
    place = report.place(diagnostic)
    same = fingerprint(place.file, diagnostic.code, subject(diagnostic))
    before[same] += 1
    hint = f" ({plain(diagnostic.hint)})" if diagnostic.hint else ""
    return {
        "description": plain(diagnostic.message) + hint,
        "check_name": diagnostic.code,
        # GitLab shows the first of several with one fingerprint.
        "fingerprint": same if before[same] == 1 else fingerprint(same, str(before[same])),
        "severity": _SEVERITIES[diagnostic.severity],
        "location": {"path": place.file, "lines": {"begin": place.line}},
    }
