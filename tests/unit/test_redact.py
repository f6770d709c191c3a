"""Secrets are known by their shape or their entropy; the names in a catalog are never taken for one."""

import base64
import hashlib
import json
import random
import re
import string
from pathlib import Path

import pytest

from compiler.facts import load_cost_map
from compiler.redact import _SHAPES, HIDDEN, redact, secrets_in
from compiler.resources import resource

# Made up: each has the shape of the real thing, and none ever was one. The parts keep scanners quiet.
SECRETS = {
    "OpenAI project key": "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P",
    "OpenAI old key": "sk-" + "4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi0OpAsDfGhJkLzXcV",
    "Anthropic key": "sk-" + "ant-api03-4fK9aQ2LmZx7Rt3VbN8cYw1P_qWe5TyUi-0OpAsDfGhJ-AA",
    "LiteLLM virtual key": "sk-" + "lmZx7Rt3VbN8cYw1P-qWeQ",
    "Stripe-like key": "rk-" + "4fK9aQ2LmZx7Rt3VbN8cYw1P",
    "Groq key": "gsk_" + "4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi0OpAsDfGhJkLzXcV",
    "xAI key": "xai-" + "4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi0OpAsDfGhJkLzXcV",
    "Hugging Face token": "hf_" + "QmZxLRtVbNcYwPqWeTyUiOpAsDfGhJkLzX",
    "Replicate token": "r8_" + "4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi0OpAs",
    "Google API key": "AIza" + "SyD4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi",
    "Google OAuth token": "ya29." + "a0AfH6SMB4fK9aQ2LmZx7Rt3VbN8cYw1P",
    "AWS access key id": "AKIA" + "IOSFODNN7EXAMPLE",
    "AWS session key id": "ASIA" + "IOSFODNN7EXAMPLE",
    "AWS secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "GitHub token": "ghp_" + "4fK9aQ2LmZx7Rt3VbN8cYw1PqWe5TyUi0OpA",
    "GitHub fine-grained token": "github_pat_" + "11ABCDEFG0_4fK9aQ2LmZx7Rt3VbN8cYw1P",
    "Slack token": "xoxb-" + "123456789012-123456789012-4fK9aQ2LmZx7Rt3V",
    "signed token": "eyJ" + "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "base64 of 32 bytes": "q83vEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWeJo=",
    "password in an address": "https://admin:hunter2@vllm.example.com/v1",
    "password in a database address": "postgresql://litellm:s3cret@db.example.com:5432/litellm",
    "password without a user": "redis://:hunter2@redis.cache.svc:6379/0",
    "private key": "-----BEGIN " + "PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEA\n",
    "RSA private key": "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8AgEA\n",
}
SECRET_PARTS = {"hunter2", "s3cret"}

