"""Plain data → the typed catalog: what is left out, what a name means, and every name that means nothing."""

import json
from typing import Any

import pytest

from compiler.catalog import Catalog, Price
from compiler.catalog_gateways import (
    ConfigMapRef,
    Gateway,
    Replicas,
    SecretRef,
)
from compiler.diagnostics import Diagnostic
from compiler.facts import CostMap
from compiler.resolve import resolve
from compiler.schema import check
from compiler.source import Document, parse

SECRET = {"secret": "a-secret", "key": "api-key"}
OPENAI = {"type": "openai", "api_key": SECRET}
ANTHROPIC = {"type": "anthropic", "api_key": SECRET}
MODEL = {"provider": "openai"}
COST_MAP = CostMap(
    {
        "gpt-4": {
            "max_input_tokens": 8192,
            "max_output_tokens": 4096,
            "input_cost_per_token": 3e-05,
            "output_cost_per_token": 6e-05,
            "mode": "chat",
            "supports_function_calling": True,
        },
        "claude-3-opus-20240229": {
            "max_input_tokens": 200_000,
            "max_output_tokens": 4096,
            "input_cost_per_token": 1.5e-05,
            "output_cost_per_token": 7.5e-05,
            "mode": "chat",
            "supports_function_calling": True,
            "supports_vision": True,
            "deprecation_date": "2026-01-05",
        },
    }
)


def resolved(**sections: Any) -> tuple[Catalog, list[Diagnostic], Document]:
    data = {
        "apiVersion": "interlock/v1",
        "name": "gateway",
        "providers": {"openai": OPENAI, "anthropic": ANTHROPIC},
        "models": {"gpt-4": MODEL},
        **sections,
    }
    document = parse(json.dumps(data, indent=1), "f.yaml")
    assert isinstance(document, Document)
    assert check(document) == []
    catalog, found = resolve(document, COST_MAP)
    return catalog, found, document


def catalog(**sections: Any) -> Catalog:
    found, problems, _ = resolved(**sections)
    assert problems == []
    return found


# --- what is left out ---------------------------------------------------------------------------------


