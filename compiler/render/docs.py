"""ROUTES.md and SECRETS.md: the output explained to the people who review and deploy it."""

from collections.abc import Sequence

from compiler.catalog import Catalog, Model
from compiler.matrix import Matrix, outage_matrix
from compiler.render.litellm import GatewayFiles
from compiler.render.pages import page
from compiler.render.secrets_document import secrets

__all__ = ["routes", "secrets"]
MAX_LISTED = 12  # names in one cell of a table
MAX_OUTAGES = 40  # rows of the table of outages; those that change nothing go first


def routes(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> str:
    """Strategies with their routes, models with their facts, and who answers when a provider is down."""
    front = next(files for files in gateways if files.gateway == catalog.front)
    table, answers = front.table, front.routes
    matrix = outage_matrix(table)
    shown = matrix.providers if len(matrix.providers) <= MAX_OUTAGES else matrix.felt[:MAX_OUTAGES]
    return page("ROUTES.md.j2").render(
        catalog=catalog,
        models=[model for _, model in sorted(catalog.models.items())],
        table=table,
        routes=answers,
        outages=[(down, [_who(matrix, name, down) for name in matrix.strategies]) for down in (None, *shown)],
        not_felt=len(matrix.providers) - max(len(matrix.felt), len(shown)),
        left_out=max(0, len(matrix.felt) - len(shown)),
        describe=_describe,
        listing=_listing,
    )


def _listing(names: Sequence[str]) -> str:
    more = len(names) - MAX_LISTED
    return " → ".join(names[:MAX_LISTED]) + (f" … and {more} more" if more > 0 else "")


def _who(matrix: Matrix, strategy: str, down: str | None) -> str:
    """Who answers, in one cell; where only the provider is another one, that too."""
    answer, usual = matrix.answers[strategy][down], matrix.answers[strategy][None]
    if answer is None:
        late = matrix.too_late(strategy, down)
        nobody = "nobody" if usual else "refused"
        return f"{nobody} ({late} comes too late)" if late else nobody
    moved = usual is not None and answer.model == usual.model and answer != usual
    return answer.model + (f" at {', '.join(answer.providers)}" if moved else "")


def _describe(model: Model) -> str:
    parts = [model.status if model.status != "active" else ""]
    parts.append(f"retires {model.facts.retires_on}" if model.facts.retires_on else "")
    parts.append(f"then {model.successor}" if model.successor else "")
    return ", ".join(part for part in parts if part)
