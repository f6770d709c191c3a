"""The cloud side of each identity: who may become it, and what it may do. SECRETS.md says it in commands."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from compiler.catalog import Catalog, Provider
from compiler.catalog_gateways import ConfigMapRef, Gateway, Identity
from compiler.render.bedrock import policy

_AZURE_HOSTS = (
    ".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com", ".openai.azure.us",
    ".openai.azure.cn",
)  # fmt: skip
# What the clouds' own documents write for an account and for a client id.
_NO_ACCOUNTS = ("123456789012", "111122223333")
_NO_CLIENT = "00000000-0000-0000-0000-000000000000"
_OWN_ACCOUNT = ".iam.gserviceaccount.com"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A Kubernetes service account, as clouds call it."""

    namespace: str
    service_account: str

    @property
    def sub(self) -> str:
        return f"system:serviceaccount:{self.namespace}:{self.service_account}"


@dataclass(frozen=True)
class Holders:
    """One cloud identity: the service accounts and gateways that hold it, and the providers they call."""

    held: tuple[tuple[Gateway, Provider, Identity], ...]

    @property
    def subjects(self) -> list[Subject]:
        return sorted({Subject(gateway.namespace, who.service_account) for gateway, _, who in self.held})

    @property
    def gateways(self) -> list[str]:
        return sorted({gateway.name for gateway, _, _ in self.held})

    @property
    def providers(self) -> list[Provider]:
        return [one for _, one in sorted({p.name: p for _, p, _ in self.held}.items())]


@dataclass(frozen=True)
class GoogleAccount(Holders):
    """A Google service account. `project` is its own, or None where its address does not name one."""

    email: str

    @property
    def name(self) -> str:
        return self.email.partition("@")[0]

    @property
    def is_ours_to_make(self) -> bool:
        """Not so Google's own accounts, such as that of Compute Engine."""
        return self.email.endswith(_OWN_ACCOUNT)

    @property
    def project(self) -> str | None:
        found = self.email.partition("@")[2].removesuffix(_OWN_ACCOUNT)
        return found if self.is_ours_to_make and found.islower() else None

    @property
    def placeholder(self) -> str | None:
        """What stands in the address for a project, and is none: the id of a project has no capitals."""
        found = self.email.partition("@")[2].removesuffix(_OWN_ACCOUNT)
        return found if self.is_ours_to_make and not found.islower() else None

    @property
    def projects(self) -> list[str]:
        """Those in which Vertex AI is called, as far as the catalog says."""
        return sorted({p.project for p in self.providers if isinstance(p.project, str)})

    @property
    def references(self) -> list[ConfigMapRef]:
        """The ConfigMaps that name the others."""
        found = {p.project for p in self.providers if isinstance(p.project, ConfigMapRef)}
        return sorted(found, key=lambda one: (one.config_map, one.key))


@dataclass(frozen=True)
class AwsRole(Holders):
    """An IAM role. `calls` are the (region, upstream id) of every deployment that it answers for."""

    arn: str
    calls: frozenset[tuple[str, str]]

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def placeholder(self) -> str | None:
        """The account, where it is that of Amazon's documents."""
        return self.account if self.account in _NO_ACCOUNTS else None

    @property
    def partition(self) -> str:
        return self.arn.split(":")[1]

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    @property
    def path(self) -> str:
        """`/` for most."""
        return self.arn.partition(":role")[2].removesuffix(self.name)

    @property
    def policy(self) -> str | None:
        """None where no model in service needs the role."""
        return _json(policy(self.account, self.calls)) if self.calls else None

    def by(self, association: str) -> list[Subject]:
        """The service accounts that get the role in that way."""
        held = tuple(one for one in self.held if one[2].aws_association == association)
        return Holders(held).subjects

    def trust(self, issuer: str) -> str:
        """Who may become it; `issuer` is that of the cluster's tokens, without https://.

        By EKS Pod Identity, the tags of the session say who asks.
        """
        web, pods = self.by("irsa"), self.by("pod_identity")
        statements = []
        if web:
            provider = {"Federated": f"arn:{self.partition}:iam::{self.account}:oidc-provider/{issuer}"}
            who = {
                f"{issuer}:sub": _one_or_all(subject.sub for subject in web),
                f"{issuer}:aud": "sts.amazonaws.com",
            }
            statements.append(_trust(provider, "sts:AssumeRoleWithWebIdentity", who))
        if pods:
            tag = "aws:RequestTag/kubernetes-"
            who = {
                f"{tag}namespace": _one_or_all(subject.namespace for subject in pods),
                f"{tag}service-account": _one_or_all(subject.service_account for subject in pods),
            }
            service = {"Service": "pods.eks.amazonaws.com"}
            statements.append(_trust(service, ["sts:AssumeRole", "sts:TagSession"], who))
        return _json({"Version": "2012-10-17", "Statement": statements})


