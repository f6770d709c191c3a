"""The stages in order, stopping at the first that has errors. The couple of lines that know them all."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from compiler import facts, interlocks, schema, source, tests_file
from compiler.catalog import Catalog
from compiler.diagnostics import (
    NOT_A_MAPPING,
    OUTPUT_INVALID,
    UNREADABLE,
    Diagnostic,
    Span,
    has_errors,
    in_order,
)
from compiler.interlocks.allowances import Relaxed, relaxed
from compiler.interlocks.case import Case
from compiler.interlocks.secrets import secret_values
from compiler.references import unknown_names
from compiler.resolve import resolve
from compiler.resolve_tests import with_tests_of
from compiler.source import Document

Bundle = Mapping[str, bytes]  # path below out/<name>/ → content


@dataclass(slots=True)
class Outcome:
    """How far a catalog came. `catalog` is set once every name in it is resolved, safe or not.

    `allowed` is what was found and `allow` relaxes, each with its reason. `tests_document` is the file of
    tests beside the catalog, if there is one that can be read.
    """

    document: Document | None = None
    tests_document: Document | None = None
    catalog: Catalog | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    allowed: Relaxed = field(default_factory=list)
    bundle: Bundle | None = None
    name: str = ""

    @property
    def ok(self) -> bool:
        return not has_errors(self.diagnostics)


def today() -> str:
    """The day that lifecycles are judged on unless another is named: INTERLOCK_AS_OF, else today in UTC."""
    try:
        return date.fromisoformat(os.environ.get("INTERLOCK_AS_OF", "")).isoformat()
    except ValueError:  # the commands refuse it by name
        return datetime.now(UTC).date().isoformat()


def validate(path: Path, name: str | None = None, as_of: str | None = None) -> Outcome:
    """Source → schema → resolve → interlocks; then the file of tests beside the catalog, if there is one.

    Args:
        path: the catalog.
        name: what diagnostics call the file.
        as_of: the day that lifecycles are judged on, year-month-day; today when it is left out.
    """
    with source.no_garbage_collection():
        document = source.read(path, name)
        return add_tests(_outcome(document, as_of), path, name)


def validate_text(raw: bytes, name: str, as_of: str | None = None) -> Outcome:
    """The same for a catalog that is not in a file."""
    return _outcome(source.parse(raw, name), as_of)


def add_tests(outcome: Outcome, path: Path, name: str | None = None) -> Outcome:
    """The outcome of the catalog at `path` with the tests of the file beside it, if there is one."""
    tests = tests_file.beside(path)
    if tests is None:
        return outcome
    shown = tests_file.named_for(Path(name) if name else path).as_posix()
    if outcome.document is None and not path.exists():
        hint = f"{shown} holds tests of a catalog of this name"
        outcome.diagnostics = [replace(found, hint=hint) for found in outcome.diagnostics]
    document = source.read(tests, shown)
    if isinstance(document, Diagnostic):
        found = [document]
    else:
        outcome.tests_document = document
        found = _judged_tests(document, outcome)
    outcome.diagnostics = in_order([*outcome.diagnostics, *found])
    return outcome


def _judged_tests(document: Document, outcome: Outcome) -> list[Diagnostic]:
    """What is wrong with a file of tests; where nothing is, the catalog gets them."""
    if not isinstance(document.data, dict):
        return [*document.found, _no_mapping(document, "a tests file")]
    found = [*document.found, *_as_written(document, schema.check_tests)]
    if has_errors(found) or outcome.catalog is None:
        return found
    outcome.catalog, wrong = with_tests_of(document, outcome.catalog)
    return [*found, *wrong]


def _no_mapping(document: Document, called: str) -> Diagnostic:
    what = "the file is empty" if document.data is None else f"{called} is a mapping of fields"
    return NOT_A_MAPPING.at(Span(document.file, 1, 1, 2), what, "start with `apiVersion: interlock/v1`")


def _outcome(document: Document | Diagnostic, as_of: str | None) -> Outcome:
    if isinstance(document, Diagnostic):
        return Outcome(diagnostics=[document])
    return _judge(document, as_of or today())


def _judge(document: Document, as_of: str) -> Outcome:
    outcome = Outcome(document)
    if not isinstance(document.data, dict):
        outcome.diagnostics = in_order([*document.found, _no_mapping(document, "a catalog")])
        return outcome
    faults = _as_written(document, schema.check)
    found = [*document.found, *faults]
    if has_errors(faults):
        found += unknown_names(document, faults)
    else:
        found += schema.not_supported_yet(document)
        found += _as_meant(document, as_of, outcome)
    outcome.diagnostics = in_order(found)
    return outcome


def _as_written(document: Document, check: Callable[[Document], list[Diagnostic]]) -> list[Diagnostic]:
    """What the schema and the search for secrets find; of a secret in the wrong place, that it is one."""
    secrets = list(secret_values(document))
    places = {found.where for found in secrets}
    return [*secrets, *(found for found in check(document) if found.where not in places)]


def _as_meant(document: Document, as_of: str, outcome: Outcome) -> list[Diagnostic]:
    """What is wrong with a catalog that the schema accepts; sets what it comes to."""
    try:
        known = facts.load_cost_map()
    except (OSError, ValueError) as error:
        where = Span(document.file, 1, 1, 2)
        what = f"LiteLLM's cost map cannot be read: {error}"
        return [UNREADABLE.at(where, what, "pip install litellm")]
    catalog, found = resolve(document, known)
    # Interlocks read a catalog in which every name exists.
    if has_errors(found):
        return found
    outcome.catalog = catalog
    found += interlocks.judge(Case(catalog, document, known, as_of))
    kept, outcome.allowed = relaxed(found, catalog, document)
    return kept


def render(path: Path, name: str | None = None, as_of: str | None = None) -> Outcome:
    """Everything up to the output: a Bundle, verified. Nothing is written."""
    from compiler import render as renderer

    outcome = validate(path, name, as_of)
    if outcome.catalog is None or not outcome.ok:
        return outcome
    outcome.name = outcome.catalog.name
    with source.no_garbage_collection():
        bundle = renderer.bundle(outcome.catalog)
    problems = _verified(bundle, outcome.catalog)
    outcome.diagnostics = in_order([*outcome.diagnostics, *problems])
    outcome.bundle = None if has_errors(problems) else bundle
    return outcome


def _verified(bundle: Bundle, catalog: Catalog) -> list[Diagnostic]:
    """What `verify` finds wrong with the output is our defect, and says so."""
    from compiler.verify import verify

    ours = "this is a defect of Interlock; please report it with the catalog"
    return [
        OUTPUT_INVALID.at(Span(found.path, 1, 1, 2), f"{found.object} {found.pointer}: {found.message}", ours)
        for found in verify(
            bundle, kubernetes=catalog.target.kubernetes, litellm_version=catalog.target.litellm_version
        )
    ]
