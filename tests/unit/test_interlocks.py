"""Each interlock refuses just what it is about, at the place where it is mended."""

import json
from typing import Any

import pytest

from compiler.diagnostics import Diagnostic
from compiler.interlocks.routes import LITELLM_STRATEGIES
from compiler.pipeline import Outcome, validate_text
from compiler.resources import resource

SECRET = {"secret": "a-secret", "key": "api-key"}
GOOGLE = {
    "service_account": "llm-gateway-sa",
    "gcp_service_account": "llm@my-project.iam.gserviceaccount.com",
}
AMAZON = {"service_account": "bedrock-sa", "aws_role_arn": "arn:aws:iam::998877665544:role/bedrock-role"}
OPENAI = {"type": "openai", "api_key": SECRET}
VERTEX = {"type": "vertex_ai", "project": "my-project", "location": "europe-west4", "identity": GOOGLE}
BEDROCK = {"type": "bedrock", "region": "eu-central-1", "identity": AMAZON}
AZURE = {
    "type": "azure",
    "base_url": "https://x.openai.azure.com",
    "identity": {"service_account": "llm", "azure_client_id": "11111111-2222-3333-4444-555555555555"},
}
MODEL = {"provider": "openai", "context_window": 8192}


# A catalog of one provider is warned of, and what depends on it is noted: test_outages.py.
OF_ONE_PROVIDER = ("IL304", "IL320")


def outcome(**sections: Any) -> Outcome:
    """What is said of a small catalog of one provider and one model, some sections of it replaced.

    Outages are left out: nearly every one of these catalogs has one provider.
    """
    data = {
        "apiVersion": "interlock/v1",
        "name": "gateway",
        "providers": {"openai": OPENAI},
        "models": {"gpt-5.4": MODEL},
        **sections,
    }
    result = validate_text(json.dumps(data, indent=1).encode(), "f.yaml")
    result.diagnostics = [d for d in result.diagnostics if d.code not in OF_ONE_PROVIDER]
    return result


def codes(**sections: Any) -> list[str]:
    return [found.code for found in outcome(**sections).diagnostics]


def only(**sections: Any) -> Diagnostic:
    (found,) = outcome(**sections).diagnostics
    return found


def at(result: Outcome, *path: str | int, key: bool = False) -> Diagnostic:
    """The one diagnostic, which must stand at this path of the catalog."""
    (found,) = result.diagnostics
    assert result.document
    assert found.where == result.document.span(path, key=key)
    return found


def test_a_small_catalog_passes() -> None:
    assert codes() == []


@pytest.mark.parametrize("name", sorted(path.name for path in resource("catalog").glob("*.yaml")))
def test_nothing_is_wrong_with_a_shipped_catalog(name: str) -> None:
    result = validate_text(resource("catalog", name).read_bytes(), name)
    assert [d for d in result.diagnostics if d.severity != "note"] == []
    assert {d.code for d, _ in result.allowed} <= {"IL601"}


# --- IL302: a strategy has a model -------------------------------------------------------------------


def life(status: str) -> dict[str, Any]:
    return {**MODEL, "lifecycle": {"status": status}}


@pytest.mark.parametrize(
    ("status", "refused"), [("planned", 1), ("active", 0), ("deprecated", 0), ("retired", 1)]
)
def test_a_candidate_counts_while_it_is_in_service(status: str, refused: int) -> None:
    models = {"gpt-5.4": MODEL, "other": life(status)}
    assert codes(models=models, strategies={"s": {"candidates": ["other"]}}) == ["IL302"] * refused
    beside = {"s": {"candidates": ["other", "gpt-5.4"]}}
    assert codes(models=models, strategies=beside) == ["IL602"] * refused


def test_a_strategy_without_a_model_says_why() -> None:
    models = {"gpt-5.4": MODEL, "gpt-3": life("retired"), "gpt-9": life("planned")}
    result = outcome(models=models, strategies={"s": {"candidates": ["gpt-9", "gpt-3"]}})
    found = at(result, "strategies", "s", "candidates", key=True)
    assert "gpt-9 is planned" in found.message
    assert "gpt-3 is retired" in found.message


@pytest.mark.parametrize(
    "query", [{"capabilities": ["vision"]}, {"modes": ["embedding"]}, {"min_context_window": 8193}]
)
def test_a_query_that_finds_nothing(query: dict[str, Any]) -> None:
    result = outcome(models={"gpt-5.4": {**MODEL, "capabilities": []}}, strategies={"s": {"select": query}})
    assert at(result, "strategies", "s", "select", key=True).code == "IL302"


