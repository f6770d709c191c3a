"""The files of one gateway's LiteLLM: config.yaml, the plugin, the routing table."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from compiler import runtime
from compiler.catalog import (
    Catalog,
    Deployment,
    Model,
    Provider,
)
from compiler.catalog_gateways import (
    ConfigMapRef,
    Gateway,
    Redis,
    SecretRef,
)
from compiler.emit import document
from compiler.runtime.table import canonical, per_token
from compiler.table import RoutingTable, plain_route, routing_table, upstreams
from compiler.targets.litellm import DEFAULT, Line, line_for

Value = str | SecretRef | ConfigMapRef  # of an environment variable
PLUGIN = "routing_plugin.py"
PACKAGE = "interlock_runtime"  # what the plugin imports, beside it
TABLE = "routing_table.json"
MASTER_KEY = "LITELLM_MASTER_KEY"
# One ConfigMap holds less than 1 MiB, and what a client-side `kubectl apply` keeps in an annotation of an
# object less than 256 KiB, as JSON text: YAML and JSON grow by about a quarter on the way there.
MAX_PART = 150_000
MAX_NAMES = 500  # names of candidates in one piece of a table


_AZURE_CLOUDS = (".azure.us", ".azure.cn")  # besides the public one, which LiteLLM takes for granted
_PRICE = re.compile(r'"?(input|output)_cost_per_token"?: ?[-+.0-9e]+')


@dataclass(frozen=True, slots=True)
class GatewayFiles:
    """What one gateway's pods mount, by file name, and the variables that the config reads."""

    gateway: Gateway
    config: dict[str, str]
    plugin: dict[str, str]
    tables: dict[str, str]
    table: RoutingTable
    routes: Mapping[str, Sequence[str]]  # of a plain request, by strategy
    env: tuple[tuple[str, Value], ...]

    def all(self) -> dict[str, str]:
        return {**self.config, **self.plugin, **self.tables}

    @property
    def digest(self) -> str:
        """Twelve hex digits of what only a restart takes up: a change of them rolls the pods.

        Neither the routing table nor a price is among it: a running gateway takes up another one by itself.
        """
        config = {name: _PRICE.sub("", text) for name, text in self.config.items()}
        content = {**config, **self.plugin}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def files(catalog: Catalog, gateway: Gateway) -> GatewayFiles:
    """Everything LiteLLM reads for one gateway."""
    env = Environment(catalog, gateway)
    if gateway.master_key:
        env.named(
            MASTER_KEY, gateway.master_key
        )  # first: LiteLLM knows this name, and nothing else may have it
    for name, value in _of_identity(catalog, gateway).items():
        env.named(name, value)
    entries = [entry for model in catalog.served(gateway) for entry in _entries(catalog, gateway, model, env)]
    table = routing_table(catalog, gateway)
    routes = {name: plain_route(table, name) for name in table["strategies"]}
    settings = _settings(catalog, gateway, _groups(table), env)
    config = _config(entries, settings)
    return GatewayFiles(gateway, config, _plugin(), _tables(table), table, routes, tuple(env.items()))


def _of_identity(catalog: Catalog, gateway: Gateway) -> dict[str, str]:
    """Variables that keep the clouds' own libraries to the identity of the pod.

    Where the cluster does not give it to the pod, they would go on to the node's, which may do more.
    """
    found: dict[str, str] = {}
    identity = catalog.identity(gateway)
    if identity and identity.aws_role_arn:
        found["AWS_EC2_METADATA_DISABLED"] = "true"
    if identity and identity.azure_client_id:
        found["AZURE_TOKEN_CREDENTIALS"] = "WorkloadIdentityCredential"  # noqa: S105  # no token, a word
        addresses = [p.base_url or "" for p in catalog.direct_providers(gateway) if p.identity]
        for cloud in _AZURE_CLOUDS:
            if any((urlsplit(address).hostname or "").endswith(cloud) for address in addresses):
                found["AZURE_SCOPE"] = f"https://cognitiveservices{cloud}/.default"
    return found