@dataclass(frozen=True)
class AzureIdentity(Holders):
    """A managed identity by its client id."""

    client_id: str

    @property
    def placeholder(self) -> str | None:
        """The client id, where it is that of nobody."""
        return self.client_id if self.client_id == _NO_CLIENT else None

    @property
    def resources(self) -> list[str]:
        """The names of the Azure OpenAI resources, as their addresses have them."""
        return sorted({name for p in self.providers if (name := _resource(p))})

    @property
    def elsewhere(self) -> list[str]:
        """The addresses that name no resource: a gateway of the user's own before it."""
        return sorted({p.base_url or "" for p in self.providers if not _resource(p)})


def google_accounts(catalog: Catalog) -> list[GoogleAccount]:
    """Each Google service account that some gateway holds, by address."""
    found = _held(catalog, "gcp_service_account")
    return [GoogleAccount(tuple(held), email) for email, held in found]


def aws_roles(catalog: Catalog) -> list[AwsRole]:
    """Each AWS role that some gateway holds, by ARN."""
    return [
        AwsRole(tuple(held), arn, frozenset(_calls(catalog, held)))
        for arn, held in _held(catalog, "aws_role_arn")
    ]


def azure_identities(catalog: Catalog) -> list[AzureIdentity]:
    """Each Azure identity that some gateway holds, by client id."""
    found = _held(catalog, "azure_client_id")
    return [AzureIdentity(tuple(held), client_id) for client_id, held in found]


def _held(catalog: Catalog, cloud: str) -> list[tuple[str, list[tuple[Gateway, Provider, Identity]]]]:
    found: dict[str, list[tuple[Gateway, Provider, Identity]]] = {}
    for _, gateway in sorted(catalog.gateways.items()):
        for provider in catalog.direct_providers(gateway):
            value = getattr(provider.identity, cloud, None)
            if provider.identity and value:
                found.setdefault(value, []).append((gateway, provider, provider.identity))
    return sorted(found.items())


def _calls(catalog: Catalog, held: Iterable[tuple[Gateway, Provider, Identity]]) -> Iterator[tuple[str, str]]:
    for gateway, provider, _ in held:
        for model in catalog.served(gateway):
            for deployment in model.deployments:
                if deployment.provider == provider.name:
                    yield deployment.region or provider.region or "", deployment.upstream


def _resource(provider: Provider) -> str | None:
    host = urlsplit(provider.base_url or "").hostname or ""
    name, dot, domain = host.partition(".")
    return name if dot + domain in _AZURE_HOSTS else None


def _trust(
    principal: dict[str, str], action: str | list[str], condition: Mapping[str, str | list[str]]
) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Principal": principal,
        "Action": action,
        "Condition": {"StringEquals": condition},
    }


def _one_or_all(values: Iterable[str]) -> str | list[str]:
    found = sorted(set(values))
    return found[0] if len(found) == 1 else found


def _json(data: Any) -> str:
    return json.dumps(data, indent=2)
