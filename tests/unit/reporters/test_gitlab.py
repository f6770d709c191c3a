"""Diagnostics → GitLab's code quality report."""

import json

from compiler import reporters
from compiler.diagnostics import MISSING_FACT, ONE_PROVIDER_ONLY, UNKNOWN_REFERENCE, Diagnostic, Span
from compiler.reporters import Report

KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"


def at(line: int, file: str = "a.yaml") -> Span:
    return Span(file, line, 3, 8)


def issues(*found: Diagnostic) -> list[dict[str, object]]:
    written = json.loads(reporters.write("gitlab", Report(found, ["a.yaml"], root="/repo")))
    assert isinstance(written, list)
    return written


def test_the_whole_of_one() -> None:
    (issue,) = issues(UNKNOWN_REFERENCE.at(at(3, "/repo/b.yaml"), "wrong", "mend it"))
    fingerprint = issue.pop("fingerprint")
    assert isinstance(fingerprint, str)
    assert len(fingerprint) == 64
    assert issue == {
        "description": "wrong (mend it)",
        "check_name": "IL301",
        "severity": "major",
        "location": {"path": "b.yaml", "lines": {"begin": 3}},
    }


def test_a_severity_has_its_name() -> None:
    found = (UNKNOWN_REFERENCE.at(at(1), "a"), MISSING_FACT.at(at(2), "b"), ONE_PROVIDER_ONLY.at(None, "c"))
    assert [issue["severity"] for issue in issues(*found)] == ["major", "minor", "info"]


def test_what_is_found_twice_has_two_fingerprints() -> None:
    found = [UNKNOWN_REFERENCE.at(at(line), "the same") for line in (1, 2, 3)]
    assert len({issue["fingerprint"] for issue in issues(*found)}) == 3


def test_a_fingerprint_outlives_a_moved_line() -> None:
    before, after = (issues(UNKNOWN_REFERENCE.at(at(line), "the same")) for line in (1, 9))
    assert before[0]["fingerprint"] == after[0]["fingerprint"]
    (other,) = issues(UNKNOWN_REFERENCE.at(at(1), "another"))
    assert other["fingerprint"] != before[0]["fingerprint"]


def test_no_secret_is_repeated() -> None:
    assert "4fK9" not in json.dumps(issues(UNKNOWN_REFERENCE.at(at(1), f"a {KEY}", f"b {KEY}")))
