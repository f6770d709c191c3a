"""Diagnostics → JUnit's XML: whatever was found, a parser reads it back."""

from xml.etree import ElementTree as ET

from compiler import reporters
from compiler.diagnostics import MISSING_FACT, ONE_PROVIDER_ONLY, UNKNOWN_REFERENCE, Diagnostic, Span
from compiler.reporters import Report

KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"


def at(line: int, file: str = "a.yaml") -> Span:
    return Span(file, line, 1, 4)


def suite(*found: Diagnostic, files: tuple[str, ...] = ("a.yaml", "b.yaml")) -> ET.Element:
    written = reporters.write("junit", Report(found, files, {"a.yaml": f"key: {KEY}\n"}))
    assert written.isascii()
    (only,) = ET.fromstring(written)  # noqa: S314  # our own
    return only


def test_a_file_is_a_case_and_an_error_a_failure() -> None:
    found = (
        UNKNOWN_REFERENCE.at(at(1), "first", "mend it"),
        MISSING_FACT.at(at(1), "a warning"),
        UNKNOWN_REFERENCE.at(at(2), "second"),
    )
    only = suite(*found)
    assert only.attrib["tests"] == "2"
    assert only.attrib["failures"] == "1"
    wrong, right = only
    assert (wrong.attrib["classname"], wrong.attrib["name"]) == ("interlock.validate", "a.yaml")
    assert [(f.attrib["type"], f.attrib["message"]) for f in wrong.iter("failure")] == [
        ("IL301", "first"),
        ("IL301", "second"),
    ]
    (first, _) = wrong.iter("failure")
    assert first.text
    assert first.text.startswith(
        "error[IL301]: first\n --> a.yaml:1:1\n1 | key: [hidden]\n  | ^^^\n  = help: mend it"
    )
    assert "warning[IL401]: a warning" in (wrong.findtext("system-out") or "")
    assert right.attrib["name"] == "b.yaml"
    assert list(right) == []


def test_a_file_with_warnings_and_notes_passes() -> None:
    only = suite(MISSING_FACT.at(at(1), "a warning"), ONE_PROVIDER_ONLY.at(at(1), "a note"))
    assert only.attrib["failures"] == "0"
    assert [output.text and output.text.count("] a ") for output in only.iter("system-out")] == [0]
    assert "note[IL320]: a note" in (only[0].findtext("system-out") or "")


def test_a_file_of_the_output_is_a_case_too() -> None:
    only = suite(UNKNOWN_REFERENCE.at(at(1, "out/x.yaml"), "stale"))
    assert [case.attrib["name"] for case in only] == ["a.yaml", "b.yaml", "out/x.yaml"]


def test_any_text_is_xml() -> None:
    nasty = "<a href=\"&\">]]> \x00\x1b\x0b \ufffe \ud800 é \U0001f600 'q'\nline"
    only = suite(UNKNOWN_REFERENCE.at(at(1, nasty), nasty, nasty), files=())
    (failure,) = only.iter("failure")
    for expected in ('<a href="&">]]>', "é", "\U0001f600", "\nline"):
        assert expected in (failure.text or "")
        assert expected in failure.attrib["message"]


def test_no_secret_is_repeated() -> None:
    only = suite(UNKNOWN_REFERENCE.at(at(1), f"a {KEY}", f"b {KEY}"))
    assert "4fK9" not in ET.tostring(only, "unicode")
