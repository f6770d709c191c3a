"""YAML text → plain data and places: what a scalar means, where everything stands, what is refused."""

import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from compiler import source
from compiler.diagnostics import Diagnostic, Span
from compiler.source import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_REPEATS, Document, parse, read

KIB = 1024


def parsed(text: bytes | str) -> Document:
    document = parse(text, "f.yaml")
    assert isinstance(document, Document), document
    return document


def refused(text: bytes | str) -> Diagnostic:
    diagnostic = parse(text, "f.yaml")
    if not isinstance(diagnostic, Diagnostic):
        pytest.fail("it was accepted")  # not an assertion: that would print a bomb, expanded
    assert diagnostic.severity == "error"
    return diagnostic


def place(diagnostic: Diagnostic) -> tuple[int, int]:
    assert diagnostic.where
    return diagnostic.where.line, diagnostic.where.column


# --- what a scalar means -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        ("0", 0),
        ("-0", 0),
        ("7", 7),
        ("+7", 7),
        ("-7", -7),
        ("999999999999999999", 999_999_999_999_999_999),
        ("3.50", 3.5),
        ("-0.5", -0.5),
        (".5", 0.5),
        ("5.", 5.0),
    ],
)
def test_a_scalar_that_every_reader_agrees_on(text: str, value: Any) -> None:
    found = parsed(f"key: {text}").data["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "no", "on", "off", "y", "n", "Yes", "NO", "tRUE", "nULL", "none"),
        *("1e3", "1E3", "1.5e3", "1e-6", "1_000", "0x1F", "0o17", "0b1", "017", "007", "00", "08", "01.5"),
        *("12:30", "190:20:30", "2024-08-06", "2024-08-06T10:00:00Z"),
        *(".inf", "-.INF", ".nan", ".", "+", "1.2.3", "1.106.2", "1234567890123456789"),
        *("9" * 5000, "0." + "3" * 5000),
        *("=", "<<", "gpt-4", "text-bison@002", "a:b", "a#b", "500m", "http://x/y"),
    ],
)
def test_every_other_scalar_keeps_its_text(text: str) -> None:
    assert parsed(f"key: {text}").data == {"key": text}
    assert parsed(f"[{text}]").data == [text]


@pytest.mark.parametrize("text", ["1", "true", "null", "~", "", "3.5"])
@pytest.mark.parametrize("shape", ["'{}'", '"{}"', "!!str '{}'", "! '{}'"])
def test_what_is_quoted_is_text(text: str, shape: str) -> None:
    assert parsed("key: " + shape.format(text)).data == {"key": text}


def test_a_tag_or_a_block_style_makes_text_as_well() -> None:
    assert parsed("a: !!str 1\nb: |-\n  1\nc: >-\n  tr\n  ue\n").data == {"a": "1", "b": "1", "c": "tr ue"}


def test_keys_are_always_text() -> None:
    text = "1: a\ntrue: b\nnull: c\n1.5: d\n2024-08-06: e\n? f\n: g\n"
    keys = ["1", "true", "null", "1.5", "2024-08-06", "f"]
    assert list(parsed(text).data) == keys


def test_json_is_yaml() -> None:
    data = {"a": [1, 2.5, True, None, "x"], "b": {"c": [], "d": {}}, "é": "\u00fc\U0001f600"}
    assert parsed(json.dumps(data, ensure_ascii=False)).data == data
    assert parsed(json.dumps(data, ensure_ascii=False, indent=2)).data == data


def test_a_yaml_1_1_header_changes_nothing() -> None:
    assert parsed("%YAML 1.1\n---\na: no\n").data == {"a": "no"}


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing here\n", "---\n...\n", "~"])
def test_an_empty_file_is_nothing(text: str) -> None:
    assert parsed(text).data is None


# --- where everything stands --------------------------------------------------------------------------