class Environment:
    """The variables of a gateway's pods: which exist, and what each is called."""

    def __init__(self, catalog: Catalog, gateway: Gateway) -> None:
        self._catalog = catalog
        self._gateway = gateway
        self._found: dict[str, Value] = {}

    def items(self) -> Iterator[tuple[str, Value]]:
        yield from sorted(self._found.items())

    def own(self, provider: Provider, suffix: str, value: Value) -> str:
        """A variable of one provider: `PROVIDER_OPENAI_API_KEY` for provider `openai`.

        Not `OPENAI_API_KEY`: by that name LiteLLM takes a key unasked, for calls that no route allows.
        """
        return self.named(f"PROVIDER_{_upper(provider.name)}_{suffix}", value)

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
    """One entry an upstream. Their priority is the plugin's to keep: it is in the routing table."""
    for behind, deployments in upstreams(model, catalog, gateway):
        first = deployments[0]
        provider = catalog.providers[first.provider]
        if behind is None:
            params = _direct(first, provider, catalog, env)
            params |= {k: v for k in ("weight", "rpm", "tpm") if (v := getattr(first, k)) is not None}
        else:  # what is behind another gateway is limited and weighed there
            params = _through(behind, gateway, model, env)
        yield {
            "model_name": model.name,
            "litellm_params": params,
            "model_info": _model_info(first, model, behind),
        }


def _target_line(catalog: Catalog) -> Line:
    return line_for(catalog.target.litellm_version) or DEFAULT


def _direct(deployment: Deployment, provider: Provider, catalog: Catalog, env: Environment) -> dict[str, Any]:
    prefix = _target_line(catalog).prefixes[provider.type]
    params: dict[str, Any] = {"model": f"{prefix}/{deployment.upstream}"}
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
    key = env.named(f"GATEWAY_{_upper(inner.name)}_KEY", inner.master_key) if inner.master_key else "none"
    return {
        "model": f"litellm_proxy/{model.name}",
        "api_base": f"http://{inner.host}:{inner.service.port}",
        "api_key": key,
        "extra_headers": {"x-interlock-hop": outer.name},
    }


def _model_info(deployment: Deployment, model: Model, behind: Gateway | None) -> dict[str, Any]:
    """`id` names the answerer in headers and metrics; a declared price spares LiteLLM a look-up a request."""
    facts = model.facts
    info: dict[str, Any] = {"id": deployment.id, "provider": deployment.provider}
    if behind:
        info["gateway"] = behind.name
    info["mode"] = model.modes[0]
    if facts.context_window:
        info["max_input_tokens"] = facts.context_window
    if facts.max_output_tokens:
        info["max_output_tokens"] = facts.max_output_tokens
    if deployment.price:
        info["input_cost_per_token"] = per_token(deployment.price.input)
        info["output_cost_per_token"] = per_token(deployment.price.output)
    return info


def _settings(
    catalog: Catalog, gateway: Gateway, groups: list[dict[str, Any]], env: Environment
) -> dict[str, Any]:
    """What stands after the models in config.yaml."""
    fallback = catalog.fallback
    litellm_settings: dict[str, Any] = {
        "callbacks": [
            *(["prometheus"] if catalog.observability.metrics else []),
            f"{PLUGIN.removesuffix('.py')}.handler",
        ],
        # LiteLLM retries twice a hop by default, with seconds of back-off: the route is the retry.
        "num_retries": 0,
        "DEFAULT_MAX_RETRIES": 0,  # of the SDK beneath, for embeddings
        "request_timeout": fallback.timeout_s,
        # An error names the models of other routes to the client otherwise.
        "expose_router_debug_in_errors": False,
    }
    if any(p.identity and p.identity.azure_client_id for p in catalog.direct_providers(gateway)):
        # Without a key, LiteLLM asks azure-identity for a token, and again before the token ends.
        litellm_settings["enable_azure_ad_token_refresh"] = True
    router_settings: dict[str, Any] = {
        "routing_strategy": "simple-shuffle",
        "num_retries": 0,
        "timeout": fallback.timeout_s,
        "max_fallbacks": max(5, _most_hops(catalog, gateway)),
        # LiteLLM cools a deployment down at one failure more than it allows; unset, a lone one never is.
        "allowed_fails": fallback.cooldown_failures - 1,
        # It takes 3 for unset, which is its own default, where no policy says the same.
        "allowed_fails_policy": dict.fromkeys(
            _target_line(catalog).cooldown_errors, fallback.cooldown_failures - 1
        ),
        "cooldown_time": fallback.cooldown_s,
        "routing_groups": groups,
    }
    if gateway.redis:
        router_settings |= _redis(gateway.redis, env)
    general_settings: dict[str, Any] = {"enforce_fallback_model_access": True}
    if gateway.master_key:
        general_settings["master_key"] = env.named(MASTER_KEY, gateway.master_key)
    return {
        "litellm_settings": litellm_settings,
        "router_settings": router_settings,
        "general_settings": general_settings,
    }


