"""Diagnostics → workflow commands: what GitHub would read back is what was found."""

import re

import pytest

from compiler import reporters
from compiler.diagnostics import (
    MISSING_FACT,
    ONE_PROVIDER_ONLY,
    UNKNOWN_REFERENCE,
    Diagnostic,
    Severity,
    Span,
)
from compiler.reporters import Report, github

KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"


def at(line: int, file: str = "catalog/a.yaml") -> Span:
    return Span(file, line, 3, 8)


def commands(*found: Diagnostic, root: str = "") -> list[tuple[str, dict[str, str], str]]:
    """(command, properties, message) of each line, read as the runner reads them."""
    written = reporters.write("github", Report(found, ["catalog/a.yaml"], root=root))
    return [_read(line) for line in written.splitlines()]


def _read(line: str) -> tuple[str, dict[str, str], str]:
    match = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
    assert match
    properties = dict(part.split("=", 1) for part in match[2].split(","))
    return match[1], {name: _plain(value) for name, value in properties.items()}, _plain(match[3])


def _plain(text: str) -> str:
    for code, char in (("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")):
        text = text.replace(code, char)
    return text


def test_the_whole_of_one() -> None:
    found = UNKNOWN_REFERENCE.at(at(3), "model 'x' does not exist", "did you mean 'y'?").with_related(
        at(9), "here"
    )
    assert reporters.write("github", Report((found,))) == (
        "::error file=catalog/a.yaml,line=3,col=3,endColumn=8,title=IL301%3A a name refers to nothing"
        "::model 'x' does not exist%0Acatalog/a.yaml:9:3: here%0Ahelp: did you mean 'y'?"
        "%0Ahttps://interlock-llm.github.io/diagnostics/IL301.html\n"
    )


def test_nothing_found_writes_nothing() -> None:
    assert reporters.write("github", Report(())) == ""


def test_a_severity_has_its_command() -> None:
    found = (UNKNOWN_REFERENCE.at(at(1), "a"), MISSING_FACT.at(at(2), "b"), ONE_PROVIDER_ONLY.at(at(3), "c"))
    assert [command for command, _, _ in commands(*found)] == ["error", "warning", "notice"]


@pytest.mark.parametrize("nasty", ["100 %", "%0A", "a,b=c:d", "::error::x", "two\nlines"])
def test_what_means_something_to_the_runner_is_escaped(nasty: str) -> None:
    found = UNKNOWN_REFERENCE.at(Span(nasty.replace("\n", ""), 1, 1, 2), nasty)
    ((_, properties, message),) = commands(found)
    assert properties["file"] == nasty.replace("\n", "")
    assert message.startswith(f"{nasty}\n")


def test_a_finding_without_a_place_stands_at_the_head_of_the_file() -> None:
    ((_, properties, _),) = commands(UNKNOWN_REFERENCE.at(None, "x"))
    assert (properties["file"], properties["line"]) == ("catalog/a.yaml", "1")


def test_files_are_named_as_the_repository_names_them() -> None:
    ((_, properties, _),) = commands(
        UNKNOWN_REFERENCE.at(at(1, "/home/me/repo/b.yaml"), "x"), root="/home/me/repo"
    )
    assert properties["file"] == "b.yaml"


def test_no_secret_is_repeated() -> None:
    found = UNKNOWN_REFERENCE.at(at(1), f"a {KEY}", f"b {KEY}").with_related(at(2), f"c {KEY}")
    found = found.with_request({"model": KEY, "api_key": "hunter2"}, "is refused")
    written = reporters.write("github", Report((found,)))
    assert "4fK9" not in written
    assert "hunter2" not in written


def test_of_too_many_the_worst_are_written_in_their_order_and_the_others_counted() -> None:
    kinds: list[Severity] = ["note", "error", "warning"] * 30
    found = [Diagnostic("IL301", kind, f"number {at_}", at(at_ + 1)) for at_, kind in enumerate(kinds)]
    *shown, last = commands(*found)
    assert [command for command, _, _ in shown].count("error") == 30
    assert [command for command, _, _ in shown].count("warning") == github.MAX_SHOWN - 30
    lines = [int(properties["line"]) for _, properties, _ in shown]
    assert lines == sorted(lines)
    assert last[0] == "notice"
    assert last[2].startswith("40 more problems")