CATALOG = """\
# a comment
name: gateway

models:
  gpt-4: {provider: openai, modes: [chat, completion]}
  "claude 3":
    price:
      input:   3.5
    fallbacks:
      - gpt-4
      -   'o 1'
  empty:
  text: |
    two
    lines
"""


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("name",), "name", "gateway"),
        (("models",), "models", "g"),  # a block starts where its first key does
        (("models", "gpt-4"), "gpt-4", "{"),
        (("models", "gpt-4", "provider"), "provider", "openai"),
        (("models", "gpt-4", "modes"), "modes", "["),
        (("models", "gpt-4", "modes", 1), None, "completion"),
        (("models", "claude 3"), '"claude 3"', "p"),
        (("models", "claude 3", "price", "input"), "input", "3.5"),
        (("models", "claude 3", "fallbacks", 0), None, "gpt-4"),
        (("models", "claude 3", "fallbacks", 1), None, "'o 1'"),
        (("models", "text"), "text", "|"),
    ],
)
def test_a_span_covers_the_key_and_the_value(
    path: tuple[str | int, ...], key: str | None, value: str
) -> None:
    document = parsed(CATALOG)
    assert under(document.span(path)) == value
    assert under(document.span(path, key=True)) == (key or value)


def under(span: Span | None, text: str = CATALOG) -> str:
    assert span
    assert span.file == "f.yaml"
    return text.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]


def test_a_value_that_is_not_there_has_a_place_behind_its_key() -> None:
    assert parsed(CATALOG).span(("models", "empty")) == Span("f.yaml", 12, 9, 10)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (("models", "gpt-5"), "models"),
        (("models", "gpt-4", "modes", 7, "x"), "modes"),
        (("models", "claude 3", "price", "output"), "price"),
        (("name", "below", 1), "name"),
    ],
)
def test_what_does_not_exist_is_shown_at_what_is_around_it(path: tuple[str | int, ...], shown: str) -> None:
    assert under(parsed(CATALOG).span(path, key=True)) == shown


@pytest.mark.parametrize("path", [(), ("nowhere",), (3,)])
def test_a_place_outside_everything_is_the_start(path: tuple[str | int, ...]) -> None:
    assert parsed(CATALOG).span(path) == Span("f.yaml", 1, 1, 2)


def test_columns_count_characters_not_bytes() -> None:
    text = "é: {ключ: 値, \U0001f600: 'x\u0301'}"
    document = parsed(text.encode())
    assert under(document.span(("é", "ключ")), text) == "値"
    assert under(document.span(("é", "\U0001f600"), key=True), text) == "\U0001f600"
    assert under(document.span(("é", "\U0001f600")), text) == "'x\u0301'"


def test_a_byte_order_mark_moves_nothing() -> None:
    assert parsed(b"\xef\xbb\xbfname: x").span(("name",), key=True) == Span("f.yaml", 1, 1, 5)


def test_a_line_ends_with_crlf_as_well() -> None:
    assert parsed("a: 1\r\nb: 2\r\n").span(("b",)) == Span("f.yaml", 2, 4, 5)


@pytest.mark.parametrize("end", ["\r", "\u0085", "\u2028", "\u2029"])
@pytest.mark.parametrize("text", ["a: 1{}b: 2\n", 'a: "x{}y"\nb: 2\n', "# x{}y\nb: 2\n"])
def test_a_line_end_that_only_yaml_1_1_knows_is_refused(text: str, end: str) -> None:
    # libyaml counts it and editors do not: every line after it would have the wrong number.
    found = refused(text.format(end))
    assert found.code == "IL103"
    assert place(found) == (1, text.index("{") + 1)
    assert f"U+{ord(end):04X}" in found.message


def test_a_value_over_several_lines_is_shown_by_its_start() -> None:
    assert parsed('a: "x\n  y"\n').span(("a",)) == Span("f.yaml", 1, 4, 5)


def test_an_alias_has_a_place_and_what_it_means_has_another() -> None:
    document = parsed("a: &one {x: 1}\nb: *one\n")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1}}
    assert document.span(("b",)) == Span("f.yaml", 2, 4, 8)
    assert document.span(("b", "x")) == Span("f.yaml", 1, 13, 14)


# --- aliases ------------------------------------------------------------------------------------------


def test_an_anchor_means_what_was_written_last() -> None:
    assert parsed("a: &x 1\nb: *x\nc: &x [2]\nd: *x\n").data == {"a": 1, "b": 1, "c": [2], "d": [2]}


@pytest.mark.parametrize(
    "text", ["a: *b", "a: &b [*b]", "a: &b {c: *b}", "a: &b 1\nc: &b [*b]", "&b a: 1\nc: *b"]
)
def test_an_alias_of_nothing_whole_is_refused(text: str) -> None:
    found = refused(text)
    assert found.code == "IL103"
    assert "'*b'" in found.message
    assert place(found) == (text.count("\n") + 1, text.rindex("*") - text.rfind("\n"))


def bomb(levels: int, width: int = 10) -> str:
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(lines)