def _most_hops(catalog: Catalog, gateway: Gateway) -> int:
    """The calls that a request may cost: each deployment of each model of a route, and all over again."""
    widest = max((len(upstreams(model, catalog, gateway)) for model in catalog.served(gateway)), default=1)
    return widest * catalog.fallback.max_attempts * (catalog.fallback.retry_attempts + 1)


def _redis(redis: Redis, env: Environment) -> dict[str, Any]:
    """Cool-downs and limits that all pods of the gateway share."""
    settings: dict[str, Any] = {"redis_host": redis.host, "redis_port": redis.port}
    if redis.password:
        settings["redis_password"] = env.named("GATEWAY_REDIS_PASSWORD", redis.password)
    return settings


def _groups(table: RoutingTable) -> list[dict[str, Any]]:
    """The name of each strategy, as a group of LiteLLM's own: listed by /v1/models, and grantable to keys.

    The plugin replaces the name before LiteLLM looks at the group's one member. That member is no choice of a
    strategy's, so that a strategy can change without a change here, which would roll the pods.
    """
    member = next((name for name, row in table["models"].items() if "status" not in row), None)
    names = ["auto", *(f"auto/{name}" for name in table["strategies"])]
    if member is None:
        return []
    # `priority` is the one kind of which a model may be in several groups.
    group = {"models": [member], "routing_strategy": "priority", "model_priorities": {member: 1}}
    return [{"group_name": name, **group} for name in names]


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


def _plugin() -> dict[str, str]:
    """The plugin's files, unchanged: the one that LiteLLM loads, and the package that it imports."""
    folder = Path(runtime.__file__).parent
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}
    return {PLUGIN: sources.pop(PLUGIN), **{f"{PACKAGE}/{name}": text for name, text in sources.items()}}


def _tables(table: RoutingTable) -> dict[str, str]:
    """The routing table; one that does not fit in one ConfigMap is in parts."""
    parts = _split(list(_rows(table)), MAX_PART)
    if len(parts) <= 1:
        return {TABLE: json.dumps(table, indent=1, sort_keys=True) + "\n"}
    names = [f"routing_table-{number:03}.json" for number in range(1, len(parts) + 1)]
    strategies = {name: {**strategy, "candidates": []} for name, strategy in table["strategies"].items()}
    providers = [[provider, []] for provider, _ in table["provider_order"]]
    head = {**table, "models": {}, "strategies": strategies, "provider_order": providers, "parts": names}
    shards = {name: "[" + ",\n".join(part) + "]\n" for name, part in zip(names, parts, strict=True)}
    return {TABLE: json.dumps(head, indent=1, sort_keys=True) + "\n", **shards}


def _rows(table: RoutingTable) -> Iterator[str]:
    """What grows with the catalog, in pieces of [kind, name, content], as `load_table` adds them."""
    for name, row in table["models"].items():
        yield canonical(["model", name, row])
    for name, strategy in table["strategies"].items():
        yield from _pieces("candidates", name, strategy["candidates"])
    for provider, names in table["provider_order"]:
        yield from _pieces("provider", provider, names)


def _pieces(kind: str, name: str, names: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(names), MAX_NAMES):
        yield canonical([kind, name, names[start : start + MAX_NAMES]])
