"""The Kubernetes objects: small YAML templates for what people read, ConfigMaps from data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog, ConfigMapRef, Fallback, Gateway, SecretRef
from compiler.emit import document
from compiler.render.litellm import GatewayFiles, Value
from compiler.render.templates import Templates, labels, selector

CONFIG_DIR = "/etc/interlock"
PORT = 4000
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
_INTERNAL: Mapping[str, Mapping[str, str]] = {
    "gke": {"networking.gke.io/load-balancer-type": "Internal"},
    "eks": {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"},
    "aks": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
    "generic": {},
}


def manifests(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> dict[str, str]:
    """Path below out/<name>/ → one YAML document, in apply order: what is referred to stands first."""
    writer = _Writer(catalog)
    by_kind = (
        "serviceaccount",
        "configmap",
        "service",
        "deployment",
        "horizontalpodautoscaler",
        "poddisruptionbudget",
    )
    written = {files.gateway.name: dict(writer.gateway(files)) for files in gateways}
    result: dict[str, str] = {}
    accounts: set[str] = set()
    for kind in by_kind:
        for gateway, texts in written.items():
            for file, text in texts.items():
                if not file.startswith(kind) or (kind == "serviceaccount" and text in accounts):
                    continue
                if kind == "serviceaccount":
                    accounts.add(text)  # two gateways may share an account: one object
                result[f"manifests/{gateway}/{file}"] = text
    return result


@dataclass(frozen=True, slots=True)
class _ConfigMap:
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


class _Writer:
    """Renders the templates; every `{{ }}` comes out as one YAML value, quoted where needed."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.template = Templates().manifest

    def gateway(self, files: GatewayFiles) -> Iterator[tuple[str, str]]:
        gateway = files.gateway
        common = {
            "gateway": gateway,
            "labels": labels(self.catalog, gateway),
            "selector": selector(self.catalog, gateway),
        }
        maps = list(self._config_maps(files))
        yield "serviceaccount.yaml", self._service_account(gateway)
        for one in maps:
            yield f"configmap-{one.name.removeprefix(gateway.name + '-')}.yaml", one.manifest
        yield (
            "service.yaml",
            self.template("service", **common, annotations=self._service_annotations(gateway)),
        )
        yield "deployment.yaml", self._deployment(files, common, maps)
        if gateway.replicas.min < gateway.replicas.max:
            yield "horizontalpodautoscaler.yaml", self.template("horizontalpodautoscaler", **common)
        yield "poddisruptionbudget.yaml", self.template("poddisruptionbudget", **common)

    def _service_account(self, gateway: Gateway) -> str:
        identity = self.catalog.identity(gateway)
        annotations: dict[str, str] = {}
        if identity and identity.gcp_service_account:
            annotations["iam.gke.io/gcp-service-account"] = identity.gcp_service_account
        if identity and identity.aws_role_arn:
            annotations["eks.amazonaws.com/role-arn"] = identity.aws_role_arn
        own = labels(self.catalog, gateway)
        return self.template(
            "serviceaccount",
            name=identity.service_account if identity else gateway.name,
            namespace=gateway.namespace,
            labels={k: v for k, v in own.items() if not k.endswith("/name") or not identity},
            annotations=annotations,
        )

    def _service_annotations(self, gateway: Gateway) -> dict[str, str]:
        internal = gateway.service.internal and gateway.service.type == "LoadBalancer"
        return {
            **(_INTERNAL[self.catalog.target.platform] if internal else {}),
            **gateway.service.annotations,
        }

    def _deployment(self, files: GatewayFiles, common: dict[str, Any], config_maps: list[_ConfigMap]) -> str:
        gateway, fallback = files.gateway, self.catalog.fallback
        identity = self.catalog.identity(gateway)
        fixed = gateway.replicas.min == gateway.replicas.max
        return self.template(
            "deployment",
            **common,
            fixed_replicas=gateway.replicas.min if fixed else None,
            config_digest=files.digest,
            service_account=identity.service_account if identity else gateway.name,
            grace_seconds=_longest_s(fallback) + 15,
            image=self.catalog.target.litellm_image,
            config_dir=CONFIG_DIR,
            port=PORT,
            env=[_variable(name, value) for name, value in self._environment(files)],
            config_maps=[one.source for one in config_maps],
        )

    def _environment(self, files: GatewayFiles) -> Iterator[tuple[str, Value]]:
        yield from OFFLINE.items()
        if files.gateway.master_key is None:
            # `auth: none`, which only a ClusterIP gateway may say: LiteLLM would not start.
            yield "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY", "true"
        yield from files.env

    def _config_maps(self, files: GatewayFiles) -> Iterator[_ConfigMap]:
        """As few as hold the files, each small enough for a client-side apply.

        The routing table has one of its own: it may change while the pods run on.
        """
        kinds = {"config": files.config, "plugin": files.plugin, "routing": files.tables}
        for kind, content in kinds.items():
            for number, part in enumerate(_packed(content), start=1):
                name = f"{files.gateway.name}-{kind}" + (f"-{number}" if number > 1 else "")
                metadata = {
                    "name": name,
                    "namespace": files.gateway.namespace,
                    "labels": labels(self.catalog, files.gateway),
                }
                data = {_key(path): text for path, text in part.items()}
                manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
                yield _ConfigMap(name, document(manifest), tuple(part))


def _longest_s(fallback: Fallback) -> int:
    """How long one request may take: every attempt its timeout, and the pauses, a fifth over, between."""
    pauses_ms = sum(fallback.retry_backoff_ms * 1.2 * 2**lap for lap in range(fallback.retry_attempts))
    return int(fallback.timeout_s * fallback.max_attempts + pauses_ms / 1000)


def _variable(name: str, value: Value) -> dict[str, Any]:
    if isinstance(value, SecretRef):
        return {"name": name, "valueFrom": {"secretKeyRef": {"name": value.secret, "key": value.key}}}
    if isinstance(value, ConfigMapRef):
        return {"name": name, "valueFrom": {"configMapKeyRef": {"name": value.config_map, "key": value.key}}}
    return {"name": name, "value": value}


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
