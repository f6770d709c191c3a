"""The typed catalog: what every stage after `resolve` works on. Frozen; each part knows its path in the file.

Units: windows and outputs in tokens, prices in USD per million tokens, latencies in milliseconds,
timeouts and cool-downs in seconds. `None` is "not known", which differs from zero and from "none".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from compiler.catalog_gateways import (
    ConfigMapRef,
    Gateway,
    Identity,
    Observability,
    SecretRef,
    Secrets,
    Target,
)
from compiler.catalog_tests import RoutingTest
from compiler.source import Path_

Mode = Literal["chat", "completion", "embedding"]
Requirements = Mapping[str, Any]  # the words of SPEC's request contract, judged by the schema


@dataclass(frozen=True, slots=True)
class Provider:
    """An account at a vendor. `gateway` is the gateway that alone may reach it, or None for every router."""

    name: str
    path: Path_
    type: str
    gateway: str | None = None
    project: str | ConfigMapRef | None = None
    location: str | None = None
    region: str | None = None
    base_url: str | None = None
    api_version: str | None = None
    residency: str | None = None
    identity: Identity | None = None
    api_key: SecretRef | None = None
    access_key_id: SecretRef | None = None
    secret_access_key: SecretRef | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens. A tier `(above_context, input, output)` holds when the prompt is longer."""

    input: float
    output: float
    tiers: tuple[tuple[int, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """One upstream that serves a model. `priority` counts from 1; `weight` splits equal priorities."""

    id: str
    provider: str
    upstream: str
    path: Path_
    priority: int = 1
    weight: int | None = None
    region: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    price: Price | None = None
    known: "Facts | None" = None  # what the cost map says of the upstream; None when it has no entry


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model: the catalog's word first, else LiteLLM's cost map's."""

    context_window: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None
    modes: tuple[Mode, ...] | None = None
    capabilities: tuple[str, ...] | None = None
    retires_on: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """The name clients use, and everything behind it. `fallbacks` None means "the provider chain"."""

    name: str
    path: Path_
    deployments: tuple[Deployment, ...]
    facts: Facts
    modes: tuple[Mode, ...]
    quality: float | None = None
    latency_ms: float | None = None
    status: str = "active"
    successor: str | None = None
    fallbacks: tuple[str, ...] | None = None

    @property
    def in_service(self) -> bool:
        return self.status in ("active", "deprecated")

    @property
    def providers(self) -> tuple[str, ...]:
        if len(self.deployments) == 1:  # nearly every model, asked many times of thousands
            return (self.deployments[0].provider,)
        return tuple(dict.fromkeys(deployment.provider for deployment in self.deployments))


@dataclass(frozen=True, slots=True)
class Canary:
    """A model on trial, and the percentage of a strategy's users or conversations that get it first."""

    model: str
    percent: float


@dataclass(frozen=True, slots=True)
class Strategy:
    """A named way to choose. `candidates` are in the order written, or by name when a query chose them."""

    name: str
    path: Path_
    candidates: tuple[str, ...]
    listed: bool
    order: str
    requirements: Requirements
    description: str = ""
    canary: Canary | None = None
    single_provider: str | None = None  # the reason why it need not survive the loss of a provider


@dataclass(frozen=True, slots=True)
class Fallback:
    """What happens when a provider fails."""

    providers: tuple[str, ...]
    max_attempts: int
    retry_attempts: int
    retry_backoff_ms: float
    timeout_s: float
    cooldown_failures: int
    cooldown_s: float


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests that the organisation expects, on average. With neither name: the default strategy."""

    name: str
    path: Path_
    strategy: str | None
    model: str | None
    requests_per_day: float
    prompt_tokens: float
    completion_tokens: float


@dataclass(frozen=True, slots=True)
class Allowance:
    """An interlock relaxed in one place. `place` is a path of the catalog, its keys joined with dots."""

    rule: str
    place: str
    reason: str
    path: Path_


@dataclass(frozen=True)
class Catalog:
    """The whole file, resolved: every name in it exists, every default is filled in. Maps are by name."""

    name: str
    target: Target
    gateways: Mapping[str, Gateway]
    providers: Mapping[str, Provider]
    models: Mapping[str, Model]
    strategies: Mapping[str, Strategy]
    default_strategy: str
    fallback: Fallback
    requirements: Requirements = field(default_factory=dict)
    observability: Observability = field(default_factory=Observability)
    secrets: Secrets = field(default_factory=Secrets)
    traffic: tuple[Traffic, ...] = ()
    allowances: tuple[Allowance, ...] = ()
    tests: tuple[RoutingTest, ...] = ()

    @cached_property
    def provider_gateways(self) -> frozenset[str]:
        """Gateways that some provider is reached through; every other gateway is a router."""
        return frozenset(p.gateway for p in self.providers.values() if p.gateway)

    def is_router(self, gateway: Gateway) -> bool:
        return gateway.name not in self.provider_gateways

    @property
    def front(self) -> Gateway:
        """The gateway that clients call: the first router by name, or the first of all where none is."""
        return min(self.gateways.values(), key=lambda gateway: (not self.is_router(gateway), gateway.name))

    def direct_providers(self, gateway: Gateway) -> list[Provider]:
        """The providers whose credentials this gateway's pods hold, by name."""
        owner = None if self.is_router(gateway) else gateway.name
        return [provider for _, provider in sorted(self.providers.items()) if provider.gateway == owner]

    def served(self, gateway: Gateway) -> tuple[Model, ...]:
        """The models in service that a gateway answers for, by name."""
        return self._in_service if self.is_router(gateway) else self._behind[gateway.name]

    @cached_property
    def _in_service(self) -> tuple[Model, ...]:
        return tuple(model for _, model in sorted(self.models.items()) if model.in_service)

    @cached_property
    def _behind(self) -> Mapping[str, tuple[Model, ...]]:
        """The models of each provider gateway."""
        behind: dict[str, dict[str, Model]] = {name: {} for name in self.provider_gateways}
        for model in self._in_service:
            for owner in {self.providers[provider].gateway for provider in model.providers} - {None}:
                behind[str(owner)][model.name] = model
        return {name: tuple(models.values()) for name, models in behind.items()}

    def behind_google(self, gateway: Gateway) -> bool:
        """Whether a load balancer of Google's calls the pods: on GKE, unless another class is named."""
        ingress = gateway.ingress
        by_ingress = ingress is not None and ingress.class_name in (None, "gce", "gce-internal")
        return self.target.platform == "gke" and (by_ingress or gateway.gateway_api is not None)

    def residency(self, deployment: Deployment) -> str | None:
        """Where a deployment answers: its provider's residency, unless it is moved to another region."""
        provider = self.providers[deployment.provider]
        moved = deployment.region not in (None, provider.region, provider.location)
        return None if moved else provider.residency

    def identity(self, gateway: Gateway) -> Identity | None:
        """What the gateway's pods run as: one service account, with at most one identity of each cloud.

        Interlocks refuse a second of either.
        """
        held = [provider.identity for provider in self.direct_providers(gateway) if provider.identity]
        if not held:
            return None
        aws = next((one for one in held if one.aws_role_arn), held[0])
        return Identity(
            service_account=held[0].service_account,
            gcp_service_account=next(
                (one.gcp_service_account for one in held if one.gcp_service_account), None
            ),
            aws_role_arn=aws.aws_role_arn,
            aws_association=aws.aws_association,
            azure_client_id=next((one.azure_client_id for one in held if one.azure_client_id), None),
        )
