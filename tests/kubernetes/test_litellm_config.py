"""The generated configuration, loaded by the real LiteLLM: its own validation, and its Router."""

import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import render
from compiler.render.pods import OFFLINE

pytestmark = [
    pytest.mark.proxy,
]  # one LiteLLM import for all of them

GATEWAYS = ("llm-router", "vertex-ai-gateway", "bedrock-gateway")
GOLDEN = Path(__file__).resolve().parents[1] / "golden"

# Builds each Router as the proxy does, and says what is in it. One process: the import takes seconds.
ROUTERS = """
import json, sys
from collections import Counter
import yaml
from litellm import Router

TIMES = 1000

found = {}
for name, path in json.load(sys.stdin).items():
    with open(path, encoding="utf-8") as stream:
        config = yaml.safe_load(stream)
    router = Router(model_list=config["model_list"], **config["router_settings"])
    names = Counter(deployment["model_name"] for deployment in router.model_list)
    chosen = {
        model: Counter(router.get_available_deployment(model)["model_info"]["id"] for _ in range(TIMES))
        for model, deployments in names.items() if deployments > 1
    }
    found[name] = {
        "deployments": sorted(d["model_info"]["id"] for d in router.model_list),
        "names": sorted(router.get_model_names()),
        "groups": {group: list(router.routing_groups[group].models) for group in router.routing_groups},
        "share": {model: {id: n / TIMES for id, n in found.items()} for model, found in chosen.items()},
    }
json.dump(found, sys.stdout)
"""


@dataclass(frozen=True)
class Loaded:
    """What LiteLLM said: of `--validate_config` by gateway, and of each Router by `<catalog>/<gateway>`."""

    validated: Mapping[str, subprocess.CompletedProcess[str]]
    routers: Mapping[str, dict[str, Any]]


def environment(*configs: Path) -> dict[str, str]:
    """The variables of the pods: offline, and something in the place of every secret."""
    wanted = {
        name
        for path in configs
        for name in re.findall(r"os\.environ/(\w+)", path.read_text(encoding="utf-8"))
    }
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    return {**kept, **OFFLINE, **dict.fromkeys(wanted, "sk-not-a-secret-0123456789abcdef")}


