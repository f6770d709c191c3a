"""The manifests' templates: YAML as a person would write it; every `{{ }}` in it comes out as one value."""

from typing import Any

import jinja2

from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway
from compiler.emit import document, scalar
from compiler.resources import read_text


class Templates:
    """Renders `templates/manifests/<kind>.yaml.j2`. Values are quoted where needed; `block(n)` indents."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            undefined=jinja2.StrictUndefined,
            finalize=lambda value: value if isinstance(value, _Block) else scalar(value),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701  # YAML, not HTML: `finalize` is the escaping
            # A loader, so that a template is compiled once and not once a gateway.
            loader=jinja2.FunctionLoader(lambda kind: read_text("templates", "manifests", f"{kind}.yaml.j2")),
        )
        self._environment.filters["block"] = _block

    def manifest(self, kind: str, /, **values: Any) -> str:
        """One YAML document."""
        return self._environment.get_template(kind).render(**values)


class _Block(str):
    """YAML text that is already safe."""

    __slots__ = ()


def _block(value: Any, indent: int) -> _Block:
    """A mapping or list in block form below its key, `indent` spaces deep."""
    lines = document(value).splitlines()
    return _Block("".join(f"\n{' ' * indent}{line}" for line in lines))


def labels(catalog: Catalog, gateway: Gateway) -> dict[str, str]:
    """The labels of everything that belongs to a gateway, its pods included."""
    return {
        "app.kubernetes.io/name": gateway.name,
        "app.kubernetes.io/instance": catalog.name,
        "app.kubernetes.io/component": "gateway",
        "app.kubernetes.io/managed-by": "interlock",
    }


def selector(catalog: Catalog, gateway: Gateway) -> dict[str, str]:
    """The labels by which a gateway's pods are selected, and no others."""
    return {"app.kubernetes.io/name": gateway.name, "app.kubernetes.io/instance": catalog.name}
