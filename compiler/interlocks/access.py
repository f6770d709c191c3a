"""Access to providers: credentials fit their provider, a pod holds one identity of each cloud."""

from collections.abc import Iterator

from compiler.catalog import Provider
from compiler.catalog_gateways import Identity
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
    "azure": ("base_url", "api_version", "identity", "api_key"),
}
_KEYED = ("openai", "anthropic", "cohere", "mistral", "gemini", "groq")
# What an identity of each type is; `aws_association` says how a pod gets a role.
_BECOMES = {
    "vertex_ai": ("gcp_service_account",),
    "bedrock": ("aws_role_arn", "aws_association"),
    "azure": ("azure_client_id",),
}
_ASKS_FOR = {
    "vertex_ai": ("Google identity", "add `identity: {service_account: …, gcp_service_account: …}`"),
    "bedrock": (
        "AWS identity",
        "add `identity: {service_account: …, aws_role_arn: …}`, or both static keys",
    ),
    "azure": (
        "Azure identity",
        "add `identity: {service_account: …, azure_client_id: …}`, or an `api_key`",
    ),
}
_CLOUDS = ("gcp_service_account", "aws_role_arn", "azure_client_id")
# The key that is not needed beside an identity, by the field of the identity.
_KEYS = {
    "aws_role_arn": ("secret_access_key", "a role and static keys", "the role"),
    "azure_client_id": ("api_key", "an identity and a key", "the identity"),
}


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
        if provider.identity and "identity" in _uses(provider):
            yield from _identity_fits(case, provider, provider.identity, name)


def _uses(provider: Provider) -> tuple[str, ...]:
    return _USES.get(provider.type, ("api_key", "base_url"))


def _cannot_use(provider: Provider) -> list[str]:
    return [
        field for field in _FIELDS if field not in _uses(provider) and getattr(provider, field) is not None
    ]


def _lacks(provider: Provider) -> Iterator[tuple[str, str]]:
    """(what, what to add) of everything without which the type cannot be reached."""
    if provider.type in _KEYED and provider.api_key is None:
        yield "API key", "add `api_key: {secret: <name>, key: <key>}`"
    if provider.type in ("azure", "openai_compatible") and not provider.base_url:
        yield "address", "add `base_url: https://…`"
    if provider.type == "vertex_ai" and not provider.project:
        yield "project", "add `project: <id>` or `project: {config_map: …, key: …}`"
    if provider.type == "vertex_ai" and not provider.location:
        yield "location", "add `location: <region>`, such as europe-west4"
    if provider.type == "bedrock" and not provider.region:
        yield "region", "add `region: <region>`, such as eu-central-1"
    if provider.type in _BECOMES and not _proves_who_it_is(provider):
        yield _ASKS_FOR[provider.type]


def _proves_who_it_is(provider: Provider) -> bool:
    """By an identity of its cloud, or by the keys that stand for one."""
    if getattr(provider.identity, _BECOMES[provider.type][0], None):
        return True
    static = (provider.access_key_id, provider.secret_access_key)
    return bool(provider.api_key) if provider.type == "azure" else provider.type == "bedrock" and all(static)


def _identity_fits(case: Case, provider: Provider, identity: Identity, name: str) -> Iterator[Diagnostic]:
    """What stands in an identity is of the provider's cloud and works, and no key stands beside it."""
    path = (*provider.path, "identity")
    own = _BECOMES[provider.type]
    written = case.document.data["providers"][provider.name]["identity"]
    for field in sorted(written.keys() - {"service_account", *own}):
        hint = f"remove it; the identity of this type is: service_account, {', '.join(own)}"
        yield IDENTITY.on(
            case.document, (*path, field), f"provider {name} cannot use `identity.{field}`", hint
        )
    if provider.type == "bedrock" and "aws_association" in written:
        yield from _association_works(case, provider, identity, name)
    for cloud, (key, both, what) in _KEYS.items():
        if cloud in own and getattr(identity, cloud) and getattr(provider, key):
            found = IDENTITY.on(
                case.document,
                (*provider.path, key),
                f"provider {name} has both {both}",
                "keep `identity`; keys are the last resort",
            )
            yield found.with_related(case.document.span(path, key=True), what)


def _association_works(case: Case, provider: Provider, identity: Identity, name: str) -> Iterator[Diagnostic]:
    path = (*provider.path, "identity", "aws_association")
    platform = case.catalog.target.platform
    if identity.aws_role_arn is None:
        message, hint = "says how to get a role, and names none", "add `aws_role_arn: …`, or remove it"
        yield IDENTITY.on(case.document, path, f"the identity of provider {name} {message}", hint)
    elif identity.aws_association == "pod_identity" and platform != "eks":
        message = f"provider {name} would get its role from EKS, and the platform is {platform}"
        hint = "say `platform: eks` under `target`, or remove `aws_association`"
        yield IDENTITY.on_value(case.document, path, message, hint)


def one_identity_a_pod(case: Case) -> Iterator[Diagnostic]:
    """IL310: the pods of a gateway run as one service account, with at most one identity of each cloud."""
    for gateway in case.catalog.gateways.values():
        held: dict[Identity, Provider] = {}
        for other in case.catalog.direct_providers(gateway):
            if other.identity is None:
                continue
            clashes = ((first, _clash(other.identity, identity)) for identity, first in held.items())
            first, clash = next(((first, clash) for first, clash in clashes if clash), (other, None))
            if clash is None:
                held.setdefault(other.identity, other)
                continue
            would, or_else = clash
            found = TOO_MANY_IDENTITIES.on(
                case.document,
                (*other.path, "identity"),
                f"the pods of gateway {gateway.name!r} would {would}: {first.name!r} and {other.name!r}",
                f"add `{other.name}-gateway: {{}}` to `gateways`, "
                f"and `gateway: {other.name}-gateway` to this provider{or_else}",
            )
            yield found.with_related(case.document.span((*first.path, "identity"), key=True), "the other one")


def _clash(one: Identity, other: Identity) -> tuple[str, str] | None:
    """(what a pod cannot do with both identities, what would help besides two gateways)."""
    shared = [
        (here, there)
        for cloud in _CLOUDS
        if (here := getattr(one, cloud)) and (there := getattr(other, cloud))
    ]
    if any(here != there for here, there in shared):
        return "hold two identities of one cloud", ""
    if one.service_account != other.service_account:
        return "run as two service accounts", "; or name the same `service_account` in both"
    if shared and one.aws_association != other.aws_association:
        return "get one role in two ways", "; or say the same `aws_association` in both"
    return None


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
