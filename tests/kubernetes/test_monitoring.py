"""What is rendered to monitor a catalog, as Prometheus, its operator, Grafana and kubectl read it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.catalog import Catalog
from compiler.catalog_gateways import Slo
from tests.kubernetes.test_manifests import kubectl
from tests.monitored import catalog_of, monitored, promising, shown

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None and not os.environ.get("CI"), reason="promtool is not installed"
)
MOST_BYTES = 256 * 1024  # a client-side apply keeps the whole object in an annotation
Rule = dict[str, Any]


@pytest.fixture(scope="module")
def catalog(reference: Path) -> Catalog:
    return promising(catalog_of(reference))


@pytest.fixture(scope="module")
def files(catalog: Catalog) -> Mapping[str, str]:
    return monitored(catalog)


def written(files: Mapping[str, str], folder: Path) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def promtool(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROMTOOL), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120
    )


# --- the rules -----------------------------------------------------------------------------------------


@needs_promtool
def test_the_rules_of_the_reference_do_what_they_say(files: Mapping[str, str], tmp_path: Path) -> None:
    folder = written(files, tmp_path)
    checked = promtool("check", "rules", "rules.yaml", folder=folder)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", "rules.test.yaml", folder=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
@pytest.mark.parametrize("name", ["openai-only", "multi-gateway-redis"])
def test_the_rules_of_a_catalog_that_promises_nothing(root: Path, tmp_path: Path, name: str) -> None:
    folder = written(monitored(catalog_of(root / "tests" / "catalogs" / f"{name}.yaml")), tmp_path)
    tested = promtool("test", "rules", "rules.test.yaml", folder=folder)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("availability", "latency_ms", "budget", "rest", "failures"),
    [
        (0.0001, 0.01, 0, 0.5, 1),
        (50, 1, 0.004, 3600, 2),
        (93.06, 1234.5, 0.01, 1000, 1000),
        (99.9999999, 86400000, 1000000000, 86400, 1),
    ],
)
def test_the_rules_of_any_promise(  # noqa: PLR0913, PLR0917  # a row of the table
    catalog: Catalog, tmp_path: Path, availability: float, latency_ms: float, budget: float, rest: float,
    failures: int,
) -> None:  # fmt: skip
    """The alerts that depend on the catalog's numbers, at the ends of what the schema allows."""
    fallback = replace(catalog.fallback, cooldown_s=rest, cooldown_failures=failures)
    odd = promising(
        replace(catalog, fallback=fallback), slo=Slo(availability, latency_ms), hourly_budget_usd=budget
    )
    tests = yaml.safe_load((texts := dict(monitored(odd)))["rules.test.yaml"])
    numbers = re.compile(r"recorded|Interlock(Availability|Latency|Hourly|Provider|Cooldown)")
    kept = [test for test in tests["tests"] if numbers.match(test["name"])]
    texts["rules.test.yaml"] = yaml.safe_dump({**tests, "tests": kept})
    rules = yaml.safe_load(texts["rules.yaml"])
    rules["groups"][-1]["rules"] = [
        rule for rule in rules["groups"][-1]["rules"] if numbers.match(rule["alert"])
    ]
    texts["rules.yaml"] = yaml.safe_dump(rules)
    tested = promtool("test", "rules", "rules.test.yaml", folder=written(texts, tmp_path))
    assert tested.returncode == 0, tested.stdout + tested.stderr


# --- the tests of the rules ------------------------------------------------------------------------------


@needs_promtool
def test_every_recording_rule_has_its_value_and_every_alert_both_fates(files: Mapping[str, str]) -> None:
    rules = [rule for group in yaml.safe_load(files["rules.yaml"])["groups"] for rule in group["rules"]]
    tests = yaml.safe_load(files["rules.test.yaml"])["tests"]
    values = " ".join(check["expr"] for test in tests for check in test.get("promql_expr_test", ()))
    assert all(f"({rule['record']}," in values for rule in rules if "record" in rule)
    fates: dict[str, set[bool]] = {}
    for check in (check for test in tests for check in test.get("alert_rule_test", ())):
        fates.setdefault(check["alertname"], set()).add(bool(check["exp_alerts"]))
    assert fates == {rule["alert"]: {True, False} for rule in rules if "alert" in rule}


def mutants(expression: str) -> Iterator[str]:
    """The expression with one comparison turned round, or one threshold doubled or halved."""
    lines = expression.split("\n")
    for place, line in enumerate(lines):
        found = re.fullmatch(r"(.*) ([<>]) ([^<>]+)", line)
        if found is None:
            continue
        left, sign, right = found.groups()
        changed = [f"{left} {'<' if sign == '>' else '>'} {right}"]
        if right != "0":
            changed += [f"{left} {sign} {factor} * ({right})" for factor in (2, 0.5)]
        for text in changed:
            yield "\n".join([*lines[:place], text, *lines[place + 1 :]])
    if expression.startswith("absent("):
        yield expression.replace("absent(", "count(")


