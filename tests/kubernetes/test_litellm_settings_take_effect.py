"""Every key that Interlock writes is one that the installed LiteLLM reads, and its value arrives there.

The data of compiler/targets/litellm/keys.py is held against LiteLLM's own classes and signatures; then
the configuration of a catalog that has every key is loaded as the proxy does it, and looked for where it is
read.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import render
from compiler.render import litellm as renderer
from compiler.render.pods import OFFLINE
from compiler.targets.litellm import line_for
from compiler.targets.litellm.keys import HARMFUL, KEYS, OURS, Keys

pytestmark = [pytest.mark.proxy]

CATALOG = """\
apiVersion: interlock/v1
name: every-key
gateways:
  llm-router:
    auth: {master_key: {secret: router-auth, key: master-key}}
    redis: {host: redis.production.svc, port: 6380, password: {secret: redis, key: password}}
  inner:
    service: {type: ClusterIP, port: 80}
    auth: {master_key: {secret: inner-auth, key: master-key}}
providers:
  vertex:
    type: vertex_ai
    project: {config_map: vertex, key: project-id}
    location: europe-west4
    identity: {service_account: llm-sa, gcp_service_account: llm@project-id.iam.gserviceaccount.com}
  bedrock:
    type: bedrock
    region: eu-central-1
    access_key_id: {secret: aws, key: id}
    secret_access_key: {secret: aws, key: secret}
  azure:
    type: azure
    base_url: "https://contoso.openai.azure.com"
    api_version: "2024-10-21"
    identity: {service_account: llm-sa, azure_client_id: 11111111-2222-3333-4444-555555555555}
  anthropic: {type: anthropic, gateway: inner, api_key: {secret: anthropic, key: api-key}}
models:
  gemini-3.8-flash: {provider: vertex}
  gpt-4o:
    context_window: 128000
    max_output_tokens: 16384
    price: {input: 2.5, output: 10}
    deployments: [{provider: azure, id: large, weight: 3, rpm: 900, tpm: 450000}]
  haiku:
    deployments: [{provider: bedrock, id: "anthropic.claude-opus-4-1-20250805-v1:0"}]
  claude-sonnet-5: {provider: anthropic}
strategies:
  quality: {candidates: [claude-sonnet-5, gpt-4o, gemini-3.8-flash, haiku]}
fallback: {max_attempts: 4, timeout_s: 41, cooldown: {failures: 5, seconds: 77}}
"""

# Loads the configuration as the proxy does, and says what LiteLLM has made of it.
PROBE = """
import asyncio, inspect, json, sys, types
import litellm
from pydantic import TypeAdapter
ask = json.load(sys.stdin)
known = {key: hasattr(litellm, key) for key in ask["litellm_settings"]}
modules = {key: isinstance(getattr(litellm, key, None), types.ModuleType) for key in ask["litellm_settings"]}

import litellm.proxy.proxy_server as server
from litellm.proxy._types import ConfigGeneralSettings
from litellm.types import router as types_of
from litellm.types.router import AllowedFailsPolicy, LiteLLM_Params, ModelInfo
from litellm.types.utils import ModelInfoBase

def annotations(model):
    return {name: field.annotation for name, field in model.model_fields.items()}

def signature(function):
    return {name: one.annotation for name, one in inspect.signature(function).parameters.items()}

reads = {
    "litellm_params": {
        **signature(litellm.completion),
        **types_of.LiteLLMParamsTypedDict.__annotations__,
        **annotations(LiteLLM_Params),
    },
    "model_info": {**ModelInfoBase.__annotations__, **annotations(ModelInfo)},
    "router_settings": signature(litellm.Router.__init__),
    "general_settings": annotations(ConfigGeneralSettings),
    "group": annotations(types_of.RoutingGroup),
}

def takes(annotation, sample):
    if isinstance(annotation, str) or annotation is inspect.Parameter.empty:
        return True  # not said in a form that can be asked
    try:
        TypeAdapter(annotation, config={"arbitrary_types_allowed": True}).validate_python(sample)
        return True
    except Exception as error:
        return type(error).__name__ != "ValidationError"

refused = {
    section: [
        key for key, one in ask["samples"][section].items() if key in fields and not takes(fields[key], one)
    ]
    for section, fields in reads.items()
}

def facts(deployment):
    # By id, as the cost of a call is looked up. LiteLLM keeps `openai/gpt-4o` under the name `gpt-4o`.
    return litellm.get_model_info(deployment["model_info"]["id"])

