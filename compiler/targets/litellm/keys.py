"""Which keys of config.yaml each LiteLLM line reads, of those that Interlock writes, and the type it wants.

LiteLLM says nothing of a key that it does not know: a typo, or a key that a release dropped, is a setting
without effect. So a key is here, or it is not written.
`tests/kubernetes/test_litellm_settings_take_effect.py` holds this data against the installed LiteLLM.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# `float` is any number; `list` and `dict` are judged by rules of their own.
Types = Mapping[str, type]


@dataclass(frozen=True, slots=True)
class Keys:
    """Key → type, by section of config.yaml; `group` is an entry of `router_settings.routing_groups`.

    `allowed_fails_policy` names the errors that such a policy may count.
    """

    top: Types
    entry: Types
    litellm_params: Types
    model_info: Types
    litellm_settings: Types
    router_settings: Types
    general_settings: Types
    group: Types
    allowed_fails_policy: frozenset[str]


# Of `model_info`: nothing of LiteLLM's acts on these, it keeps them and lists them in /v1/model/info.
# `interlock dev` and people read them.
OURS = frozenset({"gateway", "provider"})

_COMMON = Keys(
    top={
        "include": list,
        "model_list": list,
        "litellm_settings": dict,
        "router_settings": dict,
        "general_settings": dict,
    },
    entry={"model_name": str, "litellm_params": dict, "model_info": dict},
    litellm_params={
        "model": str,
        "api_base": str,
        "api_key": str,
        "api_version": str,
        "aws_access_key_id": str,
        "aws_region_name": str,
        "aws_secret_access_key": str,
        "extra_headers": dict,
        "rpm": int,
        "tpm": int,
        "vertex_location": str,
        "vertex_project": str,
        "weight": int,
    },
    model_info={
        "id": str,
        "provider": str,
        "gateway": str,
        "mode": str,
        "max_input_tokens": int,
        "max_output_tokens": int,
        "input_cost_per_token": float,
        "output_cost_per_token": float,
    },
    litellm_settings={
        "callbacks": list,
        "num_retries": int,
        "DEFAULT_MAX_RETRIES": int,
        "enable_azure_ad_token_refresh": bool,
        "request_timeout": float,
        "expose_router_debug_in_errors": bool,
    },
    router_settings={
        "routing_strategy": str,
        "num_retries": int,
        "timeout": float,
        "max_fallbacks": int,
        "allowed_fails": int,
        "allowed_fails_policy": dict,
        "cooldown_time": float,
        "routing_groups": list,
        "redis_host": str,
        "redis_port": int,
        "redis_password": str,
    },
    general_settings={"enforce_fallback_model_access": bool, "master_key": str},
    group={"group_name": str, "models": list, "routing_strategy": str, "model_priorities": dict},
    allowed_fails_policy=frozenset(
        {
            "AuthenticationErrorAllowedFails",
            "BadGatewayErrorAllowedFails",
            "BadRequestErrorAllowedFails",
            "ContentPolicyViolationErrorAllowedFails",
            "InternalServerErrorAllowedFails",
            "NotFoundErrorAllowedFails",
            "RateLimitErrorAllowedFails",
            "ServiceUnavailableErrorAllowedFails",
            "TimeoutErrorAllowedFails",
        }
    ),
)

KEYS: Mapping[str, Keys] = {"1.106": _COMMON, "1.109": _COMMON}  # by minor version; the same so far

_FALLBACKS = "the plugin names the fallbacks of each request: others would answer what no route allows"
_RETRIES = "the route is the retry: LiteLLM's own would repeat every hop, with seconds of back-off"
_CALLBACKS = "the callbacks are Interlock's and prometheus"

# Keys that LiteLLM does read, and why none of them may be in a gateway of ours: section → key → why.
HARMFUL: Mapping[str, Mapping[str, str]] = {
    "top": {"environment_variables": "the Deployment sets the variables: LiteLLM would write over them"},
    "litellm_params": {
        "order": "the plugin keeps the order of deployments: LiteLLM would hold back what it has chosen",
        "max_retries": _RETRIES,
        "num_retries": _RETRIES,
        "mock_response": "no provider would be asked",
        "tags": "the plugin chooses the deployment: LiteLLM would drop it when a request has other tags",
    },
    "litellm_settings": {
        "cache": "an answer from a cache is nobody's route",
        "context_window_fallbacks": _FALLBACKS,
        "content_policy_fallbacks": _FALLBACKS,
        "default_fallbacks": _FALLBACKS,
        "failure_callback": _CALLBACKS,
        "success_callback": _CALLBACKS,
    },
    "router_settings": {
        "content_policy_fallbacks": _FALLBACKS,
        "context_window_fallbacks": _FALLBACKS,
        "default_fallbacks": _FALLBACKS,
        "disable_cooldowns": "a model that fails would be asked again by every request",
        "enable_pre_call_checks": "LiteLLM would filter what the plugin chose, by facts of its own",
        "enable_tag_filtering": "the plugin chooses the deployment: LiteLLM would drop it for its tags",
        "enable_weighted_failover": "the plugin chooses the next deployment",
        "fallbacks": _FALLBACKS,
        "model_group_alias": "a name that no route judged would reach a model",
        "model_group_retry_policy": _RETRIES,
        "optional_pre_call_checks": (
            "the plugin filters and keeps the limits: LiteLLM's own check of limits rests the next deployment"
        ),
        "retry_policy": _RETRIES,
    },
}
