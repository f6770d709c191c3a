"""What LiteLLM would ignore or misread is found at its place in a bundle; ours have none of it."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from compiler import resolve
from compiler.emit import document
from compiler.pipeline import render
from compiler.render import litellm as renderer
from compiler.targets.litellm import DEFAULT, LINES
from compiler.targets.litellm.keys import KEYS
from compiler.verify import Finding, layout, litellm, verify
from compiler.verify.documents import read_yaml
from compiler.verify.objects import Object, as_object

ROOT = Path(__file__).resolve().parents[2]
CATALOGS = [ROOT / "catalog" / "foundational-models.yaml", *sorted(ROOT.glob("tests/golden/*/catalog.yaml"))]
ROUTER = "litellm/llm-router/config.yaml"
TABLE = "litellm/llm-router/routing_table.json"
AZURE = ROOT / "tests" / "golden" / "azure-two-regions" / "catalog.yaml"


def rendered(catalog: Path) -> dict[str, bytes]:
    outcome = render(catalog)
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return dict(outcome.bundle)


@dataclass
class Bundle:
    """A bundle taken apart for one defect: the router's configuration and table, and every object."""

    files: dict[str, bytes]
    config: dict[str, Any]
    table: dict[str, Any]
    items: list[Object]

    def object(self, kind: str, name: str = "llm-router") -> dict[str, Any]:
        return next(item.data for item in self.items if (item.kind, item.name) == (kind, name))

    def container(self) -> dict[str, Any]:
        found: dict[str, Any] = self.object("Deployment")["spec"]["template"]["spec"]["containers"][0]
        return found

    def judged(self, line: str = DEFAULT.minor) -> list[Finding]:
        """The findings, once what was changed stands in the files and in the ConfigMaps that carry them."""
        self._put(ROUTER, document(self.config), "llm-router-config")
        self._put(TABLE, json.dumps(self.table), "llm-router-routing")
        yamls = {path: raw for path, raw in self.files.items() if path.endswith("/config.yaml")}
        return list(litellm.check(self.files, list(read_yaml(yamls)), self.items, LINES[line]))

    def _put(self, path: str, text: str, config_map: str) -> None:
        if path in self.files:
            self.files[path] = text.encode()
        data = self.object("ConfigMap", config_map)["data"]
        if path.rpartition("/")[2] in data:
            data[path.rpartition("/")[2]] = text


def taken_apart(catalog: Path) -> Bundle:
    files = rendered(catalog)
    documents = list(read_yaml({path: raw for path, raw in files.items() if path.endswith(".yaml")}))
    items = [as_object(one) for one in documents if layout.is_all_in_one(one.path)]
    config = next(one.data for one in documents if one.path == ROUTER)
    return Bundle(files, config, json.loads(files[TABLE]), items)


@pytest.fixture(scope="module")
def reference() -> Bundle:
    return taken_apart(CATALOGS[0])


@pytest.fixture(scope="module")
def azure() -> Bundle:
    return taken_apart(AZURE)