async def main():
    router, models, settings = await server.ProxyConfig().load_config(None, ask["config"])
    redis = router.cache.redis_cache
    from litellm.proxy.auth import fallback_model_access
    policy = router.allowed_fails_policy
    return {
        "reads": {section: sorted(fields) for section, fields in reads.items()},
        "refused": refused,
        "known": known,
        "modules": modules,
        "policy_errors": sorted(AllowedFailsPolicy.model_fields),
        "litellm_settings": {
            key: getattr(litellm, key) for key in ask["litellm_settings"] if key != "callbacks"
        },
        "callbacks": [one if isinstance(one, str) else type(one).__name__ for one in litellm.callbacks],
        "router": {key: getattr(router, key, None) for key in
            ("num_retries", "timeout", "max_fallbacks", "allowed_fails", "cooldown_time")},
        "strategy": str(getattr(router.routing_strategy, "value", router.routing_strategy)),
        "policy": policy.model_dump(exclude_none=True) if policy else None,
        "groups": {name: [group.models, group.routing_strategy, group.model_priorities]
            for name, group in router.routing_groups.items()},
        "checks": [type(one).__name__ for one in router.optional_callbacks or []],
        "redis": redis and {key: str(redis.redis_kwargs[key]) for key in ("host", "port", "password")},
        "master_key": server.master_key,
        "fallback_access": fallback_model_access._enforced_by_general_settings(),
        "deployments": {
            one["model_info"]["id"]: {
                **json.loads(json.dumps(one, default=str)),
                "cost": {key: facts(one)[key] for key in ask["facts"]},
            } for one in router.model_list
        },
    }

found = asyncio.run(main())
print("FOUND" + json.dumps(found, default=str))
"""
# Where each setting of the module is read: by LiteLLM's own code, as `litellm.<key>`.
READERS = {
    "callbacks": "litellm_core_utils/logging_callback_manager.py",
    "num_retries": "router*.py",
    "DEFAULT_MAX_RETRIES": "llms/openai/openai.py",
    "enable_azure_ad_token_refresh": "llms/azure/common_utils.py",
    "request_timeout": "router*.py",
    "expose_router_debug_in_errors": "router*.py",
}
FACTS = ["mode", "max_input_tokens", "max_output_tokens", "input_cost_per_token", "output_cost_per_token"]
SAMPLES: Mapping[type, Any] = {str: "text", int: 3, float: 0.5, bool: True}
SECRET = "sk-not-a-secret-0123456789abcdef"


def keys() -> Keys:
    line = line_for(version("litellm"))
    assert line is not None
    return KEYS[line.minor]


def samples() -> dict[str, dict[str, Any]]:
    """A value of each key's type; what is a list or a mapping is shown by the loading itself."""
    sections = {name: types for name, types in asdict(keys()).items() if isinstance(types, dict)}
    wanted = {name: types for name, types in sections.items() if name != "entry"}
    found = {
        name: {k: SAMPLES[t] for k, t in types.items() if t in SAMPLES} for name, types in wanted.items()
    }
    found["router_settings"]["routing_strategy"] = "simple-shuffle"
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The router's folder, and its configuration with the included files in it."""
    folder = tmp_path_factory.mktemp("every-key")
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "MAX_PART", 900)
        outcome = render(folder / "catalog.yaml")
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    for path, raw in outcome.bundle.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
    home = folder / "litellm" / "llm-router"
    config = yaml.safe_load((home / "config.yaml").read_text(encoding="utf-8"))
    parts = [yaml.safe_load((home / name).read_text(encoding="utf-8")) for name in config["include"]]
    assert len(parts) > 1
    return home, {**config, "model_list": [entry for part in parts for entry in part["model_list"]]}


