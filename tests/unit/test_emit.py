"""What `emit` writes, every YAML reader reads back as the same data, and none as another type."""

import json
import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from compiler import emit, source
from compiler.diagnostics import Diagnostic

MOST_EXACT = 10**18 - 1  # longer whole numbers are text in a catalog


def ours(text: str) -> Any:
    """As a catalog is read (YAML 1.2)."""
    document = source.parse(text)
    assert not isinstance(document, Diagnostic), document
    return document.data


def yaml_1_1(text: str) -> Any:
    """As kubectl and LiteLLM read."""
    return yaml.safe_load(text)


READERS = pytest.mark.parametrize("read", [ours, yaml_1_1])


def kinds(data: Any) -> Any:
    """The data with the type of each scalar beside it: 1, 1.0 and True are equal and not the same."""
    if isinstance(data, dict):
        return {key: kinds(value) for key, value in data.items()}
    if isinstance(data, list):
        return [kinds(value) for value in data]
    return type(data).__name__, data


# Characters that YAML readers treat as breaks, marks, signs or nothing at all, and a few that are dull.
ODD = "\0\a\b\t\n\r\x1b\x7f\x85\xa0\u2028\u2029\ufeff\ufffd\uffff😀é '\"\\#:-?[]{},&*!|>%@`~<=.0179aeEnNyx"
TEXT = st.text(max_size=12) | st.text(st.sampled_from(ODD), max_size=12)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
SCALARS = st.none() | st.booleans() | st.integers(-MOST_EXACT, MOST_EXACT) | TEXT | FLOATS


JSON_LIKE = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@READERS
@given(data=JSON_LIKE)
@example(data=["a\n \nb", {"k": "a\n\tb\n", "l": [["x\ny"], {"": []}]}])
@settings(max_examples=300, deadline=None)
def test_what_is_emitted_is_read_back(read: Any, data: Any) -> None:
    assert kinds(read(emit.document(data))) == kinds(data)


@given(JSON_LIKE)
@settings(max_examples=200, deadline=None)
def test_a_flow_value_is_read_back_in_the_middle_of_a_template(data: Any) -> None:
    text = f"before: 1\nlist:\n  - key: {emit.scalar(data)} # a comment\n    after: 2\n"
    assert kinds(yaml_1_1(text)) == kinds({"before": 1, "list": [{"key": data, "after": 2}]})


@given(st.dictionaries(TEXT, TEXT, min_size=2))
def test_keys_keep_their_order(data: dict[str, str]) -> None:
    assert list(yaml_1_1(emit.document(data))) == list(data)


@given(JSON_LIKE)
@settings(max_examples=200, deadline=None)
def test_the_text_is_lines_of_utf_8(data: Any) -> None:
    text = emit.document(data)
    assert text.encode().decode() == text
    assert text.endswith("\n")
    assert "\r" not in text


# Each of these is text, and some reader takes it for something else (or for nothing) when it stands bare.
TRAPS = [
    "",
    *(
        "y",
        "n",
        "Y",
        "N",
        "yes",
        "no",
        "on",
        "off",
        "On",
        "OFF",
        "true",
        "TRUE",
        "False",
        "null",
        "Null",
        "~",
    ),
    *(
        "1e3",
        "1E3",
        "1e-07",
        "0o17",
        "017",
        "0x1f",
        "0b101",
        "09",
        "1_000",
        "1.",
        ".5",
        "+1",
        "-0",
        "1.5",
        "12",
    ),
    *(".inf", "-.INF", ".nan", "inf", "nan", "NaN", "Infinity"),
    *("12:30", "1:30:00", "2024-08-06", "2024-08-06T12:00:00Z", "1.2.3", "=", "<<"),
    *(
        "- ",
        "-",
        "- a",
        "?",
        "? a",
        ":",
        ": ",
        "a: b",
        "a:",
        "a :b",
        "#",
        "# a",
        "a # b",
        "a#b",
        "%TAG",
        "@a",
        "`a`",
    ),
    *(
        "&a",
        "*a",
        "!a",
        "!!str a",
        "|",
        ">",
        "|-",
        "[",
        "]",
        "[a]",
        "{",
        "}",
        "{a: b}",
        ",",
        "a, b",
        "'",
        "''",
        '"',
        "it's",
    ),
    *("---", "...", "--- a", "a\n---\nb", "a\n...\nb"),
    *(" a", "a ", "  ", "\t", "\ta", "a\t", "a\tb", "a  b"),
    *(
        "\n",
        "a\n",
        "a\n\n",
        "\na",
        "\n\n",
        "a\nb",
        "a\nb\n",
        "a\nb\n\n",
        "a\n\nb",
        " a\nb",
        "a\n b",
        "a\n  b\nc",
        "a \nb ",
    ),
    *(
        "\ta\nb",
        "a\n\tb",
        "a\n\t\n",
        "a\n \n",
        "a\n \nb\n",
        "a\n ",
        "a: b\n- c\n# d\n",
        "|\n",
        "a\r\nb",
        "a\rb",
        "\r",
        "a\nb\r\n",
    ),
    *(
        "a\x85b",
        "a\u2028b",
        "a\u2029b",
        "a\x85\nb",
        "a\u2028\nb",
        "a\nb\u2029c\nd",
        "a\n\u2028b\n",
        "\u2028",
        "\x85",
    ),
    *("\ufeff", "\ufeffa\nb", "a\n\ufeffb", "\u200b", "\xa0a\xa0\nb", "\xadx\ny"),
    *("é", "日本語", "日本語\n二行\n", "😀", "a\n😀\n", "\U0010ffff", "\ud7ff\ue000", "\ufffe", "\ufdd0"),
    *(
        "\0",
        "\x01\n\x02",
        "\x1b[31m",
        "\x7f",
        "\x7f\n\x7f",
        "\\",
        "\\n",
        "\\\n\\",
        '"\n"',
        "\\u0041",
        "%d {{ x }}",
        "${x}",
    ),
    *(
        "a/b",
        "/",
        "claude-3-haiku",
        "text-bison@002",
        "anthropic.claude-3-haiku-20240307-v1:0",
        "os.environ/KEY",
        "500m",
    ),
]


