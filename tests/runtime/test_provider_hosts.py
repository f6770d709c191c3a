"""The host names that policies allow are those that the real LiteLLM asks for, and each of them is asked for.

The entries are a rendered config.yaml's; every look-up of a name is recorded and refused (asked_hosts.py).
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.catalog import Catalog
from compiler.dev.processes import environment
from compiler.facts import load_cost_map
from compiler.pipeline import validate_text
from compiler.render import litellm
from compiler.render.egress import Name, Pods, Range, calls
from compiler.targets.hosts import VERTEX_LOCATIONS

pytestmark = pytest.mark.proxy

DEADLINE_S = 600
KINDS = {"chat": {"chat", "stream", "completion", "responses"}, "embedding": {"embedding"}}

# A gateway for each kind of provider that has its own names, so that one's are not taken for another's.
PROVIDERS = {
    "openai": "{type: openai, api_key: {secret: s, key: k}}",
    "anthropic": "{type: anthropic, api_key: {secret: s, key: k}}",
    "cohere": "{type: cohere, api_key: {secret: s, key: k}}",
    "mistral": "{type: mistral, api_key: {secret: s, key: k}}",
    "gemini": "{type: gemini, api_key: {secret: s, key: k}}",
    "groq": "{type: groq, api_key: {secret: s, key: k}}",
    "azure": "{type: azure, base_url: 'https://contoso.openai.azure.com', api_version: '2024-10-21', "
    "api_key: {secret: s, key: k}}",
    "vllm": "{type: openai_compatible, base_url: 'http://vllm.models.svc:8000/v1'}",
    "address": "{type: openai_compatible, base_url: 'http://10.9.8.7:8000/v1'}",
    "proxied": "{type: anthropic, base_url: 'https://llm.example.com', api_key: {secret: s, key: k}}",
    "vertex": "{type: vertex_ai, project: p, location: europe-west4, "
    "identity: {service_account: v, gcp_service_account: v@p.iam.gserviceaccount.com}}",
    "bedrock": "{type: bedrock, region: eu-central-1, access_key_id: {secret: s, key: k}, "
    "secret_access_key: {secret: s, key: l}}",
}
MODELS = {
    "gpt-5.4": "{provider: openai}",
    "gpt-4": "{provider: openai}",
    "openai-embeds": "{provider: openai, id: text-embedding-3-small, modes: [embedding]}",
    "claude-sonnet-5": "{provider: anthropic}",
    "command-a-03-2025": "{provider: cohere}",
    "embed-english-v3.0": "{provider: cohere, modes: [embedding]}",
    "mistral-large-latest": "{provider: mistral}",
    "codestral-latest": "{provider: mistral}",
    "mistral-embed": "{provider: mistral, modes: [embedding]}",
    "gemini-2.5-flash": "{provider: gemini}",
    "gemini-embedding-001": "{provider: gemini, modes: [embedding]}",
    "llama-3.3-70b-versatile": "{provider: groq}",
    "azure-chats": "{provider: azure, id: chat-large, modes: [chat]}",
    "azure-thinks": "{provider: azure, id: o3-mini, modes: [chat]}",
    "azure-embeds": "{provider: azure, id: text-embedding-3-small, modes: [embedding]}",
    "qwen": "{provider: vllm, modes: [chat]}",
    "qwen-embeds": "{provider: vllm, modes: [embedding]}",
    "by-address": "{provider: address, modes: [chat]}",
    "proxied": "{provider: proxied, id: claude-sonnet-5, modes: [chat]}",
    "vertex-embeds": "{provider: vertex, id: text-embedding-005, modes: [embedding]}",
    "titan-embeds": "{provider: bedrock, id: 'amazon.titan-embed-text-v2:0', modes: [embedding]}",
}
# Those of which one deployment says where the call goes.
VERTEX = (
    "id: gemini-2.5-pro",
    "id: gemini-2.5-pro, region: us-central1",
    "id: gemini-2.5-pro, region: global",
    "id: gemini-2.5-pro, region: eu",
    "id: claude-sonnet-4-5@20250929",
    "id: mistral-large-2411@001",
    "id: meta/llama-3.1-405b-instruct-maas, region: us-east5",
    "id: zai-org/glm-5-maas",
    "id: deepseek-ai/deepseek-r1-0528-maas, region: europe-west1",
    "id: qwen/qwen3-235b-a22b-instruct-2507-maas, region: us-south1",
    "id: gemini/1234567890, region: europe-west3",
)
BEDROCK = (
    "id: 'anthropic.claude-3-haiku-20240307-v1:0'",
    "id: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', region: us-east-1",
    "id: amazon.titan-text-express-v1, region: cn-north-1",
    "id: 'meta.llama3-70b-instruct-v1:0', region: us-gov-west-1",
    "id: 'openai.gpt-oss-120b-1:0'",
    "id: agent/ABCDEFGHIJ/KLMNOPQRST, region: eu-west-1",
    "id: 'agentcore/arn:aws:bedrock-agentcore:us-west-2:123456789012:runtime/a-Z'",
    "id: mantle/anthropic.claude-opus-4-7, region: eu-west-2",
    "id: 'invoke/anthropic.claude-3-haiku-20240307-v1:0', region: eu-west-3",
    "id: 'arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abcdefgh'",
)

Asked = Mapping[str, Mapping[str, list[str]]]  # entry → kind of call → names


def catalog_text() -> str:
    models = dict(MODELS)
    for provider, ids in (("vertex", VERTEX), ("bedrock", BEDROCK)):
        models |= {
            f"{provider}-{n}": f"{{deployments: [{{provider: {provider}, {one}}}], modes: [chat]}}"
            for n, one in enumerate(ids)
        }
    lines = ["apiVersion: interlock/v1", "name: hosts", "gateways:", "  g: {}"]
    lines += [f"  for-{name}: {{}}" for name in PROVIDERS]
    lines += ["providers:"]
    lines += [f"  {name}: {row[:-1]}, gateway: for-{name}}}" for name, row in PROVIDERS.items()]
    return "\n".join([*lines, "models:", *(f"  {name}: {row}" for name, row in models.items())])


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    outcome = validate_text(catalog_text().encode(), "catalog.yaml")
    assert outcome.catalog is not None, [found.message for found in outcome.diagnostics]
    return outcome.catalog


def entries_of(catalog: Catalog, provider: str) -> list[dict[str, Any]]:
    """As the gateway of a provider has them in its config.yaml."""
    files = litellm.files(catalog, catalog.gateways[f"for-{provider}"])
    found: list[dict[str, Any]] = yaml.safe_load(files.config["config.yaml"])["model_list"]
    return found


def ask(entries: list[dict[str, Any]], folder: Path, root: Path, **variables: str) -> Asked:
    """What LiteLLM asks for. Variables are those that a cloud gives to the pods of an identity."""
    path = folder / "entries.json"
    path.write_text(json.dumps(entries), encoding="utf-8")
    script = str(Path(__file__).with_name("asked_hosts.py"))
    # Names are looked up by the standard library, where they can be seen, and not by aiohttp's resolver.
    environ = {**environment(), "PYTHONPATH": str(root), "DISABLE_AIOHTTP_TRANSPORT": "True", **variables}
    done = subprocess.run(
        [sys.executable, script, str(path)],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Asked = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def asked(catalog: Catalog, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    entries = [entry for provider in PROVIDERS for entry in entries_of(catalog, provider)]
    return ask(entries, tmp_path_factory.mktemp("asked"), root)


def allowed(catalog: Catalog, provider: str) -> set[str]:
    """The names, the Services and the addresses that the policy of a provider's gateway is made of."""
    found = calls(catalog, catalog.gateways[f"for-{provider}"])
    services = {f"vllm.{pods.namespace}.svc" for pods in found.pods}
    addresses = {one.cidr.partition("/")[0] for one in found.ranges}
    return {name.name for name in found.names} | services | addresses


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_name_that_is_asked_for_is_allowed_and_no_other(
    provider: str, catalog: Catalog, asked: Asked
) -> None:
    # Google's tokens come from an identity's endpoints off GKE, which a stand-in for the token leaves out.
    unseen = {"iamcredentials.googleapis.com", "oauth2.googleapis.com", "sts.googleapis.com"}
    found = {
        host
        for entry in entries_of(catalog, provider)
        for hosts in asked[entry["model_info"]["id"]].values()
        for host in hosts
    }
    assert found == allowed(catalog, provider) - (unseen if provider == "vertex" else set())


