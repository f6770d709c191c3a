"""The files of one gateway's LiteLLM: config.yaml, the plugin, the routing table."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from compiler.catalog import Catalog, ConfigMapRef, Deployment, Gateway, Model, Provider, SecretRef
from compiler.emit import document
from compiler.runtime import routing_plugin
from compiler.table import RoutingTable, canonical, plain_route, reached, routing_table
from compiler.targets.litellm import DEFAULT, line_for

Value = str | SecretRef | ConfigMapRef  # of an environment variable
PLUGIN = "routing_plugin.py"
TABLE = "routing_table.json"
MASTER_KEY = "LITELLM_MASTER_KEY"
# One ConfigMap holds less than 1 MiB, and what a client-side `kubectl apply` keeps in an annotation of an
# object less than 256 KiB, as JSON text: YAML and JSON grow by about a quarter on the way there.
MAX_PART = 150_000
MAX_NAMES = 500  # names of candidates in one piece of a table
MAX_GROUP = 50  # members of a native group: it only lists a strategy, and stands in for a missing plugin


@dataclass(frozen=True, slots=True)
class GatewayFiles:
    """What one gateway's pods mount, by file name, and the variables that the config reads."""

    gateway: Gateway
    config: dict[str, str]
    plugin: dict[str, str]
    table: RoutingTable
    routes: Mapping[str, Sequence[str]]  # of a plain request, by strategy
    env: tuple[tuple[str, Value], ...]

    def all(self) -> dict[str, str]:
        return {**self.config, **self.plugin}

    @property
    def digest(self) -> str:
        """Twelve hex digits of the content; a change of it rolls the pods."""
        return hashlib.sha256(json.dumps(self.all(), sort_keys=True).encode()).hexdigest()[:12]


def files(catalog: Catalog, gateway: Gateway) -> GatewayFiles:
    """Everything LiteLLM reads for one gateway."""
    env = Environment(catalog, gateway)
    if gateway.master_key:
        env.named(
            MASTER_KEY, gateway.master_key
        )  # first: LiteLLM knows this name, and nothing else may have it
    entries = [entry for model in catalog.served(gateway) for entry in _entries(catalog, gateway, model, env)]
    table = routing_table(catalog, gateway)
    routes = {name: plain_route(table, name) for name in table["strategies"]}
    settings = _settings(catalog, gateway, _groups(table, routes), env)
    return GatewayFiles(
        gateway, _config(entries, settings), _plugin(table), table, routes, tuple(env.items())
    )


class Environment:
    """The variables of a gateway's pods: which exist, and what each is called."""

    def __init__(self, catalog: Catalog, gateway: Gateway) -> None:
        self._catalog = catalog
        self._gateway = gateway
        self._found: dict[str, Value] = {}

    def items(self) -> Iterator[tuple[str, Value]]:
        yield from sorted(self._found.items())

    def own(self, provider: Provider, suffix: str, value: Value) -> str:
        """A variable of one provider: `OPENAI_API_KEY` for provider `openai`."""
        return self.named(f"{_upper(provider.name)}_{suffix}", value)

    def place(self, provider: Provider, suffix: str, value: str | ConfigMapRef) -> str:
        """`PROJECT_ID` and `LOCATION`, plain where one provider of the gateway has them."""
        sharers = [p for p in self._catalog.direct_providers(self._gateway) if p.type == provider.type]
        return self.own(provider, suffix, value) if len(sharers) > 1 else self.named(suffix, value)

    def named(self, name: str, value: Value) -> str:
        """`name`, or `name_2` where another value has it: a gateway may be called `openai-api`."""
        free = name
        for number in count(2):
            if self._found.setdefault(free, value) == value:
                return f"os.environ/{free}"
            free = f"{name}_{number}"
        raise AssertionError("count() does not end")


def _upper(name: str) -> str:
    return name.upper().replace("-", "_")


