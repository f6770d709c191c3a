"""Secrets: no value of one stands anywhere in the file."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from compiler.diagnostics import SECRET_VALUE, Diagnostic, Span
from compiler.redact import may_hold_secret, secrets_in
from compiler.source import Document, Path_

_WHAT_TO_DO = "put it in a Secret, say `{secret: <name>, key: <key>}` here, and replace the leaked one"


MAX_SHOWN = 100


def secret_values(document: Document) -> Iterator[Diagnostic]:
    """IL501, for values, keys and comments alike. Works on any data, so it speaks before the schema does."""
    found = _secret_values(document)
    yield from islice(found, MAX_SHOWN)
    following = next(found, None)
    if following is not None:
        yield replace(following, message="from here on, more values look like secrets", hint=_WHAT_TO_DO)


def _secret_values(document: Document) -> Iterator[Diagnostic]:
    shown = may_hold_secret(document.text)
    if not shown and "\\" not in document.text:  # an escape may hide a value from a reader of the text
        return
    lines: set[int] = set()
    for path, kind in _decoded(document.data):
        where = document.span(path)
        if where:
            lines.add(where.line)
            yield _found(where, kind)
    for number, line in enumerate(document.text.split("\n") if shown else (), start=1):
        for start, end, kind in secrets_in(line) if number not in lines else ():
            yield _found(Span(document.file, number, start + 1, end + 1), kind)


def _found(where: Span, kind: str) -> Diagnostic:
    what = f"this looks like {kind}; a catalog holds references, never values"
    return SECRET_VALUE.at(where, what, _WHAT_TO_DO)


def _decoded(data: object) -> Iterator[tuple[Path_, str]]:
    stack: list[tuple[Path_, object]] = [((), data)]
    seen: set[int] = set()  # aliases show one container in half a million places
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict | list):
            if id(node) not in seen:
                seen.add(id(node))
                entries = node.items() if isinstance(node, dict) else enumerate(node)
                stack.extend(((*path, key), value) for key, value in entries)
        elif isinstance(node, str):
            kind = next((kind for _, _, kind in secrets_in(node)), None)
            if kind:
                yield path, kind