def test_every_kind_of_call_was_made(catalog: Catalog, asked: Asked) -> None:
    """A call that ends before a name is asked for would prove nothing."""
    for provider in PROVIDERS:
        for entry in entries_of(catalog, provider):
            made = asked[entry["model_info"]["id"]]
            assert set(made) == KINDS[entry["model_info"]["mode"]]
            assert all(len(hosts) == 1 for hosts in made.values()), (entry["model_info"]["id"], made)


def test_the_models_that_vertex_ai_has_elsewhere_are_those_of_the_cost_map() -> None:
    listed = {
        name.removeprefix("vertex_ai/"): tuple(entry["supported_regions"])
        for name, entry in load_cost_map().entries.items()
        if name.startswith("vertex_ai/") and entry.get("supported_regions")
    }
    assert listed == VERTEX_LOCATIONS


# --- identities ------------------------------------------------------------------------------------------

ROLE = "aws_role_arn: 'arn:aws:iam::123456789012:role/b'"


def with_identity(identity: str, platform: str) -> Catalog:
    text = f"""apiVersion: interlock/v1
name: hosts
target: {{platform: {platform}}}
gateways: {{for-bedrock: {{}}, g: {{}}}}
providers:
  bedrock: {{type: bedrock, region: eu-central-1, gateway: for-bedrock, identity: {identity}}}
models:
  a: {{provider: bedrock, id: 'amazon.titan-embed-text-v2:0', modes: [embedding]}}
"""
    outcome = validate_text(text.encode(), "catalog.yaml")
    assert outcome.catalog is not None, [found.message for found in outcome.diagnostics]
    return outcome.catalog


