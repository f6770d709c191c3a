"""A catalog too large for one ConfigMap: its output is in parts, and the parts are the whole."""

import json
from pathlib import Path

import pytest
import yaml

from compiler.pipeline import Outcome, render
from compiler.render.litellm import _line
from compiler.runtime.table import digest, load_table
from compiler.source import parse
from compiler.table import routing_table

MODELS = 1500
APPLY_LIMIT = 256 * 1024  # bytes of the annotation in which a client-side `kubectl apply` keeps an object


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    names = [f"m-{n:04}" for n in range(MODELS)]
    lines = [
        "apiVersion: interlock/v1",
        "name: large",
        "providers: {p: {type: openai_compatible, base_url: 'http://p.test/v1'}}",
        "models:",
        *(
            f"  {name}: {{provider: p, quality: {n % 100}, price: {{input: 0.1, output: {n}}}}}"
            for n, name in enumerate(names)
        ),
        "strategies:",
        "  all: {default: true, order: quality}",
        "  cheap: {order: cost}",
    ]
    path = tmp_path_factory.mktemp("large") / "large.yaml"
    path.write_text("\n".join(lines))
    result = render(path)
    assert result.bundle is not None, result.diagnostics[:3]
    return result


def test_every_object_can_be_applied_from_the_client(outcome: Outcome) -> None:
    assert outcome.bundle is not None
    objects = list(yaml.load_all(outcome.bundle["large.yaml"], Loader=yaml.CSafeLoader))
    maps = [found for found in objects if found["kind"] == "ConfigMap"]
    assert len(maps) > 1
    assert max(len(json.dumps(found)) for found in objects) < APPLY_LIMIT
    (deployment,) = (found for found in objects if found["kind"] == "Deployment")
    volume = deployment["spec"]["template"]["spec"]["volumes"][0]
    mounted = [source["configMap"]["name"] for source in volume["projected"]["sources"]]
    assert mounted == [found["metadata"]["name"] for found in maps]


def test_the_parts_of_the_table_are_the_table(outcome: Outcome, tmp_path: Path) -> None:
    assert outcome.bundle is not None
    assert outcome.catalog is not None
    folder = "litellm/llm-router/"
    for path, raw in outcome.bundle.items():
        if path.startswith(folder):
            file = tmp_path / path.removeprefix(folder)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(raw)
    loaded = load_table(str(tmp_path / "routing_table.json"))
    assert loaded.pop("parts")
    table = routing_table(outcome.catalog, outcome.catalog.front)
    assert loaded == table
    assert digest(loaded) == loaded["digest"]
    assert len(loaded["strategies"]["all"]["candidates"]) == MODELS


def test_every_model_is_in_an_included_file(outcome: Outcome) -> None:
    assert outcome.bundle is not None
    config = yaml.safe_load(outcome.bundle["litellm/llm-router/config.yaml"])
    parts = [yaml.safe_load(outcome.bundle[f"litellm/llm-router/{name}"]) for name in config["include"]]
    rows = [row for part in parts for row in part["model_list"]]
    assert [row["model_name"] for row in rows] == [f"m-{n:04}" for n in range(MODELS)]
    assert all(isinstance(row["model_info"]["input_cost_per_token"], float) for row in rows)
    groups = {group["group_name"]: group["models"] for group in config["router_settings"]["routing_groups"]}
    assert groups["auto/all"] == ["m-0000"]


@pytest.mark.parametrize(
    "value", [1e-07, 1.5e-07, 1e22, -3e-300, 0.25, 12, 'a 1e5 "quoted" \\ 2e-7', "1e-07", ""]
)
def test_a_line_means_the_same_to_every_reader(value: object) -> None:
    entry = {"key": value, "params": {"key": value, "other": 'text ":1e-07'}}
    line = _line(entry)
    assert json.loads(line) == entry
    assert yaml.safe_load(line) == entry
    document = parse(line)
    assert getattr(document, "data", document) == entry
