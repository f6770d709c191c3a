"""A realistic catalog of N models: the same text for the same N, on every machine.

    python bench/generate.py 1000 > models.yaml

Eight or nine lines a model with the facts that a catalog states, seven providers of as many types, gateways
as in the reference catalog, and strategies that list, query and take everything.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

HEAD = """\
# A generated catalog of {count} models, for measurements.

apiVersion: interlock/v1
name: models-{count}

target:
  kubernetes: "1.34"
  platform: gke
  litellm: {{version: "1.106.2"}}

gateways:
  llm-router:
    namespace: production
    replicas: {{min: 2, max: 10, target_cpu_percent: 70}}
    service: {{type: LoadBalancer, port: 80, internal: true}}
    auth: {{master_key: {{secret: llm-router-auth, key: master-key}}}}
    resources: {{requests: {{cpu: 500m, memory: 1Gi}}, limits: {{memory: 2Gi}}}}
  vertex-ai-gateway:
    namespace: production
    replicas: {{min: 2, max: 6}}
    service: {{type: ClusterIP, port: 80}}
    auth: {{master_key: {{secret: vertex-ai-gateway-auth, key: master-key}}}}
  bedrock-gateway:
    namespace: production
    replicas: {{min: 2, max: 4}}
    service: {{type: ClusterIP, port: 80}}
    auth: {{master_key: {{secret: bedrock-gateway-auth, key: master-key}}}}

providers:
  vertex-ai:
    type: vertex_ai
    project: {{config_map: vertex-ai-config, key: project-id}}
    location: europe-west4
    residency: eu
    identity:
      service_account: llm-gateway-sa
      gcp_service_account: llm-gateway@PROJECT_ID.iam.gserviceaccount.com
    gateway: vertex-ai-gateway
  bedrock:
    type: bedrock
    region: eu-central-1
    residency: eu
    identity:
      service_account: bedrock-sa
      aws_role_arn: arn:aws:iam::123456789012:role/bedrock-role
    gateway: bedrock-gateway
  openai: {{type: openai, api_key: {{secret: openai-api-key, key: api-key}}}}
  anthropic: {{type: anthropic, api_key: {{secret: anthropic-api-key, key: api-key}}}}
  cohere: {{type: cohere, api_key: {{secret: cohere-api-key, key: api-key}}}}
  mistral: {{type: mistral, api_key: {{secret: mistral-api-key, key: api-key}}}}
  vllm: {{type: openai_compatible, base_url: "http://vllm.models.svc:8000/v1"}}

models:
"""

TAIL = """
strategies:
  quality:
    description: The best answer, whatever it costs.
    default: true
    candidates: [{best}]
  fast:
    description: A first answer in under a second.
    candidates: [{fast}]
    requirements: {{max_latency_ms: 1000}}
  cost:
    description: The cheapest for this very request.
    order: cost
  long_context:
    description: More than 100,000 tokens in one prompt.
    select: {{modes: [chat], min_context_window: 200000}}
    order: context_window
    requirements: {{min_context_window: 100000}}
  vision:
    description: Questions about images.
    select: {{capabilities: [vision], modes: [chat]}}
    order: quality
  code:
    description: Writing and reading programs.
    candidates: [{code}]

# The runtime benches measure it as a setting of its own.
observability: {{metrics: none}}
fallback:
  providers: [vertex-ai, openai, anthropic]
  max_attempts: 3
  timeout_s: 30
  cooldown: {{failures: 3, seconds: 30}}
