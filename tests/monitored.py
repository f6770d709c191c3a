"""Catalogs and what is rendered to monitor them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from compiler.catalog import Catalog
from compiler.catalog_gateways import Observability, Slo
from compiler.pipeline import render
from compiler.render import litellm
from compiler.render.monitoring import monitoring

PROMISED = Observability(
    slo=Slo(99.9, 8000), hourly_budget_usd=50, labels={"release": "kube-prometheus-stack"}
)


@cache
def catalog_of(path: Path) -> Catalog:
    """The catalog of a file, which must compile."""
    outcome = render(path)
    assert outcome.catalog is not None, outcome.diagnostics
    return outcome.catalog


def promising(catalog: Catalog, **observability: Any) -> Catalog:
    """The catalog with an SLO and a budget, or with other words on observability."""
    return replace(catalog, observability=replace(PROMISED, **observability))


def monitored(catalog: Catalog) -> Mapping[str, str]:
    """The files below monitoring/, by their path from there."""
    gateways = [litellm.files(catalog, gateway) for _, gateway in sorted(catalog.gateways.items())]
    texts = monitoring(catalog, gateways)
    assert all(path.startswith("monitoring/") for path in texts)
    return {path.removeprefix("monitoring/"): text for path, text in texts.items()}


def rules_of(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every rule of rules.yaml."""
    return [rule for group in yaml.safe_load(files["rules.yaml"])["groups"] for rule in group["rules"]]


def panels_of(files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every panel of the dashboard that shows something."""
    return [panel for panel in json.loads(files["dashboard.json"])["panels"] if panel["type"] != "row"]


def shown(files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Every expression of the dashboard, with the title of its panel."""
    for panel in panels_of(files):
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in json.loads(files["dashboard.json"])["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]
