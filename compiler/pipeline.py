"""The stages in order, stopping at the first that has errors. The couple of lines that know them all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compiler import facts, interlocks, schema, source
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
from compiler.interlocks.secrets import secret_values
from compiler.resolve import resolve
from compiler.source import Document

Bundle = Mapping[str, bytes]  # path below out/<name>/ → content


@dataclass(slots=True)
class Outcome:
    """How far a catalog came. `catalog` is set when nothing was wrong, `bundle` when it was rendered too."""

    document: Document | None = None
    catalog: Catalog | None = None
    diagnostics: list[Diagnostic] = field(default_factory=list)
    bundle: Bundle | None = None
    name: str = ""

    @property
    def ok(self) -> bool:
        return not has_errors(self.diagnostics)


def validate(path: Path, name: str | None = None) -> Outcome:
    """Source → schema → resolve → interlocks. `name` is what diagnostics call the file."""
    with source.no_garbage_collection():
        document = source.read(path, name)
        return Outcome(diagnostics=[document]) if isinstance(document, Diagnostic) else _judge(document)


def validate_text(raw: bytes, name: str) -> Outcome:
    """The same for a catalog that is not in a file."""
    document = source.parse(raw, name)
    return Outcome(diagnostics=[document]) if isinstance(document, Diagnostic) else _judge(document)


def _judge(document: Document) -> Outcome:
    outcome = Outcome(document)
    if not isinstance(document.data, dict):
        here = Span(document.file, 1, 1, 2)
        what = "the file is empty" if document.data is None else "a catalog is a mapping of fields"
        outcome.diagnostics = [NOT_A_MAPPING.at(here, what, "start with `apiVersion: interlock/v1`")]
        return outcome
    found = [*schema.check(document), *secret_values(document)]
    if not has_errors(found):
        found += schema.not_supported_yet(document)
        catalog, problems = _resolved(document)
        found += problems
        # Interlocks read a catalog in which every name exists.
        if catalog and not has_errors(problems):
            found += interlocks.judge(catalog, document)
        outcome.catalog = catalog if not has_errors(found) else None
    outcome.diagnostics = in_order(found)
    return outcome


def _resolved(document: Document) -> tuple[Catalog | None, list[Diagnostic]]:
    try:
        return resolve(document, facts.load_cost_map)
    except (OSError, ValueError) as error:
        where = Span(document.file, 1, 1, 2)
        return None, [
            UNREADABLE.at(where, f"LiteLLM's cost map cannot be read: {error}", "pip install litellm")
        ]


def render(path: Path, name: str | None = None) -> Outcome:
    """Everything up to the output: a Bundle, verified. Nothing is written."""
    from compiler import render as renderer

    outcome = validate(path, name)
    if outcome.catalog is None:
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
        for found in verify(bundle, kubernetes=catalog.target.kubernetes)
    ]