def test_a_catalog_of_plans_alone() -> None:
    assert set(codes(models={"gpt-9": life("planned")})) == {"IL302", "IL305"}


# --- IL303: fallbacks end -----------------------------------------------------------------------------


def chain(**fallbacks: list[str]) -> dict[str, Any]:
    return {name: {**MODEL, "fallbacks": names} for name, names in fallbacks.items()}


@pytest.mark.parametrize(
    ("models", "cycles"),
    [
        (chain(a=["b"], b=["c"], c=[]), []),
        (chain(a=["b", "c"], b=["c"], c=[]), []),  # two ways to one model are no cycle
        (chain(a=["a"]), ["a → a"]),
        (chain(a=["b"], b=["a"]), ["a → b → a"]),
        (chain(b=["c"], c=["a"], a=["b"]), ["a → b → c → a"]),
        (chain(x=["b"], b=["c"], c=["b"]), ["b → c → b"]),  # the way into a cycle is not part of it
        (chain(a=["b"], b=["a"], c=["d"], d=["c"]), ["a → b → a", "c → d → c"]),
        (chain(a=["b", "a"], b=["a"]), ["a → b → a", "a → a"]),
    ],
)
def test_cycles(models: dict[str, Any], cycles: list[str]) -> None:
    found = [d for d in outcome(models=models).diagnostics if d.code == "IL303"]
    assert sorted(d.message.partition(": ")[2] for d in found) == sorted(cycles)


def test_a_cycle_is_shown_where_it_closes() -> None:
    result = outcome(models=chain(a=["x", "b"], b=["a"], x=[]))
    found = at(result, "models", "b", "fallbacks", 0)
    assert result.document
    assert [span for span, _ in found.related] == [
        result.document.span(("models", "a", "fallbacks"), key=True)
    ]
    assert "'a'" in found.hint
    assert "'b'" in found.hint


def test_a_very_long_chain_ends() -> None:
    size = 3000
    names = [f"m{n:05}" for n in range(size)]
    models = {name: {**MODEL, "fallbacks": names[n + 1 : n + 2]} for n, name in enumerate(names)}
    assert codes(models=models) == []
    models[names[-1]] = {**MODEL, "fallbacks": [names[0]]}
    assert codes(models=models) == ["IL303"]


def test_many_ways_to_one_model_are_gone_once() -> None:
    # Two ways at each of forty steps: walking every one of them would never end.
    models: dict[str, Any] = {}
    for n in range(40):
        models |= chain(**{f"m{n}": [f"a{n}", f"b{n}"], f"a{n}": [f"m{n + 1}"], f"b{n}": [f"m{n + 1}"]})
    assert codes(models={**models, **chain(m40=[])}) == []


# --- IL305: a gateway serves something ----------------------------------------------------------------


def test_a_gateway_that_no_model_reaches() -> None:
    result = outcome(
        gateways={"llm-router": {}, "idle": {}},
        providers={"openai": OPENAI, "spare": {**OPENAI, "gateway": "idle"}},
    )
    found = at(result, "gateways", "idle", key=True)
    assert (found.code, "'idle'" in found.message) == ("IL305", True)


def test_every_router_serves_every_model() -> None:
    assert codes(gateways={"llm-router": {}, "second": {}}) == []


def test_a_model_that_no_gateway_serves() -> None:
    # The one gateway belongs to openai, so nothing reaches what anthropic serves.
    result = outcome(
        providers={
            "openai": {**OPENAI, "gateway": "llm-router"},
            "anthropic": {"type": "anthropic", "api_key": SECRET},
        },
        models={"gpt-5.4": MODEL, "claude": {**MODEL, "provider": "anthropic"}},
        strategies={"s": {"candidates": ["claude", "gpt-5.4"]}},
    )
    assert not result.ok


# --- IL307: names -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LITELLM_STRATEGIES))
def test_a_strategy_named_like_a_setting_of_litellm(name: str) -> None:
    assert at(outcome(strategies={name: {"order": "cost"}}), "strategies", name, key=True).code == "IL307"


@pytest.mark.parametrize(
    ("name", "refused"), [("auto", 1), ("auto/fast", 1), ("automatic", 0), ("x/auto", 0)]
)
def test_a_model_named_like_a_strategy(name: str, refused: int) -> None:
    assert codes(models={name: MODEL}) == ["IL307"] * refused