INNOCENT = (
    # model ids of every vendor
    *(
        "gpt-4",
        "gpt-4-turbo-preview",
        "gpt-3.5-turbo-16k-0613",
        "gpt-4o-2024-08-06",
        "gpt-5.4",
        "o1-preview-2024-09-12",
    ),
    *("ft:gpt-4o-mini-2024-07-18:my-organisation:ticket-summaries:AbC12dEf", "text-embedding-3-large"),
    *(
        "gpt-4o-realtime-preview-2024-12-17",
        "chatgpt-4o-latest",
        "openai/gpt-oss-120b",
        "gpt-4.1-nano-2025-04-14",
    ),
    *(
        "claude-3-opus-20240229",
        "claude-3-5-sonnet-20241022",
        "claude-sonnet-4-5-20250929",
        "claude-opus-4-1@20250805",
    ),
    *("anthropic.claude-3-opus-20240229-v1:0", "eu.anthropic.claude-3-5-sonnet-20240620-v1:0"),
    *(
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "meta.llama3-1-405b-instruct-v1:0",
        "meta.llama2-70b-chat-v1",
    ),
    *(
        "amazon.titan-text-express-v1",
        "amazon.nova-premier-v1:0:1000k",
        "ai21.j2-ultra-v1",
        "cohere.command-r-plus-v1:0",
    ),
    *(
        "gemini-1.5-pro-001",
        "gemini-2.5-flash-lite-preview-06-17",
        "text-bison@002",
        "publishers/google/models/gemini-2.5-pro",
    ),
    *(
        "command-r-plus-08-2024",
        "command-a-03-2025",
        "mistral-large-latest",
        "open-mixtral-8x22b",
        "codestral-2501",
    ),
    *("meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo", "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8"),
    *("Qwen/Qwen2.5-Coder-32B-Instruct-GPTQ-Int4", "Qwen/Qwen3-235B-A22B-Instruct-2507-FP8"),
    *(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-70B",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "llama-3.3-70b-versatile",
    ),
    *("NousResearch/Hermes-3-Llama-3.1-405B-FP8", "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF"),
    *("TheBloke/Mistral-7B-Instruct-v0.2-GGUF", "accounts/fireworks/models/llama-v3p1-405b-instruct"),
    "hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4",
    # clouds
    *(
        "arn:aws:iam::123456789012:role/bedrock-role",
        "arn:aws:iam::123456789012:role/eks/LlmGatewayBedrockRole-1A2B3C",
    ),
    "arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3d4e5f6",
    "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/AbCdEfGh1234",
    *(
        "llm-gateway@my-project-123456.iam.gserviceaccount.com",
        "projects/123456789012/locations/europe-west4",
    ),
    "projects/my-project/locations/europe-west4/endpoints/1234567890123456789",
    *(
        "12345678-90ab-cdef-1234-567890abcdef",
        "00000000-0000-0000-0000-000000000000",
        "eu-central-1",
        "europe-west4",
    ),
    "/subscriptions/12345678-90ab-cdef-1234-567890abcdef/resourceGroups/llm-gateway-rg",
    # Kubernetes and images
    *(
        "openai-api-key",
        "aws-secret-access-key",
        "llm-router-auth",
        "sk-router",
        "vertex-ai-gateway",
        "2Gi",
        "500m",
    ),
    *("service.beta.kubernetes.io/aws-load-balancer-internal", "networking.gke.io/load-balancer-type"),
    "service.beta.kubernetes.io/aws-load-balancer-additional-resource-tags",
    "cloud.google.com/load-balancer-type",
    "ghcr.io/berriai/litellm:v1.106.2",
    "ghcr.io/berriai/litellm-database:main-v1.106.2-stable",
    "ghcr.io/berriai/litellm@sha256:" + hashlib.sha256(b"image").hexdigest(),
    "sha256:" + hashlib.sha256(b"layer").hexdigest(),
    hashlib.sha1(b"commit", usedforsecurity=False).hexdigest(),
    "123456789012.dkr.ecr.eu-central-1.amazonaws.com/platform/LiteLLM-Proxy:1.106.2-build.20260115T093000Z",
    # addresses
    *(
        "http://llm-router.production/v1",
        "https://my-resource-eastus2.openai.azure.com/",
        "http://vllm.models.svc:8000/v1",
    ),
    "https://europe-west4-aiplatform.googleapis.com/v1/projects/my-project",
    "https://bedrock-runtime.eu-central-1.amazonaws.com",
    "https://user@example.com/path",
    "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json",
    "https://interlock-llm.github.io/schemas/catalog.schema.json#/$defs/SecretReference2",
    # words
    *(
        "2024-08-06T10:00:00Z",
        "PROJECT_ID",
        "the fine-tuned model exists at one vendor only",
        "risk-assessment-model-2024",
    ),
    "task-decomposition-and-planning",
    "disk-Encryption-Requirements-2024",
    "Answers of the Helpdesk2024/InternalKnowledgeBase/Support",
    "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-p",
    "InternalKnowledgeBaseAssistant2024",
    "EU1-Frankfurt-Production-Cluster7",
    "SELF-HOSTED/Llama-3.3-70B-Instruct-Q4_K_M",
)


@pytest.mark.parametrize(("kind", "heads", "form"), _SHAPES)
def test_a_shape_is_searched_where_one_of_its_heads_stands(
    kind: str, heads: tuple[str, ...], form: re.Pattern[str]
) -> None:
    examples = [secret for secret in SECRETS.values() if form.search(secret)]
    assert examples, f"no example of {kind}"
    assert all(any(head in example for head in heads) for example in examples)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found(secret: str) -> None:
    assert list(secrets_in(secret))


@pytest.mark.parametrize(
    "frame", ["{}", "key: {}", 'key: "{}" # a note', "{{a: [{}, b]}}", "Bearer {}", "x={}&y=1"]
)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_hidden_and_nothing_else(secret: str, frame: str) -> None:
    hidden = redact(frame.format(secret))
    assert HIDDEN in hidden
    for part in telling_parts(secret):
        assert part not in hidden
    before, _, after = frame.format("@@").partition("@@")
    assert hidden.startswith(before)
    assert hidden.endswith(after)


