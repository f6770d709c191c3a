"""What is asked of the size of an object, and of a ConfigMap's and a Secret's keys."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from compiler.verify import syntax
from compiler.verify.finding import Problem, child
from compiler.verify.objects import Object
from compiler.verify.syntax import wrong

MAX_DATA_BYTES = 1024 * 1024
MAX_APPLIED_BYTES = (
    256 * 1024
)  # of all annotations, one of which is the object as `kubectl apply` was given it
_LARGE = frozenset({"ConfigMap", "PrometheusRule", "Secret"})  # no other kind comes near it
_FIELDS = ("data", "binaryData", "stringData")


def stored(item: Object) -> Iterator[Problem]:
    size = 0
    if not any(item.data.get(field) for field in _FIELDS):
        yield "data", f"a {item.kind} that holds nothing"
    for field in _FIELDS:
        for key, value in item.data.get(field, {}).items():
            size += len(key.encode()) + len(value.encode())
            yield from wrong(child(field, key), syntax.data_key(key) or _content(item.kind, field, value))
    if size > MAX_DATA_BYTES:
        yield "data", f"{size} bytes of data, over the limit of {MAX_DATA_BYTES}"
    for key in item.data.get("data", {}).keys() & item.data.get("binaryData", {}).keys():
        yield child("binaryData", key), "the key is in data as well"


def _content(kind: str, field: str, value: str) -> str:
    if field == "stringData" or (kind, field) == ("ConfigMap", "data"):
        return ""
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error as error:
        return f"not base64: {error}"
    return ""


def applied(item: Object) -> Iterator[Problem]:
    """Whether `kubectl apply` without `--server-side` can keep the object in an annotation, as JSON."""
    if item.kind not in _LARGE:
        return
    texts = list(_texts(item.data))
    if 2 * sum(map(len, texts)) < MAX_APPLIED_BYTES:  # no text of ours doubles on its way into JSON
        return
    annotations = item.metadata.get("annotations", {})
    size = sum(len(key) + len(value) for key, value in annotations.items()) + sum(map(_as_json, texts))
    if size > MAX_APPLIED_BYTES:
        yield (
            "",
            f"{size} bytes as JSON, over the {MAX_APPLIED_BYTES} of annotations in which kubectl keeps it",
        )


def _as_json(text: str) -> int:
    """The bytes of a text as Go writes it, with its quotation marks and a comma."""
    twice = sum(text.count(mark) for mark in '"\\\n\t')
    return len(text.encode()) + twice + 5 * sum(text.count(mark) for mark in "<>&") + 3


def _texts(value: Any) -> Iterator[str]:
    """Every key and every text, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
