"""What Kubernetes is told of a catalog: gateways, identities, where secrets come from, what is watched."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.source import Path_


@dataclass(frozen=True, slots=True)
class SecretRef:
    """One key of a Kubernetes Secret. Never a value."""

    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class ConfigMapRef:
    """One key of a ConfigMap that the user owns."""

    config_map: str
    key: str


@dataclass(frozen=True, slots=True)
class Identity:
    """A service account and the cloud identity it may become; no keys.

    `aws_association` is how EKS ties the two: irsa (an annotation) or pod_identity (which EKS keeps).
    """

    service_account: str
    gcp_service_account: str | None = None
    aws_role_arn: str | None = None
    aws_association: str = "irsa"
    azure_client_id: str | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """What the output is for. `network_policy` is what can limit egress by host name."""

    kubernetes: str
    platform: str
    network_policy: str
    litellm_version: str
    litellm_image: str


@dataclass(frozen=True, slots=True)
class Service:
    """How a gateway is reached inside and outside the cluster."""

    type: str
    port: int
    internal: bool
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Keda:
    """A ScaledObject in place of an autoscaler; with a Prometheus, by the requests of each pod too."""

    prometheus: str | None
    requests_per_second: float


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many pods, and the CPU share at which more are started."""

    min: int
    max: int
    target_cpu_percent: int
    keda: Keda | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who may call a gateway: the pods of a namespace (those with the labels), or a range of addresses."""

    namespace: str | None
    labels: Mapping[str, str]
    cidr: str | None


@dataclass(frozen=True, slots=True)
class Destination:
    """What a gateway may call: the pods of a namespace or a range of addresses, at one TCP port or all."""

    namespace: str | None
    cidr: str | None
    port: int | None


@dataclass(frozen=True, slots=True)
class Ingress:
    """A Kubernetes Ingress in front of a gateway."""

    host: str
    tls_secret: str | None
    class_name: str | None
    annotations: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """An HTTPRoute of the Gateway API in front of a gateway; `section` is a listener of the parent."""

    parent: str
    parent_namespace: str | None
    section: str | None
    hostname: str | None


@dataclass(frozen=True, slots=True)
class Redis:
    """What the pods of a gateway share cool-downs and limits through."""

    host: str
    port: int
    password: SecretRef | None


@dataclass(frozen=True, slots=True)
class Gateway:
    """One LiteLLM proxy. `master_key` is None when the catalog says `auth: none`.

    `allow_from` is None where the catalog does not say who may call.
    """

    name: str
    path: Path_
    namespace: str
    replicas: Replicas
    service: Service
    master_key: SecretRef | None
    resources: Mapping[str, Mapping[str, str]]
    redis: Redis | None = None
    allow_from: tuple[Caller, ...] | None = None
    allow_to: tuple[Destination, ...] = ()
    ingress: Ingress | None = None
    gateway_api: GatewayRoute | None = None
    priority_class: str | None = None

    @property
    def host(self) -> str:
        return f"{self.name}.{self.namespace}.svc"

    @property
    def outside(self) -> Path_ | None:
        """What of the gateway's lets the outside of the cluster reach it: a path, or None for nothing."""
        for name, present in (("ingress", self.ingress), ("gateway_api", self.gateway_api)):
            if present:
                return (*self.path, name)
        return None if self.service.type == "ClusterIP" else (*self.path, "service", "type")


@dataclass(frozen=True, slots=True)
class Slo:
    """What the gateways promise: answered requests in percent, and the time of 19 in 20 in milliseconds."""

    availability: float | None = None
    p95_latency_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Observability:
    """What is measured and who is told. `namespace` is Prometheus', `labels` are what it chooses rules by."""

    metrics: bool = True
    operator: bool = False
    namespace: str = "monitoring"
    labels: Mapping[str, str] = field(default_factory=dict)
    slo: Slo = Slo()
    hourly_budget_usd: float | None = None
    dashboard: bool = True


@dataclass(frozen=True, slots=True)
class SecretStore:
    """A store of the External Secrets Operator. `entries`: one a "secret" with its keys, or one a "key"."""

    name: str
    kind: str
    entries: str
    prefix: str


@dataclass(frozen=True, slots=True)
class Secrets:
    """Where Secrets come from: a store, or the user (None). `refresh` is a Go duration."""

    store: SecretStore | None = None
    refresh: str = "1h"
    reloader: bool = False
