"""The catalog's schema is complete and says what it means; what it refuses is explained in words."""

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import litellm_words, schema, schema_words
from compiler.diagnostics import NOT_SUPPORTED_YET, Diagnostic
from compiler.resources import read_text
from compiler.source import Document, parse

SCHEMA = json.loads(read_text("schemas", "catalog.schema.json"))

SMALLEST = """
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  gpt-5.4: {provider: openai}
  claude-sonnet-5: {provider: anthropic}
strategies:
  quality: {candidates: [claude-sonnet-5, gpt-5.4]}
  cost: {order: cost}
"""

WHOLE = """
apiVersion: interlock/v1
name: foundational-models
target:
  kubernetes: "1.34"
  platform: gke
  litellm:
    version: "1.106.2"
    image: "ghcr.io/berriai/litellm@sha256:0000000000000000000000000000000000000000000000000000000000000000"
gateways:
  llm-router:
    namespace: production
    replicas: {min: 2, max: 10, target_cpu_percent: 70}
    service: {type: LoadBalancer, port: 80, internal: true, annotations: {example.com/team: platform}}
    auth: {master_key: {secret: llm-router-auth, key: master-key}}
    resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {memory: 2Gi}}
    allow_from: [{namespace: apps}]
    redis: {host: redis.cache.svc, port: 6379, password: {secret: redis, key: password}}
    ingress: {host: llm.example.com, tls_secret: llm-tls, class: nginx}
    gateway_api: {parent: public, hostname: llm.example.com}
  vertex-ai-gateway: {auth: none}
providers:
  vertex-ai:
    type: vertex_ai
    project: {config_map: vertex-ai-config, key: project-id}
    location: europe-west4
    residency: eu
    identity:
      service_account: llm-gateway-sa
      gcp_service_account: llm-gateway@PROJECT_ID.iam.gserviceaccount.com
    gateway: vertex-ai-gateway
  vertex-literal: {type: vertex_ai, project: my-project, location: us-central1}
  bedrock:
    type: bedrock
    region: eu-central-1
    identity: {service_account: bedrock-sa, aws_role_arn: "arn:aws:iam::123456789012:role/bedrock-role"}
  bedrock-keys:
    type: bedrock
    region: eu-central-1
    access_key_id: {secret: aws-credentials, key: aws-access-key-id}
    secret_access_key: {secret: aws-credentials, key: aws-secret-access-key}
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  azure:
    type: azure
    base_url: https://example.openai.azure.com
    api_version: 2024-10-21
    identity: {service_account: azure-sa, azure_client_id: 00000000-0000-0000-0000-000000000000}
  vllm: {type: openai_compatible, base_url: "http://vllm.models.svc:8000/v1"}
models:
  gemini-1.5-pro-001:
    provider: vertex-ai
    context_window: 1000000
    max_output_tokens: 8192
    price:
      input: 3.50
      output: 10.50
      cached_input: 0.35
      tiers: [{above_context: 200000, input: 7, output: 21}]
    quality: 95
    latency_ms: 1800
    modes: [chat, completion]
    capabilities: [vision, function_calling, json_mode, prompt_caching]
    lifecycle: {status: active, retires_on: 2025-09-24, successor: gemini-2.5-pro}
    fallbacks: [gpt-4, claude-3-opus]
  text-bison@002: {provider: vertex-ai, id: text-bison@002, region: europe-west4, rpm: 60, tpm: 100000}
  claude-3-opus:
    deployments:
      - {provider: vllm, id: claude-3-opus-20240229, rpm: 500, tpm: 200000, weight: 2}
      - {provider: bedrock, id: "anthropic.claude-3-opus-20240229-v1:0", region: us-east-1}
  gpt-4: {provider: openai}
strategies:
  quality:
    default: true
    description: best answer for a customer
    candidates: [gemini-1.5-pro-001, claude-3-opus, gpt-4]
    single_provider: the fine-tuned model exists at one vendor only
  cost:
    select: {capabilities: [], modes: [chat], providers: [openai], min_context_window: 8000}
    order: cost
    requirements: {max_price: {output: 2.00}}
    canary: {model: gemini-2.5-flash, percent: 5}
  long_context:
    requirements: {min_context_window: 200000}
    order: context_window
fallback:
  providers: [vertex-ai, openai]
  max_attempts: 3
  retry: {attempts: 2, backoff_ms: 500}
  timeout_s: 30
  cooldown: {failures: 3, seconds: 30}
requirements:
  min_context_window: 4000
  min_output_tokens: 500
  capabilities: [json_mode]
  max_price: {input: 10, output: 30}
  max_cost_usd: 0.5
  min_quality: 10
  max_latency_ms: 9000
  providers: [openai]
  exclude_providers: [vllm]
  residency: eu
observability:
  metrics: prometheus
  slo: {availability: 99.9, p95_latency_ms: 8000}
  hourly_budget_usd: 50
  dashboard: true
secrets: {backend: external_secrets, store: {name: vault, kind: ClusterSecretStore}}
traffic:
  - {name: summaries, strategy: fast, requests_per_day: 20000, prompt_tokens: 800, completion_tokens: 100}
tests:
  - name: a 500-page document goes to Gemini
    request: {routing_strategy: long_context, requirements: {min_context_window: 500000}}
    expect: {model: gemini-1.5-pro-001}
  - name: Vertex AI is down
    down: [vertex-ai]
    request: {routing_strategy: quality}
    expect: {model: claude-3-opus, fallbacks: [gpt-4], provider: bedrock, max_cost_usd: 1, residency: eu}
  - name: nobody has ten million tokens
    gateway: vertex-ai-gateway
    mode: completion
    header: fast
    key_models: [gpt-4, auto, auto/fast]
    prompt_tokens: 0
    request: {requirements: {min_context_window: 10000000}}
    expect: {refused: true, code: no_eligible_model}
allow:
  - {rule: IL601, path: models.gemini-1.5-pro-001, reason: "what the organisation runs until its migration"}
environments:
  staging: {gateways: {llm-router: {namespace: staging, replicas: {min: 1, max: 2}}}}
"""

