"""Secrets: which keys the pods read and, where a store fills them, its entries and the ExternalSecrets."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.catalog import Catalog
from compiler.catalog_gateways import SecretRef, SecretStore
from compiler.render.litellm import GatewayFiles

# What the API server would fill in: said, so that no apply and no Argo CD sees a difference for ever.
_DEFAULTS = {"conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None"}


@dataclass(frozen=True, slots=True)
class SecretUse:
    """One Secret, and its keys: each with the (gateway, variable) pairs whose pods read it."""

    namespace: str
    secret: str
    keys: dict[str, list[tuple[str, str]]]

    @property
    def readers(self) -> list[str]:
        """The gateways that read any of it: also the names of their Deployments."""
        return sorted({gateway for readers in self.keys.values() for gateway, _ in readers})


@dataclass(frozen=True, slots=True)
class Entry:
    """What one entry of a store is called; `property` is None where it holds one key alone."""

    name: str
    property: str | None

    def remote_ref(self) -> dict[str, str]:
        """As an ExternalSecret has it."""
        return {"key": self.name, **({"property": self.property} if self.property else {}), **_DEFAULTS}


def secret_uses(gateways: Iterable[GatewayFiles]) -> list[SecretUse]:
    """Every Secret that some pod reads a variable from, by namespace and name."""
    found: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = {}
    for files in gateways:
        for variable, value in files.env:
            if isinstance(value, SecretRef):
                keys = found.setdefault((files.gateway.namespace, value.secret), {})
                keys.setdefault(value.key, []).append((files.gateway.name, variable))
    return [
        SecretUse(namespace, secret, dict(sorted(keys.items())))
        for (namespace, secret), keys in sorted(found.items())
    ]


def store_entry(store: SecretStore, secret: str, key: str) -> Entry:
    """Where a store holds one key of a Secret."""
    if store.entries == "key":
        return Entry(f"{store.prefix}{secret}-{key}", None)
    return Entry(store.prefix + secret, key)


def external_secrets(
    catalog: Catalog, uses: Sequence[SecretUse]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(namespace, secret, ExternalSecret) of each Secret; nothing where the user makes the Secrets."""
    store = catalog.secrets.store
    if store is None:
        return
    for use in uses:
        data = [
            {"secretKey": key, "remoteRef": store_entry(store, use.secret, key).remote_ref()}
            for key in use.keys
        ]
        labels = {
            "app.kubernetes.io/instance": catalog.name,
            "app.kubernetes.io/managed-by": "interlock",
        }
        manifest = {
            "apiVersion": "external-secrets.io/v1",
            "kind": "ExternalSecret",
            "metadata": {"name": use.secret, "namespace": use.namespace, "labels": labels},
            "spec": {
                "refreshInterval": catalog.secrets.refresh,
                "secretStoreRef": {"name": store.name, "kind": store.kind},
                # Owned: the Secret goes when the ExternalSecret does, and no hand changes it for long.
                "target": {"name": use.secret, "creationPolicy": "Owner"},
                "data": data,
            },
        }
        yield use.namespace, use.secret, manifest
