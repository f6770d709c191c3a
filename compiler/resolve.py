"""Schema-valid data → the typed catalog: defaults, references, facts.

Unknown names are reported here, and left out of the result, so that one pass reports every one of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compiler.catalog import (
    Allowance,
    Canary,
    Catalog,
    Fallback,
    Model,
    Provider,
    Strategy,
    Traffic,
)
from compiler.catalog_gateways import ConfigMapRef, Identity, Target
from compiler.diagnostics import (
    DEFAULT_STRATEGY,
    LITELLM_VERSION,
    Diagnostic,
)
from compiler.facts import CostMap
from compiler.resolve_gateways import (
    in_order,
    resolve_gateway,
    resolve_observability,
    resolve_secrets,
    secret,
)
from compiler.resolve_models import resolve_model
from compiler.resolve_tests import resolve_tests
from compiler.scope import Scope
from compiler.source import Document, Path_
from compiler.targets import litellm

_LEAKED = "if it ever ran, replace every secret that it could read"
DEFAULT_GATEWAY = "llm-router"
_IMPLICIT_DEFAULTS = ("default", "quality")  # names that are the default strategy when none is marked


def resolve(document: Document, known: CostMap) -> tuple[Catalog, list[Diagnostic]]:
    """The catalog of a document that the schema accepted, and every reference in it that does not hold.

    Args:
        document: plain data that `schema.check` found nothing wrong with.
        known: LiteLLM's cost map.
    """
    data = document.data
    scope = Scope(document, {}, data["providers"], data["models"], data.get("strategies") or {})
    gateways = _gateway_data(data)
    scope.gateways = gateways
    target = _target(data.get("target") or {}, scope)
    providers = {name: _provider(name, data["providers"][name], scope) for name in sorted(scope.providers)}
    models = {name: resolve_model(name, data["models"][name], scope, known) for name in sorted(scope.models)}
    strategies = _strategies(data, models, scope)
    catalog = Catalog(
        name=data["name"],
        target=target,
        gateways={name: resolve_gateway(name, gateways[name] or {}, scope) for name in sorted(gateways)},
        providers=providers,
        models=models,
        strategies=strategies,
        default_strategy=_default_strategy(data.get("strategies") or {}, strategies, scope),
        fallback=_fallback(data.get("fallback") or {}, scope),
        requirements=_requirements(data.get("requirements"), ("requirements",), scope),
        observability=resolve_observability(data.get("observability") or {}),
        secrets=resolve_secrets(data.get("secrets") or {}),
        traffic=tuple(_traffic(data.get("traffic") or (), scope)),
        allowances=tuple(
            Allowance(row["rule"], row["path"], row["reason"], ("allow", index))
            for index, row in enumerate(data.get("allow") or ())
        ),
        tests=resolve_tests(data.get("tests") or (), scope),
    )
    return catalog, scope.found


def _target(data: Mapping[str, Any], scope: Scope) -> Target:
    own = data.get("litellm") or {}
    version = own.get("version", litellm.DEFAULT.default_version)
    image = own.get("image", litellm.default_image(version))
    if litellm.is_malicious(own.get("image", "")):
        where = scope.document.span(("target", "litellm", "image"))
        scope.found.append(
            LITELLM_VERSION.at(where, "the image is of a LiteLLM that was published by an attacker", _LEAKED)
        )
    elif litellm.line_for(version) is None:
        where = scope.document.span(("target", "litellm", "version"))
        bad = "was published by an attacker" if version in litellm.MALICIOUS else "is not supported"
        lines = ", ".join(f"{minor}.x" for minor in litellm.LINES)
        leaked = f"; {_LEAKED}" if version in litellm.MALICIOUS else ""
        scope.found.append(
            LITELLM_VERSION.at(where, f"LiteLLM {version} {bad}", f"supported: {lines}{leaked}")
        )
    return Target(
        kubernetes=data.get("kubernetes", "1.34"),
        platform=data.get("platform", "generic"),
        network_policy=data.get("network_policy", "kubernetes"),
        litellm_version=version,
        litellm_image=image,
    )


def _gateway_data(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The gateways as written; `llm-router` is added when every one written belongs to a provider."""
    written = data.get("gateways") or {}
    owned = {provider.get("gateway") for provider in data["providers"].values()}
    return written if set(written) - owned else {**written, DEFAULT_GATEWAY: written.get(DEFAULT_GATEWAY, {})}


def _provider(name: str, data: Mapping[str, Any], scope: Scope) -> Provider:
    path: Path_ = ("providers", name)
    gateway = data.get("gateway")
    if gateway is not None and not scope.known("gateway", gateway, (*path, "gateway")):
        gateway = None
    project, identity = data.get("project"), data.get("identity")
    return Provider(
        name=name,
        path=path,
        type=data["type"],
        gateway=gateway,
        project=ConfigMapRef(**project) if isinstance(project, dict) else project,
        location=data.get("location"),
        region=data.get("region"),
        base_url=data.get("base_url"),
        api_version=data.get("api_version"),
        residency=data.get("residency"),
        identity=Identity(**identity) if identity else None,
        api_key=secret(data.get("api_key")),
        access_key_id=secret(data.get("access_key_id")),
        secret_access_key=secret(data.get("secret_access_key")),
    )


