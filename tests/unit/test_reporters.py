"""Diagnostics → text and json: the place, the carets, the columns, and nothing secret."""

import json
from dataclasses import replace

import pytest

from compiler import reporters
from compiler.diagnostics import (
    CODES,
    DUPLICATE_KEY,
    MISSING_FACT,
    ONE_PROVIDER_ONLY,
    Code,
    Diagnostic,
    Edit,
    Severity,
    Span,
    has_errors,
    in_order,
    nearest,
)
from compiler.redact import HIDDEN

KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"
TEST = Code("IL999", "a test")


def at(line: int, column: int, end: int, file: str = "f.yaml") -> Span:
    return Span(file, line, column, end)


def shown(source: str, span: Span | None, message: str = "wrong", hint: str = "") -> str:
    return reporters.text([TEST.at(span, message, hint)], {"f.yaml": source})


# --- text ---------------------------------------------------------------------------------------------


def test_the_whole_of_one() -> None:
    source = "a: 1\n" * 9 + "key: value\n"
    found = DUPLICATE_KEY.at(at(10, 6, 11), "it is wrong", "do this").with_related(at(2, 1, 2), "see here")
    assert reporters.text([found], {"f.yaml": source}).splitlines() == [
        "error[IL104]: it is wrong",
        "  --> f.yaml:10:6",
        "10 | key: value",
        "   |      ^^^^^",
        "  ::: f.yaml:2:1",
        " 2 | a: 1",
        "   | - see here",
        "   = help: do this",
        "   = page: https://interlock-llm.github.io/diagnostics/IL104.html",
    ]


def test_a_warning_without_a_place_or_a_hint() -> None:
    assert reporters.text([MISSING_FACT.at(None, "not known")], {}) == (
        "warning[IL401]: not known\n  = page: https://interlock-llm.github.io/diagnostics/IL401.html\n"
    )


def test_one_after_the_other() -> None:
    found = [TEST.at(at(1, 1, 2), "first"), TEST.at(at(1, 4, 5), "second")]
    assert reporters.text(found, {"f.yaml": "a: 1"}).split("\n\n") == [
        "error[IL999]: first\n --> f.yaml:1:1\n1 | a: 1\n  | ^",
        "error[IL999]: second\n --> f.yaml:1:4\n1 | a: 1\n  |    ^\n",
    ]


def test_the_page_of_a_code_is_named_once() -> None:
    found = [MISSING_FACT.at(at(1, 1, 2), "a"), DUPLICATE_KEY.at(None, "b"), MISSING_FACT.at(None, "c")]
    first, second, third = reporters.text(found, {}).split("\n\n")
    assert "= page: https://interlock-llm.github.io/diagnostics/IL401.html" in first
    assert "= page: https://interlock-llm.github.io/diagnostics/IL104.html" in second
    assert "page" not in third


@pytest.mark.parametrize(
    ("down", "mode", "line"),
    [
        ((), "chat", '{"model": "é"} is refused'),
        (("a",), "chat", '{"model": "é"} with a down is refused'),
        (("a", "b", "c"), "chat", '{"model": "é"} with a, b and c down is refused'),
        (("a",), "embedding", '{"model": "é"} (mode embedding) with a down is refused'),
    ],
)
def test_the_request_that_goes_wrong(down: tuple[str, ...], mode: str, line: str) -> None:
    found = TEST.at(None, "wrong").with_request({"model": "é"}, "is refused", down=down, mode=mode)
    assert reporters.text([found], {}) == f"error[IL999]: wrong\n  = request: {line}\n"


def test_of_a_long_request_the_head_is_shown() -> None:
    body = {"messages": [{"role": "user", "content": "x" * 10**6}]}
    text = reporters.text([TEST.at(None, "wrong").with_request(body, "is refused")], {})
    assert len(text) < 500
    assert text.endswith("xxx… is refused\n")


def test_a_fix_says_who_does_it() -> None:
    found = TEST.at(at(1, 1, 2), "wrong", "say b").with_fix("put b", Edit("f.yaml", 1, 1, 1, 2, "b"))
    assert reporters.text([found], {}).splitlines()[-2:] == [
        "  = help: say b",
        "  = fix: put b (`interlock validate --fix` does it)",
    ]


