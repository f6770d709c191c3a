"""Edits change what they name and not a character besides, or are not offered."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import edits, emit
from compiler.diagnostics import Edit
from compiler.source import Document, Path_, parse


def parsed(text: str) -> Document:
    document = parse(text, "f.yaml")
    assert isinstance(document, Document), document
    return document


def valued(text: str, path: Path_, value: Any) -> str | None:
    """The text with a value replaced, or None when no edit is offered."""
    made = edits.replace_value(parsed(text), path, value)
    return edits.apply(text, made) if made else None


def without(text: str, *path: str | int) -> str | None:
    remove = edits.remove_item if isinstance(path[-1], int) else edits.remove_key
    made = remove(parsed(text), path)
    return edits.apply(text, made) if made else None


# --- replacing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("a: old # why\n", "new", "a: new # why\n"),
        ("a:   old\n", "2024", 'a:   "2024"\n'),
        ("a: old\n", "gpt-5.4", "a: gpt-5.4\n"),
        ("a: old\n", "yes", 'a: "yes"\n'),
        ("a: old\n", 8192, "a: 8192\n"),
        ('a: "old"\n', "new", 'a: "new"\n'),
        ("a: 'old'\n", "new", "a: 'new'\n"),
        ("a: 'it''s'\n", 'say "x"', 'a: "say \\"x\\""\n'),
        ('a: "o\\u006cd \\" # no"  # why\n', "new", 'a: "new"  # why\n'),
        ("a: 1.30\n", "1.30", 'a: "1.30"\n'),
        ("{a: old,b: 1}", "new", "{a: new,b: 1}"),
        ("{b: [1, {c: é😀}, 3], a: old}", "new", "{b: [1, {c: é😀}, 3], a: new}"),
        ("a: old", "new", "a: new"),
        ("b: 1\r\na: old\r\nc: 2\r\n", "new", "b: 1\r\na: new\r\nc: 2\r\n"),
    ],
)
def test_a_value(before: str, value: Any, after: str) -> None:
    assert valued(before, ("a",), value) == after


def test_columns_count_characters_and_not_bytes_or_cells() -> None:
    assert valued('{"日本語": "😀é", x: old}  # 日', ("x",), "new") == '{"日本語": "😀é", x: new}  # 日'


@pytest.mark.parametrize(
    "text",
    [
        "a: |\n  old\n",
        "a: >-\n  old\n",
        "a: o\n  ld\n",
        'a: "o\n  ld"\n',
        "a: &x old\nb: *x\n",
        "b: &x old\na: *x\n",
        "a: !!str old\n",
        "a:\n",
        "a: {b: 1}\n",
        "a: [1]\n",
    ],
)
def test_a_value_of_unclear_extent_stays(text: str) -> None:
    assert valued(text, ("a",), "new") is None
    assert edits.written(parsed(text), ("a",)) is None


def test_what_several_places_share_stays() -> None:
    text = "a: &x {b: old, c: [1, 2]}\nd: *x\n"
    for outer in ("a", "d"):
        assert valued(text, (outer, "b"), "new") is None
        assert without(text, outer, "b") is None
        assert without(text, outer, "c", 0) is None
        assert edits.replace_key(parsed(text), (outer, "b"), "e") == ()


def test_beside_an_anchor_all_is_free() -> None:
    assert valued("a: &x {b: 1}\nc: *x\nd: old\n", ("d",), "new") == "a: &x {b: 1}\nc: *x\nd: new\n"


@pytest.mark.parametrize("path", [(), ("b",), ("a", "b"), ("a", 0)])
def test_what_is_not_there(path: Path_) -> None:
    assert valued("a: old\n", path, "new") is None
    assert edits.replace_key(parsed("a: old\n"), path, "new") == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("old: 1 # why\n", "new: 1 # why\n"),
        ("old : 1\n", "new : 1\n"),
        ('{"old":1}', '{"new":1}'),
        ("'old': 1\n", "'new': 1\n"),
        ("? old\n: 1\n", "? new\n: 1\n"),
        ("{x: 1, old}", "{x: 1, new}"),
    ],
)
def test_a_key(before: str, after: str) -> None:
    assert edits.apply(before, edits.replace_key(parsed(before), ("old",), "new")) == after


@pytest.mark.parametrize("text", ["&x old: 1\n", "!!str old: 1\n"])
def test_a_key_of_unclear_extent_stays(text: str) -> None:
    assert edits.replace_key(parsed(text), ("old",), "new") == ()


# --- removing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "index", "after"),
    [
        ("a: [x, y, z]  # why\n", 0, "a: [y, z]  # why\n"),
        ("a: [x, y, z]  # why\n", 1, "a: [x, z]  # why\n"),
        ("a: [x, y, z]  # why\n", 2, "a: [x, y]  # why\n"),
        ("a: [ x , y ]\n", 1, "a: [ x ]\n"),
        ("a: [x, y,]\n", 1, "a: [x,]\n"),
        ("a: [x, {b: [1, 'q]'], c: \"}\"}, z]\n", 1, "a: [x, z]\n"),
        ("a: [x, it's, z]\n", 1, "a: [x, z]\n"),
        ("a: [[1, 2], [3]]\n", 1, "a: [[1, 2]]\n"),
        ("a: [x, y,\n    z, w]\n", 1, "a: [x,\n    z, w]\n"),
        ("a: [x, y,\n    z, w]\n", 2, "a: [x, y,\n    w]\n"),
        ("a: [\n  x,  # of x\n  y,  # of y\n  z\n]\n", 1, "a: [\n  x,  # of x\n  z\n]\n"),
        ("a: [\n  x,  # of x\n  z   # of z\n]\n", 1, "a: [\n  x  # of x\n]\n"),
        ("a: [\r\n  x,\r\n  y,\r\n]\r\n", 1, "a: [\r\n  x,\r\n]\r\n"),
        ("a:\n  - x\n  - y # of y\n  # after\n  - z\n", 1, "a:\n  - x\n  # after\n  - z\n"),
        ("a:\n- x\n- y\nb: 1\n", 1, "a:\n- x\nb: 1\n"),
        ("a:\n- x\n- y\n\n# of b\nb: 1\n", 1, "a:\n- x\n\n# of b\nb: 1\n"),
        ("a:\n  - x: 1\n    # inside\n    y: |\n      # text\n\n      more\n  - z\n", 0, "a:\n  - z\n"),
        ("a:\n  - x\n  - y", 1, "a:\n  - x"),
        ("a:\r\n  - x\r\n  - y", 1, "a:\r\n  - x"),
        ("a:\n  - [x,\n     y]\n  - z\n", 0, "a:\n  - z\n"),
    ],
)
def test_an_item(before: str, index: int, after: str) -> None:
    assert without(before, "a", index) == after
    assert parsed(after).data["a"] == [v for i, v in enumerate(parsed(before).data["a"]) if i != index]


@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("a: [x]\n", 0),
        ("a:\n  - x\n", 0),
        ("a: [x, y, # of which?\n    z]\n", 1),
        ("a: [\n  x,\n  # of y\n  y,\n]\n", 1),
        ("a: [x\n  , y]\n", 1),
        ("a: [x, &b y, *b]\n", 1),
        ("a: [x, &b y, *b]\n", 2),
        ("a:\n  - x\n  # of y\n  - y\n", 1),
        ("a:\n  - x\n  - &b y\n", 1),
        ("a:\n  - x\n  - [y,\nz]\n", 1),
        ("a:\n  -\n    x\n  - y\n", 0),
        ("a:\n  - x:\n# of what?\n      y: 1\n  - z\n", 0),
    ],
)
def test_an_item_that_stays(text: str, index: int) -> None:
    assert without(text, "a", index) is None


def test_the_first_item_of_an_item_stays() -> None:
    assert without("a:\n  - - x\n    - y\n", "a", 0, 0) is None
    assert without("a:\n  - - x\n    - y\n", "a", 0, 1) == "a:\n  - - x\n"


@pytest.mark.parametrize(
    ("before", "path", "after"),
    [
        ("{a: 1, b: {c: 2}, d: 3}\n", ("b",), "{a: 1, d: 3}\n"),
        ("x: {a: 1, b: , d: 3}\n", ("x", "b"), "x: {a: 1, d: 3}\n"),
        ("x: {a: 1, b: 2} # why\n", ("x", "a"), "x: {b: 2} # why\n"),
        ("a: 1\nb:\n  c: 2 # of c\n\nd: 3\n", ("b",), "a: 1\n\nd: 3\n"),
        ("a: 1\nb:\n- c\n- d\ne: 3\n", ("b",), "a: 1\ne: 3\n"),
        ("x:\n  a: 1\n  b: 2\ny: 3\n", ("x", "b"), "x:\n  a: 1\ny: 3\n"),
        ("x:\n  - a: 1  # of a\n    b: 2\n", ("x", 0, "a"), "x:\n  - b: 2\n"),
        ("x:\n  - a: 1\n    b: 2\n  - c\n", ("x", 0, "b"), "x:\n  - a: 1\n  - c\n"),
        ("# top\n---\na: 1\nb: 2\n", ("b",), "# top\n---\na: 1\n"),
    ],
)
def test_a_field(before: str, path: Path_, after: str) -> None:
    assert without(before, *path) == after


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("a: 1\n", ("a",)),
        ("x: {a: 1}\n", ("x", "a")),
        ("a: 1\n# of b\nb: 2\n", ("b",)),
        ("a: 1\nb: &x 2\n", ("b",)),
        ("a: 1\nb: [\n  1\n]\n", ("b",)),
        ("a: 1\n? b\n: 2\n", ("b",)),
        ("x:\n  - a: 1\n    # of b\n    b: 2\n", ("x", 0, "a")),
        ("a: 1\nb: 2\n...\n", ("b",)),
    ],
)
def test_a_field_that_stays(text: str, path: Path_) -> None:
    assert without(text, *path) is None


# --- applying ------------------------------------------------------------------------------------------


def test_edits_are_made_wherever_they_stand_in_the_list() -> None:
    one, two = Edit("f", 1, 1, 1, 2, "X"), Edit("f", 2, 2, 2, 3, "")
    assert edits.apply("abc\ndef\n", [two, one]) == "Xbc\ndf\n"


def test_an_edit_that_overlaps_one_before_it_is_left_out() -> None:
    first = Edit("f", 1, 2, 1, 4, "X")
    assert edits.apply("abcd\n", [first, Edit("f", 1, 3, 2, 1, "")]) == "aXd\n"
    assert edits.apply("abcd\n", [first, first]) == "aXd\n"
    assert edits.apply("abcd\n", [first, Edit("f", 1, 4, 1, 5, "Y")]) == "aXY\n"


def test_a_byte_order_mark_is_kept_and_not_counted() -> None:
    assert edits.apply("\ufeffabc", [Edit("f", 1, 1, 1, 2, "X")]) == "\ufeffXbc"


def test_an_edit_beyond_the_text_is_left_out() -> None:
    assert edits.apply("abc\n", [Edit("f", 9, 1, 9, 2, "X"), Edit("f", 2, 5, 2, 6, "X")]) == "abc\n"


NAMES = st.text("abcé😀 '\"#:,[]{}-0123456789\\", max_size=8)
SCALARS = NAMES | st.integers(-99, 10**6) | st.booleans() | st.none()
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(NAMES, DATA, min_size=1, max_size=4)


def paths(node: Any, path: Path_ = ()) -> list[Path_]:
    entries = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [found for key, value in entries for found in ((*path, key), *paths(value, (*path, key)))]


def at(node: Any, path: Path_) -> Any:
    for part in path:
        node = node[part]
    return node


def removed(document: Document, path: Path_) -> tuple[Edit, ...]:
    return (edits.remove_item if isinstance(path[-1], int) else edits.remove_key)(document, path)


@settings(max_examples=150, deadline=None)
@given(data=DOCUMENTS, flow=st.booleans(), pick=st.randoms(use_true_random=False))
def test_a_value_is_replaced_there_and_nowhere_else(data: Any, flow: bool, pick: Any) -> None:
    text = emit.scalar(data) + "\n" if flow else emit.document(data)
    path = pick.choice(paths(data))
    made = edits.replace_value(parsed(text), path, "new word")
    if isinstance(at(data, path), (dict, list)):
        assert not made
        return
    was, new = edits.written(parsed(text), path), edits.apply(text, made)
    at(data, path[:-1])[path[-1]] = "new word"
    assert parsed(new).data == data
    assert was is not None
    assert edits.apply(new, edits.replace_source(parsed(new), path, was)) == text


@settings(max_examples=150, deadline=None)
@given(data=DOCUMENTS, flow=st.booleans(), pick=st.randoms(use_true_random=False))
def test_an_entry_is_removed_there_and_nowhere_else(data: Any, flow: bool, pick: Any) -> None:
    text = emit.scalar(data) + "\n" if flow else emit.document(data)
    path = pick.choice(paths(data))
    gone = removed(parsed(text), path)
    holder = at(data, path[:-1])
    if len(holder) == 1:
        assert not gone
    elif gone:
        del holder[path[-1]]
        assert parsed(edits.apply(text, gone)).data == data
    else:
        assert not flow
        assert text.count("- - "), "only the first entry of an entry stays"
