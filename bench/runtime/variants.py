"""The settings of LiteLLM that are measured, each as one change of the shipped gateway."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.runtime.proxies import Config

AGAIN = "as shipped, once more"
_FREEZE = b'''\
"""A callback that hides what is there when the proxy is ready from the garbage collector."""
import gc

from litellm.integrations.custom_logger import CustomLogger


class Freeze(CustomLogger):
    frozen = False

    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        if not Freeze.frozen:
            Freeze.frozen = True
            gc.collect()
            gc.freeze()
        return data


handler = Freeze()
'''
_NO_ACCESS_LOG = (
    b'{"version": 1, "disable_existing_loggers": false, "loggers": {"uvicorn.access": {"level": "WARNING"}}}'
)

Change = Callable[[Config], Config]


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing changed. `streams`: it is about streamed answers, and measured with those."""

    name: str
    change: Change = copy.deepcopy
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    streams: bool = False
    needs: str = ""  # a Python package that is not always there
    quick: bool = False


def _in(section: str, **values: Any) -> Change:
    def change(config: Config) -> Config:
        return {**config, section: {**(config.get(section) or {}), **values}}

    return change


def _and_callback(name: str) -> Change:
    def change(config: Config) -> Config:
        callbacks = config["litellm_settings"]["callbacks"]
        return _in("litellm_settings", callbacks=[*callbacks, name])(config)

    return change


def _without_groups(config: Config) -> Config:
    settings = {k: v for k, v in config["router_settings"].items() if k != "routing_groups"}
    return {**config, "router_settings": settings}


SETTINGS = (
    Setting(AGAIN, quick=True),
    Setting("`--run_granian`", arguments=["--run_granian"], needs="granian", quick=True),
    Setting("`LITELLM_LOG=ERROR`", env={"LITELLM_LOG": "ERROR"}, quick=True),
    Setting(
        "`PYTHON_GC_THRESHOLD=10000,50,50`", env={"PYTHON_GC_THRESHOLD": "10000,50,50"}, quick=True
    ),
    Setting("`prometheus` callback", _and_callback("prometheus"), needs="prometheus_client", quick=True),
    Setting(
        "no access log of the requests",
        env={"LITELLM_DISABLE_ACCESS_LOG_PATHS": "/v1/chat/completions,/health/readiness"},
    ),
    Setting(
        "no access log at all", arguments=["--log_config", "log.json"], files={"log.json": _NO_ACCESS_LOG}
    ),
    Setting("`gc.freeze()` when ready", _and_callback("freeze.handler"), files={"freeze.py": _FREEZE}),
    Setting("`--run_gunicorn`", arguments=["--run_gunicorn"], needs="gunicorn"),
    Setting("without native groups", _without_groups),
    Setting("`json_logs: true`", _in("litellm_settings", json_logs=True)),
    Setting("`enable_pre_call_checks: true`", _in("router_settings", enable_pre_call_checks=True)),
    Setting("`disable_end_user_cost_tracking`", _in("litellm_settings", disable_end_user_cost_tracking=True)),
    Setting(
        "`disable_add_user_agent_to_request_tags`",
        _in("litellm_settings", disable_add_user_agent_to_request_tags=True),
    ),
    Setting("`disable_token_counter`", _in("litellm_settings", disable_token_counter=True)),
    Setting("`LITELLM_RUST=true`", env={"LITELLM_RUST": "true"}),
    Setting("`DISABLE_AIOHTTP_TRANSPORT=True`", env={"DISABLE_AIOHTTP_TRANSPORT": "True"}),
    Setting("`LITELLM_MODE=DEV`", env={"LITELLM_MODE": "DEV"}),
    Setting("as shipped, once more, streamed", streams=True),
    Setting(
        "`disable_streaming_logging`, streamed",
        _in("litellm_settings", disable_streaming_logging=True),
        streams=True,
    ),
    Setting("`--run_granian`, streamed", arguments=["--run_granian"], needs="granian", streams=True),
)  # fmt: skip