def test_files_keep_their_own_lines() -> None:
    found = [TEST.at(at(1, 1, 2, name), "x") for name in ("a", "b", "c")]
    text = reporters.text(found, {"a": "in a", "b": "in b"})
    assert "1 | in a" in text
    assert "1 | in b" in text
    assert text.endswith(" --> c:1:1\n")


def test_the_note_is_kept_where_no_line_can_be_shown() -> None:
    found = TEST.at(at(3, 1, 2), "wrong").with_related(at(1, 1, 2), "first written here")
    assert "first written here" in reporters.text([found], {})


@pytest.mark.parametrize("line", [0, 2, 99])
def test_a_place_outside_the_file_has_no_snippet(line: int) -> None:
    assert (
        shown("only: one", at(line, 1, 2))
        == f"error[IL999]: wrong\n{' ' * len(str(line))}--> f.yaml:{line}:1\n"
    )


@pytest.mark.parametrize("span", [at(1, 1, 1), at(1, 3, 2), at(1, 40, 50), at(1, 1, 10_000)])
def test_carets_stay_within_reach(span: Span) -> None:
    *_, carets = shown("key: value", span).splitlines()
    assert 1 <= carets.count("^") <= len("key: value")


@pytest.mark.parametrize("column", [1, 55, 300, 599, 600])
def test_a_long_line_is_shown_round_the_place(column: int) -> None:
    source = "x" * (column - 1) + "Y" + "x" * (600 - column)
    *_, line, carets = shown(source, at(1, column, column + 1)).splitlines()
    assert len(line) <= 104
    assert line[carets.index("^")] == "Y"
    assert carets.count("^") == 1


def test_a_tab_takes_one_column() -> None:
    *_, line, carets = shown("\tkey:\tvalue", at(1, 7, 12)).splitlines()
    assert line[carets.index("^") :] == "value"


@pytest.mark.parametrize("control", ["\x1b[31m", "\x07", "\r", "\u202e", "\u0085", "\x9b"])
def test_no_control_character_reaches_the_terminal(control: str) -> None:
    text = shown(f"key: {control}value", at(1, 1, 4))
    assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize("control", ["\x1b[31m", "\x07", "\r", "\u202e"])
def test_nor_does_one_of_a_message(control: str) -> None:
    found = TEST.at(at(1, 1, 2, f"f{control}"), control, control).with_related(at(1, 1, 2), control)
    found = found.with_request({control: control}, control).with_fix(control, Edit("f", 1, 1, 1, 2, "b"))
    assert all(c.isprintable() or c == "\n" for c in reporters.text([found], {"f.yaml": "a"}))


def test_a_code_is_a_link_to_its_page_and_only_that_changes() -> None:
    found = [MISSING_FACT.at(None, "x"), TEST.at(None, "no page")]
    linked = reporters.text(found, {}, links=True)
    link = "\x1b]8;;https://interlock-llm.github.io/diagnostics/IL401.html\x1b\\IL401\x1b]8;;\x1b\\"
    assert linked.count("\x1b]8;;") == 2
    assert linked.replace(link, "IL401") == reporters.text(found, {})


def test_colour_changes_nothing_but_colour() -> None:
    import re

    found = [
        TEST.at(at(1, 4, 5), "wrong", "help").with_related(at(1, 1, 2), "see"),
        MISSING_FACT.at(None, "x"),
        ONE_PROVIDER_ONLY.at(None, "y"),
    ]
    plain = reporters.text(found, {"f.yaml": "a: 1"})
    coloured = reporters.text(found, {"f.yaml": "a: 1"}, colour=True)
    assert "\x1b[" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert coloured.count("\x1b[0m") == len(re.findall(r"\x1b\[[0-9;]+m", coloured)) / 2


def test_a_hundred_are_shown_and_the_rest_counted() -> None:
    found = [TEST.at(at(1, 1, 2), f"number {n}") for n in range(reporters.MAX_SHOWN + 5)]
    text = reporters.text(found, {})
    assert text.count("error[IL999]") == reporters.MAX_SHOWN
    assert text.endswith("… and 5 more\n")