def asked_with(catalog: Catalog, tmp_path: Path, root: Path, **variables: str) -> set[str]:
    token = tmp_path / "token"
    token.write_text("a-token", encoding="utf-8")
    files = {name: str(token) for name, value in variables.items() if value == "token"}
    # One call each: the agent and STS are asked three times before LiteLLM gives up.
    embeds = [e for e in entries_of(catalog, "bedrock") if e["model_info"]["mode"] == "embedding"]
    asked = ask(embeds, tmp_path, root, **{**variables, **files, "AWS_MAX_ATTEMPTS": "1"})
    return {host for made in asked.values() for hosts in made.values() for host in hosts}


def test_irsa_asks_sts_of_the_clusters_region(tmp_path: Path, root: Path) -> None:
    """Which is not the provider's: so the policy has a pattern, as one label of the name is not known."""
    catalog = with_identity(f"{{service_account: b, {ROLE}}}", "eks")
    found = asked_with(
        catalog, tmp_path, root,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/b", AWS_WEB_IDENTITY_TOKEN_FILE="token",
        AWS_REGION="eu-west-1", AWS_DEFAULT_REGION="eu-west-1", AWS_STS_REGIONAL_ENDPOINTS="regional",
    )  # fmt: skip
    assert found == {"sts.eu-west-1.amazonaws.com"}
    names = {Name("bedrock-runtime.eu-central-1.amazonaws.com"), Name("sts.*.amazonaws.com")}
    assert calls(catalog, catalog.gateways["for-bedrock"]).names == names


def test_a_role_elsewhere_than_on_eks_may_ask_the_global_sts(tmp_path: Path, root: Path) -> None:
    catalog = with_identity(f"{{service_account: b, {ROLE}}}", "gke")
    found = asked_with(
        catalog, tmp_path, root,
        AWS_ROLE_ARN="arn:aws:iam::123456789012:role/b", AWS_WEB_IDENTITY_TOKEN_FILE="token",
    )  # fmt: skip
    assert found == {"sts.amazonaws.com"}
    assert Name("sts.amazonaws.com") in calls(catalog, catalog.gateways["for-bedrock"]).names


def test_pod_identity_asks_the_agent_on_the_node(tmp_path: Path, root: Path) -> None:
    catalog = with_identity(f"{{service_account: b, {ROLE}, aws_association: pod_identity}}", "eks")
    agent = "http://169.254.170.23/v1/credentials"
    found = asked_with(
        catalog, tmp_path, root,
        AWS_CONTAINER_CREDENTIALS_FULL_URI=agent, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="token",
    )  # fmt: skip
    assert found == {"169.254.170.23"}
    mine = calls(catalog, catalog.gateways["for-bedrock"])
    assert Range("169.254.170.23/32", 80) in mine.metadata
    assert mine.names == {Name("bedrock-runtime.eu-central-1.amazonaws.com")}
    assert mine.pods == set[Pods]()