def mutated(files: Mapping[str, str], name: str) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Rules and tests of one alert, in which each of its mutants stands under a name of its own."""
    groups = yaml.safe_load(files["rules.yaml"])["groups"]
    tests = yaml.safe_load(files["rules.test.yaml"])
    rules = [rule for group in groups for rule in group["rules"]]
    (original, *_) = [rule for rule in rules if rule.get("alert") == name]
    mutant_rules = [
        {**original, "alert": f"{name}_{number}", "expr": text}
        for number, text in enumerate(mutants(original["expr"]))
    ]
    needed = recorded_for(original["expr"], [rule for rule in rules if "record" in rule])
    group = {"name": "mutants", "interval": "1m", "rules": [*needed, *mutant_rules]}
    chosen = [
        {**test, "alert_rule_test": [
            {**check, "alertname": rule["alert"]} for check in checks for rule in mutant_rules
        ]}
        for test in tests["tests"]
        if (checks := [c for c in test.get("alert_rule_test", ()) if c["alertname"] == name])
        and all(alert["exp_labels"].get("gateway", "g") in original["expr"] or name != SCRAPED
                for check in checks for alert in check["exp_alerts"])
    ]  # fmt: skip
    content = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": chosen}
    return {"groups": [group]}, content, [rule["alert"] for rule in mutant_rules]


SCRAPED = "InterlockGatewayNotScraped"  # one a gateway: the first is changed, and its own tests are asked


def recorded_for(expression: str, recordings: list[Rule]) -> list[Rule]:
    """What the expression reads, and what that reads, in the order in which they stand."""
    names = {rule["record"]: rule for rule in recordings}
    needed, pending = set(), [expression]
    while pending:
        text = pending.pop()
        new = {name for name in names if f"{name}{{" in text} - needed
        needed |= new
        pending += [names[name]["expr"] for name in new]
    return [rule for rule in recordings if rule["record"] in needed]


ALERTS = [
    *(f"InterlockAvailabilityBurn{window}" for window in ("1h", "6h", "1d", "3d")),
    *(f"InterlockLatencyBurn{window}" for window in ("1h", "6h", "1d", "3d")),
    "InterlockProviderDown", "InterlockFallbackRateHigh", "InterlockCooldownStorm", "InterlockRefusals",
    "InterlockHourlyBudget", "InterlockModelRetiresSoon", "InterlockModelRetiresNow", "InterlockTableRefused",
    "InterlockTableStale", "InterlockGatewayNotScraped",
]  # fmt: skip


@needs_promtool
@pytest.mark.parametrize("name", [*ALERTS, "InterlockMostRequestsFail"])
def test_an_alert_that_is_changed_fails_its_tests(
    catalog: Catalog, files: Mapping[str, str], tmp_path: Path, name: str
) -> None:
    if name == "InterlockMostRequestsFail":
        files = monitored(promising(catalog, slo=Slo()))
    rules, tests, names = mutated(files, name)
    assert names
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules, sort_keys=False))
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(tests, sort_keys=False))
    tested = promtool("test", "rules", "test.yaml", folder=tmp_path)
    expressions = {rule["alert"]: rule["expr"] for rule in rules["groups"][0]["rules"] if "alert" in rule}
    failed = differing(tested.stdout + tested.stderr)
    assert [expressions[mutant] for mutant in names if mutant not in failed] == []


def differing(output: str) -> set[str]:
    """The alerts that fired more or fewer times than expected. (Their name is in the labels, and differs.)"""
    found = set()
    for part in output.split("    alertname: ")[1:]:
        name, _, rest = part.partition(",")
        expected, _, got = rest.partition("got:[")
        if expected.count("Labels:") != got.count("Labels:"):
            found.add(name)
    return found


def test_no_alert_is_left_out_of_the_mutants(files: Mapping[str, str]) -> None:
    groups = yaml.safe_load(files["rules.yaml"])["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule} == set(ALERTS)


# --- the dashboard ---------------------------------------------------------------------------------------


@needs_promtool
@pytest.mark.parametrize("slo", [Slo(99.9, 8000), Slo()])
def test_every_expression_of_the_dashboard_is_promql(catalog: Catalog, tmp_path: Path, slo: Slo) -> None:
    expressions = {text for _, text in shown(monitored(promising(catalog, slo=slo)))}
    rules = [
        {"record": f"shown:{number}", "expr": substituted(text)} for number, text in enumerate(expressions)
    ]
    (tmp_path / "shown.yaml").write_text(yaml.safe_dump({"groups": [{"name": "shown", "rules": rules}]}))
    checked = promtool("check", "rules", "shown.yaml", folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def substituted(expression: str) -> str:
    """As Grafana would, with All chosen."""
    text = expression.replace("$__rate_interval", "1m")
    text = re.sub(r"\$(gateway|strategy|provider)\b", ".*", text)
    assert "$" not in text
    return text


# --- the objects -----------------------------------------------------------------------------------------


def manifests(files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {path: yaml.safe_load(text) for path, text in files.items() if path.startswith("manifests/")}


def test_the_operator_gets_the_very_rules(files: Mapping[str, str]) -> None:
    rule = manifests(files)["manifests/prometheusrule.yaml"]
    assert rule["spec"] == yaml.safe_load(files["rules.yaml"])
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["metadata"]["namespace"] == "production"
    assert rule["metadata"]["labels"]["release"] == "kube-prometheus-stack"


def test_grafanas_sidecar_gets_the_very_dashboard(files: Mapping[str, str]) -> None:
    config_map = manifests(files)["manifests/configmap-dashboard.yaml"]
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert config_map["data"] == {"foundational-models.json": files["dashboard.json"]}


def test_every_object_can_be_applied_by_a_client(files: Mapping[str, str]) -> None:
    for path, data in manifests(files).items():
        assert len(json.dumps(data)) < MOST_BYTES, path
        assert len(files[path]) < MOST_BYTES, path


def test_a_pod_monitor_selects_the_pods_of_its_gateway(
    catalog: Catalog, files: Mapping[str, str], bundle: Mapping[str, bytes]
) -> None:
    for name, gateway in catalog.gateways.items():
        monitor = manifests(files)[f"manifests/podmonitor-{name}.yaml"]
        assert monitor["metadata"]["namespace"] == gateway.namespace
        deployment = yaml.safe_load(bundle[f"manifests/{name}/deployment.yaml"])
        pod_labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= pod_labels.items()
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert (endpoint["port"], endpoint["path"], endpoint["honorLabels"]) == ("metrics", "/metrics", False)
        assert relabelled(endpoint["relabelings"], "sourceLabels", "targetLabel", pod_labels) == {
            "catalog": catalog.name,
            "gateway": name,
        }


def relabelled(
    rules: list[dict[str, Any]], source: str, target: str, pod_labels: Mapping[str, str]
) -> dict[str, str]:
    """The labels of a target, of those rules that copy a label of the pod."""
    found = {}
    for rule in rules:
        for label, value in pod_labels.items():
            if rule.get(source) == ["__meta_kubernetes_pod_label_" + re.sub(r"[^a-zA-Z0-9_]", "_", label)]:
                if rule["action"] == "replace":
                    found[rule[target]] = value
                else:
                    assert (rule["action"], rule["regex"]) == ("keep", value)
    return found


def test_a_plain_prometheus_gives_the_same_labels(
    catalog: Catalog, files: Mapping[str, str], bundle: Mapping[str, bytes]
) -> None:
    (job,) = yaml.safe_load(files["scrape.yaml"])["scrape_configs"]
    assert job["kubernetes_sd_configs"] == [{"role": "pod", "namespaces": {"names": ["production"]}}]
    for name in catalog.gateways:
        deployment = yaml.safe_load(bundle[f"manifests/{name}/deployment.yaml"])
        pod_labels = deployment["spec"]["template"]["metadata"]["labels"]
        found = relabelled(job["relabel_configs"], "source_labels", "target_label", pod_labels)
        assert found == {"catalog": catalog.name, "gateway": name}


@needs_promtool
def test_a_plain_prometheus_takes_the_scrape_config(files: Mapping[str, str], tmp_path: Path) -> None:
    written(files, tmp_path)
    (tmp_path / "whole.yaml").write_text(files["scrape.yaml"] + "rule_files: [rules.yaml]\n")
    # `scrape_config_files` came with 2.43; a file of it has the shape of a whole configuration.
    (tmp_path / "including.yaml").write_text("scrape_config_files: [scrape.yaml]\nrule_files: [rules.yaml]\n")
    for config in ["whole.yaml", *(["including.yaml"] if version() >= (2, 43) else [])]:
        checked = promtool("check", "config", config, folder=tmp_path)
        if "field kubernetes_sd_configs not found" in checked.stdout + checked.stderr:
            # Debian's is built without Kubernetes: it judges all but how pods are found
            whole = yaml.safe_load(files["scrape.yaml"])
            del whole["scrape_configs"][0]["kubernetes_sd_configs"]
            (tmp_path / config).write_text(yaml.safe_dump({**whole, "rule_files": ["rules.yaml"]}))
            checked = promtool("check", "config", config, folder=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def version() -> tuple[int, int]:
    told = promtool("--version", folder=Path.cwd())
    found = re.search(r"version (\d+)\.(\d+)", told.stdout + told.stderr)
    assert found is not None
    return int(found[1]), int(found[2])


def test_kustomize_lists_every_object(files: Mapping[str, str], tmp_path: Path) -> None:
    built = kubectl("kustomize", str(written(files, tmp_path)))
    assert built.returncode == 0, built.stderr
    objects = [(one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(built.stdout)]
    assert sorted(objects) == [
        ("ConfigMap", "foundational-models-dashboard"),
        ("PodMonitor", "bedrock-gateway"),
        ("PodMonitor", "llm-router"),
        ("PodMonitor", "vertex-ai-gateway"),
        ("PrometheusRule", "foundational-models"),
    ]