@pytest.mark.parametrize(
    ("severities", "files", "line"),
    [
        ([], 1, "1 file, 0 errors, 0 warnings"),
        (["error"], 2, "2 files, 1 error, 0 warnings"),
        (["error", "warning", "error"], 0, "0 files, 2 errors, 1 warning"),
    ],
)
def test_the_last_line_counts(severities: list[Severity], files: int, line: str) -> None:
    found = [Diagnostic("IL999", severity, "x", None) for severity in severities]
    assert reporters.summary(found, files) == line


def test_the_last_line_counts_notes_and_what_is_allowed() -> None:
    found = [ONE_PROVIDER_ONLY.at(None, name) for name in "ab"]
    assert (
        reporters.summary(found, 1) == "1 file, 0 errors, 0 warnings, 2 notes (`validate --notes` shows them)"
    )
    assert reporters.summary(found[:1], 1, notes=True) == "1 file, 0 errors, 0 warnings, 1 note"
    assert reporters.summary([], 1, allowed=12) == "1 file, 0 errors, 0 warnings, 12 allowed"
    assert reporters.summary(found, 1, allowed=1, notes=True).endswith("2 notes, 1 allowed")


# --- secrets ------------------------------------------------------------------------------------------


def test_a_secret_is_hidden_wherever_it_stands() -> None:
    source = f"a: {KEY}\nb: 1  # {KEY}\napi_key: hunter2\n"
    found = [
        TEST.at(at(1, 4, 4 + len(KEY)), f"message {KEY}", f"hint {KEY}").with_related(
            at(2, 1, 2), f"note {KEY}"
        ),
        TEST.at(at(3, 10, 17), "wrong")
        .with_request({"user": KEY, KEY: [{"api_key": "hunter2"}]}, f"outcome {KEY}", down=[KEY])
        .with_fix(f"title {KEY}", Edit("f.yaml", 1, 1, 1, 2, "b")),
        TEST.at(None, "wrong").with_fix("title", Edit("f.yaml", 1, 1, 1, 2, KEY)),
    ]
    for said in (reporters.text(found, {"f.yaml": source}), reporters.to_json(found)):
        assert "4fK9" not in said
        assert "hunter2" not in said
        assert HIDDEN in said


def test_carets_point_at_what_is_hidden() -> None:
    *_, line, carets = shown(f"key: {KEY} # note", at(1, 6, 6 + len(KEY))).splitlines()
    assert line == f"1 | key: {HIDDEN} # note"
    assert carets == f"  |      {'^' * len(HIDDEN)}"


def test_carets_point_at_what_stands_behind_a_secret() -> None:
    source = f"openai: {{api_key: {KEY}, typ: openai}}"
    column = source.index("typ") + 1
    *_, line, carets = shown(source, at(1, column, column + 3)).splitlines()
    assert KEY not in line
    assert line[carets.index("^") :].startswith("typ")
    assert carets.count("^") == 3


def test_a_secret_at_the_edge_of_what_is_shown_is_hidden() -> None:
    # The window is a hundred characters wide: a key must not be cut before it is looked for.
    for shift in range(0, 140, 7):
        source = "x " * 60 + "y" * shift + f" {KEY} " + "z" * 200 + " here"
        assert "4fK9" not in shown(source, at(1, len(source) - 3 - shift, len(source)))
        assert "4fK9" not in shown(source, at(1, 121 + shift, 125 + shift))


# --- json ---------------------------------------------------------------------------------------------


def test_json_says_the_same() -> None:
    found = [
        TEST.at(at(3, 5, 9), "wrong", "help").with_related(at(1, 2, 3, "g.yaml"), "see"),
        MISSING_FACT.at(None, "not known"),
    ]
    assert json.loads(reporters.to_json(found)) == [
        {
            "code": "IL999",
            "severity": "error",
            "message": "wrong",
            "file": "f.yaml",
            "line": 3,
            "column": 5,
            "end_column": 9,
            "hint": "help",
            "path": "",
            "related": [{"file": "g.yaml", "line": 1, "column": 2, "end_column": 3, "message": "see"}],
            "request": None,
            "fix": None,
            "page": None,
        },
        {
            "code": "IL401",
            "severity": "warning",
            "message": "not known",
            "file": None,
            "line": None,
            "column": None,
            "end_column": None,
            "path": "",
            "hint": "",
            "related": [],
            "request": None,
            "fix": None,
            "page": "https://interlock-llm.github.io/diagnostics/IL401.html",
        },
    ]
    assert json.loads(reporters.to_json([])) == []