def litellm_validates(config: Path) -> subprocess.CompletedProcess[str]:
    command = [
        str(Path(sysconfig.get_path("scripts")) / "litellm"),
        "--config",
        str(config),
        "--validate_config",
    ]
    return subprocess.run(
        command,
        env=environment(config),
        cwd=config.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def litellm_routes(configs: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    ran = subprocess.run(
        [sys.executable, "-c", ROUTERS],
        input=json.dumps({name: str(path) for name, path in configs.items()}),
        env=environment(*configs.values()), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    found: dict[str, dict[str, Any]] = json.loads(ran.stdout)
    return found


def golden_configs(folder: Path) -> Iterator[tuple[str, Path]]:
    """The configurations of the golden catalogs: other providers, priorities, weights and limits."""
    for catalog in sorted(GOLDEN.glob("*/catalog.yaml")):
        for path, raw in (render(catalog).bundle or {}).items():
            if path.endswith("/config.yaml"):
                config = folder / catalog.parent.name / path
                config.parent.mkdir(parents=True)
                config.write_bytes(raw)
                yield f"{catalog.parent.name}/{config.parent.name}", config


@pytest.fixture(scope="module")
def loaded(output: Path, tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """All at once: each process takes most of its time to import LiteLLM."""
    reference = {name: output / "litellm" / name / "config.yaml" for name in GATEWAYS}
    routed = {f"foundational-models/{name}": path for name, path in reference.items()}
    routed |= dict(golden_configs(tmp_path_factory.mktemp("golden")))
    with ThreadPoolExecutor(max_workers=2) as pool:
        routers = pool.submit(litellm_routes, routed)
        validated = dict(zip(reference, pool.map(litellm_validates, reference.values()), strict=True))
        return Loaded(validated, routers.result())


def catalog_of(name: str, reference: Path) -> dict[str, Any]:
    path = reference if name == "foundational-models" else GOLDEN / name / "catalog.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found


def expected(catalog: dict[str, Any], gateway: str) -> list[str]:
    """The names of the models of a gateway, once for each deployment, read from the catalog's text alone.

    A router has one for each deployment it reaches itself, and one for each other gateway it reaches the
    model through; any other gateway has those of its own providers.
    """
    owners = {name: provider.get("gateway") for name, provider in catalog["providers"].items()}
    names = []
    for name, model in catalog["models"].items():
        if model.get("lifecycle", {}).get("status", "active") in ("planned", "retired"):
            continue
        owned = [owners[d["provider"]] for d in model.get("deployments", [model])]
        if gateway in owners.values():
            names += [name] * owned.count(gateway)
        else:
            names += [name] * (owned.count(None) + len(set(owned) - {None}))
    return sorted(names)


@pytest.mark.parametrize("gateway", GATEWAYS)
def test_litellm_finds_the_configuration_valid(loaded: Loaded, reference: Path, gateway: str) -> None:
    ran = loaded.validated[gateway]
    assert ran.returncode == 0, ran.stderr[-4000:]
    counted = re.search(r"config OK \((\d+) models\)", ran.stdout)
    assert counted, ran.stdout[-4000:]
    assert int(counted[1]) >= len(expected(catalog_of("foundational-models", reference), gateway)) > 0
    assert "Traceback" not in ran.stderr


@pytest.mark.parametrize(
    ("gateway", "count"), [("llm-router", 20), ("vertex-ai-gateway", 5), ("bedrock-gateway", 7)]
)
def test_the_router_has_every_deployment_of_the_catalog(
    loaded: Loaded, reference: Path, gateway: str, count: int
) -> None:
    found = loaded.routers[f"foundational-models/{gateway}"]
    wanted = expected(catalog_of("foundational-models", reference), gateway)
    assert len(found["deployments"]) == len(wanted) == count
    assert set(wanted) <= set(found["names"])


def test_the_router_has_every_deployment_of_the_golden_catalogs(loaded: Loaded, reference: Path) -> None:
    for name, found in loaded.routers.items():
        catalog, _, gateway = name.partition("/")
        assert len(found["deployments"]) == len(expected(catalog_of(catalog, reference), gateway)), name
        assert len(set(found["deployments"])) == len(found["deployments"]), name


@pytest.mark.parametrize(
    ("gateway", "strategies"),
    [
        ("llm-router", {"code", "cost", "fast", "long_context", "quality"}),
        ("vertex-ai-gateway", {"code", "cost", "fast", "long_context", "quality"}),
        ("bedrock-gateway", {"default"}),  # no strategy of the catalog names a model of Bedrock's
    ],
)
def test_auto_and_each_strategy_are_groups_of_litellms_own(
    loaded: Loaded, bundle: Mapping[str, bytes], gateway: str, strategies: set[str]
) -> None:
    """One member that no strategy chose: a strategy may change without a change of config.yaml."""
    found = loaded.routers[f"foundational-models/{gateway}"]
    table = json.loads(bundle[f"litellm/{gateway}/routing_table.json"])
    first = next(name for name, row in table["models"].items() if "status" not in row)
    names = {"auto", *(f"auto/{name}" for name in strategies)}
    assert found["groups"] == {name: [first] for name in names}
    assert names <= set(found["names"])


def test_weights_split_the_requests(loaded: Loaded) -> None:
    share = loaded.routers["azure-two-regions/llm-router"]["share"]["gpt-4o"]
    assert set(share) == {"azure-france/gpt-4o", "azure-sweden/gpt-4o"}
    assert share["azure-sweden/gpt-4o"] == pytest.approx(0.75, abs=0.1)  # of 1,000: seven standard deviations