@READERS
@pytest.mark.parametrize("text", TRAPS, ids=ascii)
def test_text_stays_the_same_text_wherever_it_stands(read: Any, text: str) -> None:
    data = {"value": text, text or "-": {"nested": [text, [text], {text: text}]}, "flow": [text]}
    assert kinds(read(emit.document(data))) == kinds(data)
    assert kinds(read(emit.document([text]))) == kinds([text])
    assert kinds(read(emit.document(text))) == kinds(text)
    assert kinds(read(f"key: {emit.scalar(text)}\n")) == kinds({"key": text})


@READERS
@pytest.mark.parametrize("text", TRAPS, ids=ascii)
def test_text_stays_the_same_text_in_a_flow_list(read: Any, text: str) -> None:
    data = {"key": [text, {"k": text}]}
    assert kinds(read(f"key: {emit.scalar(data['key'])}\n")) == kinds(data)


NUMBERS = [
    0.0,
    -0.0,
    1.0,
    0.1,
    -2.5,
    1e-4,
    1e-5,
    1e-07,
    1.05e-05,
    2.5e-07,
    -3e-300,
    5e-324,
    1e15,
    1e16,
    1.5e17,
    1e22,
    1e308,
]


@READERS
@pytest.mark.parametrize("number", NUMBERS)
def test_a_float_comes_back_as_that_float(read: Any, number: float) -> None:
    found = read(emit.document({"n": number, "l": [number]}))
    assert kinds(found) == kinds({"n": number, "l": [number]})
    assert math.copysign(1, found["n"]) == math.copysign(1, number)


@READERS
@pytest.mark.parametrize("number", NUMBERS)
def test_a_float_comes_back_from_a_flow_list(read: Any, number: float) -> None:
    assert kinds(read(f"n: {emit.scalar([number])}\n")) == kinds({"n": [number]})


@READERS
@pytest.mark.parametrize("number", [0, 1, -1, 7, 10, 60, 8080, 1_000_000, MOST_EXACT, -MOST_EXACT])
def test_an_integer_comes_back_as_that_integer(read: Any, number: int) -> None:
    assert kinds(read(emit.document({"n": number, "l": [number]}))) == kinds({"n": number, "l": [number]})


@READERS
@pytest.mark.parametrize("word", [None, True, False, [], {}])
def test_words_and_empty_containers_stand_anywhere(read: Any, word: Any) -> None:
    data = {"a": word, "b": [word, [word], {"c": word}], "d": {"e": word}}
    assert kinds(read(emit.document(data))) == kinds(data)
    assert kinds(read(emit.document(word))) == kinds(word)


def test_plain_words_stay_readable() -> None:
    data = {
        "apiVersion": "apps/v1",
        "replicas": 2,
        "args": ["--port", "4000"],
        "text": "two\nlines\n",
        "none": [],
    }
    assert emit.document(data) == (
        "apiVersion: apps/v1\n"
        "replicas: 2\n"
        "args:\n"
        '  - "--port"\n'
        '  - "4000"\n'
        "text: |\n"
        "  two\n"
        "  lines\n"
        "none: []\n"
    )


def test_a_long_text_stays_one_scalar() -> None:
    """No line is folded: what a reader would join with a blank is never cut."""
    text = "word " * 2000 + "\n" + "x" * 5000
    for data in ({"a": text}, {"a": "word " * 2000}, [text]):
        assert yaml_1_1(emit.document(data)) == data
        assert ours(emit.document(data)) == data


@READERS
@pytest.mark.parametrize("key", ["k" * 1000, "a b " * 250, "é" * 160])
def test_a_long_key_stays_a_key(read: Any, key: str) -> None:
    """YAML lets a simple key be 1,024 characters long, escapes included."""
    assert read(emit.document({key: 1})) == {key: 1}


def test_depth_is_kept_to_the_deepest_a_catalog_may_be() -> None:
    data: Any = "leaf\nof two lines"
    for level in range(source.MAX_DEPTH):
        data = {"k": data} if level % 2 else [data]
    assert ours(emit.document(data)) == data
    assert yaml_1_1(emit.document(data)) == data


def test_a_json_document_in_a_config_map_keeps_its_bytes() -> None:
    text = (
        json.dumps({"models": {"a b": [1.5, None, "é😀"]}, "z": "\u2028"}, indent=1, ensure_ascii=True) + "\n"
    )
    wrapped = emit.document(
        {"data": {"routing_table.json": text, "plugin.py": "if a:\n\tb = '\\n'\n\n\nc\n"}}
    )
    assert yaml_1_1(wrapped)["data"]["routing_table.json"] == text
    assert yaml_1_1(wrapped)["data"]["plugin.py"] == "if a:\n\tb = '\\n'\n\n\nc\n"
    assert '\\"' not in wrapped  # as lines a person can read, not as one escaped string
