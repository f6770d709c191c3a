"""LiteLLM's settings, for whoever reaches for one in a catalog: what says the same here, or why nothing does.

The names are those of LiteLLM 1.106: a deployment's `litellm_params` and `model_info`, the router's
arguments, `litellm_settings` and `general_settings` of its proxy.
"""

_DEPLOYMENT = (
    "a model's key is the name that clients use; its `provider` and `id`, or its `deployments`, say the rest"
)
_SETTINGS = "Interlock writes this section of config.yaml itself"
_FALLBACKS = (
    "list `fallbacks` in the model that they are for: one list for every kind of error; a prompt that is too "
    "long for a model is never sent to it"
)
_RETRY = "say it as `fallback.retry.attempts`: how often the whole route is walked again"
_TIMEOUT = "say it as `fallback.timeout_s`, in seconds, for the whole catalog"
_COOLDOWN = "say it as `fallback.cooldown: {failures: 3, seconds: 30}`"
_PRICE = (
    "say it as `price: {input: …, output: …}` of the model, in USD per million tokens: LiteLLM's number "
    "times 1,000,000"
)
_STRATEGY = "write a strategy under `strategies`, with `candidates` or `select`, and an `order`"
_ORDER = (
    "deployments are tried in the order in which they are listed; a `weight` splits the traffic of neighbours"
)
_IDENTITY = "say it under `providers`, as the provider's `identity`: pods hold no long-lived key"
_AS_REFERENCE = "the provider has it, as a reference: `{secret: <name of the Secret>, key: <its key>}`"
_PROVIDER = "say it once, under `providers`, and name that provider in the model"
_FACT = "say it as `capabilities` of the model; when they are left out, LiteLLM's cost map has them"
_CALLBACKS = "Interlock writes the callbacks itself: its plugin, and Prometheus by `observability.metrics`"
_BY_REQUEST = "this is a client's to send with the request; the catalog does not set it"
_NO_DATABASE = (
    "the catalog carries no database: what LiteLLM keeps in one (users, teams, budgets) is no part of it"
)
_NO_BUDGET = "the catalog sets no budgets; `requirements.max_cost_usd` limits what one request may cost"
_NO_CACHE = "answers are not cached by the gateway; a provider's own prompt caching is passed through"
_NO_GUARDRAILS = "the catalog carries no guardrails: check the text before or behind the gateway"
_LIMIT = "say `rpm` and `tpm` of the model or of its deployment: requests and tokens per minute"
_PLUGIN = "the routing plugin decides this for each request, from the routing table"
_REDIS = "say it as `redis: {host: …, port: 6379}` of the gateway"
_LOGS = "the catalog does not carry LiteLLM's logging settings"
_PLACE = "say it as `region` of the provider, or of one deployment"
_TAGS = "write a strategy for each group of requests: a client names it with `routing_strategy`"
_UPSTREAM = (
    "the upstream's own name is `id`, without LiteLLM's prefix: `provider` says which account serves it"
)
_TYPE = "say it as `type` of an entry of `providers`, and name that entry in the model"
_NO_CHANGES = "it is not set: a request with a parameter that the model does not take is refused, not changed"
_ALIAS = "give the model that name, or write a strategy: clients can ask for `auto/<strategy>`"
_MASTER = "say it as `auth: {master_key: {secret: …, key: …}}` of the gateway"
_SIMULATED = "a catalog has no made-up answers: `interlock dev` runs it with simulated providers"

_LONGEST = 100
_COST, _CAN = ("_cost_per_", "_token_cost"), "supports_"

