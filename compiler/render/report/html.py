"""Parts of the page as HTML. Every text is escaped on its way in; what is `Markup` is HTML already."""

from markupsafe import Markup, escape

from compiler.render.report.tables import Cell, Table
from compiler.resources import read_text

FOLDER = ("templates", "report")


def fragment(name: str, **slots: object) -> Markup:
    """A file of `templates/report/`, its `{slots}` filled; a text is escaped, `Markup` stands as it is."""
    return Markup(read_text(*FOLDER, name)).format(**slots)  # noqa: S704  # our own files


def items(texts: tuple[str, ...]) -> Markup:
    return Markup().join(Markup("<li>{}</li>\n").format(text) for text in texts)


def note(text: str) -> Markup:
    """A line in small print; nothing when there is none."""
    return Markup('<p class="more">{}</p>\n').format(text) if text else Markup()


def table(name: str, found: Table) -> Markup:
    """A table under its caption, in a box of its own that scrolls sideways where it must."""
    caption = Markup('<p class="caption" id="{}-caption">{}</p>\n').format(name, found.caption)
    return caption + _box(name, found)


def folded(name: str, found: Table) -> Markup:
    """The table of what a chart draws: open where no script folds it."""
    head = Markup('<details class="data" open>\n<summary id="{}-caption">Table: {}</summary>\n')
    return head.format(name, found.caption) + _box(name, found) + Markup("</details>\n")


def _box(name: str, found: Table) -> Markup:
    heads = "".join(
        f'<th scope="col"{_class("number" if at in found.numbers else "")}>{escape(column)}</th>'
        for at, column in enumerate(found.columns)
    )
    rows = "".join(f"<tr>{_row(row, found.numbers)}</tr>\n" for row in found.rows)
    label = f'aria-labelledby="{escape(name)}-caption"'
    html = (
        f'<div class="scroll" role="region" {label} tabindex="0">\n<table id="{escape(name)}" {label}>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
    return Markup(html) + note(found.more)  # noqa: S704  # escaped above and in `_content`


def _row(row: tuple[Cell, ...], numbers: frozenset[int]) -> str:
    first = f'<th scope="row">{_content(row[0])}</th>'
    rest = (
        f"<td{_class('number' if at in numbers else '', one.mark)}>{_content(one)}</td>"
        for at, one in enumerate(row[1:], 1)
    )
    return first + "".join(rest)


def _class(*names: str) -> str:
    found = " ".join(filter(None, names))
    return f' class="{found}"' if found else ""


def _content(cell: Cell) -> str:
    text = str(escape(cell.text))
    if not (cell.note or cell.day):
        return text
    day = escape(cell.day or "")
    parts = [f'retires <time datetime="{day}">{day}</time>' if day else "", str(escape(cell.note))]
    return f"{text}<small>{', '.join(filter(None, parts))}</small>"
