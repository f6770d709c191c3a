"""Access to providers: credentials fit their provider, a pod holds one identity."""

from collections.abc import Iterator

from compiler.catalog import Provider
from compiler.diagnostics import (
    IDENTITY,
    TOO_MANY_IDENTITIES,
    Diagnostic,
)
from compiler.interlocks.case import Case

_FIELDS = (
    "project", "location", "region", "base_url", "api_version", "identity", "api_key", "access_key_id",
    "secret_access_key",
)  # fmt: skip
# What says how a provider is reached, by its type; the others take a key, and an address of their own.
_USES = {
    "vertex_ai": ("project", "location", "identity"),
    "bedrock": ("region", "identity", "access_key_id", "secret_access_key"),
    "azure": ("base_url", "api_version", "api_key"),
}
_KEYED = ("openai", "anthropic", "cohere", "mistral", "gemini", "groq", "azure")


def credentials_fit(case: Case) -> Iterator[Diagnostic]:
    """IL308: each provider says what its type needs to be reached, and nothing that it cannot use."""
    for provider in case.catalog.providers.values():
        kind = "" if provider.name == provider.type else f" ({provider.type})"
        name = f"{provider.name!r}{kind}"
        for problem, hint in _lacks(provider):
            yield IDENTITY.on(case.document, provider.path, f"provider {name} has no {problem}", hint)
        for field in _cannot_use(provider):
            path = (*provider.path, field)
            hint = f"remove it; this type is reached by: {', '.join(_uses(provider))}"
            yield IDENTITY.on(case.document, path, f"provider {name} cannot use `{field}`", hint)
        if provider.identity and provider.identity.aws_role_arn and provider.secret_access_key:
            found = IDENTITY.on(
                case.document,
                (*provider.path, "secret_access_key"),
                f"provider {name} has both a role and static keys",
                "keep `identity`; keys are the last resort",
            )
            yield found.with_related(case.document.span((*provider.path, "identity"), key=True), "the role")


def _uses(provider: Provider) -> tuple[str, ...]:
    return _USES.get(provider.type, ("api_key", "base_url"))


def _cannot_use(provider: Provider) -> list[str]:
    return [
        field for field in _FIELDS if field not in _uses(provider) and getattr(provider, field) is not None
    ]


def _lacks(provider: Provider) -> Iterator[tuple[str, str]]:
    """(what, what to add) of everything without which the type cannot be reached."""
    identity = provider.identity
    if provider.type in _KEYED and provider.api_key is None:
        yield "API key", "add `api_key: {secret: <name>, key: <key>}`"
    if provider.type in ("azure", "openai_compatible") and not provider.base_url:
        yield "address", "add `base_url: https://…`"
    if provider.type == "vertex_ai":
        if not provider.project:
            yield "project", "add `project: <id>` or `project: {config_map: …, key: …}`"
        if not provider.location:
            yield "location", "add `location: <region>`, such as europe-west4"
        if not (identity and identity.gcp_service_account):
            yield "Google identity", "add `identity: {service_account: …, gcp_service_account: …}`"
    if provider.type == "bedrock":
        if not provider.region:
            yield "region", "add `region: <region>`, such as eu-central-1"
        has_keys = provider.access_key_id and provider.secret_access_key
        if not (identity and identity.aws_role_arn) and not has_keys:
            yield "AWS identity", "add `identity: {service_account: …, aws_role_arn: …}`, or both static keys"


def one_identity_a_pod(case: Case) -> Iterator[Diagnostic]:
    """IL310: the pods of a gateway run as one service account with one cloud identity."""
    for gateway in case.catalog.gateways.values():
        holders = [p for p in case.catalog.direct_providers(gateway) if p.identity]
        for other in holders[1:]:
            if other.identity != holders[0].identity:
                found = TOO_MANY_IDENTITIES.on(
                    case.document,
                    (*other.path, "identity"),
                    f"the pods of gateway {gateway.name!r} would hold two identities: "
                    f"{holders[0].name!r} and {other.name!r}",
                    f"add `{other.name}-gateway: {{}}` to `gateways`, "
                    f"and `gateway: {other.name}-gateway` to this provider",
                )
                yield found.with_related(
                    case.document.span((*holders[0].path, "identity"), key=True), "the other one"
                )


def accounts_stay_apart(case: Case) -> Iterator[Diagnostic]:
    """IL310: no gateway runs as the service account by which another holds a cloud identity."""
    holders = {
        (gateway.namespace, identity.service_account): gateway
        for gateway in case.catalog.gateways.values()
        if (identity := case.catalog.identity(gateway))
    }
    for gateway in case.catalog.gateways.values():
        identity = case.catalog.identity(gateway)
        holder = holders.get((gateway.namespace, identity.service_account if identity else gateway.name))
        if holder is None or case.catalog.identity(holder) == identity:
            continue
        owner = next(p for p in case.catalog.direct_providers(holder) if p.identity)
        found = TOO_MANY_IDENTITIES.on_value(
            case.document,
            (*owner.path, "identity", "service_account"),
            f"the pods of gateway {gateway.name!r} would run as this service account too",
            f"give the identity of {owner.name!r} a service account of its own",
        )
        yield found.with_related(case.document.span(gateway.path, key=True), "the other gateway")
