"""`interlock docs`: what a code means."""

import click

from compiler.diagnostics import CODES, nearest, page_address
from compiler.reporters.pages import page


@click.command("docs")
@click.argument("codes", nargs=-1, metavar="[CODE|rules]...")
def command(codes: tuple[str, ...]) -> None:
    """Print the page of a diagnostic's code, or the table of all codes.

    Without an argument, the table.

    \b
    Example:
      interlock docs IL301
      interlock docs rules
    """  # noqa: D301
    topics = [_topic(word) for word in codes or ("rules",)]
    click.echo("\n\n".join((_table() if topic == "rules" else _page(topic)).rstrip() for topic in topics))


def _topic(word: str) -> str:
    """The code or `rules` that is meant: capitals are optional, and so is `IL`."""
    if word.lower() == "rules":
        return "rules"
    code = f"IL{word}" if word.isdigit() else word.upper()
    if code in CODES:
        return code
    close = nearest(code, CODES)
    hint = f"did you mean {close}?" if close else "`interlock docs rules` lists them"
    raise click.BadParameter(f"there is no code {word!r}; {hint}", param_hint="CODE")


def _page(code: str) -> str:
    text = page(code)
    if text is not None:
        return text
    return f"# {code}: {CODES[code].title}\n\nThis code has no page yet. Its place is {page_address(code)}"


def _table() -> str:
    rows = [("code", "severity", "allow", "title")]
    rows += [
        (code.id, code.severity, "yes" if code.relaxable else "no", code.title) for code in CODES.values()
    ]
    lines = [f"{code:<7}{severity:<10}{allow:<7}{title}" for code, severity, allow, title in rows]
    return "\n".join([*lines, "", "allow: whether `allow` in the catalog may relax it, for a reason"])
