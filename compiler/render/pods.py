"""The Deployment of a gateway, and the ConfigMaps that its pods mount."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog, Fallback
from compiler.catalog_gateways import ConfigMapRef, Gateway, SecretRef
from compiler.emit import document
from compiler.render.litellm import GatewayFiles, Value
from compiler.render.templates import Templates, labels, selector

CONFIG_DIR = "/etc/interlock"
PORT = 4000
METRICS_PORT = 9464
TOKEN_DIR = "/var/run/secrets/interlock/aws"  # noqa: S105  # where a token is, and none itself
# Characters of JSON text: a client-side apply keeps the whole object in an annotation of 256 KiB.
MAX_CONFIG_MAP = 200_000

# The proxy asks the internet for none of these, so the pods need to reach their providers alone.
OFFLINE = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
    "LITELLM_LOCAL_BLOG_POSTS": "True",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "True",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "True",
    "LITELLM_MODE": "PRODUCTION",
    # No pages beside the API.
    "DISABLE_ADMIN_UI": "True",
    "NO_DOCS": "True",
    "NO_REDOC": "True",
    "HOME": "/tmp",  # noqa: S108  # the one writable folder of a read-only pod
}


@dataclass(frozen=True, slots=True)
class ConfigMap:
    """One ConfigMap, and the paths of the files that it holds."""

    name: str
    manifest: str
    paths: tuple[str, ...]

    @property
    def source(self) -> dict[str, Any]:
        """How a projected volume has it. A path in a folder has to be said: a key cannot hold it."""
        if not any("/" in path for path in self.paths):
            return {"name": self.name}
        return {"name": self.name, "items": [{"key": _key(path), "path": path} for path in self.paths]}


def _key(path: str) -> str:
    return path.replace("/", ".")


def config_maps(catalog: Catalog, files: GatewayFiles) -> Iterator[ConfigMap]:
    """As few as hold the files, each small enough for a client-side apply.

    The routing table has one of its own: it may change while the pods run on.
    """
    gateway = files.gateway
    kinds = {"config": files.config, "plugin": files.plugin, "routing": files.tables}
    for kind, content in kinds.items():
        for number, part in enumerate(_packed(content), start=1):
            name = f"{gateway.name}-{kind}" + (f"-{number}" if number > 1 else "")
            metadata = {"name": name, "namespace": gateway.namespace, "labels": labels(catalog, gateway)}
            data = {_key(path): text for path, text in part.items()}
            manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            yield ConfigMap(name, document(manifest), tuple(part))


def _packed(files: Mapping[str, str]) -> list[dict[str, str]]:
    parts: list[dict[str, str]] = []
    room = 0
    for name, text in files.items():
        size = len(json.dumps(text))
        if not parts or size > room:
            parts.append({})
            room = MAX_CONFIG_MAP
        parts[-1][name] = text
        room -= size
    return parts


def deployment(
    catalog: Catalog, files: GatewayFiles, maps: Sequence[ConfigMap], account: str, templates: Templates
) -> str:
    """The Deployment; `account` is the service account that its pods run as."""
    gateway = files.gateway
    fixed = gateway.replicas.min == gateway.replicas.max
    own = labels(catalog, gateway)
    identity = catalog.identity(gateway)
    federated = {"azure.workload.identity/use": "true"} if identity and identity.azure_client_id else {}
    image = catalog.target.litellm_image
    token_dir = TOKEN_DIR if aws_role_by_token(catalog, gateway) else None
    return templates.manifest(
        "deployment",
        gateway=gateway,
        labels=own,
        pod_labels={**own, **federated},
        selector=selector(catalog, gateway),
        reloaded=secrets_of(files) if catalog.secrets.reloader else [],
        fixed_replicas=gateway.replicas.min if fixed else None,
        config_digest=files.digest,
        service_account=account,
        stop_delay_s=stop_delay_s(gateway),
        grace_seconds=stop_delay_s(gateway) + longest_s(catalog.fallback) + 10,
        image=image,
        # A tag may come to name another image; what a digest names is always the same.
        pull="IfNotPresent" if "@" in image else "Always",
        config_dir=CONFIG_DIR,
        port=PORT,
        metrics_port=METRICS_PORT if catalog.observability.metrics else None,
        env=[_variable(name, value) for name, value in _environment(catalog, files)],
        config_maps=[one.source for one in maps],
        token_dir=token_dir,
    )


def aws_role_by_token(catalog: Catalog, gateway: Gateway) -> str | None:
    """The AWS role that the pods of a cluster other than EKS take on by a token of this cluster's.

    On EKS its own webhook gives pods the token and these variables.
    """
    identity = catalog.identity(gateway)
    return identity.aws_role_arn if identity and catalog.target.platform != "eks" else None


def secrets_of(files: GatewayFiles) -> list[str]:
    """The names of the Secrets that a gateway's pods read."""
    return sorted({value.secret for _, value in files.env if isinstance(value, SecretRef)})


def longest_s(fallback: Fallback) -> int:
    """How long one request may take: every attempt its timeout, and the pauses, a fifth over, between."""
    pauses_ms = sum(fallback.retry_backoff_ms * 1.2 * 2**lap for lap in range(fallback.retry_attempts))
    return int(fallback.timeout_s * fallback.max_attempts + pauses_ms / 1000)


def stop_delay_s(gateway: Gateway) -> int:
    """How long a stopping pod goes on taking requests: until whoever sends them has heard of it."""
    return 20 if gateway.outside else 5  # a cloud's load balancer hears later than the nodes do


def _environment(catalog: Catalog, files: GatewayFiles) -> Iterator[tuple[str, Value]]:
    yield from OFFLINE.items()
    # Some lines of LiteLLM cut requests that a stopping pod still answers after 30 s, unless told otherwise.
    yield "GRACEFUL_SHUTDOWN_TIMEOUT", str(longest_s(catalog.fallback))
    yield from _measured(catalog)
    role = aws_role_by_token(catalog, files.gateway)
    if role:
        yield "AWS_ROLE_ARN", role
        yield "AWS_WEB_IDENTITY_TOKEN_FILE", f"{TOKEN_DIR}/token"
    if files.gateway.master_key is None:
        # `auth: none`, which only a ClusterIP gateway may say: LiteLLM would not start.
        yield "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true"
    yield from files.env


def _measured(catalog: Catalog) -> Iterator[tuple[str, str]]:
    """What the plugin is told of metrics: their port, and the latency that a histogram must tell apart."""
    if catalog.observability.metrics:
        yield "INTERLOCK_METRICS_PORT", str(METRICS_PORT)
        slo = catalog.observability.slo.p95_latency_ms
        if slo is not None:
            yield "INTERLOCK_SLO_LATENCY_SECONDS", str(slo / 1000)


def _variable(name: str, value: Value) -> dict[str, Any]:
    if isinstance(value, SecretRef):
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": value.secret, "key": value.key}}}
    if isinstance(value, ConfigMapRef):
        return {"name": name, "valueFrom": {"configMapKeyRef": {"name": value.config_map, "key": value.key}}}
    return {"name": name, "value": value}
