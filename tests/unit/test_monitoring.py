"""What is rendered to monitor a catalog: which files and rules, the dashboard's panels, the runbook."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from compiler.catalog import Catalog
from compiler.catalog_gateways import Slo
from compiler.render.monitoring import rule_groups
from compiler.render.monitoring.burn import WINDOWS, objectives
from compiler.render.monitoring.promql import Selector, bucket, counter, duration, number, spoken
from compiler.render.monitoring.rules import Alert
from tests.monitored import catalog_of, monitored, panels_of, promising, rules_of, shown

OWN = [
    "interlock_decisions_total",
    "interlock_refusals_total",
    "interlock_failed_attempts_total",
    "interlock_answered_attempts_total",
    "interlock_request_attempts_bucket",
    "interlock_request_attempts_count",
    "interlock_request_attempts_sum",
    "interlock_table_info",
    "interlock_table_loaded_timestamp_seconds",
    "interlock_table_reloads_total",
    "interlock_model_retirement_timestamp_seconds",
    "llm_request_duration_seconds_bucket",
    "llm_request_duration_seconds_count",
    "llm_provider_duration_seconds_bucket",
    "llm_provider_duration_seconds_count",
    "llm_provider_duration_seconds_sum",
    "llm_tokens_total",
    "vertex_tokens_total",
    "llm_cost_usd_total",
    "llm_request_tokens_total",
    "llm_request_cost_usd_total",
]
PROMETHEUS = ["up", "ALERTS"]
LITELLM = ["litellm_deployment_cooled_down_total"]
UNITS = {"reqps", "percentunit", "s", "currencyUSD", "si:tok/s", "short", "d", "none"}


@pytest.fixture(scope="module")
def catalog(reference: Path) -> Catalog:
    return promising(catalog_of(reference))


@pytest.fixture(scope="module")
def files(catalog: Catalog) -> Mapping[str, str]:
    return monitored(catalog)


# --- files ---------------------------------------------------------------------------------------------


def test_the_files_of_a_catalog(files: Mapping[str, str]) -> None:
    assert list(files) == [
        "RUNBOOK.md", "dashboard.json", "kustomization.yaml", "manifests/configmap-dashboard.yaml",
        "manifests/podmonitor-bedrock-gateway.yaml", "manifests/podmonitor-llm-router.yaml",
        "manifests/podmonitor-vertex-ai-gateway.yaml", "manifests/prometheusrule.yaml",
        "rules.test.yaml", "rules.yaml", "scrape.yaml",
    ]  # fmt: skip


def test_a_catalog_without_metrics_has_none(catalog: Catalog) -> None:
    assert monitored(promising(catalog, metrics=False)) == {}


def test_a_catalog_without_a_dashboard(catalog: Catalog) -> None:
    files = monitored(promising(catalog, dashboard=False))
    assert not any("dashboard" in path for path in files)
    assert yaml.safe_load(files["kustomization.yaml"])["resources"] == sorted(
        path for path in files if path.startswith("manifests/")
    )


def test_the_same_catalog_gives_the_same_bytes(catalog: Catalog, files: Mapping[str, str]) -> None:
    backwards = replace(
        catalog,
        gateways=dict(reversed(catalog.gateways.items())),
        providers=dict(reversed(catalog.providers.items())),
    )
    assert monitored(backwards) == files


def test_a_thousand_models_have_the_rules_of_two(catalog: Catalog) -> None:
    first = next(iter(catalog.models.values()))
    many = replace(catalog, models={f"m{n}": replace(first, name=f"m{n}") for n in range(1000)})
    assert sum(map(len, rule_texts(many))) == sum(map(len, rule_texts(catalog)))


def rule_texts(catalog: Catalog) -> list[str]:
    return [str(group.data(catalog.name)) for group in rule_groups(catalog)]


# --- rules ---------------------------------------------------------------------------------------------


def names(catalog: Catalog) -> list[str]:
    return [rule.name for group in rule_groups(catalog) for rule in group.rules if isinstance(rule, Alert)]


def test_what_nobody_promised_has_no_alert(catalog: Catalog) -> None:
    quiet = names(promising(catalog, slo=Slo(), hourly_budget_usd=None))
    assert not any("Burn" in name or "Budget" in name for name in quiet)
    assert "InterlockMostRequestsFail" in quiet  # and a total outage has one all the same
    assert "InterlockMostRequestsFail" not in names(catalog)


@pytest.mark.parametrize(
    ("availability", "left"),
    [(99.99, 4), (99.9, 4), (99, 4), (93.06, 4), (93, 3), (83, 2), (66.5, 1), (10, 1), (0.001, 1)],
)
def test_a_burn_that_no_ratio_can_reach_is_left_out(availability: float, left: int) -> None:
    (objective,) = objectives(Slo(availability), Selector("c"))
    assert len(objective.windows) == left
    assert all(window.factor * objective.budget < 1 for window in objective.windows)
    assert objective.windows[-1] == WINDOWS[-1]


def test_the_threshold_is_the_budget_without_noise(files: Mapping[str, str]) -> None:
    burn = next(rule for rule in rules_of(files) if rule.get("alert") == "InterlockAvailabilityBurn1h")
    assert burn["expr"].count("> 14.4 * 0.001") == 2


def test_a_long_rest_is_no_storm(catalog: Catalog) -> None:
    long = replace(catalog, fallback=replace(catalog.fallback, cooldown_s=7200))
    assert "InterlockCooldownStorm" not in names(long)
    assert "InterlockCooldownStorm" in names(catalog)


def test_a_provider_that_rests_for_long_is_looked_at_for_longer(catalog: Catalog) -> None:
    long = replace(catalog, fallback=replace(catalog.fallback, cooldown_s=700))
    recorded = [rule["record"] for rule in rules_of(monitored(long)) if "record" in rule]
    assert "provider:interlock_failed_attempts:ratio_rate35m" in recorded


@pytest.mark.parametrize("bare", [r"\b[a-z_]+_total\b(?!\{)", r"\b[a-z_]+:[a-z_]+:\w+\b(?!\{)"])
def test_no_series_of_another_catalog_is_looked_at(files: Mapping[str, str], bare: str) -> None:
    expressions = [rule["expr"] for rule in rules_of(files)] + [text for _, text in shown(files)]
    for text in expressions:
        assert not re.search(bare, text), text
        assert text.count("{") == text.count('{catalog="foundational-models"') or text == "vector(50)", text


def test_every_alert_has_its_words(files: Mapping[str, str]) -> None:
    alerts = [rule for rule in rules_of(files) if "alert" in rule]
    assert len(alerts) == 20
    for alert in alerts:
        assert alert["labels"]["severity"] in ("critical", "warning")
        assert set(alert["annotations"]) == {"summary", "description", "runbook"}
        if alert["alert"] != "InterlockGatewayNotScraped":
            assert "{{ $value" in alert["annotations"]["description"]


# --- the runbook ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("slo", [Slo(99.9, 8000), Slo()])
def test_every_alert_has_its_section(catalog: Catalog, slo: Slo) -> None:
    files = monitored(promising(catalog, slo=slo))
    sections = {f"RUNBOOK.md#{name.lower()}" for name in re.findall(r"(?m)^## (\w+)$", files["RUNBOOK.md"])}
    assert sections == {
        rule["annotations"]["runbook"] for rule in rules_of(files) if "alert" in rule
    }  # fmt: skip


def test_the_runbooks_commands_name_this_catalogs_gateways(files: Mapping[str, str]) -> None:
    text = files["RUNBOOK.md"]
    assert "$" not in text
    for gateway in ("llm-router", "vertex-ai-gateway", "bedrock-gateway"):
        assert f"kubectl rollout status -n production deployment/{gateway} --timeout=5s" in text
    assert "| vertex-ai | `kubectl rollout restart -n production deployment/vertex-ai-gateway` |" in text


def test_the_runbooks_queries_are_of_series_that_exist(files: Mapping[str, str]) -> None:
    used = set(re.findall(r"\b(\w+)\{catalog=", files["RUNBOOK.md"]))
    assert used <= {*OWN, *LITELLM, "interlock_request_attempts_sum"}
    assert len(used) > 8


# --- the dashboard ---------------------------------------------------------------------------------------


def test_panels_have_a_unit_a_legend_and_a_description(files: Mapping[str, str]) -> None:
    panels = panels_of(files)
    assert len(panels) > 25
    for panel in panels:
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS, panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["description"].strip().endswith("."), panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
        if panel["type"] in ("timeseries", "heatmap"):
            legend = panel["options"]["legend"]
            assert legend.get("showLegend") or legend.get("show"), panel["title"]


def test_titles_and_ids_are_told_apart(files: Mapping[str, str]) -> None:
    every = json.loads(files["dashboard.json"])["panels"]
    for key in ("id", "title"):
        values = [panel[key] for panel in every]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("promised", [True, False])
def test_no_panel_covers_another(catalog: Catalog, *, promised: bool) -> None:
    found = monitored(catalog if promised else promising(catalog, slo=Slo(), hourly_budget_usd=None))
    every = json.loads(found["dashboard.json"])["panels"]
    cells = {panel["title"]: covered(panel["gridPos"]) for panel in every}
    assert all(x < 24 for taken in cells.values() for x, _ in taken)
    for (one, here), (other, there) in combinations(cells.items(), 2):
        assert here.isdisjoint(there), (one, other)


def covered(place: Mapping[str, int]) -> set[tuple[int, int]]:
    return {
        (place["x"] + column, place["y"] + row) for column in range(place["w"]) for row in range(place["h"])
    }


def test_lines_are_full(files: Mapping[str, str]) -> None:
    """Every line of panels takes all 24 columns: no holes."""
    widths: dict[int, int] = {}
    for panel in json.loads(files["dashboard.json"])["panels"]:
        widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {24}


def test_every_series_shown_exists(files: Mapping[str, str]) -> None:
    recorded = [rule["record"] for rule in rules_of(files) if "record" in rule]
    used = {name for _, text in shown(files) for name in re.findall(r"([a-zA-Z_:][\w:]*)\{", text)}
    assert used <= {*OWN, *PROMETHEUS, *LITELLM, *recorded}, used


def test_every_series_of_a_rule_exists(files: Mapping[str, str]) -> None:
    recorded = [rule["record"] for rule in rules_of(files) if "record" in rule]
    used = {name for rule in rules_of(files) for name in re.findall(r"([a-zA-Z_:][\w:]*)\{", rule["expr"])}
    assert used <= {*OWN, *LITELLM, *recorded}, used


@pytest.mark.parametrize("name", LITELLM)
def test_litellm_counts_it(name: str) -> None:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).parent / "integrations" / "prometheus.py"
    assert f'"{name.removesuffix("_total")}"' in source.read_text()


def test_labels_in_legends_are_labels_of_the_series(files: Mapping[str, str]) -> None:
    for panel in panels_of(files):
        for target in panel["targets"]:
            for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
                assert label in target["expr"].replace(f"${label}", ""), panel["title"]


def test_variables_choose_gateway_strategy_and_provider(files: Mapping[str, str]) -> None:
    variables = json.loads(files["dashboard.json"])["templating"]["list"]
    assert [one["name"] for one in variables] == ["datasource", "gateway", "strategy", "provider"]
    text = files["dashboard.json"]
    assert all(f"${one['name']}" in text or f"${{{one['name']}}}" in text for one in variables)


def test_a_catalog_without_vertex_has_no_panel_of_its_tokens(root: Path) -> None:
    plain = monitored(catalog_of(root / "tests" / "catalogs" / "openai-only.yaml"))
    assert "vertex_tokens_total" not in plain["dashboard.json"] + plain["rules.yaml"]


# --- numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "le"),
    [
        (8, "8.0"),
        (0.25, "0.25"),
        (1.2345, "1.2345"),
        (86400, "86400.0"),
        (1000000, "1e+06"),
        (1e-05, "1e-05"),
    ],
)
def test_a_bucket_is_named_as_prometheus_client_names_it(seconds: float, le: str) -> None:
    from prometheus_client.utils import floatToGoString

    assert bucket(seconds) == le == floatToGoString(seconds)


def test_durations_and_numbers_as_people_write_them() -> None:
    assert [duration(s) for s in (60, 90, 300, 5400, 7200, 259200)] == ["1m", "90s", "5m", "90m", "2h", "3d"]
    assert [spoken(s) for s in (60, 45, 300, 7200)] == ["1 minute", "45 seconds", "5 minutes", "2 hours"]
    assert [number(n) for n in (50, 50.0, 0.1 + 0.2, 1e-7, 1e22)] == [
        "50", "50", "0.30000000000000004", "0.0000001", "10000000000000000000000",
    ]  # fmt: skip


def test_a_counter_of_two_phases() -> None:
    assert counter((10, 3)) == "0+10x3"
    assert counter((10, 3), (0, 2)) == "0+10x3 30+0x1"