def telling_parts(secret: str) -> set[str]:
    """Every twelve characters in a row, except in an address, which keeps its host."""
    known = {part for part in SECRET_PARTS if part in secret}
    return known or {secret[i : i + 12] for i in range(12, len(secret) - 11, 6)} or {secret[4:]}


def test_every_secret_of_a_line_is_hidden() -> None:
    line = "a: {} b: {} c: {}".format(*list(SECRETS.values())[:3])
    assert redact(line) == f"a: {HIDDEN} b: {HIDDEN} c: {HIDDEN}"


def test_a_secret_of_two_shapes_is_hidden_once() -> None:
    # A key is a key and random, too; whatever stands behind it stays.
    key = SECRETS["OpenAI old key"]
    assert (
        redact(f"{{api: {key}, region: eu, name: gateway}}")
        == f"{{api: {HIDDEN}, region: eu, name: gateway}}"
    )
    assert redact(f"https://a:{key}@example.com/v1/models") == f"https://{HIDDEN}@example.com/v1/models"


@pytest.mark.parametrize("text", INNOCENT)
def test_a_name_is_not_a_secret(text: str) -> None:
    assert list(secrets_in(text)) == []
    assert redact(text) == text
    assert redact(f"key: {text}  # a note") == f"key: {text}  # a note"


def test_no_model_that_litellm_knows_is_a_secret() -> None:
    names = list(load_cost_map().entries)
    assert len(names) > 1000
    assert [name for name in names if list(secrets_in(name))] == []


@pytest.mark.parametrize("catalog", sorted(resource("catalog").glob("*.yaml")), ids=lambda path: path.name)
def test_no_line_of_a_shipped_catalog_is_hidden(catalog: Path) -> None:
    assert [line for line in catalog.read_text("utf-8").splitlines() if redact(line) != line] == []


def test_no_example_of_the_schema_is_a_secret() -> None:
    schema = json.loads(resource("schemas", "catalog.schema.json").read_text("utf-8"))
    stack, seen = [schema], 0
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            seen += 1
            assert list(secrets_in(node)) == []
        elif isinstance(node, dict | list):
            stack.extend(node.values() if isinstance(node, dict) else node)
    assert seen > 500


@pytest.mark.parametrize(
    "field",
    ["api_key", "access_key_id", "secret_access_key", "master_key", "password", '"api_key"', "'password'"],
)
@pytest.mark.parametrize("value", ["hunter2", "my own password", "'hunter2'", '"hunter2"', "123456", "no"])
def test_whatever_stands_in_the_place_of_a_reference_is_hidden(field: str, value: str) -> None:
    assert redact(f"  {field}: {value}") == f"  {field}: {HIDDEN}"
    assert redact(f"x: {{{field}: {value}, type: openai}}") == f"x: {{{field}: {HIDDEN}, type: openai}}"


@pytest.mark.parametrize(
    "line",
    [
        "api_key: {secret: openai-api-key, key: api-key}",
        "api_key:",
        "api_key: &key {secret: a, key: b}",
        "api_key: *key",
        "api_key:  # see the README",
        "auth: {master_key: {secret: llm-router-auth, key: master-key}}",
    ],
)
def test_a_reference_is_shown(line: str) -> None:
    assert redact(line) == line


@pytest.mark.parametrize("size", [24, 32, 48, 64])
def test_most_random_values_are_found(size: int) -> None:
    random_ = random.Random(size)  # noqa: S311  # the same values each time
    found = 0
    for _ in range(200):
        raw = random_.randbytes(size)
        found += bool(list(secrets_in(base64.urlsafe_b64encode(raw).decode())))
    assert found >= 190


def test_most_random_words_of_letters_and_digits_are_found() -> None:
    random_ = random.Random(7)  # noqa: S311  # the same words each time
    letters = string.ascii_letters + string.digits
    words = ["".join(random_.choices(letters, k=32)) for _ in range(200)]
    assert sum(bool(list(secrets_in(word))) for word in words) >= 190


def test_hiding_twice_changes_nothing() -> None:
    for secret in SECRETS.values():
        once = redact(f"a: {secret}, api_key: {secret}")
        assert redact(once) == once


def test_every_place_holds_what_was_found() -> None:
    for secret in SECRETS.values():
        text = f"é: {secret}"
        for start, end, kind in secrets_in(text):
            assert 0 <= start < end <= len(text)
            assert text[start:end] in text
            assert kind.startswith(("a ", "an "))
