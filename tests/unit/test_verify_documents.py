"""Reading the bundle's YAML: the data, what readers differ on, and that no text at all makes it fail."""

import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.emit import document as emit
from compiler.verify import verify
from compiler.verify.documents import MAX_DEPTH, read_yaml

SAME_FOR_ALL = """
    null ~ true False 0 -7 80 0.5 -1.25 3.5e-06 1.0e+20 word a-b 1.2.3 10.0.0.0/8 v1 500m 1Gi 80:a .a http://x:80
    yesterday nan e1 0x 1e y1 _1 2024-08
"""
READERS_DIFFER = """
    y N yes No ON off 017 09 0o17 0x1F 0b1 1e3 1E-7 1_000 +1 +1.5 1. .5 12:30 190:20:30.15 .inf -.INF .nan <<
    = 2024-08-06 2024-8-6T10:00:00Z 99999999999999999999
"""
PIECES = """
    apiVersion kind metadata name namespace spec v1 apps/v1 Deployment Service ConfigMap data template ports
    containers labels selector null 1 yes - : { } [ ] ---
"""


def data_of(text: str) -> list[Any]:
    documents = list(read_yaml({"a.yaml": text.encode()}))
    assert not any(document.problems for document in documents)
    return [document.data for document in documents]


def problems_of(text: str) -> list[tuple[str, str]]:
    return [problem for document in read_yaml({"a.yaml": text.encode()}) for problem in document.problems]


def test_documents_are_split_where_yaml_splits_them() -> None:
    text = "# head\n---\na: |\n  ---\n  text\n--- # next\n- 1\n---\n---\n{b: [x, null]}\n"
    assert data_of(text) == [{"a": "---\ntext\n"}, [1], {"b": ["x", None]}]


def test_the_same_text_is_parsed_once() -> None:
    first, second = read_yaml({"a.yaml": b"a: {b: 1}\n", "b.yaml": b"---\na: {b: 1}\n---\n"})
    assert first.data is second.data
    assert (first.path, second.path, second.number) == ("a.yaml", "b.yaml", 2)


@pytest.mark.parametrize("text", SAME_FOR_ALL.split())
def test_a_plain_scalar_is_what_pyyaml_takes_it_for(text: str) -> None:
    assert data_of(f"a: {text}\n") == [yaml.safe_load(f"a: {text}\n")]


@pytest.mark.parametrize("text", READERS_DIFFER.split())
def test_a_plain_scalar_that_readers_differ_on_is_reported_and_kept(text: str) -> None:
    documents = list(read_yaml({"a.yaml": f"a: [{text}]\n".encode()}))
    assert [document.data for document in documents] == [{"a": [text]}]
    assert [pointer for pointer, _ in documents[0].problems] == ["a[0]"]
    assert problems_of(f"a: ['{text}']\n") == []


def test_every_type_but_text_that_pyyaml_would_make_is_canonical_or_reported() -> None:
    odd = [
        "0",
        "00",
        "0.0",
        "1.",
        "0_1",
        "1:1",
        "0e0",
        "0.0e+0",
        "-0",
        "+0",
        "1e+1",
        "1.5e3",
        "0b0",
        "0x0",
        "TRUE",
        "On",
    ]
    for text in [*odd, *(str(number) for number in range(100)), "2001-01-01", "2001-1-1 1:1:1"]:
        value = yaml.safe_load(f"[{text}]")[0]
        if isinstance(value, (int, float, dt.date)) and not problems_of(f"[{text}]"):
            assert data_of(f"[{text}]") == [[value]]


REFUSED = {
    "an alias": "a: *b\n",
    "an anchor": "a: &b 1\n",
    "a tag": "a: !!str 1\n",
    "a list as key": "? [a]\n: 1\n",
    "a mapping as key": "{{a: 1}: 2}\n",
    "two documents": "a: 1\n...\nb: 2\n",
    "a directive": "%YAML 1.1\n---\na: 1\n",
    "a control character": "a: \x01\n",
    "a bomb": "a: &a [x, x]\nb: &b [*a, *a]\n",
    "too deep": "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1),
    "far too deep": "[" * 50_000,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_we_never_write_is_refused(text: str) -> None:
    messages = [message for _, message in problems_of(text)]
    assert any("not YAML as we write it" in message for message in messages)
    assert all(len(message) < 400 for message in messages)


def test_as_deep_as_the_limit_is_read() -> None:
    assert problems_of("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []


def test_a_duplicate_key_is_named_where_it_is() -> None:
    assert problems_of("a:\n  - b.c: 1\n    'b.c': 2\n") == [('a[0]["b.c"]', "the key is written twice")]


WORDS = st.sampled_from(PIECES.split()) | st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.lists(WORDS, max_size=15).map(lambda words: " ".join(words).encode()))
def test_no_bytes_make_it_fail(raw: bytes) -> None:
    for path in ("models.yaml", "kustomization.yaml", "manifests/a.yaml", "a/b.json"):
        verify({path: raw}, kubernetes="1.34")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["v1", "apps/v1", "autoscaling/v2"]),
    st.sampled_from(["Service", "Deployment", "ConfigMap"]),
    JSON,
)
def test_no_object_makes_it_fail(api_version: str, kind: str, anything: Any) -> None:
    text = emit(
        {"apiVersion": api_version, "kind": kind, "metadata": anything, "spec": anything, "data": anything}
    )
    raw = f"{text}---\napiVersion: v1\nkind: {kind}\nmetadata: {{name: a, namespace: b}}\n".encode()
    assert verify({"models.yaml": raw}, kubernetes="1.34")