def params(bundle: Bundle, place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = bundle.config["model_list"][place]["litellm_params"]
    return found


def info(bundle: Bundle, place: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = bundle.config["model_list"][place]["model_info"]
    return found


def settings(bundle: Bundle, section: str = "router") -> dict[str, Any]:
    found: dict[str, Any] = bundle.config[f"{section}_settings"]
    return found


def rename(mapping: dict[str, Any], old: str, new: str) -> None:
    mapping[new] = mapping.pop(old)


def direct(bundle: Bundle) -> int:
    """The place of a model with a key of its own."""
    keys = (entry["litellm_params"].get("api_key", "") for entry in bundle.config["model_list"])
    return next(place for place, key in enumerate(keys) if "PROVIDER_OPENAI" in key)


def drop_variable(bundle: Bundle, name: str) -> None:
    container = bundle.container()
    container["env"] = [entry for entry in container["env"] if entry["name"] != name]


def drop_file(bundle: Bundle, key: str) -> None:
    for item in bundle.items:
        if item.kind == "ConfigMap" and item.name.startswith("llm-router-"):
            item.data["data"].pop(key, None)


GROUPS = "router_settings.routing_groups"
# What is done to the bundle, and the pointer and a part of the message of the one finding of it.
DEFECTS: dict[str, tuple[Callable[[Bundle], Any], str, str]] = {
    "a key of the top with a typo": (
        lambda b: b.config.update(router_setting={}), "router_setting", "ignore it in silence"),
    "variables in the configuration": (
        lambda b: b.config.update(environment_variables={}), "environment_variables", "the Deployment sets"),
    "no router_settings": (lambda b: b.config.pop("router_settings"), "", "has no router_settings"),
    "a key of a model with a typo": (
        lambda b: rename(params(b), "api_base", "base_url"), "model_list[0].litellm_params.base_url",
        "ignore it"),
    "an order of deployments": (
        lambda b: params(b).update(order=1), "model_list[0].litellm_params.order",
        "the plugin keeps the order"),
    "an unknown fact": (
        lambda b: info(b).update(context_window=1), "model_list[0].model_info.context_window", "ignore it"),
    "a number in quotes": (
        lambda b: info(b).update(max_input_tokens="8192"), "model_list[0].model_info.max_input_tokens",
        "'8192' is not a whole number"),
    "a price that YAML reads as text": (
        lambda b: info(b).update(input_cost_per_token="1e-07"),
        "model_list[0].model_info.input_cost_per_token",
        "is not a number"),
    "true for a number": (
        lambda b: settings(b).update(max_fallbacks=True), "router_settings.max_fallbacks",
        "is not a whole number"),
    "a model without an id": (lambda b: info(b).pop("id"), "model_list[0].model_info", "has no id"),
    "an id twice": (
        lambda b: b.config["model_list"].insert(1, copy.deepcopy(b.config["model_list"][0])),
        "model_list[1].model_info.id", "stands before already"),
    "no provider before the model": (
        lambda b: params(b, direct(b)).update(model="gpt-4"), "model_list[{direct}].litellm_params.model",
        "begins with no known provider"),
    "an unknown provider before the model": (
        lambda b: params(b, direct(b)).update(model="openia/gpt-4"),
        "model_list[{direct}].litellm_params.model",
        "begins with no known provider"),
    "a literal key": (
        lambda b: params(b, direct(b)).update(api_key="sk-1"), "model_list[{direct}].litellm_params.api_key",
        "a literal"),
    "no key where a vendor wants one": (
        lambda b: params(b, direct(b)).update(api_key="none"), "model_list[{direct}].litellm_params.api_key",
        "none, for the API of a vendor"),
    "a variable that the Deployment does not set": (
        lambda b: params(b, direct(b)).update(api_key="os.environ/OPENAI_API_KEY"),
        "model_list[{direct}].litellm_params.api_key", "sets no such variable"),
    "a variable within a text": (
        lambda b: params(b, direct(b)).update(api_base="http://os.environ/PROVIDER_OPENAI_API_KEY"),
        "model_list[{direct}].litellm_params.api_base", "sets no such variable"),
    "the address of no gateway": (
        lambda b: params(b).update(api_base="http://bedrock-gateway.staging.svc:80"),
        "model_list[0].litellm_params.api_base", "no gateway of the bundle listens there"),
    "a model that the other gateway does not serve": (
        lambda b: params(b).update(model="litellm_proxy/gpt-4"), "model_list[0].litellm_params.model",
        "does not serve 'gpt-4'"),
    "a call to another gateway without the header": (
        lambda b: params(b).pop("extra_headers"), "model_list[0].litellm_params.extra_headers",
        "x-interlock-hop"),
    "retries": (lambda b: settings(b).update(num_retries=2), "router_settings.num_retries", "must be 0"),
    "retries of the module": (
        lambda b: settings(b, "litellm").pop("num_retries"), "litellm_settings.num_retries", "must be 0"),
    "another balancing": (
        lambda b: settings(b).update(routing_strategy="least-busy"), "router_settings.routing_strategy",
        "must be simple-shuffle"),
    "default fallbacks": (
        lambda b: settings(b).update(default_fallbacks=["gpt-4"]), "router_settings.default_fallbacks",
        "what no route allows"),
    "fallbacks in the configuration": (
        lambda b: settings(b).update(fallbacks=[{"gpt-4": ["gpt-4-turbo-preview"]}]),
        "router_settings.fallbacks",
        "what no route allows"),
    "LiteLLM's own filter": (
        lambda b: settings(b).update(enable_pre_call_checks=True), "router_settings.enable_pre_call_checks",
        "would filter"),
    "a check that filters": (
        lambda b: settings(b).update(optional_pre_call_checks=["prompt_caching"]),
        "router_settings.optional_pre_call_checks", "the plugin filters"),
    "LiteLLM's own limits": (
        lambda b: settings(b).update(optional_pre_call_checks=["enforce_model_rate_limits"]),
        "router_settings.optional_pre_call_checks", "rests the next deployment"),
    "a setting that no LiteLLM reads": (
        lambda b: settings(b, "litellm").update(telemetry=False), "litellm_settings.telemetry", "ignore it"),
    "no timeout": (lambda b: settings(b).pop("timeout"), "router_settings.timeout", "must be above zero"),
    "routes cut short": (
        lambda b: settings(b).update(max_fallbacks=2), "router_settings.max_fallbacks", "calls"),
    "no cool-downs of lone deployments": (
        lambda b: settings(b).pop("allowed_fails"), "router_settings.allowed_fails", "must be 0 or more"),
    "a policy for an error that nobody counts": (
        lambda b: settings(b)["allowed_fails_policy"].update(ForbiddenErrorAllowedFails=1),
        "router_settings.allowed_fails_policy.ForbiddenErrorAllowedFails", "ignore it in silence"),
    "a callback of somebody else's": (
        lambda b: settings(b, "litellm")["callbacks"].append("langfuse"), "litellm_settings.callbacks[2]",
        "none of"),
    "no callback of ours": (
        lambda b: settings(b, "litellm").update(callbacks=["prometheus"]), "litellm_settings.callbacks",
        "must name routing_plugin.handler once"),
    "fallbacks for every key": (
        lambda b: settings(b, "general").update(enforce_fallback_model_access=False),
        "general_settings.enforce_fallback_model_access", "must be true"),
    "no master key": (
        lambda b: settings(b, "general").pop("master_key"), "general_settings", "has no master_key"),
    "a strategy without a group": (
        lambda b: settings(b)["routing_groups"].pop(), GROUPS, "auto/quality"),
    "a group of no model in service": (
        lambda b: settings(b)["routing_groups"][0].update(models=["gone"], model_priorities={"gone": 1}),
        f"{GROUPS}[0].models", "no model in service: gone"),
    "a group without priorities": (
        lambda b: settings(b)["routing_groups"][0].update(model_priorities={}),
        f"{GROUPS}[0].model_priorities",
        "a whole number from 1"),
    "an unknown candidate": (
        lambda b: b.table["strategies"]["fast"]["candidates"].append("gone"), "strategies.fast.candidates",
        "there is no model 'gone'"),
    "an unknown canary": (
        lambda b: b.table["strategies"]["fast"].update(canary={"model": "gone", "percent": 5}),
        "strategies.fast.canary", "there is no model 'gone'"),
    "an unknown fallback": (
        lambda b: b.table["models"]["gpt-4"].update(fallbacks=["gone"]), "models.gpt-4.fallbacks", "'gone'"),
    "an unknown default strategy": (
        lambda b: b.table.update(default_strategy="gone"), "default_strategy", "there is no strategy 'gone'"),
    "a deployment of the table alone": (
        lambda b: b.table["models"]["gpt-4"]["deployments"][0].update(id="gone"), "models",
        "'gpt-4' has other deployments"),
    "a table that cannot be put together": (
        lambda b: b.table.update(parts=["gone.json"]), "", "is no routing table"),
    "an included file that is not there": (
        lambda b: b.config.update(include=["gone.json"]), "include", "there is no file gone.json"),
    "a variable missing in the Deployment": (
        lambda b: drop_variable(b, "LITELLM_MASTER_KEY"), "general_settings.master_key",
        "sets no such variable"),
    "a key beside the leave to have none": (
        lambda b: b.container()["env"].append(
            {"name": "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "value": "true"}),
        "general_settings.master_key", "beside it"),
    "the plugin not in the ConfigMap": (
        lambda b: drop_file(b, "routing_plugin.py"), "", "do not mount it"),
    "another plugin in the ConfigMap": (
        lambda b: b.object("ConfigMap",
        "llm-router-plugin")["data"].update({"routing_plugin.py": "pass"}), "",
        "is another one"),
    "no plugin": (
        lambda b: b.files.pop("litellm/llm-router/routing_plugin.py"), "litellm_settings.callbacks",
        "there is no routing_plugin.py"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_single_defect_is_found_at_its_place(reference: Bundle, name: str) -> None:
    spoil, pointer, message = DEFECTS[name]
    bundle = copy.deepcopy(reference)
    pointer = pointer.replace("{direct}", str(direct(bundle)))
    spoil(bundle)
    found = bundle.judged()
    assert [(one.pointer, message in one.message) for one in found] == [(pointer, True)], found
    assert found[0].path.startswith("litellm/llm-router/")
    assert found[0].object == "gateway llm-router"


def test_an_untouched_bundle_has_none(reference: Bundle, azure: Bundle) -> None:
    assert copy.deepcopy(reference).judged() == []
    assert copy.deepcopy(azure).judged() == []


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("line", ["1.106", "1.109"])
def test_no_catalog_of_ours_gives_a_finding(
    catalog: Path, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled for either line, whatever the catalog names."""
    own, version = resolve._target, LINES[line].default_version
    monkeypatch.setattr(
        resolve, "_target", lambda data, scope: own({**data, "litellm": {"version": version}}, scope)
    )
    assert verify(rendered(catalog), kubernetes="1.34", litellm_version=version) == []


def test_a_model_that_only_one_side_has(reference: Bundle) -> None:
    bundle = copy.deepcopy(reference)
    bundle.table["models"]["another"] = bundle.table["models"].pop("gpt-4")
    found = {(one.path, one.message) for one in bundle.judged()}
    assert (ROUTER, "the routing table does not have 'gpt-4'") in found
    assert (TABLE, "'another' is not in the configuration") in found


def test_a_wildcard(azure: Bundle) -> None:
    bundle = copy.deepcopy(azure)
    for entry in bundle.config["model_list"]:
        entry["model_name"] = "*"
    assert ("model_list[0].model_name", True) in [
        (one.pointer, "a wildcard" in one.message) for one in bundle.judged()
    ]


def test_a_weight_of_nothing(azure: Bundle) -> None:
    bundle = copy.deepcopy(azure)
    params(bundle)["weight"] = 0
    assert [one.pointer for one in bundle.judged()] == ["model_list[0].litellm_params.weight"]


@pytest.mark.parametrize("minor", sorted(LINES))
def test_without_a_policy_a_deployment_may_never_cool_down(reference: Bundle, minor: str) -> None:
    bundle = copy.deepcopy(reference)
    settings(bundle).pop("allowed_fails_policy")
    found = bundle.judged(minor)
    named = {one.message.split()[1].rstrip(",") for one in found if "may never cool down" in one.message}
    assert named == set(LINES[minor].cooldown_errors)


def test_a_gateway_that_no_deployment_starts(reference: Bundle) -> None:
    bundle = copy.deepcopy(reference)
    bundle.object("Deployment")["metadata"]["name"] = "another"
    assert [one.message for one in bundle.judged()] == ["no Deployment llm-router starts this gateway"]


def test_a_configuration_that_litellm_is_not_started_with(reference: Bundle) -> None:
    bundle = copy.deepcopy(reference)
    args = bundle.container()["args"]
    args[args.index("--config") + 1] = "/etc/elsewhere/config.yaml"
    assert {one.path for one in bundle.judged()} == {
        path for path in bundle.files if path.startswith("litellm/llm-router/")
    }


@pytest.fixture(scope="module")
def in_parts() -> Mapping[str, bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(renderer, "MAX_PART", 2_000)
        return rendered(CATALOGS[0])


def parts_judged(files: Mapping[str, bytes]) -> list[Finding]:
    documents = list(read_yaml({path: raw for path, raw in files.items() if path.endswith(".yaml")}))
    items = [as_object(one) for one in documents if layout.is_all_in_one(one.path)]
    return [
        one for one in litellm.check(files, documents, items, DEFAULT) if "is another one" not in one.message
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"mode":"chat"', b'"moed":"chat"', "ignore it in silence"),
        (b'"max_input_tokens":8191', b'"max_input_tokens":"8191"', "is not a whole number"),
        (b'"output_cost_per_token":1.88e-05', b'"output_cost_per_token":2e-05', "has no point"),
        (b"x-interlock-hop", b"x-interlock-\\ud83d\\ude00", "does not read as one character"),
        (b'{"model_list":', b'{"models":', "something else than a model_list"),
    ],
)
def test_a_defect_in_an_included_file(
    in_parts: Mapping[str, bytes], old: bytes, new: bytes, message: str
) -> None:
    path = "litellm/llm-router/models-001.json"
    assert parts_judged(in_parts) == []
    assert old in in_parts[path]
    found = parts_judged({**in_parts, path: in_parts[path].replace(old, new, 1)})
    assert [one.path for one in found if message in one.message] == [path], found


def test_a_table_in_parts_is_read_whole(in_parts: Mapping[str, bytes]) -> None:
    path = "litellm/llm-router/routing_table-001.json"
    spoiled = {**in_parts, path: in_parts[path].replace(b'"ai21.j2-ultra-v1"', b'"another"')}
    assert {one.path for one in parts_judged(spoiled)} >= {ROUTER, TABLE}


def test_a_renderer_that_learns_a_word_litellm_does_not_know_is_a_defect_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The whole way: nothing is written, and the message says whose fault it is."""
    own = renderer._model_info
    monkeypatch.setattr(renderer, "_model_info", lambda *given: {**own(*given), "contextwindow": 1})
    outcome = render(AZURE)
    assert outcome.bundle is None
    assert all("model_info.contextwindow" in one.message for one in outcome.diagnostics)
    assert all("defect of Interlock" in str(one) for one in outcome.diagnostics)


def test_every_line_has_its_keys() -> None:
    assert KEYS.keys() == LINES.keys()