def test_aliases_are_counted_by_what_they_expand_to() -> None:
    assert isinstance(parse(bomb(4)), Document)
    found = refused(bomb(9))
    assert found.code == "IL105"
    assert f"{MAX_NODES:,}" in found.message
    assert found.where
    assert found.where.line <= 8


def test_aliases_are_as_deep_as_what_they_expand_to() -> None:
    chain = ["a0: &a0 [x]", *(f"a{n}: &a{n} [[[*a{n - 1}]]]" for n in range(1, 40))]
    assert refused("\n".join(chain)).code == "IL105"
    assert isinstance(parse("\n".join(chain[:15])), Document)


# --- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "a: [", '{"a": ', "- a: "])
def test_depth_has_an_end(opening: str) -> None:
    assert refused(opening * 5000).code in ("IL105", "IL103")


def test_the_deepest_that_is_read() -> None:
    assert isinstance(parse("[" * MAX_DEPTH + "]" * MAX_DEPTH), Document)
    found = refused("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    assert found.code == "IL105"
    assert place(found) == (1, MAX_DEPTH + 1)


def test_values_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_NODES", 1000)  # two million take six seconds
    assert isinstance(parse("[" + "1," * 999 + "]"), Document)
    assert refused("[" + "1," * 1000 + "]").code == "IL105"
    assert refused("".join(f"k{n}: {n}\n" for n in range(1000))).code == "IL105"


def test_the_largest_file(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * (MAX_BYTES + 1))
    found = read(path)
    assert isinstance(found, Diagnostic)
    assert found.code == "IL105"
    path.write_bytes(b"#" * MAX_BYTES)
    assert isinstance(read(path), Document)


@pytest.mark.parametrize(
    ("text", "second", "first"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1), (1, 1)),
        ("x:\n  a: 1\n  b: {a: 2}\n  'a': 3\n", (4, 3), (2, 3)),
        ("{a: 1, b: 2, a: 3}", (1, 14), (1, 2)),
        ("1: a\n'1': b\n", (2, 1), (1, 1)),
        ("- {a: 1}\n- {a: 1, a: 1}\n", (2, 10), (2, 4)),
    ],
)
def test_a_key_written_twice(text: str, second: tuple[int, int], first: tuple[int, int]) -> None:
    (found,) = parsed(text).found
    assert found.code == "IL104"
    assert place(found) == second
    ((where, _),) = found.related
    assert (where.line, where.column) == first


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a: 1\na: 2\nb: 3\n", {"a": 1, "b": 3}),
        ("a: {x: 1}\na: {y: 2}\n", {"a": {"x": 1}}),
        ("a: [1]\na: [2]\n", {"a": [1]}),
        ("a: 1\na: &x {y: 2}\nb: *x\n", {"a": 1, "b": {"y": 2}}),
        ("a: &x {y: 1, y: [2]}\nb: *x\n", {"a": {"y": 1}, "b": {"y": 1}}),
        ("a: 1\na: {b: 1, b: 2}\na: 3\n", {"a": 1}),
        ("a: null\na: 2\n", {"a": None}),
    ],
)
def test_of_two_values_the_first_is_kept(text: str, data: Any) -> None:
    document = parsed(text)
    assert document.data == data
    assert all(isinstance(key, str | int) for marks in document.places.values() for key in marks)


def test_places_are_those_of_the_value_that_is_kept() -> None:
    document = parsed("a: {x: 1}\na: {x: 2}\n")
    assert document.span(("a", "x")) == Span("f.yaml", 1, 8, 9)
    assert document.span(("a",), key=True) == Span("f.yaml", 1, 1, 2)


def test_every_key_written_twice_is_said() -> None:
    text = "a: 1\na: 2\nb: {c: 1, c: {d: 1, d: 2}}\na: 3\n"
    document = parsed(text)
    assert sorted(place(found) for found in document.found) == [(2, 1), (3, 11), (3, 21), (4, 1)]
    assert {found.code for found in document.found} == {"IL104"}


@pytest.mark.parametrize(("keys", "last"), [(21, None), (22, "1 more key is"), (51, "30 more keys are")])
def test_many_keys_written_twice_are_counted(keys: int, last: str | None) -> None:
    found = parsed("a: 1\n" * keys).found
    assert len(found) == MAX_REPEATS + bool(last)
    if last:
        assert last in found[-1].message
        assert place(found[-1]) == (MAX_REPEATS + 2, 1)


