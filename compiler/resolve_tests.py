"""Routing tests: schema-valid data → `RoutingTest`s; names that do not exist, tests that cannot be meant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from compiler.catalog import Catalog
from compiler.catalog_tests import Expectation, RoutingTest
from compiler.diagnostics import BAD_TEST, UNKNOWN_REFERENCE, Diagnostic, Span
from compiler.scope import Scope
from compiler.source import Document, Path_

_OF_A_ROUTE = ("model", "fallbacks", "provider", "max_cost_usd", "residency")


def resolve_tests(
    rows: Iterable[Mapping[str, Any]], scope: Scope, others: Iterable[RoutingTest] = ()
) -> tuple[RoutingTest, ...]:
    """The tests of one file, in its order; what is wrong with them goes to `scope.found`.

    Args:
        rows: what the file has under `tests`.
        scope: the document of that file, and the names of the catalog.
        others: tests of the same catalog from another file, whose names are taken.
    """
    names = {test.name: test.where for test in others}
    return tuple(_test(row, ("tests", index), scope, names) for index, row in enumerate(rows))


def _test(row: Mapping[str, Any], path: Path_, scope: Scope, names: dict[str, Span]) -> RoutingTest:
    where = scope.document.span((*path, "name")) or Span(scope.document.file, 1, 1, 2)
    _look_up(row, path, scope)
    _contradictions(row["expect"], (*path, "expect"), scope)
    first = names.setdefault(row["name"], where)
    if first is not where:
        what, hint = f"another test is named {row['name']!r} too", "say what this one shows besides"
        scope.found.append(BAD_TEST.at(where, what, hint).with_related(first, "first named here"))
    keys, size = row.get("key_models"), row.get("prompt_tokens")
    return RoutingTest(
        name=row["name"],
        where=where,
        request=row["request"],
        expect=_expectation(row["expect"]),
        mode=row.get("mode", "chat"),
        down=tuple(row.get("down", ())),
        header=row.get("header"),
        key_models=None if keys is None else frozenset(keys),
        prompt_tokens=None if size is None else int(size),
        gateway=row.get("gateway"),
    )


def _expectation(data: Mapping[str, Any]) -> Expectation:
    fallbacks = data.get("fallbacks")
    return Expectation(**{**data, "fallbacks": None if fallbacks is None else tuple(fallbacks)})


def _look_up(row: Mapping[str, Any], path: Path_, scope: Scope) -> None:
    """Reports names that do not exist. Those of the request may be wrong on purpose."""
    expect = row["expect"]
    for kind, holder, at in (
        ("gateway", row, path),
        ("model", expect, (*path, "expect")),
        ("provider", expect, (*path, "expect")),
    ):
        if kind in holder:
            scope.known(kind, holder[kind], (*at, kind))
    scope.names("provider", row.get("down", ()), (*path, "down"))
    scope.names("model", expect.get("fallbacks", ()), (*path, "expect", "fallbacks"))
    for index, name in enumerate(row.get("key_models", ())):
        _look_up_grant(name, (*path, "key_models", index), scope)


def _look_up_grant(name: str, path: Path_, scope: Scope) -> None:
    if name == "auto":
        return
    if not name.startswith("auto/"):
        scope.known("model", name, path)
    elif not scope.known("strategy", name.removeprefix("auto/"), path):
        scope.found[-1] = replace(scope.found[-1], fix=None)  # it would put the strategy alone there


def _contradictions(expect: Mapping[str, Any], path: Path_, scope: Scope) -> None:
    for one, other, what, hint in _contradicting(expect):
        found = BAD_TEST.at(scope.document.span((*path, other), key=True), what, hint)
        scope.found.append(found.with_related(scope.document.span((*path, one), key=True), "and here"))


def _contradicting(expect: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """(field, field, what is wrong, what to do) of each expectation that can never hold."""
    refused = "refused" if expect.get("refused") else "code" if "code" in expect else None
    asked = next((name for name in _OF_A_ROUTE if name in expect), None)
    if refused and asked:
        what = f"a request that is refused has no route: {asked!r} can never hold beside {refused!r}"
        yield refused, asked, what, "keep one of the two, or make two tests of it"
    if expect.get("refused") is False and "code" in expect:
        what = "the request is not to be refused, and to be refused with this code"
        yield "refused", "code", what, "keep one of the two"
    if expect.get("model") in expect.get("fallbacks", ()):
        what = f"no route has the same model twice: {expect['model']!r} comes first and is a fallback"
        yield "model", "fallbacks", what, "`fallbacks` are the models after the first"


def with_tests_of(document: Document, catalog: Catalog) -> tuple[Catalog, list[Diagnostic]]:
    """The catalog with the tests of the file beside it, which the schema accepted; what is wrong there."""
    scope = Scope(document, catalog.gateways, catalog.providers, catalog.models, catalog.strategies)
    tests = resolve_tests(document.data["tests"], scope, catalog.tests)
    return replace(catalog, tests=(*catalog.tests, *tests)), [_from_beside(found) for found in scope.found]


def _from_beside(found: Diagnostic) -> Diagnostic:
    """Without what holds in a catalog alone: `--fix` mends no other file, and this one defines nothing."""
    related = () if found.code == UNKNOWN_REFERENCE.id else found.related
    return replace(found, fix=None, related=related)
