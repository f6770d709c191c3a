"""What verify has to say, and how it names a place inside an object."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_BARE = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*\Z")

# What a rule yields: where inside the object, and what is wrong there.
Problem = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Finding:
    """One defect of the output.

    `path` is the file within the bundle, `object` the resource ("Deployment production/llm-router") and
    `pointer` the place in it ("spec.ports[0].name"); the last two are empty when a whole file is meant.
    """

    path: str
    object: str
    pointer: str
    message: str


def child(pointer: str, key: str | int) -> str:
    """The pointer of an entry: `.name`, `[0]`, or `["a.b/c"]` for a key that is no plain word."""
    if isinstance(key, int):
        return f"{pointer}[{key}]"
    if not _BARE.match(key):
        return f'{pointer}["{brief(key)}"]'
    return f"{pointer}.{key}" if pointer else key


def descend(pointer: str, keys: Iterable[str | int]) -> str:
    for key in keys:
        pointer = child(pointer, key)
    return pointer


def brief(value: object, limit: int = 80) -> str:
    """A value as a message can bear it: the whole of a ConfigMap does not belong in one."""
    text = str(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"