# --- IL308: credentials -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["openai", "anthropic", "cohere", "mistral", "gemini", "groq"])
def test_a_vendor_with_keys_needs_a_key(kind: str) -> None:
    assert codes(providers={"openai": {"type": kind, "api_key": SECRET}}) == []
    found = only(providers={"openai": {"type": kind}})
    assert (found.code, "no API key" in found.message) == ("IL308", True)


@pytest.mark.parametrize(
    ("provider", "lacking"),
    [
        (VERTEX, []),
        ({**VERTEX, "project": {"config_map": "vertex-ai-config", "key": "project-id"}}, []),
        ({**VERTEX, "project": None}, ["project"]),
        ({**VERTEX, "location": None}, ["location"]),
        ({**VERTEX, "identity": None}, ["Google identity"]),
        ({**VERTEX, "identity": AMAZON}, ["Google identity", "`identity.aws_role_arn`"]),
        ({"type": "vertex_ai"}, ["Google identity", "location", "project"]),
        (BEDROCK, []),
        ({**BEDROCK, "region": None}, ["region"]),
        ({**BEDROCK, "identity": None}, ["AWS identity"]),
        ({**BEDROCK, "identity": GOOGLE}, ["AWS identity", "`identity.gcp_service_account`"]),
        ({**BEDROCK, "identity": None, "access_key_id": SECRET}, ["AWS identity"]),
        ({**BEDROCK, "identity": None, "access_key_id": SECRET, "secret_access_key": SECRET}, []),
        ({**BEDROCK, "secret_access_key": SECRET}, ["static keys"]),
        ({"type": "openai_compatible", "base_url": "http://vllm.models.svc:8000/v1"}, []),
        ({"type": "openai_compatible", "base_url": "http://x/v1", "api_key": SECRET}, []),
        ({"type": "openai_compatible"}, ["address"]),
        ({"type": "azure", "api_key": SECRET, "base_url": "https://x.openai.azure.com"}, []),
        ({"type": "azure"}, ["Azure identity", "address"]),
        (AZURE, []),
        ({**AZURE, "api_key": SECRET}, ["an identity and a key"]),
        ({**OPENAI, "identity": GOOGLE}, ["cannot use `identity`"]),
    ],
)
def test_what_a_provider_needs(provider: dict[str, Any], lacking: list[str]) -> None:
    written = {key: value for key, value in provider.items() if value is not None}
    found = outcome(providers={"openai": written}).diagnostics
    assert [d.code for d in found] == ["IL308"] * len(lacking)
    for diagnostic, word in zip(found, lacking, strict=True):
        assert word in diagnostic.message
        assert diagnostic.hint


# --- IL310: one identity a pod ------------------------------------------------------------------------


def two_clouds(**google: Any) -> dict[str, Any]:
    models = {"gemini": {**MODEL, "provider": "vertex"}, "claude": {**MODEL, "provider": "bedrock"}}
    return {"providers": {"vertex": {**VERTEX, **google}, "bedrock": BEDROCK}, "models": models}


def test_two_identities_on_one_gateway() -> None:
    result = outcome(**two_clouds())
    found = at(result, "providers", "vertex", "identity", key=True)
    assert found.code == "IL310"
    assert result.document
    assert [span for span, _ in found.related] == [
        result.document.span(("providers", "bedrock", "identity"), key=True)
    ]


def test_an_identity_on_a_gateway_of_its_own() -> None:
    assert codes(gateways={"llm-router": {}, "google": {}}, **two_clouds(gateway="google")) == []


def test_one_identity_for_two_providers() -> None:
    other = {**BEDROCK, "region": "us-east-1"}
    models = {"a": {**MODEL, "provider": "eu"}, "b": {**MODEL, "provider": "us"}}
    assert codes(providers={"eu": BEDROCK, "us": other}, models=models) == []


# --- IL502: the outside needs a key -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ClusterIP", "LoadBalancer", "NodePort"])
@pytest.mark.parametrize("auth", ["none", {"master_key": SECRET}, None])
def test_a_gateway_without_a_key(kind: str, auth: Any) -> None:
    gateway = {"service": {"type": kind}, "auth": auth} if auth else {"service": {"type": kind}}
    open_ = auth == "none" and kind != "ClusterIP"
    public = kind == "LoadBalancer" and not open_
    said = codes(gateways={"llm-router": gateway}, target={"platform": "gke"})
    assert said == ["IL502"] * open_ + ["IL504"] * public


