"""What the API server asks of a ConfigMap and a Secret: legal keys, and a size etcd takes."""

import base64
import binascii
from collections.abc import Iterator

from compiler.verify import syntax
from compiler.verify.finding import Problem, child
from compiler.verify.objects import Object
from compiler.verify.syntax import wrong

MAX_DATA_BYTES = 1024 * 1024
_FIELDS = ("data", "binaryData", "stringData")


def stored(item: Object) -> Iterator[Problem]:
    size = 0
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