def test_the_defaults_of_a_small_catalog() -> None:
    small = catalog()
    assert small.gateways == {
        "llm-router": Gateway(
            name="llm-router",
            path=("gateways", "llm-router"),
            namespace="default",
            replicas=Replicas(2, 10, 70),
            service=small.gateways["llm-router"].service,
            master_key=SecretRef("llm-router-auth", "master-key"),
            resources={"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        )
    }
    assert (small.gateways["llm-router"].service.type, small.gateways["llm-router"].service.port) == (
        "ClusterIP",
        80,
    )
    assert (small.target.kubernetes, small.target.platform) == ("1.34", "generic")
    assert small.target.litellm_version in small.target.litellm_image
    assert list(small.strategies) == [small.default_strategy] == ["default"]
    assert small.strategies["default"].order == "quality"
    assert (small.fallback.providers, small.fallback.max_attempts, small.fallback.timeout_s) == ((), 3, 30)
    assert (small.fallback.cooldown_failures, small.fallback.cooldown_s) == (3, 30)
    assert small.requirements == {}


@pytest.mark.parametrize(
    ("auth", "key"),
    [
        (None, SecretRef("llm-router-auth", "master-key")),
        ({"master_key": SECRET}, SecretRef("a-secret", "api-key")),
        ("none", None),
    ],
)
def test_the_master_key(auth: Any, key: SecretRef | None) -> None:
    gateway = {"auth": auth} if auth else {}
    assert catalog(gateways={"llm-router": gateway}).gateways["llm-router"].master_key == key


def test_half_of_the_resources_keeps_the_other_half() -> None:
    resources = {"limits": {"memory": "4Gi", "cpu": "2"}, "requests": {"memory": "3Gi"}}
    found = catalog(gateways={"llm-router": {"resources": resources}}).gateways["llm-router"].resources
    assert found == {"requests": {"cpu": "500m", "memory": "3Gi"}, "limits": {"memory": "4Gi", "cpu": "2"}}


def test_the_most_pods_are_never_fewer_than_the_fewest() -> None:
    replicas = catalog(gateways={"llm-router": {"replicas": {"min": 30}}}).gateways["llm-router"].replicas
    assert (replicas.min, replicas.max) == (30, 30)


def test_a_router_is_there_when_every_gateway_belongs_to_a_provider() -> None:
    providers = {"openai": {**OPENAI, "gateway": "own"}, "anthropic": ANTHROPIC}
    both = catalog(gateways={"own": {}}, providers=providers)
    assert sorted(both.gateways) == ["llm-router", "own"]
    assert both.is_router(both.gateways["llm-router"])
    assert not both.is_router(both.gateways["own"])


def test_a_router_is_not_added_to_another() -> None:
    assert list(catalog(gateways={"main": {}}).gateways) == ["main"]


def test_text_or_a_reference() -> None:
    google = {"service_account": "a", "gcp_service_account": "a@b.iam.gserviceaccount.com"}
    vertex = {"type": "vertex_ai", "location": "europe-west4", "identity": google}
    reference = {"config_map": "vertex-ai-config", "key": "project-id"}
    providers = {"openai": OPENAI, "a": {**vertex, "project": "mine"}, "b": {**vertex, "project": reference}}
    found = catalog(providers=providers).providers
    assert found["a"].project == "mine"
    assert found["b"].project == ConfigMapRef("vertex-ai-config", "project-id")


# --- facts --------------------------------------------------------------------------------------------


def test_a_fact_left_out_comes_from_the_cost_map() -> None:
    model = catalog().models["gpt-4"]
    assert model.facts.context_window == 8192
    assert model.facts.max_output_tokens == 4096
    assert model.facts.price == Price(30.0, 60.0)
    assert model.facts.capabilities == ("function_calling",)
    assert model.modes == ("chat", "completion")


def test_what_the_catalog_says_wins() -> None:
    said = {
        **MODEL,
        "context_window": 1000,
        "max_output_tokens": 10,
        "price": {"input": 1, "output": 2.5},
        "modes": ["completion"],
        "capabilities": [],
        "quality": 90,
        "latency_ms": 100,
    }
    model = catalog(models={"gpt-4": said}).models["gpt-4"]
    assert (model.facts.context_window, model.facts.max_output_tokens) == (1000, 10)
    assert model.facts.price == Price(1.0, 2.5)
    assert (model.facts.capabilities, model.modes) == ((), ("completion",))
    assert (model.quality, model.latency_ms) == (90, 100)


def test_the_facts_are_those_of_the_upstream_id() -> None:
    model = catalog(models={"opus": {"provider": "anthropic", "id": "claude-3-opus-20240229"}}).models["opus"]
    assert model.facts.context_window == 200_000
    assert model.facts.retires_on == "2026-01-05"


def test_several_upstreams_promise_what_the_weakest_does() -> None:
    deployments = [
        {"provider": "anthropic", "id": "claude-3-opus-20240229"},
        {"provider": "openai", "id": "gpt-4"},
    ]
    facts = catalog(models={"best": {"deployments": deployments}}).models["best"].facts
    assert facts.context_window == 8192
    assert facts.price == Price(30.0, 75.0)  # the dearest of each side
    assert facts.capabilities == ("function_calling",)


def test_tiers_are_sorted() -> None:
    tiers = [{"above_context": n, "input": n, "output": n} for n in (3, 1, 2)]
    model = catalog(models={"gpt-4": {**MODEL, "price": {"input": 1, "output": 1, "tiers": tiers}}}).models[
        "gpt-4"
    ]
    assert model.facts.price
    assert [tier[0] for tier in model.facts.price.tiers] == [1, 2, 3]


def test_a_window_nobody_knows() -> None:
    found, problems, _ = resolved(models={"gpt-4": MODEL, "ours": MODEL})
    assert found.models["ours"].facts.context_window is None
    assert problems == []  # an interlock's to say


def test_a_plan_needs_no_facts() -> None:
    catalog(models={"gpt-4": MODEL, "ours": {**MODEL, "lifecycle": {"status": "planned"}}})


# --- deployments --------------------------------------------------------------------------------------


def deployments(*rows: dict[str, Any]) -> list[tuple[str, str, int]]:
    model = catalog(models={"gpt-4": {"context_window": 1, "deployments": list(rows)}}).models["gpt-4"]
    return [(d.id, d.upstream, d.priority) for d in model.deployments]


def test_the_order_of_deployments_is_their_priority() -> None:
    assert deployments({"provider": "openai"}, {"provider": "anthropic", "id": "x"}) == [
        ("openai/gpt-4", "gpt-4", 1),
        ("anthropic/gpt-4", "x", 2),
    ]


def test_neighbours_with_a_weight_share_a_priority() -> None:
    weighted, plain = {"provider": "openai", "weight": 1}, {"provider": "openai"}
    found = deployments(plain, weighted, weighted, plain, weighted)
    assert [priority for _, _, priority in found] == [1, 2, 2, 3, 4]


def test_every_deployment_has_an_id_of_its_own() -> None:
    ids = [name for name, _, _ in deployments(*[{"provider": "openai"}] * 3, {"provider": "anthropic"})]
    assert ids == ["openai/gpt-4", "openai/gpt-4#2", "openai/gpt-4#3", "anthropic/gpt-4"]


# --- strategies ---------------------------------------------------------------------------------------

MODELS = {
    "big": {
        "provider": "anthropic",
        "context_window": 200_000,
        "capabilities": ["vision", "function_calling"],
    },
    "small": {
        "provider": "openai",
        "context_window": 8000,
        "modes": ["chat", "embedding"],
        "capabilities": [],
    },
    "old": {"provider": "openai", "context_window": 8000, "lifecycle": {"status": "retired"}},
}


@pytest.mark.parametrize(
    ("strategy", "candidates"),
    [
        ({}, ("big", "small")),
        ({"select": {}}, ("big", "small")),
        ({"select": {"capabilities": ["vision"]}}, ("big",)),
        ({"select": {"capabilities": ["vision", "json_mode"]}}, ()),
        ({"select": {"modes": ["embedding"]}}, ("small",)),
        ({"select": {"providers": ["openai"]}}, ("small",)),
        ({"select": {"min_context_window": 8001}}, ("big",)),
        ({"candidates": ["small", "old", "big"]}, ("small", "old", "big")),
    ],
)
def test_who_is_a_candidate(strategy: dict[str, Any], candidates: tuple[str, ...]) -> None:
    found = catalog(models=MODELS, strategies={"s": strategy}).strategies["s"]
    assert found.candidates == candidates
    assert found.listed == ("candidates" in strategy)


@pytest.mark.parametrize(
    ("strategies", "default"),
    [
        ({"only": {}}, "only"),
        ({"a": {}, "b": {"default": True}}, "b"),
        ({"a": {}, "quality": {}}, "quality"),
        ({"default": {}, "quality": {}}, "default"),
        ({"default": {}, "b": {"default": True}}, "b"),
        ({"a": {"default": False}, "quality": {}}, "quality"),
    ],
)
def test_the_default_strategy(strategies: dict[str, Any], default: str) -> None:
    assert catalog(strategies=strategies).default_strategy == default


@pytest.mark.parametrize(
    ("strategies", "path", "others"),
    [
        ({"a": {}, "b": {}}, ("strategies",), 0),
        ({"a": {"default": True}, "b": {"default": True}}, ("strategies", "b", "default"), 1),
    ],
)
def test_no_default_or_two(strategies: dict[str, Any], path: tuple[str, ...], others: int) -> None:
    _, problems, document = resolved(strategies=strategies)
    (found,) = problems
    assert (found.code, found.where) == ("IL306", document.span(path, key=True))
    assert len(found.related) == others


def test_the_order_of_keys_means_nothing() -> None:
    models = {name: {**MODEL, "context_window": 1} for name in "abc"}
    strategies = {"x": {}, "quality": {"order": "cost"}}
    forth = catalog(models=models, strategies=strategies)
    back = catalog(
        models=dict(reversed(models.items())),
        strategies=dict(reversed(strategies.items())),
        providers={"anthropic": ANTHROPIC, "openai": OPENAI},
    )
    assert forth == back
    assert list(forth.models) == list(back.models)


# --- fallbacks ----------------------------------------------------------------------------------------


def test_no_fallbacks_and_nothing_said_of_them_differ() -> None:
    found = catalog(models={"a": {**MODEL, "context_window": 1, "fallbacks": []}, "gpt-4": MODEL}).models
    assert found["a"].fallbacks == ()
    assert found["gpt-4"].fallbacks is None


def test_what_happens_when_a_provider_fails() -> None:
    said = {
        "providers": ["anthropic", "openai"],
        "max_attempts": 5,
        "timeout_s": 2.5,
        "cooldown": {"failures": 1, "seconds": 0.5},
    }
    found = catalog(fallback=said).fallback
    assert found.providers == ("anthropic", "openai")
    assert (found.max_attempts, found.timeout_s, found.cooldown_failures, found.cooldown_s) == (
        5,
        2.5,
        1,
        0.5,
    )


# --- names that mean nothing --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sections", "path", "meant"),
    [
        (
            {"models": {"gpt-4": {"provider": "open-ai"}}},
            ("models", "gpt-4", "provider"),
            ("providers", "openai"),
        ),
        ({"models": {"gpt-4": {"provider": "azure"}}}, ("models", "gpt-4", "provider"), None),
        (
            {
                "models": {
                    "gpt-4": {
                        "context_window": 1,
                        "deployments": [{"provider": "openai"}, {"provider": "opneai"}],
                    }
                }
            },
            ("models", "gpt-4", "deployments", 1, "provider"),
            ("providers", "openai"),
        ),
        (
            {"models": {"gpt-4": {**MODEL, "fallbacks": ["gpt4"]}}},
            ("models", "gpt-4", "fallbacks", 0),
            ("models", "gpt-4"),
        ),
        (
            {"strategies": {"s": {"candidates": ["gpt-4", "GPT-4"]}}},
            ("strategies", "s", "candidates", 1),
            ("models", "gpt-4"),
        ),
        (
            {"strategies": {"s": {"select": {"providers": ["antropic"]}}}},
            ("strategies", "s", "select", "providers", 0),
            ("providers", "anthropic"),
        ),
        (
            {"strategies": {"s": {"requirements": {"providers": ["openai", "opena"]}}}},
            ("strategies", "s", "requirements", "providers", 1),
            ("providers", "openai"),
        ),
        ({"requirements": {"exclude_providers": ["x"]}}, ("requirements", "exclude_providers", 0), None),
        ({"fallback": {"providers": ["openai", "vertex"]}}, ("fallback", "providers", 1), None),
        (
            {"gateways": {"main": {}}, "providers": {"openai": {**OPENAI, "gateway": "mian"}}},
            ("providers", "openai", "gateway"),
            ("gateways", "main"),
        ),
    ],
)
def test_a_name_that_means_nothing(
    sections: dict[str, Any], path: tuple[str | int, ...], meant: tuple[str, ...] | None
) -> None:
    _, problems, document = resolved(**sections)
    (found,) = [d for d in problems if d.code == "IL301"]
    assert found.where == document.span(path)
    assert [span for span, _ in found.related] == ([document.span(meant, key=True)] if meant else [])
    assert ("did you mean" in found.hint) == bool(meant)
    assert meant is None or repr(meant[-1]) in found.hint


def test_every_name_is_reported_in_one_go() -> None:
    models = {
        "gpt-4": {"provider": "a", "fallbacks": ["b", "c"]},
        "x": {"provider": "d", "context_window": 1},
    }
    _, problems, _ = resolved(models=models, fallback={"providers": ["e"]})
    assert sum(d.code == "IL301" for d in problems) == 5


def test_a_long_list_of_names_is_cut() -> None:
    models = {f"team-{n:03}": {**MODEL, "context_window": 1} for n in range(50)}
    _, (found,), _ = resolved(models=models, strategies={"s": {"candidates": ["claude-3-opus"]}})
    assert "team-000" in found.hint
    assert "and 42 more" in found.hint


def test_thousands_of_names_that_mean_nothing_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each search for the nearest of 2,000 names takes milliseconds: a few of them help, thousands take hours.
    from compiler import scope as module

    asked = 0

    def counted(word: str, legal: Any) -> str | None:
        nonlocal asked
        asked += 1
        return None

    monkeypatch.setattr(module, "nearest", counted)
    monkeypatch.setattr(module, "_listing", counted)  # sorts every name
    models = {f"m{n}": {**MODEL, "context_window": 1, "fallbacks": [f"n{n}"]} for n in range(2000)}
    _, problems, _ = resolved(models=models)
    assert sum(d.code == "IL301" for d in problems) == 2000
    assert asked <= 200


# --- the target ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "word"), [("1.82.7", "attacker"), ("1.82.8", "attacker"), ("1.40.0", "not supported")]
)
def test_a_litellm_that_is_not_compiled_for(version: str, word: str) -> None:
    _, (found,), document = resolved(target={"litellm": {"version": version}})
    assert (found.code, found.where) == ("IL801", document.span(("target", "litellm", "version")))
    assert version in found.message
    assert word in found.message


def test_the_image_follows_the_version() -> None:
    assert catalog(target={"litellm": {"version": "1.106.1"}}).target.litellm_image.endswith("1.106.1")
    own = "registry.example.com/litellm:1"
    assert catalog(target={"litellm": {"image": own}}).target.litellm_image == own


@pytest.mark.parametrize(
    "image", ["ghcr.io/berriai/litellm:v1.82.7", "mirror.example.com/litellm:v1.82.8-stable"]
)
def test_the_image_of_a_malicious_release_is_refused(image: str) -> None:
    _, problems, document = resolved(target={"litellm": {"image": image}})
    assert [(d.code, d.where) for d in problems] == [("IL801", document.span(("target", "litellm", "image")))]
