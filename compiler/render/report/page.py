"""The page's text: one file that loads nothing, and may run and style by nothing but what it holds."""

import base64
import hashlib
import json
from collections.abc import Sequence

from markupsafe import Markup

from compiler.catalog import Catalog
from compiler.render.litellm import GatewayFiles
from compiler.render.report.data import Report, report
from compiler.render.report.html import FOLDER, folded, fragment, items, note, table
from compiler.render.report.spending import Spending
from compiler.resources import read_text

STYLE, LIBRARY, SCRIPT = "report.css", "d3.min.js", "report.js"
# What could end the element that the data stands in, and what JSON allows and older scripts do not.
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def page(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> str:
    """report.html, of the gateway that clients call."""
    front = next(files for files in gateways if files.gateway == catalog.front)
    return text(report(catalog, front.table, front.routes))


def text(found: Report) -> str:
    """The page of a report."""
    style, library, script = (Markup(read_text(*FOLDER, name)) for name in (STYLE, LIBRARY, SCRIPT))  # noqa: S704
    return fragment(
        "report.html",
        report=found,
        policy=Markup(_policy(style, [library, script])),  # noqa: S704  # words and digests of ours
        style=style,
        library=library,
        script=script,
        highlights=items(found.highlights),
        strategies=folded("routes-table", found.strategies),
        matrix=table("outages-table", found.matrix),
        cost=_cost(found.spending) if found.spending else fragment("no-traffic.html"),
        price=_price(found),
        models=table("models-table", found.models),
        relaxed=_relaxed(found),
        data=Markup(as_data(found.charts)),  # noqa: S704  # escaped for its place
    )


def _cost(spending: Spending) -> Markup:
    return fragment(
        "traffic.html",
        note=spending.note,
        lines=folded("lines-table", spending.lines),
        models=folded("sums-table", spending.models),
        providers=folded("providers-table", spending.providers),
        outages=folded("months-table", spending.outages),
    )


def _price(found: Report) -> Markup:
    drawn = fragment("price.html") if found.charts["points"] else note("No model in service has both.")
    return drawn + note(found.not_drawn)


def _relaxed(found: Report) -> Markup:
    if found.allowances is None:
        return Markup("<p>None: every rule holds everywhere.</p>\n")
    return table("relaxed-table", found.allowances)


def as_data(value: object) -> str:
    """JSON that stands safely in a `<script>` element, whatever text is in it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


def _policy(style: str, scripts: Sequence[str]) -> str:
    """The Content-Security-Policy: nothing is loaded, and nothing runs that the compiler did not put here."""
    ours = f"style-src {_hash(style)}; script-src {' '.join(map(_hash, scripts))}"
    return f"default-src 'none'; {ours}; base-uri 'none'; form-action 'none'"


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
