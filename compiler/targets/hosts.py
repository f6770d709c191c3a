"""Provider type → the host names that LiteLLM calls for it, and for the identity in front of it.

Measured: tests/runtime/test_provider_hosts.py runs the real LiteLLM and records every name it asks for.
"""

import re
from collections.abc import Iterator

from compiler.catalog import Deployment, Model, Provider
from compiler.catalog_gateways import Identity

_VENDORS = {
    "anthropic": "api.anthropic.com",
    "gemini": "generativelanguage.googleapis.com",
    "groq": "api.groq.com",
    "mistral": "api.mistral.ai",
    "openai": "api.openai.com",
}
_COHERE, _COHERE_EMBEDDINGS = "api.cohere.com", "api.cohere.ai"

# The head of an upstream id that LiteLLM sends to another of Bedrock's services.
_BEDROCK_ROUTES = {
    "agent/": "bedrock-agent-runtime.{region}.{suffix}",
    "agentcore/": "bedrock-agentcore.{region}.{suffix}",
    "mantle/": "bedrock-mantle.{region}.api.aws",
}
_AGENTCORE_REGION = re.compile(r"agentcore/arn:[^:]*:[^:]*:([a-z0-9-]+):")
_AWS_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eu-isoe-": "cloud.adc-e.uk",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
}

# Models that Vertex AI has in few locations: LiteLLM leaves the catalog's location for the first of these.
VERTEX_LOCATIONS = {
    "deepseek-ai/deepseek-ocr-maas": ("us-central1",),
    "deepseek-ai/deepseek-r1-0528-maas": ("us-central1",),
    "deepseek-ai/deepseek-v3.1-maas": ("us-central1",),
    "deepseek-ai/deepseek-v3.2-maas": ("global",),
    "deepseek-ai/deepseek-v4.1-flash-maas": ("global",),
    "google/gemma-4-26b-a4b-it-maas": ("global",),
    "lyria-3-clip-preview": ("global",),
    "lyria-3-pro-preview": ("global",),
    "qwen/qwen3-235b-a22b-instruct-2507-maas": ("global", "us-south1"),
    "qwen/qwen3-coder-480b-a35b-instruct-maas": ("global",),
    "qwen/qwen3-next-80b-a3b-instruct-maas": ("global",),
    "qwen/qwen3-next-80b-a3b-thinking-maas": ("global",),
    "zai-org/glm-4.7-maas": ("global",),
    "zai-org/glm-5-maas": ("global",),
    "zai-org/glm-5.2-maas": ("global",),
}

# Azure's clouds other than the public one, by the end of a resource's address.
_AZURE_LOGINS = {".azure.cn": "login.chinacloudapi.cn", ".azure.us": "login.microsoftonline.us"}


def api_host(provider: Provider, deployment: Deployment, model: Model) -> Iterator[str]:
    """The names that one deployment is called at on port 443. None where the provider has a `base_url`."""
    if provider.base_url:
        return
    if provider.type == "bedrock":
        yield _bedrock(deployment.upstream, deployment.region or provider.region or "")
    elif provider.type == "vertex_ai":
        yield _vertex(deployment.upstream, deployment.region or provider.location or "")
    elif provider.type == "cohere":
        if "embedding" in model.modes:
            yield _COHERE_EMBEDDINGS
        if set(model.modes) - {"embedding"}:
            yield _COHERE
    elif provider.type in _VENDORS:
        yield _VENDORS[provider.type]


def _bedrock(upstream: str, region: str) -> str:
    found = _AGENTCORE_REGION.match(upstream)
    region = found[1] if found else region
    route = next((route for head, route in _BEDROCK_ROUTES.items() if upstream.startswith(head)), None)
    return (route or "bedrock-runtime.{region}.{suffix}").format(region=region, suffix=_aws_suffix(region))


def _aws_suffix(region: str) -> str:
    """The domain of a region's cloud: China's and those of governments have their own."""
    heads = sorted(_AWS_SUFFIXES, key=len, reverse=True)
    return next((_AWS_SUFFIXES[head] for head in heads if region.startswith(head)), "amazonaws.com")


def _vertex(upstream: str, location: str) -> str:
    served = VERTEX_LOCATIONS.get(upstream, (location,))
    location = location if location in served else served[0]
    if location == "global":
        return "aiplatform.googleapis.com"
    if "-" not in location:  # several regions together: eu, us
        return f"aiplatform.{location}.rep.googleapis.com"
    return f"{location}-aiplatform.googleapis.com"


def identity_hosts(provider: Provider, platform: str) -> Iterator[str]:
    """The names at which the pods' identity becomes a token. `*` stands for one label of a name.

    None where an address of the node gives it (`metadata_servers`).
    """
    identity = provider.identity
    if identity is None:
        return
    if identity.gcp_service_account and platform != "gke":
        yield from ("iamcredentials.googleapis.com", "oauth2.googleapis.com", "sts.googleapis.com")
    if identity.aws_role_arn and identity.aws_association == "irsa":
        # That of the cluster's region, which a catalog doesn't say; EKS names it to the pods.
        suffix = _aws_suffix(provider.region or "")
        yield f"sts.*.{suffix}"
        if platform != "eks":
            yield f"sts.{suffix}"
    if identity.azure_client_id:
        where = provider.base_url or ""
        yield next(
            (login for end, login in _AZURE_LOGINS.items() if end in where), "login.microsoftonline.com"
        )


def metadata_servers(identity: Identity | None, platform: str) -> Iterator[tuple[str, int]]:
    """(range, port) of the node's addresses that give the pods' identity its tokens."""
    if identity is None:
        return
    if identity.gcp_service_account and platform == "gke":
        yield "169.254.169.252/32", 988  # where GKE redirects the next one to
        yield "169.254.169.254/32", 80
    if identity.aws_role_arn and identity.aws_association == "pod_identity":
        yield "169.254.170.23/32", 80
        yield "fd00:ec2::23/128", 80
