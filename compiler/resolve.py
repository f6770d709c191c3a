"""Schema-valid data → the typed catalog: defaults, references, facts.

Unknown names are reported here, and left out of the result, so that one pass reports every one of them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compiler import facts as cost_map
from compiler.catalog import (
    Catalog,
    ConfigMapRef,
    Deployment,
    Facts,
    Fallback,
    Gateway,
    Identity,
    Model,
    Path_,
    Price,
    Provider,
    Replicas,
    SecretRef,
    Service,
    Strategy,
    Target,
)
from compiler.diagnostics import (
    DEFAULT_STRATEGY,
    LITELLM_VERSION,
    MISSING_FACT,
    UNKNOWN_REFERENCE,
    Diagnostic,
    nearest,
)
from compiler.quantities import at_least_zero
from compiler.source import Document
from compiler.targets import litellm

MAX_NEAREST = 50  # searches for a nearest name: each takes milliseconds, and thousands would take hours
_LEAKED = "if it ever ran, replace every secret that it could read"
DEFAULT_GATEWAY = "llm-router"
DEFAULT_RESOURCES = {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}
_IMPLICIT_DEFAULTS = ("default", "quality")  # names that are the default strategy when none is marked


@dataclass(slots=True)
class _Scope:
    """What every part of the resolver needs: the document, the names that exist, what was found wrong."""

    document: Document
    gateways: Mapping[str, Any]
    providers: Mapping[str, Any]
    models: Mapping[str, Any]
    strategies: Mapping[str, Any]
    found: list[Diagnostic] = field(default_factory=list)

    def known(self, kind: str, name: str, path: Path_) -> bool:
        """Whether `name` exists among the catalog's `kind`s; reports it when not."""
        legal: Mapping[str, Any] = getattr(self, kind + "s")
        if name in legal:
            return True
        helped = len(self.found) < MAX_NEAREST
        close = nearest(name, legal) if helped else None
        hint = f"did you mean {close!r}?" if close else _listing(kind, legal) if helped else ""
        where = self.document.span(path)
        message = f"{kind} {name!r} does not exist"
        found = UNKNOWN_REFERENCE.at(where, message, hint)
        if close:
            found = found.with_related(self.document.span((kind + "s", close), key=True), "defined here")
        self.found.append(found)
        return False

    def names(self, kind: str, names: Iterable[str], path: Path_) -> tuple[str, ...]:
        return tuple(n for i, n in enumerate(names) if self.known(kind, n, (*path, i)))


def resolve(
    document: Document, load_facts: Callable[[], cost_map.CostMap]
) -> tuple[Catalog, list[Diagnostic]]:
    """The catalog of a document that the schema accepted, and every reference in it that does not hold.

    Args:
        document: plain data that `schema.check` found nothing wrong with.
        load_facts: reads LiteLLM's cost map; called once.
    """
    data = document.data
    scope = _Scope(document, {}, data["providers"], data["models"], data.get("strategies") or {})
    gateways = _gateway_data(data)
    scope.gateways = gateways
    known = load_facts()
    target = _target(data.get("target") or {}, scope)
    providers = {name: _provider(name, data["providers"][name], scope) for name in sorted(scope.providers)}
    models = {name: _model(name, data["models"][name], scope, known) for name in sorted(scope.models)}
    strategies = _strategies(data, models, scope)
    catalog = Catalog(
        name=data["name"],
        target=target,
        gateways={name: _gateway(name, gateways[name] or {}) for name in sorted(gateways)},
        providers=providers,
        models=models,
        strategies=strategies,
        default_strategy=_default_strategy(data.get("strategies") or {}, strategies, scope),
        fallback=_fallback(data.get("fallback") or {}, scope),
        requirements=_requirements(data.get("requirements"), ("requirements",), scope),
    )
    return catalog, scope.found


def _listing(kind: str, legal: Iterable[str]) -> str:
    names = sorted(legal)
    shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return f"the {kind}s of this catalog are: {shown}" if names else f"this catalog has no {kind}s"


def _target(data: Mapping[str, Any], scope: _Scope) -> Target:
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
        litellm_version=version,
        litellm_image=image,
    )