_INSTEAD: dict[str, str] = {
    # model_list
    "model_list": "list models under `models` by the name that clients use, and accounts under `providers`",
    "model_name": _DEPLOYMENT,
    "litellm_params": _DEPLOYMENT,
    "litellm_model_name": _DEPLOYMENT,
    "model": _UPSTREAM,
    "base_model": _UPSTREAM,
    "model_info": "facts stand in the model: `context_window`, `max_output_tokens`, `price`, `capabilities`",
    "custom_llm_provider": _TYPE,
    "litellm_provider": _TYPE,
    "api_base": "say it as `base_url` of the provider; two addresses are two providers",
    "base_url": _PROVIDER,
    "api_key": _AS_REFERENCE,
    "api_version": _PROVIDER,
    "credential_list": _AS_REFERENCE,
    "litellm_credential_name": _PROVIDER,
    "organization": "a key belongs to one organisation: another organisation is another provider",
    "vertex_project": "say it as `project` of the provider",
    "vertex_location": "say it as `location` of the provider, or `region` of one deployment",
    "vertex_credentials": _IDENTITY,
    "aws_region_name": _PLACE,
    "region_name": _PLACE,
    "aws_role_name": "say it as `identity.aws_role_arn` of the provider",
    "aws_web_identity_token": _IDENTITY,
    "aws_session_token": _IDENTITY,
    "aws_profile_name": _IDENTITY,
    "aws_access_key_id": "say it as `access_key_id: {secret: …, key: …}` of the provider",
    "aws_secret_access_key": "say it as `secret_access_key: {secret: …, key: …}` of the provider",
    "azure_ad_token": "say it as `api_key: {secret: …, key: …}` of the provider",
    "client_secret": _AS_REFERENCE,
    "max_tokens": "say it as `max_output_tokens`: the most that the model can answer with",
    "max_completion_tokens": "say it as `max_output_tokens`: the most that the model can answer with",
    "max_input_tokens": "say it as `context_window`: prompt and answer together, in tokens",
    "mode": "say it as `modes`, a list of chat, completion and embedding",
    "weight": _ORDER,
    "order": _ORDER,
    "rpm": _LIMIT,
    "tpm": _LIMIT,
    "max_parallel_requests": _LIMIT,
    "default_max_parallel_requests": _LIMIT,
    "global_max_parallel_requests": _LIMIT,
    "tier": "name the upstream's tier in its `id`; which model is tried first is a strategy's to say",
    "tags": _TAGS,
    "enable_tag_filtering": _TAGS,
    "access_groups": "what a key may use is said where the key is made; every hop of a route keeps to it",
    "mock_response": _SIMULATED,
    "tiered_pricing": "say it as `price.tiers`: [{above_context: 200000, input: …, output: …}]",
    # retries, fallbacks, time
    "num_retries": _RETRY,
    "max_retries": _RETRY,
    "retry_policy": _RETRY,
    "model_group_retry_policy": _RETRY,
    "retry_after": "say it as `fallback.retry.backoff_ms`, in milliseconds",
    "timeout": _TIMEOUT,
    "request_timeout": _TIMEOUT,
    "stream_timeout": f"{_TIMEOUT}; it holds for streams, too",
    "allowed_fails": _COOLDOWN,
    "allowed_fails_policy": f"{_COOLDOWN}; failures of every kind are counted together",
    "cooldown_time": _COOLDOWN,
    "disable_cooldowns": _COOLDOWN,
    "fallbacks": f"{_FALLBACKS}. For all models: `fallback.providers`",
    "default_fallbacks": f"{_FALLBACKS}. For all models: `fallback.providers`",
    "context_window_fallbacks": _FALLBACKS,
    "content_policy_fallbacks": _FALLBACKS,
    "max_fallbacks": "say it as `fallback.max_attempts`: how many models a request may try",
    # choosing
    "routing_strategy": _STRATEGY,
    "routing_strategy_args": _STRATEGY,
    "routing_groups": _STRATEGY,
    "auto_router_config": _STRATEGY,
    "model_group_alias": _ALIAS,
    "model_alias_map": _ALIAS,
    "enable_pre_call_checks": f"{_PLUGIN}: a model whose window is too small is never called",
    "optional_pre_call_checks": f"{_PLUGIN}; limits are kept where `rpm` or `tpm` is said",
    "enable_weighted_failover": _ORDER,
    "provider_budget_config": _NO_BUDGET,
    "max_budget": _NO_BUDGET,
    "budget_duration": _NO_BUDGET,
    # sections
    "litellm_settings": _SETTINGS,
    "router_settings": f"{_SETTINGS}; choices are made by `strategies`, failures handled by `fallback`",
    "general_settings": f"{_SETTINGS}; a gateway's key is `gateways.<name>.auth.master_key`",
    "environment_variables": f"{_SETTINGS}; what is secret is referred to: `{{secret: …, key: …}}`",
    # the proxy
    "master_key": _MASTER,
    "database_url": _NO_DATABASE,
    "store_model_in_db": f"{_NO_DATABASE}; models stand in the catalog",
    "redis_host": _REDIS,
    "redis_port": _REDIS,
    "redis_url": _REDIS,
    "redis_password": "say it as `redis.password: {secret: …, key: …}` of the gateway",
    "cache": _NO_CACHE,
    "cache_params": _NO_CACHE,
    "cache_responses": _NO_CACHE,
    "caching": _NO_CACHE,
    "callbacks": _CALLBACKS,
    "success_callback": _CALLBACKS,
    "failure_callback": _CALLBACKS,
    "service_callback": _CALLBACKS,
    "guardrails": _NO_GUARDRAILS,
    "guardrail_list": _NO_GUARDRAILS,
    "drop_params": _NO_CHANGES,
    "additional_drop_params": _NO_CHANGES,
    "modify_params": _NO_CHANGES,
    "set_verbose": _LOGS,
    "debug_level": _LOGS,
    "json_logs": _LOGS,
    "telemetry": "Interlock turns it off",
    "temperature": _BY_REQUEST,
    "top_p": _BY_REQUEST,
    "stream": _BY_REQUEST,
    "extra_headers": "the catalog sets no headers: gateways write what they need themselves",
}


# Words of a catalog, too, or of anybody's: LiteLLM's are meant where models are described.
_OF_MODELS = frozenset(("model", "mode", "order", "rpm", "tpm", "weight", "stream", "tags", "tier"))


def instead_of(name: str, section: str) -> str:
    """What a catalog says instead of one of LiteLLM's settings; nothing for any other name.

    Args:
        name: of the unknown field, as it is written.
        section: the top-level field of the catalog that it was found in.
    """
    word = name[:_LONGEST].strip().lower().replace("-", "_")
    if word in _OF_MODELS and section != "models":
        return ""
    found = _INSTEAD.get(word) or (
        _PRICE if any(part in word for part in _COST) else _FACT if word.startswith(_CAN) else ""
    )
    return f"a setting of LiteLLM's: {found}" if found else ""