def _entries(catalog: Catalog, gateway: Gateway, model: Model, env: Environment) -> Iterator[dict[str, Any]]:
    """One entry a deployment; those behind the same gateway are one, for it chooses among them itself."""
    hops: set[str] = set()
    here = reached(model, catalog, gateway)
    several = len({deployment.priority for deployment in here}) > 1
    for deployment in here:
        provider = catalog.providers[deployment.provider]
        behind = provider.gateway if provider.gateway != gateway.name else None
        if behind is not None and behind in hops:
            continue
        if behind is None:
            params = _direct(deployment, provider, catalog, env)
        else:
            hops.add(behind)
            params = _through(catalog.gateways[behind], gateway, model, env)
        limits = {"order": deployment.priority} if several else {}
        if behind is None:  # what is behind another gateway is limited and weighed there
            limits |= {k: v for k in ("weight", "rpm", "tpm") if (v := getattr(deployment, k)) is not None}
        yield {
            "model_name": model.name,
            "litellm_params": {**params, **limits},
            "model_info": _model_info(deployment, model, behind),
        }


def _direct(deployment: Deployment, provider: Provider, catalog: Catalog, env: Environment) -> dict[str, Any]:
    line = line_for(catalog.target.litellm_version) or DEFAULT
    params: dict[str, Any] = {"model": f"{line.prefixes[provider.type]}/{deployment.upstream}"}
    if provider.type == "vertex_ai":
        params["vertex_project"] = env.place(provider, "PROJECT_ID", provider.project or "")
        region = deployment.region or provider.location or ""
        params["vertex_location"] = (
            env.place(provider, "LOCATION", region) if not deployment.region else region
        )
    if provider.type == "bedrock":
        params["aws_region_name"] = deployment.region or provider.region
    if provider.base_url:
        params["api_base"] = provider.base_url
    if provider.api_version:
        params["api_version"] = provider.api_version
    if provider.api_key:
        params["api_key"] = env.own(provider, "API_KEY", provider.api_key)
    elif provider.type == "openai_compatible":
        params["api_key"] = "none"  # LiteLLM wants one; a server without authentication ignores it
    if provider.access_key_id and provider.secret_access_key:
        params["aws_access_key_id"] = env.own(provider, "AWS_ACCESS_KEY_ID", provider.access_key_id)
        params["aws_secret_access_key"] = env.own(
            provider, "AWS_SECRET_ACCESS_KEY", provider.secret_access_key
        )
    return params


def _through(inner: Gateway, outer: Gateway, model: Model, env: Environment) -> dict[str, Any]:
    """Another gateway of ours. The header tells its plugin that the rest of the route is kept here."""
    key = env.named(f"{_upper(inner.name)}_KEY", inner.master_key) if inner.master_key else "none"
    return {
        "model": f"litellm_proxy/{model.name}",
        "api_base": f"http://{inner.host}:{inner.service.port}",
        "api_key": key,
        "extra_headers": {"x-interlock-hop": outer.name},
    }


def _model_info(deployment: Deployment, model: Model, behind: str | None) -> dict[str, Any]:
    """`id` names the answerer in headers and metrics; a declared price spares LiteLLM a look-up a request."""
    facts = model.facts
    info: dict[str, Any] = {"id": deployment.id, "provider": deployment.provider}
    if behind:
        info["gateway"] = behind
    info["mode"] = model.modes[0]
    if facts.context_window:
        info["max_input_tokens"] = facts.context_window
    if facts.max_output_tokens:
        info["max_output_tokens"] = facts.max_output_tokens
    if deployment.price:
        info["input_cost_per_token"] = _per_token(deployment.price.input)
        info["output_cost_per_token"] = _per_token(deployment.price.output)
    return info


def _per_token(price: float) -> float:
    return float(f"{price / 1_000_000:.12g}")


def _settings(
    catalog: Catalog, gateway: Gateway, groups: list[dict[str, Any]], env: Environment
) -> dict[str, Any]:
    """What stands after the models in config.yaml."""
    fallback = catalog.fallback
    litellm_settings = {
        "callbacks": [f"{PLUGIN.removesuffix('.py')}.handler"],
        # LiteLLM retries twice a hop by default, with seconds of back-off: the route is the retry.
        "num_retries": 0,
        "request_timeout": fallback.timeout_s,
        "telemetry": False,
    }
    router_settings: dict[str, Any] = {
        "routing_strategy": "simple-shuffle",
        "num_retries": 0,
        "timeout": fallback.timeout_s,
        "max_fallbacks": max(5, fallback.max_attempts),
        # LiteLLM cools a deployment down at one failure more than it allows; unset, a lone one never is.
        "allowed_fails": fallback.cooldown_failures - 1,
        "cooldown_time": fallback.cooldown_s,
        "routing_groups": groups,
    }
    if any(d.rpm or d.tpm for model in catalog.served(gateway) for d in model.deployments):
        router_settings["optional_pre_call_checks"] = ["enforce_model_rate_limits"]
    general_settings: dict[str, Any] = {"enforce_fallback_model_access": True}
    if gateway.master_key:
        general_settings["master_key"] = env.named(MASTER_KEY, gateway.master_key)
    return {
        "litellm_settings": litellm_settings,
        "router_settings": router_settings,
        "general_settings": general_settings,
    }