def test_a_broken_file_with_a_key_written_twice_is_broken() -> None:
    assert refused("a: 1\na: 2\nb: [\n").code == "IL103"


@pytest.mark.parametrize(
    "text", ["? [a]\n: b", "[a]: b", "{a: b}: c", "a: {{ b }}", "? {a: b}", "a: &x 1\n*x : 2"]
)
def test_a_key_that_is_not_text(text: str) -> None:
    assert refused(text).code == "IL107"


@pytest.mark.parametrize(
    "tag", ["!!int", "!!binary", "!!python/object/apply:os.system", "!foo", "!!set", "!<x>"]
)
@pytest.mark.parametrize("value", ["'1'", "[1]", "{a: 1}"])
def test_a_tag_is_refused_and_never_obeyed(tag: str, value: str) -> None:
    found = refused(f"a: {tag} {value}")
    assert found.code == "IL103"
    assert place(found) == (1, 4)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("a: [1, 2\nb: 3\n", (2, 2)),
        ("a: b: c\n", (1, 5)),
        ("a:\n\tb: 1\n", (2, 1)),
        ("a: @b\n", (1, 4)),
        ("a: 1\n b: 2\n", (2, 3)),
        ("a: 1\n---\nb: 2\n...\nc\n", (2, 1)),
        ("a: \x07", (1, 4)),
        ("é: 1\n# \x00", (2, 3)),
        ("# " + "é" * 100 + "\na: 1\nb: 2\nc: \x00\nd: 4\n", (4, 4)),
        ("a: \x7f", (1, 4)),
    ],
)
def test_broken_yaml_has_a_place(text: str, at: tuple[int, int]) -> None:
    assert place(refused(text)) == at


def test_a_second_document() -> None:
    found = refused("a: 1\n---\nb: 2\n")
    assert found.code == "IL106"
    assert place(found) == (2, 1)
    assert parsed("---\na: 1\n...\n").data == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("name: gateway\n".encode("utf-16"), (1, 1)),
        ("name: gateway\n".encode("utf-32"), (1, 1)),
        ("a: 1\nname: Qualité\n".encode("latin-1"), (2, 13)),
        ("é: 1\né: ".encode() + b"\xff", (2, 4)),
        (b"a: \xed\xa0\x80", (1, 4)),  # half of a surrogate pair
    ],
)
def test_bytes_that_are_not_utf_8(raw: bytes, at: tuple[int, int]) -> None:
    found = refused(raw)
    assert found.code == "IL102"
    assert place(found) == at


def test_text_that_is_not_unicode_text() -> None:
    assert refused("a: \ud800").code in ("IL102", "IL103")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.yaml", tmp_path / "a" / "b.yaml"):
        found = read(path, "shown.yaml")
        assert isinstance(found, Diagnostic)
        assert found.code == "IL101"
        assert found.where
        assert found.where.file == "shown.yaml"


# --- time and memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *(
            piece * 100_000
            for piece in ("[", "{", "- ", "? ", "a:", "---\n", "%", "&a ", "!!str ", "\t", "|\n", "'")
        ),
        "a: " + "x" * 1_000_000,
        'a: "' + "\\x41" * 250_000 + '"',
        "a: >\n" + " x\n" * 300_000,
        "\n".join(" " * n + "a:" for n in range(1000)),
        "a: &x 1\nb: [" + "*x," * 300_000 + "]",
        "a: [" + "".join(f"&x{n} 1," for n in range(100_000)) + "]",
        "? " + "x" * 1_000_000,
    ],
    ids=lambda text: repr(text[:8]),
)
def test_a_megabyte_of_anything_comes_to_an_end(text: str) -> None:
    # A quadratic reader would need hours for some of these: no clock is needed to notice.
    assert isinstance(parse(text), Document | Diagnostic)


def test_a_bomb_takes_the_memory_of_its_text() -> None:
    tracemalloc.start()
    try:
        refused(bomb(60, width=100))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * KIB * KIB


@pytest.mark.parametrize("text", ["a: 1", "a: ["])
@pytest.mark.parametrize("on", [True, False])
def test_the_garbage_collector_is_left_as_it_was(text: str, *, on: bool) -> None:
    was_on = gc.isenabled()
    (gc.enable if on else gc.disable)()
    try:
        parse(text)
        assert gc.isenabled() == on
    finally:
        (gc.enable if was_on else gc.disable)()
