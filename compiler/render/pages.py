"""The templates of the output's own pages: Markdown, in which a value stands as it is."""

from collections.abc import Callable, Mapping
from typing import Any

import jinja2

from compiler.resources import read_text


def page(name: str, filters: Mapping[str, Callable[..., Any]] | None = None) -> jinja2.Template:
    """`templates/docs/<name>`, which may include others of that folder."""
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # Markdown of names that the schema has judged
        loader=jinja2.FunctionLoader(lambda part: read_text("templates", "docs", part)),
    )
    environment.filters.update(filters or {})
    return environment.get_template(name)