"""


@dataclass(frozen=True, slots=True)
class Family:
    """What the models of one vendor have in common; single models vary round it by their number."""

    stem: str
    provider: str
    window: int
    output: int  # 0: not stated
    price: tuple[float, float]
    quality: int
    latency_ms: int
    capabilities: str
    modes: str = ""  # "": not stated
    upstream: str = ""  # "": the model's own name


_CALLS = "function_calling"
_TOOLS = f"{_CALLS}, json_mode"
_ALL = f"vision, {_TOOLS}"
_MOST = f"{_ALL}, prompt_caching"
_BOTH = "chat, completion"
FAMILIES = (
    Family("gemini-flash", "vertex-ai", 1_000_000, 8192, (0.10, 0.30), 80, 400, _ALL, _BOTH),
    Family("claude-opus", "anthropic", 200_000, 4096, (15, 75), 94, 2500, _ALL, _BOTH),
    Family("gpt-turbo", "openai", 128_000, 4096, (10, 30), 92, 2000, _TOOLS, _BOTH),
    Family("llama-instruct", "bedrock", 8_192, 0, (1, 1), 70, 1200, _CALLS, "", "meta.{}-v1:0"),
    Family("gemini-pro", "vertex-ai", 1_000_000, 8192, (3.5, 10.5), 95, 1800, _MOST, _BOTH),
    Family("command", "cohere", 256_000, 0, (2.5, 10), 78, 1500, _TOOLS),
    Family("mistral-large", "mistral", 131_072, 8192, (2, 6), 84, 1400, _TOOLS),
    Family("qwen-coder", "vllm", 32_768, 0, (0.2, 0.2), 72, 700, _CALLS),
    Family("claude-haiku", "anthropic", 200_000, 4096, (0.25, 1.25), 75, 500, _ALL, _BOTH, "{}-v1"),
    Family("titan-text", "bedrock", 42_000, 0, (0.2, 0.6), 40, 900, "", upstream="amazon.{}-v1"),
)  # fmt: skip


def generated(count: int) -> str:
    """The text of a catalog of `count` models (at least 10), valid without a warning."""
    if count < len(FAMILIES):
        raise ValueError(f"a generated catalog has at least {len(FAMILIES)} models")
    models = "".join(f"{line}\n" for number in range(count) for line in _model(number))
    names = {
        "best": _names(count, "gemini-pro", "claude-opus", "gpt-turbo"),
        "fast": _names(count, "gemini-flash", "claude-haiku"),
        "code": _names(count, "qwen-coder", "gpt-turbo", "claude-opus"),
    }
    return HEAD.format(count=count) + models + TAIL.format(**names)


def _name(number: int) -> str:
    return f"{FAMILIES[number % len(FAMILIES)].stem}-{number:05}"


def _names(count: int, *stems: str) -> str:
    """The last model of each family, as a flow list's inside."""
    last = {
        FAMILIES[number % len(FAMILIES)].stem: _name(number) for number in range(count - len(FAMILIES), count)
    }
    return ", ".join(last[stem] for stem in stems)


def _model(number: int) -> Iterator[str]:
    family = FAMILIES[number % len(FAMILIES)]
    name, generation = _name(number), number // len(FAMILIES)
    yield f"  {name}:"
    yield from _places(family, name)
    yield f"    context_window: {family.window}"
    if family.output:
        yield f"    max_output_tokens: {family.output}"
    yield "    price: {{input: {:.4f}, output: {:.4f}}}".format(*_prices(family, generation))
    yield f"    quality: {max(1, family.quality - generation % 20)}"
    yield f"    latency_ms: {family.latency_ms + 10 * (generation % 30)}"
    if family.modes:
        yield f"    modes: [{family.modes}]"
    yield f"    capabilities: [{family.capabilities}]"
    if number % 5 == 4:  # to models written before: no chain of fallbacks comes back
        yield f"    fallbacks: [{_name(number - 2)}, {_name(number - 3)}]"
    if number % 50 == 49:
        yield '    lifecycle: {status: deprecated, retires_on: "2030-06-30"}'


def _places(family: Family, name: str) -> Iterator[str]:
    if family.stem == "claude-opus":  # the same model at two vendors
        yield "    deployments:"
        yield f"      - {{provider: anthropic, id: {name}-v1, rpm: 500, tpm: 200000}}"
        yield f'      - {{provider: bedrock, id: "anthropic.{name}-v1:0", region: us-east-1}}'
        return
    yield f"    provider: {family.provider}"
    if family.upstream:
        yield f'    id: "{family.upstream.format(name)}"'


def _prices(family: Family, generation: int) -> tuple[float, float]:
    dearer = 1 + generation % 10 / 20
    return family.price[0] * dearer, family.price[1] * dearer


if __name__ == "__main__":
    sys.stdout.write(generated(int(sys.argv[1])))