def _gateway_data(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The gateways as written; `llm-router` is added when every one written belongs to a provider."""
    written = data.get("gateways") or {}
    owned = {provider.get("gateway") for provider in data["providers"].values()}
    return written if set(written) - owned else {**written, DEFAULT_GATEWAY: written.get(DEFAULT_GATEWAY, {})}


def _gateway(name: str, data: Mapping[str, Any]) -> Gateway:
    replicas, service = data.get("replicas") or {}, data.get("service") or {}
    most = int(replicas.get("max", max(10, replicas.get("min", 2))))
    return Gateway(
        name=name,
        path=("gateways", name),
        namespace=data.get("namespace", "default"),
        replicas=Replicas(
            min=int(replicas.get("min", min(2, most))),
            max=most,
            target_cpu_percent=int(replicas.get("target_cpu_percent", 70)),
        ),
        service=Service(
            type=service.get("type", "ClusterIP"),
            port=int(service.get("port", 80)),  # JSON Schema takes 80.0 for a whole number
            internal=service.get("internal", False),
            annotations=_sorted(service.get("annotations") or {}),
        ),
        master_key=_master_key(name, data.get("auth")),
        resources=_resources(data.get("resources") or {}),
    )


def _resources(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """What is written, and a default for the rest; a default gives way to the other side that is written."""
    requests, limits = dict(data.get("requests") or {}), dict(data.get("limits") or {})
    for name, default in DEFAULT_RESOURCES["requests"].items():
        requests.setdefault(name, min(default, limits.get(name, default), key=at_least_zero))
    for name, default in DEFAULT_RESOURCES["limits"].items():
        limits.setdefault(name, max(default, requests.get(name, default), key=at_least_zero))
    return {"requests": _sorted(requests), "limits": _sorted(limits)}


def _master_key(gateway: str, auth: Any) -> SecretRef | None:
    if auth == "none":
        return None
    return _secret((auth or {}).get("master_key")) or SecretRef(f"{gateway}-auth", "master-key")


def _secret(data: Mapping[str, str] | None) -> SecretRef | None:
    return SecretRef(data["secret"], data["key"]) if data else None


def _provider(name: str, data: Mapping[str, Any], scope: _Scope) -> Provider:
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
        api_key=_secret(data.get("api_key")),
        access_key_id=_secret(data.get("access_key_id")),
        secret_access_key=_secret(data.get("secret_access_key")),
    )


def _model(name: str, data: Mapping[str, Any], scope: _Scope, known: cost_map.CostMap) -> Model:
    path: Path_ = ("models", name)
    lifecycle = data.get("lifecycle") or {}
    stated = _stated(data, lifecycle)
    deployments = _deployments(name, data, scope)
    upstreams = [known.facts(scope.providers[d.provider]["type"], d.upstream) for d in deployments]
    facts = cost_map.merged(stated, upstreams)
    status = lifecycle.get("status", "active")
    if facts.context_window is None and status != "planned":
        scope.found.append(
            MISSING_FACT.at(
                scope.document.span(path, key=True),
                f"the context window of {name!r} is not known: long prompts are sent to it unchecked",
                "say `context_window: <tokens>`; LiteLLM's cost map has no entry for its upstream id",
            )
        )
    return Model(
        name=name,
        path=path,
        deployments=tuple(
            replace(deployment, price=stated.price or upstream.price)
            for deployment, upstream in zip(deployments, upstreams, strict=True)
        ),
        facts=facts,
        modes=facts.modes or ("chat", "completion"),
        quality=data.get("quality"),
        latency_ms=data.get("latency_ms"),
        status=status,
        successor=lifecycle.get("successor"),
        fallbacks=_fallbacks(data, path, scope),
    )


def _fallbacks(data: Mapping[str, Any], path: Path_, scope: _Scope) -> tuple[str, ...] | None:
    if "fallbacks" not in data:
        return None
    return scope.names("model", data["fallbacks"], (*path, "fallbacks"))


def _stated(data: Mapping[str, Any], lifecycle: Mapping[str, Any]) -> Facts:
    capabilities, modes = data.get("capabilities"), data.get("modes")
    return Facts(
        context_window=_whole(data.get("context_window")),
        max_output_tokens=_whole(data.get("max_output_tokens")),
        price=_price(data.get("price")),
        modes=tuple(modes) if modes else None,
        capabilities=tuple(capabilities) if capabilities is not None else None,
        retires_on=lifecycle.get("retires_on"),
    )


def _whole(value: float | None) -> int | None:
    """JSON Schema takes 2.0 for a whole number; what is written out must be one."""
    return None if value is None else int(value)


def _price(data: Mapping[str, Any] | None) -> Price | None:
    if not data:
        return None
    cost_in, cost_out = float(data.get("input", 0)), float(data.get("output", 0))
    tiers = sorted(
        (tier["above_context"], float(tier.get("input", cost_in)), float(tier.get("output", cost_out)))
        for tier in data.get("tiers", ())
    )
    return Price(cost_in, cost_out, tuple(tiers))


def _deployments(model: str, data: Mapping[str, Any], scope: _Scope) -> tuple[Deployment, ...]:
    path: Path_ = ("models", model)
    written = data.get("deployments")
    rows = (
        [(data, path)] if written is None else [(d, (*path, "deployments", i)) for i, d in enumerate(written)]
    )
    result: list[Deployment] = []
    priority = 0
    weighted = False
    for row, row_path in rows:
        provider = row.get("provider", "")
        if not scope.known("provider", provider, (*row_path, "provider")):
            continue
        # Neighbours that both carry a weight share one priority; anything else is the next one.
        priority += 0 if weighted and "weight" in row else 1
        weighted = "weight" in row
        result.append(
            Deployment(
                id=_deployment_id(f"{provider}/{model}", result),
                provider=provider,
                upstream=row.get("id", model),
                path=row_path,
                priority=priority,
                weight=_whole(row.get("weight")),
                region=row.get("region"),
                rpm=_whole(row.get("rpm")),
                tpm=_whole(row.get("tpm")),
            )
        )
    return tuple(result)


def _deployment_id(base: str, earlier: list[Deployment]) -> str:
    same = sum(1 for deployment in earlier if deployment.id.split("#")[0] == base)
    return f"{base}#{same + 1}" if same else base


def _strategies(data: Mapping[str, Any], models: Mapping[str, Model], scope: _Scope) -> dict[str, Strategy]:
    written = data.get("strategies")
    if not written:  # a catalog of models alone still has a best order to offer
        return {"default": _strategy("default", {"order": "quality"}, models, scope)}
    return {name: _strategy(name, written[name] or {}, models, scope) for name in sorted(written)}


def _strategy(name: str, data: Mapping[str, Any], models: Mapping[str, Model], scope: _Scope) -> Strategy:
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
    )


def _selected(model: Model, query: Mapping[str, Any]) -> bool:
    facts = model.facts
    return (
        set(query.get("capabilities", ())) <= set(facts.capabilities or ())
        and set(query.get("modes", ())) <= set(model.modes)
        and ("providers" not in query or bool(set(query["providers"]) & set(model.providers)))
        and query.get("min_context_window", 0) <= (facts.context_window or 0)
    )


def _requirements(data: Mapping[str, Any] | None, path: Path_, scope: _Scope) -> dict[str, Any]:
    requirements = data or {}
    for key in ("providers", "exclude_providers"):
        scope.names("provider", requirements.get(key, ()), (*path, key))
    return {key: _sorted(value) for key, value in sorted(requirements.items())}


def _sorted(data: Any) -> Any:
    """A mapping by its keys: the order in which they are written must not show in the output."""
    return {key: _sorted(data[key]) for key in sorted(data)} if isinstance(data, dict) else data


def _default_strategy(written: Mapping[str, Any], strategies: Mapping[str, Strategy], scope: _Scope) -> str:
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


def _fallback(data: Mapping[str, Any], scope: _Scope) -> Fallback:
    cooldown = data.get("cooldown") or {}
    return Fallback(
        providers=scope.names("provider", data.get("providers", ()), ("fallback", "providers")),
        max_attempts=int(data.get("max_attempts", 3)),
        timeout_s=data.get("timeout_s", 30),
        cooldown_failures=int(cooldown.get("failures", 3)),
        cooldown_s=cooldown.get("seconds", 30),
    )