@pytest.fixture(scope="module")
def found(written: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    home, config = written
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    variables = dict.fromkeys(re.findall(r"os\.environ/(\w+)", json.dumps(config)), SECRET)
    ask = {
        "config": str(home / "config.yaml"),
        "litellm_settings": list(keys().litellm_settings),
        "samples": samples(),
        "facts": FACTS,
    }
    ran = subprocess.run(
        [sys.executable, "-c", PROBE],
        input=json.dumps(ask), env={**kept, **OFFLINE, **variables}, cwd=home,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    answer: dict[str, Any] = json.loads(ran.stdout.rpartition("FOUND")[2])
    return answer


def meant(value: Any) -> Any:
    """A value of the configuration with its variable read."""
    return SECRET if isinstance(value, str) and value.startswith("os.environ/") else value


def test_this_catalog_has_every_key_that_interlock_writes(written: tuple[Path, dict[str, Any]]) -> None:
    config = written[1]
    entries = config["model_list"]
    assert keys().top.keys() == config.keys()
    for section in ("litellm_settings", "router_settings", "general_settings"):
        assert getattr(keys(), section).keys() == config[section].keys()
    assert keys().litellm_params.keys() == {key for entry in entries for key in entry["litellm_params"]}
    assert keys().model_info.keys() == {key for entry in entries for key in entry["model_info"]}
    assert keys().group.keys() == {key for one in config["router_settings"]["routing_groups"] for key in one}


@pytest.mark.parametrize(
    "section", ["litellm_params", "model_info", "router_settings", "general_settings", "group"]
)
def test_litellm_has_every_key(found: dict[str, Any], section: str) -> None:
    unknown = getattr(keys(), section).keys() - set(found["reads"][section])
    assert unknown == (OURS if section == "model_info" else set())
    assert not found["refused"][section]


def test_litellm_has_every_key_that_is_called_harmful(found: dict[str, Any]) -> None:
    assert HARMFUL["litellm_params"].keys() <= set(found["reads"]["litellm_params"])
    assert HARMFUL["router_settings"].keys() <= set(found["reads"]["router_settings"])


def test_litellm_counts_every_error_that_a_policy_may_name(found: dict[str, Any]) -> None:
    assert sorted(keys().allowed_fails_policy) == found["policy_errors"]


def test_settings_of_the_module_exist_before_they_are_set_and_are_read(found: dict[str, Any]) -> None:
    """LiteLLM sets any attribute at all: only one that it has, and reads, is a setting."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    assert READERS.keys() == keys().litellm_settings.keys()
    for key, pattern in READERS.items():
        assert found["known"][key], key
        assert not found["modules"][key], key  # the name of a package of LiteLLM's, and so no setting
        sources = "".join(path.read_text(encoding="utf-8") for path in package.glob(pattern))
        assert re.search(rf"\blitellm\.{key}\b", sources), key


def test_settings_of_the_module_arrive(written: tuple[Path, dict[str, Any]], found: dict[str, Any]) -> None:
    settings = dict(written[1]["litellm_settings"])
    assert settings.pop("callbacks") == ["prometheus", "routing_plugin.handler"]
    assert found["litellm_settings"] == settings
    assert "PrometheusLogger" in found["callbacks"] or "prometheus" in found["callbacks"]
    assert any("Interlock" in name or "Handler" in name for name in found["callbacks"]), found["callbacks"]


def test_settings_of_the_router_arrive(written: tuple[Path, dict[str, Any]], found: dict[str, Any]) -> None:
    settings = dict(written[1]["router_settings"])
    assert found["router"] == {key: settings[key] for key in found["router"]}
    assert found["router"]["timeout"] == 41
    assert found["strategy"] == settings["routing_strategy"]
    assert found["policy"] == settings.get("allowed_fails_policy")
    assert found["groups"] == {
        group["group_name"]: [group["models"], group["routing_strategy"], group["model_priorities"]]
        for group in settings["routing_groups"]
    }
    assert found["checks"] == []  # the plugin keeps the limits
    assert found["redis"] == {"host": "redis.production.svc", "port": "6380", "password": SECRET}


def test_general_settings_arrive(found: dict[str, Any]) -> None:
    assert found["master_key"] == SECRET
    assert found["fallback_access"] is True


def test_every_deployment_arrives_with_all_that_it_says(
    written: tuple[Path, dict[str, Any]], found: dict[str, Any]
) -> None:
    entries = written[1]["model_list"]
    assert found["deployments"].keys() == {entry["model_info"]["id"] for entry in entries}
    for entry in entries:
        there = found["deployments"][entry["model_info"]["id"]]
        assert there["model_name"] == entry["model_name"]
        for key, value in entry["litellm_params"].items():
            assert there["litellm_params"][key] == meant(value), key
        assert there["model_info"].items() >= entry["model_info"].items()


def test_facts_and_prices_arrive_in_litellms_own_map(
    written: tuple[Path, dict[str, Any]], found: dict[str, Any]
) -> None:
    for entry in written[1]["model_list"]:
        info = entry["model_info"]
        cost = found["deployments"][info["id"]]["cost"]
        assert {key: cost[key] for key in FACTS if key in info} == {k: info[k] for k in FACTS if k in info}