def test_json_has_the_request_the_fix_and_the_path() -> None:
    found = replace(TEST.at(None, "wrong"), path=("models", "gpt-4", "fallbacks", 0))
    found = found.with_request({"model": "a", "n": [1, None]}, "is refused", down=["b"], mode="embedding")
    found = found.with_fix("put b", Edit("f.yaml", 1, 2, 3, 4, "b"))
    (data,) = json.loads(reporters.to_json([found]))
    assert data["path"] == "models.gpt-4.fallbacks.0"
    assert data["request"] == {
        "body": {"model": "a", "n": [1, None]},
        "down": ["b"],
        "mode": "embedding",
        "outcome": "is refused",
    }
    assert data["fix"] == {
        "title": "put b",
        "edits": [{"file": "f.yaml", "line": 1, "column": 2, "end_line": 3, "end_column": 4, "text": "b"}],
    }


def test_a_fix_that_holds_a_secret_is_left_out() -> None:
    (data,) = json.loads(reporters.to_json([TEST.at(None, "x").with_fix("y", Edit("f", 1, 1, 1, 2, KEY))]))
    assert data["fix"] is None


def test_notes_are_in_every_format_for_programs() -> None:
    report = reporters.Report((ONE_PROVIDER_ONLY.at(at(1, 1, 2), "worth knowing"),), ["f.yaml"])
    for style in reporters.STYLES[1:]:
        assert "worth knowing" in reporters.write(style, report)


# --- the table of codes, and the order ------------------------------------------------------------------


def test_the_table_of_codes() -> None:
    assert list(CODES) == sorted(CODES)
    for name, code in CODES.items():
        assert name == code.id
        assert name.startswith("IL")
        assert len(name) == 5
        assert code.title == code.title.strip(". ")
    assert len({code.title for code in CODES.values()}) == len(CODES)


def test_the_order_is_that_of_the_file_and_nothing_is_said_twice() -> None:
    first, second = TEST.at(at(1, 9, 10), "b"), TEST.at(at(2, 1, 2), "a")
    nowhere, other = TEST.at(None, "c"), TEST.at(at(1, 1, 2, "g.yaml"), "d")
    assert in_order([other, second, first, nowhere, second]) == [nowhere, first, second, other]


def test_a_warning_is_no_error() -> None:
    assert not has_errors([MISSING_FACT.at(None, "x")])
    assert has_errors([MISSING_FACT.at(None, "x"), TEST.at(None, "y")])
    assert not has_errors([])


@pytest.mark.parametrize(
    ("word", "legal", "meant"),
    [
        ("context_windw", ["context_window", "modes"], "context_window"),
        ("contextWindow", ["context_window", "modes"], "context_window"),
        ("loadbalancer", ["ClusterIP", "LoadBalancer"], "LoadBalancer"),
        ("GPT4", ["gpt-4", "claude"], "gpt-4"),
        ("x", ["context_window"], None),
        ("", ["a"], None),
        ("anything", [], None),
    ],
)
def test_the_nearest_word(word: str, legal: list[str], meant: str | None) -> None:
    assert nearest(word, legal) == meant


def test_the_nearest_word_does_not_depend_on_the_order() -> None:
    assert nearest("gpt-x", ["gpt-1", "gpt-2"]) == nearest("gpt-x", ["gpt-2", "gpt-1"])
    assert nearest("abc", ["ABC", "abc"]) == nearest("abc", ["abc", "ABC"])


def test_a_line_of_megabytes_is_shown_round_its_place_and_no_secret_of_it() -> None:
    secret = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"
    line = "x" * 5_000_000 + f" {secret} here " + "y" * 5_000_000
    column = line.index("here") + 1
    found = CODES["IL201"].at(Span("f", 1, column, column + 4), "odd")
    shown = reporters.text([found], {"f": line})
    assert " [hidden] here yyy" in shown
    assert secret[:12] not in shown
    under = shown.splitlines()
    at = next(n for n, words in enumerate(under) if "here" in words)
    assert under[at + 1].index("^") == under[at].index("here")
