"""SECRETS.md: what must exist before the output is applied, with the commands that make it."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from compiler.catalog import Catalog
from compiler.catalog_gateways import ConfigMapRef, SecretRef
from compiler.render import iam
from compiler.render.external_secrets import SecretUse, secret_uses, store_entry
from compiler.render.litellm import GatewayFiles
from compiler.render.pages import page
from compiler.targets.litellm import default_image

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
_CERTIFIED = "cert-manager.io/"  # annotations by which cert-manager makes the certificate


@dataclass(frozen=True, slots=True)
class ConfigMapUse:
    """One ConfigMap, and its keys: each with the (gateway, variable) pairs whose pods read it."""

    namespace: str
    config_map: str
    keys: dict[str, list[tuple[str, str]]]


def secrets(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> str:
    """Each Secret and ConfigMap key that must exist, who reads it, and the cloud's side of each identity."""
    uses, config_maps = secret_uses(gateways), _config_maps(gateways)
    return page("SECRETS.md.j2", {"sh": shlex.quote, "shown": _shown}).render(
        catalog=catalog,
        namespaces=sorted({files.gateway.namespace for files in gateways} - {"default"}),
        restricted=RESTRICTED,
        secrets=uses,
        store=catalog.secrets.store,
        entry=store_entry,
        files=_files(uses),
        master_keys=_master_keys(gateways),
        readers=_readers(uses),
        certificates=_certificates(gateways),
        config_maps=config_maps,
        shell_names=_shell_names(config_maps),
        image=_other_image(catalog),
        accounts=sorted({(files.gateway.namespace, _account(catalog, files)) for files in gateways}),
        google=iam.google_accounts(catalog),
        aws=iam.aws_roles(catalog),
        azure=iam.azure_identities(catalog),
    )


def _shown(readers: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{gateway} (`{variable}`)" for gateway, variable in readers)


def _files(uses: Sequence[SecretUse]) -> list[str]:
    """The files that hold the values while the Secrets are made."""
    return sorted({f"{use.secret}.{key}" for use in uses for key in use.keys})


def _master_keys(gateways: Sequence[GatewayFiles]) -> list[SecretRef]:
    """The keys that gateways ask for: nobody gives them out, so they are made."""
    found = {files.gateway.master_key for files in gateways if files.gateway.master_key}
    return sorted(found, key=lambda one: (one.secret, one.key))


def _readers(uses: Sequence[SecretUse]) -> list[tuple[str, str]]:
    """(namespace, Deployment) of each that a rotation restarts."""
    return sorted({(use.namespace, reader) for use in uses for reader in use.readers})


def _certificates(gateways: Sequence[GatewayFiles]) -> list[tuple[str, str, str, bool]]:
    """(namespace, Secret, host, whether cert-manager makes it) of each Ingress with TLS."""
    return sorted(
        (
            files.gateway.namespace,
            ingress.tls_secret,
            ingress.host,
            any(name.startswith(_CERTIFIED) for name in ingress.annotations),
        )
        for files in gateways
        if (ingress := files.gateway.ingress) and ingress.tls_secret
    )


def _config_maps(gateways: Sequence[GatewayFiles]) -> list[ConfigMapUse]:
    found: dict[tuple[str, str], dict[str, list[tuple[str, str]]]] = {}
    for files in gateways:
        for variable, value in files.env:
            if isinstance(value, ConfigMapRef):
                keys = found.setdefault((files.gateway.namespace, value.config_map), {})
                keys.setdefault(value.key, []).append((files.gateway.name, variable))
    return [ConfigMapUse(*where, dict(sorted(keys.items()))) for where, keys in sorted(found.items())]


def _shell_names(uses: Sequence[ConfigMapUse]) -> dict[tuple[str, str], str]:
    """(ConfigMap, key) → the shell variable of its value in commands: `PROJECT_ID` for `project-id`."""
    names: dict[tuple[str, str], str] = {}
    for reference in sorted({(use.config_map, key) for use in uses for key in use.keys}):
        plain = "V_" + re.sub(r"[^A-Za-z0-9]", "_", reference[1]).upper()
        free = plain.removeprefix("V_") if plain[2].isalpha() else plain
        number = sum(name == free or name.startswith(f"{free}_") for name in names.values())
        names[reference] = f"{free}_{number + 1}" if number else free
    return names


def _other_image(catalog: Catalog) -> str | None:
    """The image, where it is not LiteLLM's own, which everyone may pull."""
    image = catalog.target.litellm_image
    public = default_image(catalog.target.litellm_version).partition(":")[0]
    return None if image.partition("@")[0].partition(":")[0] == public else image


def _account(catalog: Catalog, files: GatewayFiles) -> str:
    identity = catalog.identity(files.gateway)
    return identity.service_account if identity else files.gateway.name