MODES = "models: {m: {provider: p, modes: "
MODEL = "models: {m: {provider: p, "
PROVIDER = "providers: {p: {type: openai, "
GATEWAY = "gateways: {g: {"
STRATEGY = "strategies: {s: {"
TEST = "tests: [{name: a, request: {}, "
# A section that takes the place of a good one: the code, the text at the place, words of message and hint.
BROKEN = [
    ("apiVersion: v1", "IL204", "v1", "legal value", "interlock/v1"),
    ("apiVersion: 1", "IL204", "1", "the number 1", "interlock/v1"),
    ("name: Bad_Name", "IL205", "Bad_Name", "a DNS label: lower-case letters", "foundational-models"),
    (f"name: {'a' * 41}", "IL205", "a" * 41, "at most 40 characters", "foundational-models"),
    ("modles: {}", "IL201", "modles", "no field 'modles'", "did you mean 'models'"),
    ("providers:", "IL203", "", "expected a mapping, found nothing", "openai"),
    ("providers: {}", "IL205", "{", "is empty", "at vendors"),
    ("target: {kubernetes: 1.34}", "IL203", "1.34", "found the number 1.34", 'in quotes: "1.34"'),
    ('target: {kubernetes: "1.30"}', "IL204", '"1.30"', "'1.30' is not a legal value", "1.31"),
    ("target: {litellm: {version: latest}}", "IL205", "latest", "three numbers", "1.106.2"),
    ("gateways: {Router: {}}", "IL205", "Router", "name of a Kubernetes Service", "llm-router"),
    (GATEWAY + "replicas: {min: 0}}}", "IL205", "0", "at least 1", "always run"),
    (GATEWAY + "replicas: {max: 1.5}}}", "IL203", "1.5", "expected a whole number", "max: 10"),
    (GATEWAY + "service: {type: Loadbalancer}}}", "IL204", "Loadbalancer", "legal", "'LoadBalancer'"),
    (GATEWAY + "service: {port: 65536}}}", "IL205", "65536", "at most 65535", "port: 80"),
    (GATEWAY + "service: {internal: yes}}}", "IL203", "yes", "expected true or false", "write true"),
    (GATEWAY + "service: {annotations: {a: 5}}}}", "IL203", "5", "expected text", '"5"'),
    (GATEWAY + "auth: None}}", "IL204", "None", "`gateways.g.auth` cannot be", "the word none"),
    (GATEWAY + "auth: {master_key: hunter2}}}", "IL203", "hunter2", "{secret: …, key: …}", "Secret"),
    (GATEWAY + "auth: {master_keys: {}}}}", "IL201", "master_keys", "no field", "'master_key'"),
    (GATEWAY + "resources: {limits: {memory: 2GB}}}}", "IL205", "2GB", "Kubernetes quantity", "1Gi"),
    ("providers: {p: {}}", "IL202", "p", "lacks the field 'type'", "type: openai"),
    ("providers: {p: {type: opena}}", "IL204", "opena", "'opena'", "did you mean 'openai'"),
    (PROVIDER + "api_key: sk-abc}}", "IL203", "sk-abc", "must be a reference", "Kubernetes Secret"),
    (PROVIDER + "api_key: {secret: s}}}", "IL202", "api_key", "lacks the field 'key'", "inside the Secret"),
    (PROVIDER + "project: {config_map: c}}}", "IL202", "project", "lacks the field 'key'", "ConfigMap"),
    (PROVIDER + "project: 5}}", "IL203", "5", "cannot be the number 5", '"5"'),
    (PROVIDER + "base_url: vllm:8000}}", "IL205", "vllm:8000", "starts with http", "http://"),
    (PROVIDER + "region: US East}}", "IL205", "US East", "a region: lower-case", "eu-central-1"),
    ("models: {a b: {provider: p}}", "IL205", "a b", "the name 'a b' is not", "gemini"),
    ("models: {m: {}}", "IL202", "m", "lacks the field 'provider'", "deployments"),
    (MODEL + "deployments: [{provider: p}]}}", "IL205", "provider", "exclude each other", "keep one"),
    (
        "models: {m: {id: x, deployments: [{provider: p}]}}",
        "IL205",
        "id",
        "exclude each other",
        "deployments",
    ),
    ("models: {m: {deployments: []}}", "IL205", "[", "is empty", "upstreams"),
    ("models: {m: {deployments: [{id: x}]}}", "IL202", "{", "deployments[0]` lacks the field", "anthropic"),
    (MODEL + "context_window: 1e6}}", "IL203", "1e6", "expected a whole number", "1000000"),
    (MODEL + "context_window: 200k}}", "IL203", "200k", "found text '200k'", "200000"),
    (MODEL + "quality: abc}}", "IL203", "abc", "expected a number, found text 'abc'", "quality: 95"),
    (MODEL + "quality: 101}}", "IL205", "101", "at most 100", "score"),
    (MODEL + "price: {input: 1}}}", "IL202", "price", "lacks the field 'output'", "per million tokens"),
    (MODEL + "price: {input: -1, output: 1}}}", "IL205", "-1", "at least 0", "per million"),
    (MODEL + "capabilities: vision}}", "IL203", "vision", "expected a list", "square brackets"),
    (MODES + "[chat, chta]}}", "IL204", "chta", "modes[1]", "did you mean 'chat'"),
    (MODES + "[chat, chat]}}", "IL205", "chat", "listed twice", "keep one"),
    (MODEL + "lifecycle: {retires_on: 24.9.2025}}}", "IL205", "24.9.2025", "year-month-day", "2025-09-24"),
    ("strategies: {Fast: {}}", "IL205", "Fast", "the name of a strategy", "long_context"),
    (STRATEGY + "candidates: [m], select: {}}}", "IL205", "select", "'candidates' and 'select'", "keep one"),
    (
        STRATEGY + "requirements: {min_contxt_window: 5}}}",
        "IL201",
        "min_contxt_window",
        "no",
        "context_window'",
    ),
    ("fallback: {max_attempts: 11}", "IL205", "11", "at most 10", "max_attempts: 3"),
    ("fallback: {timeout_s: 0}", "IL205", "0", "more than 0", "in seconds"),
    ("tests: [{name: a, request: {}}]", "IL202", "{", "tests[0]", "What the route has to be"),
    ("tests: [{name: a, request: 5, expect: {model: m}}]", "IL203", "5", "tests[0].request", "client sends"),
    (TEST + "expect: {}}]", "IL205", "{", "`tests[0].expect` is empty", "only what is given"),
    (TEST + "expect: {code: refused}}]", "IL204", "refused", "not a legal value", "no_eligible_model"),
    (TEST + "mode: chats, expect: {model: m}}]", "IL204", "chats", "legal value", "'chat'"),
    (TEST + "key_models: [a b], expect: {model: m}}]", "IL205", "a b", "what a key may use", "auto/fast"),
    (TEST + "prompt_tokens: 1k, expect: {model: m}}]", "IL203", "1k", "a whole number", "1000"),
    ("allow: [{rule: X1, path: a, reason: long enough}]", "IL205", "X1", "IL and three digits", "IL601"),
    ("environments: {staging: 5}", "IL203", "5", "expected a mapping", "namespace: staging"),
]
JARGON = (
    "additionalProp",
    "propertyNames",
    "oneOf",
    "anyOf",
    "minItems",
    "$ref",
    "^[",
    "NoneType",
    "instance",
)


