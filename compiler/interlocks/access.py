"""Access: credentials fit their provider, a pod holds one identity, the outside needs a key."""

from collections.abc import Iterator

from compiler.catalog import Catalog, Provider
from compiler.diagnostics import (
    IDENTITY,
    OPEN_GATEWAY,
    TOO_MANY_IDENTITIES,
    Diagnostic,
)
from compiler.source import Document

_KEYED = ("openai", "anthropic", "cohere", "mistral", "gemini", "groq", "azure")


def credentials_fit(catalog: Catalog, document: Document) -> Iterator[Diagnostic]:
    """IL308: each provider says what its type needs to be reached, and nothing that it cannot use."""
    for provider in catalog.providers.values():
        for problem, hint in _problems(provider):
            where = document.span(provider.path, key=True)
            yield IDENTITY.at(where, f"provider {provider.name!r} ({provider.type}) {problem}", hint)


def _problems(provider: Provider) -> Iterator[tuple[str, str]]:
    identity = provider.identity
    if provider.type in _KEYED and provider.api_key is None:
        yield "has no API key", "add `api_key: {secret: <name>, key: <key>}`"
    if provider.type in ("azure", "openai_compatible") and not provider.base_url:
        yield "has no address", "add `base_url: https://…`"
    if provider.type == "vertex_ai":
        if not provider.project:
            yield "has no project", "add `project: <id>` or `project: {config_map: …, key: …}`"
        if not provider.location:
            yield "has no location", "add `location: <region>`, such as europe-west4"
        if not (identity and identity.gcp_service_account):
            yield "has no Google identity", "add `identity: {service_account: …, gcp_service_account: …}`"
    if provider.type == "bedrock":
        yield from _bedrock_problems(provider)
    if identity and provider.type not in ("vertex_ai", "bedrock"):
        yield "cannot use an identity", "remove `identity`; this type is reached with an API key"


def _bedrock_problems(provider: Provider) -> Iterator[tuple[str, str]]:
    if not provider.region:
        yield "has no region", "add `region: <region>`, such as eu-central-1"
    has_role = bool(provider.identity and provider.identity.aws_role_arn)
    keys = (provider.access_key_id, provider.secret_access_key)
    if has_role and any(keys):
        yield "has both a role and static keys", "keep `identity`; keys are the last resort"
    elif not has_role and not all(keys):
        yield (
            "has no AWS identity",
            "add `identity: {service_account: …, aws_role_arn: …}`, or both static keys",
        )


def one_identity_a_pod(catalog: Catalog, document: Document) -> Iterator[Diagnostic]:
    """IL310: the pods of a gateway run as one service account with one cloud identity."""
    for gateway in catalog.gateways.values():
        holders = [p for p in catalog.direct_providers(gateway) if p.identity]
        for other in holders[1:]:
            if other.identity != holders[0].identity:
                found = TOO_MANY_IDENTITIES.at(
                    document.span((*other.path, "identity"), key=True),
                    f"the pods of gateway {gateway.name!r} would hold two identities: "
                    f"{holders[0].name!r} and {other.name!r}",
                    "give each provider a gateway of its own: `gateway: <name>`",
                )
                yield found.with_related(
                    document.span((*holders[0].path, "identity"), key=True), "the other one"
                )


def outside_needs_a_key(catalog: Catalog, document: Document) -> Iterator[Diagnostic]:
    """IL502: a gateway that the outside can reach asks for a key."""
    for gateway in catalog.gateways.values():
        if gateway.master_key is None and gateway.service.type != "ClusterIP":
            found = OPEN_GATEWAY.at(
                document.span((*gateway.path, "auth")),
                f"gateway {gateway.name!r} is reachable from outside the cluster and asks for no key",
                "remove `auth: none` (a master key is the default), or use a ClusterIP service",
            )
            yield found.with_related(document.span((*gateway.path, "service")), "reachable here")
