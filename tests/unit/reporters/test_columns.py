"""What text takes on a terminal: wide characters, marks, and lines that are too long."""

import pytest

from compiler import reporters
from compiler.diagnostics import LOST_STRATEGY, Code, Span
from compiler.reporters.columns import columns, wrap

TEST = Code("IL999", "a test")


def shown(source: str, start: int, end: int, width: int | None = None) -> list[str]:
    found = TEST.at(Span("f.yaml", 1, start + 1, end + 1), "wrong")
    return reporters.text([found], {"f.yaml": source}, width=width).splitlines()


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", 0),
        ("abc", 3),
        ("模型", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("😀", 2),
        ("\uff46", 2),
        ("カ", 2),
        ("ｶ", 1),
    ],
)
def test_the_columns_of_a_text(text: str, taken: int) -> None:
    assert columns(text) == taken


@pytest.mark.parametrize("before", ["plain", "模型 模型", "e\u0301e\u0301", "😀", "混ze\u0301"])
@pytest.mark.parametrize("marked", ["word", "模型", "e\u0301"])
@pytest.mark.parametrize("padding", ["", "模" * 200, "x" * 200, "e\u0301" * 200])
def test_carets_stand_under_what_they_mark(before: str, marked: str, padding: str) -> None:
    head = f"{padding}{before}: "
    *_, line, carets = shown(f"{head}{marked} {padding}", len(head), len(head) + len(marked))
    at = carets.index("^")
    left = next(
        end for end in range(len(line) + 1) if columns(line[:end]) == at and line[end:].startswith(marked)
    )
    assert columns(line[:left]) == at
    assert carets.count("^") == columns(marked)
    assert columns(line) <= 104


@pytest.mark.parametrize("width", [40, 60, 80, 200])
@pytest.mark.parametrize("filler", ["x", "模"])
def test_the_source_line_follows_the_terminal(width: int, filler: str) -> None:
    source = filler * 300 + "Y" + filler * 300
    *_, line, carets = shown(source, 300, 301, width)
    assert width - 3 <= columns(line) <= width
    assert columns(line[: line.index("Y")]) == carets.index("^")


def test_words_are_wrapped_at_the_width() -> None:
    assert wrap("one two three", 30, 0, 4) == ["one two three"]
    assert wrap("aaaa bbbb cccc dddd eeee ffff", 24, 14, 4) == ["aaaa bbbb", "    cccc dddd eeee ffff"]
    assert wrap("模型模型 模型模型 模型模型", 22, 0, 2) == ["模型模型 模型模型", "  模型模型"]
    assert wrap("x" * 50, 20, 0, 4) == ["x" * 50]


def test_without_a_width_nothing_is_broken() -> None:
    assert wrap("a " * 200, None, 0, 0) == ["a " * 200]


@pytest.mark.parametrize("width", [10, 40, 64, 100])
@pytest.mark.parametrize("length", [1, 30, 38, 60])
def test_a_whole_diagnostic_stays_within_the_terminal(width: int, length: int) -> None:
    words = "some words that go on " * 12
    found = LOST_STRATEGY.at(Span("f.yaml", 1, 1, 2), words, words)
    found = found.with_related(Span("f.yaml", 1, 1, 1 + length), words).with_request(
        {"a": words}, "is refused"
    )
    text = reporters.text([found], {"f.yaml": "x" * 60}, width=width)
    lines = [line for line in text.splitlines() if "= page" not in line]  # an address is never broken
    assert max(map(columns, lines)) <= max(40, width)
    assert " ".join(text.split()).count("go on some") >= 11
