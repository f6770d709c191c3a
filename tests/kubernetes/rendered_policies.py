"""A catalog's text → the network policies of its gateways, as plain data and as text."""

from typing import Any

import yaml

from compiler.catalog import Catalog
from compiler.pipeline import validate_text
from compiler.render import network
from compiler.render.templates import Templates

Policy = dict[str, Any]


def catalog_of(text: str) -> Catalog:
    outcome = validate_text(text.encode(), "catalog.yaml")
    assert outcome.catalog is not None, [(found.code, found.message) for found in outcome.diagnostics]
    return outcome.catalog


def texts_of(text: str) -> dict[tuple[str, str], str]:
    """(gateway, file) → YAML."""
    catalog, templates = catalog_of(text), Templates()
    return {
        (name, file): content
        for name, gateway in catalog.gateways.items()
        for file, content in network.policies(catalog, gateway, templates)
    }


def policies_of(text: str, kind: str = "NetworkPolicy") -> list[Policy]:
    documents = [yaml.safe_load(content) for content in texts_of(text).values()]
    return [document for document in documents if document["kind"] == kind]