def test_an_open_gateway_is_shown_at_its_auth() -> None:
    result = outcome(gateways={"llm-router": {"service": {"type": "NodePort"}, "auth": "none"}})
    assert at(result, "gateways", "llm-router", "auth").related


# --- IL205: sizes that only fit field by field ---------------------------------------------------------


@pytest.mark.parametrize(
    ("replicas", "refused"),
    [({"min": 5, "max": 3}, 1), ({"max": 1}, 0), ({"min": 3, "max": 3}, 0), ({"min": 99}, 0)],
)
def test_the_most_pods_are_no_fewer_than_the_fewest(replicas: dict[str, int], refused: int) -> None:
    assert codes(gateways={"llm-router": {"replicas": replicas}}) == ["IL205"] * refused


@pytest.mark.parametrize(
    ("resources", "refused"),
    [
        ({"requests": {"memory": "4Gi"}}, 0),  # the default limit gives way
        ({"limits": {"memory": "512Mi"}}, 0),  # the default request, too
        ({"requests": {"memory": "4Gi"}, "limits": {"memory": "2Gi"}}, 1),
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}, 1),
        ({"requests": {"cpu": "1500m"}, "limits": {"cpu": "1.5"}}, 0),
        ({"requests": {"memory": "4Gi"}, "limits": {"memory": "4096Mi"}}, 0),
        ({"requests": {"memory": "1G"}, "limits": {"memory": "1Gi"}}, 0),
    ],
)
def test_a_pod_may_use_what_it_is_sure_to_get(resources: dict[str, Any], refused: int) -> None:
    assert codes(gateways={"llm-router": {"resources": resources}}) == ["IL205"] * refused


# --- IL501: no secret value ---------------------------------------------------------------------------

KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"


@pytest.mark.parametrize(
    ("sections", "path"),
    [
        (
            {"providers": {"openai": {**OPENAI, "base_url": f"https://x/{KEY}"}}},
            ("providers", "openai", "base_url"),
        ),
        ({"models": {"gpt-5.4": {**MODEL, "id": KEY}}}, ("models", "gpt-5.4", "id")),
        (
            {"models": {"gpt-5.4": {**MODEL, "fallbacks": ["gpt-5.4", KEY]}}},
            ("models", "gpt-5.4", "fallbacks", 1),
        ),
        ({"anything": [{"at": {"all": KEY}}]}, ("anything", 0, "at", "all")),
        ({"environments": {"staging": {"deep": {"down": KEY}}}}, ("environments", "staging", "deep", "down")),
    ],
)
def test_a_secret_value_is_found_at_any_depth(sections: dict[str, Any], path: tuple[str | int, ...]) -> None:
    result = outcome(**sections)
    assert result.document
    found = [d for d in result.diagnostics if d.code == "IL501"]
    assert [d.where for d in found] == [result.document.span(path)]
    assert all("4fK9" not in f"{d.message} {d.hint}" for d in result.diagnostics)


@pytest.mark.parametrize(
    "text",
    [
        f"# api_key: {KEY}\n",
        f"environments: {{staging: {{note: x}}}}  # {KEY}\n",
        f"environments: {{staging: {{{KEY}: x}}}}\n",
    ],
    ids=["comment", "comment behind a value", "key"],
)
def test_a_secret_value_is_found_outside_of_values(text: str) -> None:
    lines = [
        "apiVersion: interlock/v1",
        "name: gateway",
        "providers: {openai: {type: openai, api_key: {secret: a, key: b}}}",
        "models: {gpt-5.4: {provider: openai}}",
        text,
    ]
    result = validate_text("\n".join(lines).encode(), "f.yaml")
    (found,) = [d for d in result.diagnostics if d.code == "IL501"]
    assert found.where
    assert found.where.line == 5


def test_a_secret_under_an_alias_is_found() -> None:
    text = f"a: &x {{note: {KEY}}}\nb: [*x, *x]\n"
    found = [d for d in validate_text(text.encode(), "f.yaml").diagnostics if d.code == "IL501"]
    assert {(d.where.line, d.where.column) for d in found if d.where} == {(1, 14)}


def test_a_real_catalog_of_open_models_holds_no_secret() -> None:
    names = [
        "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8",
        "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
    ]
    vllm = {"type": "openai_compatible", "base_url": "http://vllm.models.svc:8000/v1"}
    models = {name: {"provider": "vllm", "id": name, "context_window": 32768} for name in names}
    assert codes(providers={"vllm": vllm}, models=models, strategies={"s": {"candidates": names}}) == []
