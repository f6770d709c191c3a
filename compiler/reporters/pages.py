"""The pages of the codes, `docs/diagnostics/<code>.md`: a wheel carries them too."""

import re

from compiler.diagnostics import page_address
from compiler.resources import read_text

_LINK = re.compile(r"\]\((IL\d{3})\.md\)")


def page(code: str) -> str | None:
    """The Markdown of a code's page; None when it has none."""
    try:
        return read_text("docs", "diagnostics", f"{code}.md")
    except FileNotFoundError:
        return None


def page_elsewhere(code: str) -> str | None:
    """The same to be shown away from its folder: links to other pages are whole addresses."""
    text = page(code)
    return text and _LINK.sub(lambda match: f"]({page_address(match[1])})", text)


def first_paragraph(text: str) -> str:
    """What a page says below its title, on one line."""
    _, _, body = text.partition("\n\n")
    return " ".join(body.split("\n\n")[0].split())