def _groups(table: RoutingTable, routes: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Each strategy as a group of LiteLLM's own: listed by /v1/models, and a failover without the plugin."""
    names = {"auto": table["default_strategy"], **{f"auto/{name}": name for name in table["strategies"]}}
    groups = []
    for group, name in names.items():
        candidates = table["strategies"][name]["candidates"]
        in_service = [model for model in candidates if "status" not in table["models"][model]]
        models = list(routes[name] or in_service)[:MAX_GROUP]
        priorities = {model: place for place, model in enumerate(models, start=1)}
        common = {"group_name": group, "models": models, "routing_strategy": "priority"}
        groups.append({**common, "model_priorities": priorities})
    return groups


def _config(entries: list[dict[str, Any]], settings: dict[str, Any]) -> dict[str, str]:
    """config.yaml; many models stand in files of their own, one a line, as JSON."""
    parts = _split([_line(entry) for entry in entries], MAX_PART)
    if len(parts) <= 1:
        return {"config.yaml": _HEAD + document({"model_list": entries, **settings})}
    names = [f"models-{number:03}.json" for number in range(1, len(parts) + 1)]
    included = {
        name: '{"model_list": [\n' + ",\n".join(part) + "\n]}\n"
        for name, part in zip(names, parts, strict=True)
    }
    return {"config.yaml": _HEAD + document({"include": names, **settings}), **included}


# A number, as the value of a key, in whose mantissa YAML 1.1 misses a point: it takes `1e-07` for text.
_POINTLESS = re.compile(r'(?<=[^\\]":)(-?[0-9]+)e(?=[-+][0-9])')


def _line(entry: dict[str, Any]) -> str:
    """JSON of one model that YAML 1.1, YAML 1.2 and JSON read alike."""
    return _POINTLESS.sub(r"\1.0e", canonical(entry))


_HEAD = "# Generated by Interlock. Changes made here are lost.\n"


def _split(texts: Sequence[str], limit: int) -> list[list[str]]:
    """Runs of texts, each of at most `limit` characters together."""
    parts: list[list[str]] = []
    room = 0
    for text in texts:
        if not parts or len(text) > room:
            parts.append([])
            room = limit
        parts[-1].append(text)
        room -= len(text)
    return parts


def _plugin(table: RoutingTable) -> dict[str, str]:
    """The plugin and the table it reads; a table that does not fit in one ConfigMap is in parts."""
    plugin = Path(routing_plugin.__file__).read_text(encoding="utf-8")
    parts = _split(list(_rows(table)), MAX_PART)
    if len(parts) <= 1:
        return {PLUGIN: plugin, TABLE: json.dumps(table, indent=1, sort_keys=True) + "\n"}
    names = [f"routing_table-{number:03}.json" for number in range(1, len(parts) + 1)]
    strategies = {name: {**strategy, "candidates": []} for name, strategy in table["strategies"].items()}
    head = {**table, "models": {}, "strategies": strategies, "parts": names}
    shards = {name: "[" + ",\n".join(part) + "]\n" for name, part in zip(names, parts, strict=True)}
    return {PLUGIN: plugin, TABLE: json.dumps(head, indent=1, sort_keys=True) + "\n", **shards}


def _rows(table: RoutingTable) -> Iterator[str]:
    """What grows with the catalog, in pieces: ["model", name, row] and ["candidates", strategy, names]."""
    for name, row in table["models"].items():
        yield canonical(["model", name, row])
    for name, strategy in table["strategies"].items():
        candidates = strategy["candidates"]
        for start in range(0, len(candidates), MAX_NAMES):
            yield canonical(["candidates", name, candidates[start : start + MAX_NAMES]])
