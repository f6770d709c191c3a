"""Files that are given for a catalog and are something else: said once, instead of field by field."""

import re
from dataclasses import dataclass
from typing import Any

_CATALOG = "give the catalog instead: the file that begins with `apiVersion: interlock/v1`"
_LITELLM = (
    "write a catalog that says the same (`apiVersion: interlock/v1`): a model_name is a key of `models`, its "
    "litellm_params become `deployments` and an entry of `providers`; `interlock schema` has every field"
)
_LITELLM_KEYS = ("model_list", "litellm_settings", "router_settings", "general_settings")
_KIND = re.compile(r"[A-Z][A-Za-z]{0,62}\Z")


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is instead of a catalog; `key` is the top-level key that tells."""

    key: str
    message: str
    hint: str


def kind_of(data: Any) -> Kind | None:
    """What a file is by its top-level keys; None for a catalog, and for what nothing is known of."""
    if not isinstance(data, dict) or str(data.get("apiVersion", "")).startswith("interlock"):
        return None
    return _manifest(data) or (None if {"providers", "models"} <= data.keys() else _other(data))


def _manifest(data: dict[str, Any]) -> Kind | None:
    kind = data.get("kind")
    if not isinstance(kind, str) or not isinstance(data.get("apiVersion"), str):
        return None
    named = f" ({kind})" if _KIND.match(kind) else ""
    hint = f"{_CATALOG}; `interlock render` writes the manifests from it"
    return Kind("kind", f"this is a Kubernetes manifest{named}, not a catalog", hint)


def _other(data: dict[str, Any]) -> Kind | None:
    key = next((key for key in _LITELLM_KEYS if key in data), None)
    if key:
        return Kind(key, "this is a LiteLLM config, not a catalog", _LITELLM)
    if isinstance(data.get("proxy_config"), dict):
        message = "these are values of LiteLLM's Helm chart, not a catalog"
        return Kind("proxy_config", message, f"take what is under `proxy_config` and {_LITELLM}")
    if isinstance(data.get("services"), dict):
        return Kind("services", "this is a Docker Compose file, not a catalog", _CATALOG)
    if isinstance(data.get("jobs"), dict) and "on" in data:
        hint = f"{_CATALOG}; in a workflow, run `interlock validate` on it"
        return Kind("jobs", "this is a GitHub workflow, not a catalog", hint)
    return None
