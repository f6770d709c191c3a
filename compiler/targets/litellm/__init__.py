"""What is known of each LiteLLM version line that Interlock compiles for."""

import re
from dataclasses import dataclass

MALICIOUS = frozenset({"1.82.7", "1.82.8"})  # published by an attacker; both were withdrawn


@dataclass(frozen=True, slots=True)
class Line:
    """One minor version line, and what differs between them (docs/guides/litellm-versions.md).

    `prefixes` are how it names the API of each provider type. `cooldown_errors` are the keys of
    `allowed_fails_policy` without which a deployment may never cool down.
    """

    minor: str
    default_version: str
    prefixes: dict[str, str]
    cooldown_errors: tuple[str, ...]


_PREFIXES = {
    "vertex_ai": "vertex_ai",
    "bedrock": "bedrock",
    "openai": "openai",
    "anthropic": "anthropic",
    "cohere": "cohere_chat",
    "mistral": "mistral",
    "azure": "azure",
    "gemini": "gemini",
    "groq": "groq",
    "openai_compatible": "openai",
}

# `allowed_fails` alone is not enough. 1.106 takes 3, LiteLLM's own default, for unset. From 1.108 on,
# it is not for a model with one deployment, unless the configuration itself names fallbacks, and ours are the
# plugin's. A bad request (400) is nobody's failure on any line.
_COOLDOWN_ERRORS = (
    "AuthenticationErrorAllowedFails",
    "BadGatewayErrorAllowedFails",
    "InternalServerErrorAllowedFails",
    "NotFoundErrorAllowedFails",
    "RateLimitErrorAllowedFails",
    "ServiceUnavailableErrorAllowedFails",
    "TimeoutErrorAllowedFails",
)

LINES: dict[str, Line] = {
    line.minor: line
    for line in (
        Line("1.106", "1.106.2", _PREFIXES, _COOLDOWN_ERRORS),
        Line("1.109", "1.109.1", _PREFIXES, _COOLDOWN_ERRORS),
    )
}
DEFAULT = LINES["1.106"]  # what Interlock's own requirements hold; `make prove` runs the others


def line_for(version: str) -> Line | None:
    """The line of a version such as `1.106.2`, or None when Interlock does not know it."""
    return None if version in MALICIOUS else LINES.get(".".join(version.split(".")[:2]))


def is_malicious(image: str) -> bool:
    """Whether an image's tag names one of the malicious releases, in any of the ways that tags do."""
    tag = image.partition("@")[0].rpartition(":")[2]
    return any(re.search(rf"(?<![0-9.]){re.escape(version)}(?![0-9])", tag) for version in MALICIOUS)


def default_image(version: str) -> str:
    return f"ghcr.io/berriai/litellm:v{version}"