def document(text: str) -> Document:
    parsed = parse(text, "catalog.yaml")
    assert isinstance(parsed, Document), parsed
    return parsed


def catalog(section: str) -> str:
    """A good catalog in which `section` takes the place of its own section, if it has one."""
    good = {
        "apiVersion": "apiVersion: interlock/v1",
        "name": "name: g",
        "providers": "providers: {p: {type: openai}}",
        "models": "models: {m: {provider: p}}",
    }
    return "\n".join({**good, section.partition(":")[0]: section}.values()) + "\n"


def at(diagnostic: Diagnostic, text: str) -> str:
    where = diagnostic.where
    assert where is not None
    assert where.file == "catalog.yaml"
    return text.splitlines()[where.line - 1][where.column - 1 :]


def properties(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property and every shared part of the schema."""
    if isinstance(node, dict):
        for group in ("properties", "$defs"):
            yield from ((f"{path}/{group}/{name}", part) for name, part in node.get(group, {}).items())
        for key, value in node.items():
            if key not in ("examples", "default"):
                yield from properties(value, f"{path}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from properties(value, f"{path}/{index}")


PROPERTIES = dict(properties(SCHEMA))


# --- the schema itself -------------------------------------------------------------------------------------


def test_the_schema_is_valid_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["$id"] == "https://interlock-llm.github.io/schemas/catalog.schema.json"


def test_every_property_explains_itself_to_an_editor() -> None:
    assert len(PROPERTIES) > 150
    lacking = {
        path: missing
        for path, part in PROPERTIES.items()
        if (missing := {"title", "description", "examples"} - set(part)) or not part["examples"]
    }
    assert not lacking


@pytest.mark.parametrize("path", PROPERTIES)
def test_examples_and_defaults_are_legal(path: str) -> None:
    part = PROPERTIES[path]
    validator = jsonschema.Draft202012Validator({**part, "$defs": SCHEMA["$defs"]})
    for value in (*part["examples"], *([part["default"]] if "default" in part else [])):
        validator.validate(value)


def test_unknown_fields_are_refused_everywhere_but_where_anything_goes() -> None:
    is_open = {
        path
        for path, part in PROPERTIES.items()
        if part.get("type") == "object"
        and part.get("additionalProperties") is not False
        and "propertyNames" not in part
    }
    assert is_open == {"/$defs/environment", "/$defs/test/properties/request"}
    assert SCHEMA["additionalProperties"] is False


def test_every_rule_of_the_schema_has_words() -> None:
    rules = {key for part in (SCHEMA, *PROPERTIES.values()) for key in part}
    silent = {
        "title",
        "description",
        "examples",
        "default",
        "properties",
        "items",
        "$ref",
        "$defs",
        "$schema",
        "$id",
    }
    own_words = {
        "additionalProperties": "unknown",
        "required": "missing",
        "pattern": "form",
        "minLength": "form",
        "maxLength": "form",
        "propertyNames": "name",
        "uniqueItems": "repeated",
        "not": "both",
        "oneOf": "both",
        "allOf": "both",
    }
    assert {own_words.get(rule, rule) for rule in rules - silent} <= set(schema_words._WORDS)


def test_every_requirement_of_a_request_is_one_of_a_catalog() -> None:
    assert sorted(SCHEMA["$defs"]["requirements"]["properties"]) == [
        "capabilities",
        "exclude_providers",
        "max_cost_usd",
        "max_latency_ms",
        "max_price",
        "min_context_window",
        "min_output_tokens",
        "min_quality",
        "providers",
        "residency",
    ]


# --- yes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [SMALLEST, WHOLE, catalog("name: g"), catalog("gateways: {g: {}}")])
def test_good_catalogs_are_accepted(text: str) -> None:
    assert schema.check(document(text)) == []


def test_what_is_not_supported_yet_is_said_at_its_key() -> None:
    found = schema.not_supported_yet(document(WHOLE))
    assert {diagnostic.code for diagnostic in found} == {NOT_SUPPORTED_YET.id}
    assert [at(diagnostic, WHOLE).partition(":")[0] for diagnostic in found] == [
        "cached_input",
        "environments",
    ]
    assert len(found) == len(schema.NOT_YET)
    assert "`environments` is not supported yet" in found[1].message
    assert all("until then" in diagnostic.hint for diagnostic in found)


def test_what_is_supported_is_not_reported() -> None:
    assert schema.not_supported_yet(document(SMALLEST + "secrets: {backend: kubernetes}\n")) == []


@pytest.mark.parametrize("data", [None, [], "text", {"gateways": [1], "fallback": None, "secrets": "none"}])
def test_not_supported_yet_bears_data_of_any_shape(data: Any) -> None:
    assert schema.not_supported_yet(Document("catalog.yaml", "", data)) == []


# --- no ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "code", "place", "message", "hint"), BROKEN, ids=[row[0] for row in BROKEN]
)
def test_what_is_wrong_is_said_in_words_at_its_place(
    section: str, code: str, place: str, message: str, hint: str
) -> None:
    text = catalog(section)
    said = [d for d in schema.check(document(text)) if d.code == code]
    assert len(said) == 1
    assert message in said[0].message
    assert hint in said[0].hint
    assert at(said[0], text).startswith(place)
    assert not any(word in said[0].message + said[0].hint for word in JARGON)


def test_every_problem_is_said_in_one_run_in_the_order_of_the_file() -> None:
    text = """apiVersion: interlock/v1
name: Bad_Name
providers: {p: {type: opena, gatway: g}}
models: {m: {provider: p, quality: abc}}
strategies: {s: {order: price}}
typo: 1
"""
    found = schema.check(document(text))
    assert [(d.code, d.where.line if d.where else 0) for d in found] == [
        ("IL205", 2),
        ("IL204", 3),
        ("IL201", 3),
        ("IL203", 4),
        ("IL204", 5),
        ("IL201", 6),
    ]


def test_one_wrong_type_is_one_problem() -> None:
    assert [d.code for d in schema.check(document(catalog("target: {kubernetes: 1.34}")))] == ["IL203"]
    assert [d.code for d in schema.check(document(catalog("models: {m: 5}")))] == ["IL203"]


def test_the_first_of_two_equals_and_of_two_rivals_is_shown_too() -> None:
    for section, first in (
        (MODES + "[chat, chat]}}", "chat, chat"),
        (STRATEGY + "candidates: [m], select: {}}}", "candidates"),
    ):
        text = catalog(section)
        (found,) = schema.check(document(text))
        ((where, note),) = found.related
        assert text.splitlines()[where.line - 1][where.column - 1 :].startswith(first)
        assert note == "and here"


@pytest.mark.parametrize("text", ["", "- a\n", "text\n", "5\n"])
def test_a_file_that_is_no_mapping(text: str) -> None:
    assert [d.code for d in schema.check(document(text))] == ["IL106"]


def test_entries_of_a_long_list_keep_their_own_places() -> None:
    lines = [f"  - {{rule: IL601, path: a, reason: reason number {n}}}" for n in range(5)]
    lines[3] = "  - {rule: IL601, path: a, reason: short}"
    text = catalog("allow:\n" + "\n".join(lines))
    (found,) = schema.check(document(text))
    assert "`allow[3].reason`" in found.message
    assert at(found, text).startswith("short")


def test_the_list_of_problems_ends_with_how_many_it_leaves_out() -> None:
    text = catalog(
        "models:\n" + "\n".join(f"  m{n}: {{provider: p, quality: bad, typo: 1}}" for n in range(10_000))
    )
    found = schema.check(document(text))
    assert len(found) == 101
    assert "19900 problems are left out" in found[-1].message
    assert [d.where.line for d in found if d.where] == sorted(d.where.line for d in found if d.where)


def test_a_million_problems_are_bounded() -> None:
    data = {
        "strategies": {"s": {"candidates": list(range(1_000_000))}},
        "models": dict.fromkeys(map(str, range(120_000))),
    }
    found = schema.check(Document("catalog.yaml", "", data))
    assert len(found) == 101
    assert "more than" in found[-1].message


# --- secrets -----------------------------------------------------------------------------------------------

HUSH = "hunter2"
API_KEY = "sk-" + "proj-Abc123Def456Ghi789"


@pytest.mark.parametrize(
    "section",
    [
        *(PROVIDER + f"{key}: {HUSH}}}}}" for key in ("api_key", "access_key_id", "secret_access_key")),
        PROVIDER + f"api_key: {{secret: {HUSH}_!, key: {HUSH}/!}}}}}}",
        PROVIDER + f"api_key: {{{HUSH}: null}}}}}}",
        PROVIDER + f"api_key: [{HUSH}]}}}}",
        PROVIDER + f"api_key: {{secret: {{{HUSH}: 1}}, key: k}}}}}}",
        PROVIDER + f'base_url: "https://user:{HUSH}@host"}}}}',
        PROVIDER + f'base_url: "https://{HUSH}@host"}}}}',
        GATEWAY + f"auth: {HUSH}}}}}",
        GATEWAY + f"auth: {{master_key: {HUSH}}}}}}}",
        GATEWAY + f"redis: {{host: h, password: {HUSH}}}}}}}",
        PROVIDER + f"gateway: {API_KEY}}}}}",
        PROVIDER + f"{API_KEY}: 1}}}}",
        f"providers: {{{API_KEY}: {{}}}}",
        f"{API_KEY}: 1",
    ],
)
def test_a_secret_is_refused_and_never_printed_back(section: str) -> None:
    found = schema.check(document(catalog(section)))
    assert found
    said = " ".join(d.message + d.hint + "".join(note for _, note in d.related) for d in found)
    assert HUSH not in said
    assert API_KEY[:12] not in said


def test_long_values_are_cut() -> None:
    (found,) = schema.check(document(catalog("name: " + "A b" * 100)))
    assert "A bA b" in found.message
    assert len(found.message) < 220


# --- anything ----------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(), max_size=6) | st.sampled_from(("openai", "none", "secret", "1e6", "\ud800"))
SCALARS = st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | TEXTS
FIELDS = st.sampled_from(sorted({path.rpartition("/")[2] for path in PROPERTIES if "/properties/" in path}))
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(FIELDS | TEXTS, inner, max_size=4),
    max_leaves=12,
)
SECTIONS = st.fixed_dictionaries({}, optional=dict.fromkeys(SCHEMA["properties"], ANYTHING))
ENTRIES = st.fixed_dictionaries(
    {},
    optional={
        name: st.dictionaries(TEXTS, st.dictionaries(FIELDS, ANYTHING, max_size=4), max_size=3)
        for name in ("gateways", "providers", "models", "strategies")
    },
)


@settings(max_examples=150, deadline=None)
@given(ANYTHING | SECTIONS | ENTRIES)
def test_any_data_ends_in_diagnostics(data: Any) -> None:
    found = schema.check(Document("catalog.yaml", "", data))
    assert found  # no catalog comes out of these: apiVersion and the rest are never all there
    assert all(d.message and d.where and d.severity == "error" for d in found)
    assert not any(word in d.message for d in found for word in JARGON)
    schema.not_supported_yet(Document("catalog.yaml", "", data))


ODD = {
    "huge": 10**5000,
    "huge and negative": -(10**5000),
    "infinite": float("inf"),
    "not a number": float("nan"),
    "half a character": "\ud800",
    "zero byte": "\0",
    "yes": True,
    "nothing": None,
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_odd_values_end_in_diagnostics(odd: Any) -> None:
    data = document(SMALLEST).data
    for entry in ({"quality": odd}, {"modes": [odd, odd]}, {"price": {"input": odd}}, {"rpm": odd}):
        broken = {**data, "models": {"m": {"provider": "openai", **entry}}}
        (first, *_) = schema.check(Document("catalog.yaml", "", broken))
        assert "models.m" in first.message


@pytest.mark.parametrize("where", ["name", "models", "fallback", "tests", "environments", "unheard_of"])
def test_data_that_is_too_deep_ends_in_a_diagnostic(where: str) -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"a": deep}
    data = {**document(SMALLEST).data, where: deep}
    found = schema.check(Document("catalog.yaml", "", data))
    assert found or where == "environments"


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ("router_settings: {num_retries: 1}", "Interlock writes this section"),
        ("fallback: {num_retries: 1}", "`fallback.retry.attempts`"),
        ("fallback: {request_timeout: 1}", "`fallback.timeout_s`"),
        ("fallback: {request-timeout: 1}", "`fallback.timeout_s`"),
        (MODEL + "input_cost_per_token_above_200k_tokens: 1}}", "times 1,000,000"),
        (MODEL + "supports_vision: true}}", "`capabilities`"),
        (MODEL + "api_key: os.environ/KEY}}", "the provider has it"),
        (MODEL + "model: openai/gpt-4}}", "`id`"),
        (PROVIDER + "api_base: 'http://x'}}", "`base_url` of the provider"),
        (GATEWAY + "master_key: {secret: s, key: k}}}", "`auth: {master_key"),
    ],
)
def test_a_setting_of_litellm_is_answered_with_what_to_write_here(section: str, words: str) -> None:
    (found,) = [d for d in schema.check(document(catalog(section))) if d.code == "IL201"]
    assert words in found.hint
    assert "a setting of LiteLLM's" in found.hint
    assert "The fields here are: " in found.hint


@pytest.mark.parametrize("section", [STRATEGY + "model: m}}", "fallback: {order: cost}", "typo: 1"])
def test_a_word_of_anybody_s_is_not_taken_for_litellm_s(section: str) -> None:
    (found,) = schema.check(document(catalog(section)))
    assert "LiteLLM" not in found.hint


def test_what_is_said_of_litellm_s_settings_names_fields_that_exist() -> None:
    fields = {path.rpartition("/")[2] for path in PROPERTIES} | {"interlock", "auto", "routing_strategy"}
    for name, words in litellm_words._INSTEAD.items():
        for quoted in re.findall(r"`([^`]+)`", words):
            first = re.split(r"[.:/ ]", quoted.lstrip("{"))[0]
            assert first in fields, f"{name}: {quoted}"
