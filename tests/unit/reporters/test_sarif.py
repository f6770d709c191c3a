"""Diagnostics → SARIF 2.1.0: valid for every broken catalog of tests/errors, and its parts one by one."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from compiler import __version__, reporters
from compiler.diagnostics import (
    CODES,
    LOST_STRATEGY,
    MISSING_FACT,
    ONE_PROVIDER_ONLY,
    UNKNOWN_REFERENCE,
    Diagnostic,
    Edit,
    Span,
)
from compiler.pipeline import validate
from compiler.reporters import Report

TESTS = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((TESTS / "unit" / "data" / "sarif-2.1.0.json").read_text("utf-8"))
VALID = jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)
CASES = sorted(path for path in (TESTS / "errors").glob("IL*/catalog.*"))
KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"


def at(line: int, file: str = "a.yaml") -> Span:
    return Span(file, line, 3, 8)


def run(*found: Diagnostic, allowed: tuple[tuple[Diagnostic, str], ...] = ()) -> dict[str, Any]:
    written = json.loads(reporters.write("sarif", Report(found, ["a.yaml"], allowed=allowed, root="/repo")))
    VALID.validate(written)
    (only,) = written["runs"]
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("catalog", CASES, ids=lambda path: path.parent.name)
def test_every_broken_catalog_gives_valid_sarif(catalog: Path) -> None:
    found = validate(catalog, catalog.name).diagnostics
    results = run(*found)["results"]
    assert [result["ruleId"] for result in results] == [diagnostic.code for diagnostic in found]


def test_the_schema_would_refuse_what_is_wrong() -> None:
    written = json.loads(reporters.write("sarif", Report((UNKNOWN_REFERENCE.at(at(1), "x"),))))
    written["runs"][0]["results"][0]["level"] = "fatal"
    assert not VALID.is_valid(written)


def test_the_whole_of_one_result() -> None:
    found = UNKNOWN_REFERENCE.at(at(3), "wrong", "mend it").with_related(at(9, "b c.yaml"), "here")
    (result,) = run(found)["results"]
    (fingerprint,) = result.pop("partialFingerprints").values()
    assert len(fingerprint) == 64
    assert result == {
        "ruleId": "IL301",
        "ruleIndex": 0,
        "level": "error",
        "message": {"text": "wrong\nmend it"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "a.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 3, "endColumn": 8},
                }
            }
        ],
        "relatedLocations": [
            {
                "id": 1,
                "physicalLocation": {
                    "artifactLocation": {"uri": "b%20c.yaml", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 9, "startColumn": 3, "endColumn": 8},
                },
                "message": {"text": "here"},
            }
        ],
    }


def test_the_rules_are_those_that_occur_with_their_pages() -> None:
    only = run(MISSING_FACT.at(at(1), "a"), UNKNOWN_REFERENCE.at(at(2), "b"), MISSING_FACT.at(at(3), "c"))
    driver = only["tool"]["driver"]
    assert driver["semanticVersion"] == __version__
    assert [rule["id"] for rule in driver["rules"]] == ["IL301", "IL401"]
    assert [result["ruleIndex"] for result in only["results"]] == [1, 0, 1]
    first = driver["rules"][0]
    assert first["name"] == "ANameRefersToNothing"
    assert first["shortDescription"] == {"text": CODES["IL301"].title}
    assert first["helpUri"] == "https://interlock-llm.github.io/diagnostics/IL301.html"
    assert first["help"]["markdown"].startswith("# IL301: a name refers to nothing\n")
    assert first["fullDescription"]["text"].startswith("A name stands where")
    assert first["defaultConfiguration"] == {"level": "error"}


def test_a_code_without_a_page_is_a_rule_all_the_same() -> None:
    (rule,) = run(Diagnostic("IL999", "error", "x", at(1)))["tool"]["driver"]["rules"]
    assert rule["id"] == "IL999"
    assert "help" not in rule


def test_a_severity_is_a_level() -> None:
    found = (UNKNOWN_REFERENCE.at(at(1), "a"), MISSING_FACT.at(at(2), "b"), ONE_PROVIDER_ONLY.at(at(3), "c"))
    assert [result["level"] for result in run(*found)["results"]] == ["error", "warning", "note"]


def test_a_finding_without_a_place_stands_in_the_file() -> None:
    (result,) = run(UNKNOWN_REFERENCE.at(None, "x"))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a.yaml"


@pytest.mark.parametrize(
    ("file", "uri"),
    [
        ("/repo/c/d.yaml", {"uri": "c/d.yaml", "uriBaseId": "%SRCROOT%"}),
        ("./c/d.yaml", {"uri": "c/d.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/elsewhere/ü.yaml", {"uri": "file:///elsewhere/%C3%BC.yaml"}),
    ],
)
def test_files_are_addresses(file: str, uri: dict[str, str]) -> None:
    (result,) = run(UNKNOWN_REFERENCE.at(at(1, file), "x"))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == uri


def test_a_fingerprint_is_of_what_and_not_of_the_line() -> None:
    def fingerprint(diagnostic: Diagnostic) -> object:
        return run(diagnostic)["results"][0]["partialFingerprints"]

    assert fingerprint(UNKNOWN_REFERENCE.at(at(1), "x")) == fingerprint(UNKNOWN_REFERENCE.at(at(7), "x"))
    assert fingerprint(UNKNOWN_REFERENCE.at(at(1), "x")) != fingerprint(UNKNOWN_REFERENCE.at(at(1), "y"))
    assert fingerprint(UNKNOWN_REFERENCE.at(at(1), "x")) != fingerprint(MISSING_FACT.at(at(1), "x"))


def test_a_request_is_part_of_the_message() -> None:
    found = LOST_STRATEGY.at(at(1), "lost").with_request({"model": "a"}, "is refused", down=["b"])
    (result,) = run(found)["results"]
    assert result["message"]["text"] == 'lost\n{"model": "a"} with b down is refused'


def test_a_fix_is_changes_of_files() -> None:
    edits = (
        Edit("b.yaml", 1, 1, 1, 2, "z"),
        Edit("a.yaml", 4, 2, 5, 1, "y"),
        Edit("a.yaml", 1, 2, 1, 5, "x"),
    )
    (result,) = run(UNKNOWN_REFERENCE.at(at(1), "x").with_fix("say x", *edits))["results"]
    (fix,) = result["fixes"]
    assert fix["description"] == {"text": "say x"}
    assert [change["artifactLocation"]["uri"] for change in fix["artifactChanges"]] == ["a.yaml", "b.yaml"]
    assert fix["artifactChanges"][0]["replacements"] == [
        {
            "deletedRegion": {"startLine": 1, "startColumn": 2, "endLine": 1, "endColumn": 5},
            "insertedContent": {"text": "x"},
        },
        {
            "deletedRegion": {"startLine": 4, "startColumn": 2, "endLine": 5, "endColumn": 1},
            "insertedContent": {"text": "y"},
        },
    ]


def test_what_the_catalog_allows_is_suppressed_for_its_reason() -> None:
    relaxed = LOST_STRATEGY.at(at(2), "lost")
    kept, suppressed = run(UNKNOWN_REFERENCE.at(at(1), "x"), allowed=((relaxed, "a pilot"),))["results"]
    assert kept["suppressions"] == []
    assert suppressed["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "a pilot"}
    ]


def test_no_secret_is_repeated_and_the_fix_that_holds_one_is_left_out() -> None:
    found = UNKNOWN_REFERENCE.at(at(1), f"a {KEY}", f"b {KEY}").with_related(at(2), f"c {KEY}")
    found = found.with_request({"model": KEY}, "is refused").with_fix("d", Edit("a.yaml", 1, 1, 1, 2, KEY))
    only = run(found, *(code.at(at(9), "x") for code in CODES.values()), allowed=((found, f"e {KEY}"),))
    assert "4fK9" not in json.dumps(only)
    assert "fixes" not in only["results"][0]


def test_the_same_findings_give_the_same_bytes() -> None:
    found = (MISSING_FACT.at(at(1), "é"), UNKNOWN_REFERENCE.at(at(2), "b"))
    first, second = (reporters.write("sarif", Report(found)) for _ in range(2))
    assert first == second
    assert first.isascii()
