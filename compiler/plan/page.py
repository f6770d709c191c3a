"""A plan as one page, which the writers lay out: text for a terminal, Markdown for a comment."""

from compiler.pipeline import Outcome
from compiler.plan import Plan
from compiler.plan.marks import counted, line
from compiler.plan.sections import facts, money, resources, routes, safety
from compiler.plan.sections.layout import Page, Section
from compiler.plan.verdict import verdict


def page(plan: Plan) -> Page:
    """The sections that have something to say."""
    sections = [
        Section("Not compared", tuple(map(line, plan.remarks))),
        *routes.sections(plan),
        *safety.sections(plan.safety),
        *money.sections(plan),
        *facts.sections(plan.facts, whole=plan.is_new or plan.is_deleted),
        *(resources.sections(plan.resources, plan) if plan.resources else ()),
    ]
    return Page(plan.name, plan.against, verdict(plan), tuple(one for one in sections if one.size))


def broken_page(outcome: Outcome) -> Page:
    """What a reader sees of a catalog of today's that does not compile."""
    errors = [one for one in outcome.diagnostics if one.severity == "error"]
    files = [one.where.file for one in errors if one.where]
    file = outcome.document.file if outcome.document else (files or ["the catalog"])[0]
    lines = (
        f"{one.code} at line {one.where.line if one.where else 1}: {line(one.message)}" for one in errors
    )
    said = f"does not compile ({counted(len(errors), 'error')}), so nothing is compared"
    return Page(file, "", said, (Section("Errors", tuple(lines)),))