def _strategies(data: Mapping[str, Any], models: Mapping[str, Model], scope: Scope) -> dict[str, Strategy]:
    written = data.get("strategies")
    if not written:  # a catalog of models alone still has a best order to offer
        return {"default": _strategy("default", {"order": "quality"}, models, scope)}
    return {name: _strategy(name, written[name] or {}, models, scope) for name in sorted(written)}


def _strategy(name: str, data: Mapping[str, Any], models: Mapping[str, Model], scope: Scope) -> Strategy:
    path: Path_ = ("strategies", name)
    listed = "candidates" in data
    if listed:
        candidates = scope.names("model", data["candidates"], (*path, "candidates"))
    else:
        query = data.get("select") or {}
        scope.names("provider", query.get("providers", ()), (*path, "select", "providers"))
        candidates = tuple(
            name for name, model in models.items() if model.in_service and _selected(model, query)
        )
    return Strategy(
        name=name,
        path=path,
        candidates=candidates,
        listed=listed,
        order=data.get("order", "listed"),
        requirements=_requirements(data.get("requirements"), (*path, "requirements"), scope),
        description=data.get("description", ""),
        canary=_canary(data.get("canary"), (*path, "canary", "model"), scope),
        single_provider=data.get("single_provider"),
    )


def _traffic(rows: Iterable[Mapping[str, Any]], scope: Scope) -> Iterator[Traffic]:
    for index, row in enumerate(rows):
        path: Path_ = ("traffic", index)
        named = [(kind, row[kind]) for kind in ("strategy", "model") if kind in row]
        unknown = [name for kind, name in named if not scope.known(kind, name, (*path, kind))]
        if not unknown:
            yield Traffic(
                row["name"], path, row.get("strategy"), row.get("model"),
                row["requests_per_day"], row["prompt_tokens"], row["completion_tokens"],
            )  # fmt: skip


def _canary(data: Mapping[str, Any] | None, path: Path_, scope: Scope) -> Canary | None:
    if not data or not scope.known("model", data["model"], path):
        return None
    return Canary(data["model"], data["percent"])


def _selected(model: Model, query: Mapping[str, Any]) -> bool:
    facts = model.facts
    return (
        set(query.get("capabilities", ())) <= set(facts.capabilities or ())
        and set(query.get("modes", ())) <= set(model.modes)
        and ("providers" not in query or bool(set(query["providers"]) & set(model.providers)))
        and query.get("min_context_window", 0) <= (facts.context_window or 0)
    )


def _requirements(data: Mapping[str, Any] | None, path: Path_, scope: Scope) -> dict[str, Any]:
    requirements = data or {}
    for key in ("providers", "exclude_providers"):
        scope.names("provider", requirements.get(key, ()), (*path, key))
    return {key: in_order(value) for key, value in sorted(requirements.items())}


def _default_strategy(written: Mapping[str, Any], strategies: Mapping[str, Strategy], scope: Scope) -> str:
    marked = [name for name in strategies if (written.get(name) or {}).get("default")]
    if len(marked) == 1:
        return marked[0]
    if not marked and len(strategies) == 1:
        return next(iter(strategies))
    if not marked:
        implicit = next((name for name in _IMPLICIT_DEFAULTS if name in strategies), None)
        if implicit:
            return implicit
    path: Path_ = ("strategies", marked[1], "default") if marked else ("strategies",)
    what = f"{len(marked)} strategies are the default" if marked else "no strategy is the default"
    found = DEFAULT_STRATEGY.at(
        scope.document.span(path, key=True), what, "mark exactly one strategy with `default: true`"
    )
    if marked:
        first = scope.document.span(("strategies", marked[0], "default"), key=True)
        found = found.with_related(first, "also marked here")
    scope.found.append(found)
    return next(iter(strategies))


def _fallback(data: Mapping[str, Any], scope: Scope) -> Fallback:
    cooldown, retry = data.get("cooldown") or {}, data.get("retry") or {}
    return Fallback(
        providers=scope.names("provider", data.get("providers", ()), ("fallback", "providers")),
        max_attempts=int(data.get("max_attempts", 3)),
        retry_attempts=int(retry.get("attempts", 0)),
        retry_backoff_ms=retry.get("backoff_ms", 500),
        timeout_s=data.get("timeout_s", 30),
        cooldown_failures=int(cooldown.get("failures", 3)),
        cooldown_s=cooldown.get("seconds", 30),
    )
