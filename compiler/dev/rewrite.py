"""A generated gateway's config in its local form: simulated providers, neighbours on loopback, no key.

Pure: one parsed LiteLLM config in, one out. A file it includes is one more config.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]

_GATEWAY_PREFIX = "litellm_proxy/"
_SIMULATED_KEY = "simulated"
_GATEWAY_KEY = "sk-simulated-not-checked"
_REFERENCE = "os.environ/"

# How a provider is reached and who we are to it. Everything else (limits, timeouts, order) stays as shipped.
_ACCESS_PREFIXES = ("vertex_", "aws_", "azure_")
_ACCESS = frozenset(
    {"api_version", "base_url", "client_id", "client_secret", "organization", "region_name", "tenant_id"}
)


class NotRunnableError(ValueError):
    """The config cannot run on this machine; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Local:
    """Where things are on this machine: base URLs (without /v1) of simulated providers and of gateways."""

    providers: Mapping[str, str]
    gateways: Mapping[str, str]


def rewrite(config: Config, local: Local) -> dict[str, Any]:
    """The local form of one config file. Raises NotRunnableError, naming the path in the config."""
    result = {key: value for key, value in config.items() if key != "model_list"}
    if "model_list" in config:
        rows = enumerate(config["model_list"] or [])
        result["model_list"] = [_deployment(row, f"model_list[{index}]", local) for index, row in rows]
    for section in ("general_settings", "router_settings"):
        if isinstance(config.get(section), Mapping):
            result[section] = {key: value for key, value in config[section].items() if not _is_remote(key)}
    if _caches_in_redis(config):
        settings = config["litellm_settings"]
        result["litellm_settings"] = {k: v for k, v in settings.items() if k not in {"cache", "cache_params"}}
    for path in _references(result, ""):
        raise NotRunnableError(
            f"{path} is read from the environment, and there is nothing to put in its place"
        )
    return result


def upstreams(config: Config) -> dict[str, list[str]]:
    """The providers that this config calls itself, each with its upstream model ids."""
    found: dict[str, list[str]] = {}
    for index, row in enumerate(config.get("model_list") or []):
        model = _model(row, f"model_list[{index}]")
        if not model.startswith(_GATEWAY_PREFIX):
            ids = found.setdefault(_info(row, "provider", f"model_list[{index}]"), [])
            if _upstream_id(model) not in ids:
                ids.append(_upstream_id(model))
    return found


def _deployment(row: Config, path: str, local: Local) -> dict[str, Any]:
    params, model = row["litellm_params"], _model(row, path)
    kept = {name: value for name, value in params.items() if not _is_access(name)}
    if model.startswith(_GATEWAY_PREFIX):
        gateway = _info(row, "gateway", path)
        base = _known(local.gateways, gateway, f"{path}.model_info.gateway")
        access = {"model": model, "api_base": base, "api_key": _GATEWAY_KEY}
    else:
        provider = _info(row, "provider", path)
        base = _known(local.providers, provider, f"{path}.model_info.provider")
        access = {
            "model": f"{_simulated_prefix(row, model)}/{_upstream_id(model)}",
            "api_base": f"{base}/v1",
            "api_key": _SIMULATED_KEY,
        }
    return {**row, "litellm_params": {**kept, **access}}


def _simulated_prefix(row: Config, model: str) -> str:
    """Both speak OpenAI's API; `custom_openai` turns a legacy completion into a chat, as the vendors' do."""
    native = model.startswith(("openai/", "azure/"))
    embeds = (row.get("model_info") or {}).get("mode") == "embedding"  # which `custom_openai` cannot
    return "openai" if native or embeds else "custom_openai"


def _upstream_id(model: str) -> str:
    return model.partition("/")[2] or model


def _model(row: Config, path: str) -> str:
    model = (row.get("litellm_params") or {}).get("model")
    if not isinstance(model, str):
        raise NotRunnableError(f"{path}.litellm_params.model is missing")
    return model


def _info(row: Config, name: str, path: str) -> str:
    value = (row.get("model_info") or {}).get(name)
    if not isinstance(value, str):
        raise NotRunnableError(f"{path}.model_info.{name} is missing")
    return value


def _known(places: Mapping[str, str], name: str, path: str) -> str:
    if name not in places:
        raise NotRunnableError(f"{path} names {name!r}, which is not one of: {', '.join(places)}")
    return places[name]


def _is_access(name: str) -> bool:
    return name in _ACCESS or name.startswith(_ACCESS_PREFIXES)


def _is_remote(setting: str) -> bool:
    """A master key (loopback needs none), or Redis (it shares state between replicas; here there is one)."""
    return setting in {"master_key", "coordination_redis"} or setting.startswith("redis_")


def _caches_in_redis(config: Config) -> bool:
    params = (config.get("litellm_settings") or {}).get("cache_params") or {}
    return str(params.get("type", "")).startswith("redis")


def _references(value: Any, path: str) -> Iterator[str]:
    """The paths of all values that LiteLLM would read from its environment."""
    if isinstance(value, str) and value.startswith(_REFERENCE):
        yield path
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _references(inner, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, f"{path}[{index}]")
