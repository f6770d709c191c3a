"""The rules of one config.yaml and its included files: keys, types, and settings that would break routing."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from compiler.targets.litellm import Line
from compiler.targets.litellm.keys import HARMFUL, KEYS, Types
from compiler.verify.finding import Finding, Problem, brief, child
from compiler.verify.litellm_files import CONFIG, TABLE, Entry, Files

HANDLER = "routing_plugin.handler"
PREFIXES_OF_OURS = ("litellm_proxy",)  # another gateway

_SECTIONS = ("litellm_settings", "router_settings", "general_settings")
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_WORDS |= {list: "a list", dict: "a mapping"}
# What has one right value in every gateway, and what must be there: LiteLLM's defaults are none of ours.
_FIXED: Mapping[str, Mapping[str, Any]] = {
    "litellm_settings": {"num_retries": 0, "DEFAULT_MAX_RETRIES": 0, "expose_router_debug_in_errors": False},
    "router_settings": {"routing_strategy": "simple-shuffle", "num_retries": 0},
    "general_settings": {"enforce_fallback_model_access": True},
}
_LEAST: Mapping[str, Mapping[str, float]] = {
    "litellm_settings": {"request_timeout": 0.001},
    "router_settings": {"timeout": 0.001, "max_fallbacks": 1, "allowed_fails": 0, "cooldown_time": 0.001},
}
# YAML, by which LiteLLM reads JSON too, takes each half of a surrogate pair for a character.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def shape(files: Files, line: Line) -> Iterator[Finding]:
    """Whether everything is where, and of the type that, LiteLLM looks for: every key, section by section."""
    keys = KEYS[line.minor]
    if not isinstance(files.config, dict):
        yield files.finding("", "is no mapping, or not there")
        return
    yield from (files.finding(*problem) for problem in _keys("top", "", files.config, keys.top, line))
    for name in _SECTIONS:
        section, types = files.config.get(name), getattr(keys, name)
        if isinstance(section, dict):
            yield from (files.finding(*problem) for problem in _keys(name, name, section, types, line))
        elif name not in files.config:
            yield files.finding("", f"has no {name}")
    yield from _parts(files)
    yield from (finding for entry in files.entries for finding in _entry(files.name, entry, line))
    yield from (files.finding(*problem) for problem in _groups(files.config, line))
    if not _is_table(files.table):
        yield files.finding("", "is no routing table that the plugin reads, or not there", TABLE)


def _keys(section: str, at: str, data: Mapping[str, Any], types: Types, line: Line) -> Iterator[Problem]:
    for key, value in data.items():
        wanted = types.get(key)
        if type(value) is wanted or (wanted is float and type(value) is int):
            continue
        if wanted is None:
            ignored = f"no key that LiteLLM {line.minor} is known to read here: it would ignore it in silence"
            yield child(at, key), HARMFUL.get(section, {}).get(key, ignored)
        else:
            yield child(at, key), f"{brief(repr(value))} is not {_WORDS[wanted]}"


def _parts(files: Files) -> Iterator[Finding]:
    for name, part in files.parts.items():
        if part is None:
            yield files.finding("include", f"there is no file {brief(name)}")
        elif (
            not isinstance(part, dict)
            or part.keys() != {"model_list"}
            or type(part["model_list"]) is not list
        ):
            yield files.finding("", "holds something else than a model_list", name)
        if name in files.pointless:
            yield files.finding("", f"LiteLLM reads {files.pointless[name]} as text: it has no point", name)
        if _SURROGATE.search(files.texts.get(name, b"")):
            yield files.finding(
                "", "a pair of escapes that YAML does not read as one character: write it as it is", name
            )


def _entry(gateway: str, entry: Entry, line: Line) -> Iterator[Finding]:
    keys, data = KEYS[line.minor], entry.data
    if not isinstance(data, dict):
        yield entry.finding(gateway, "", "is no mapping")
        return
    problems = list(_keys("entry", "", data, keys.entry, line))
    for name, types, needed in (
        ("litellm_params", keys.litellm_params, "model"),
        ("model_info", keys.model_info, "id"),
    ):
        section = data.get(name)
        if isinstance(section, dict):
            problems += _keys(name, name, section, types, line)
            if needed not in section:
                problems.append((name, f"has no {needed}"))
    problems += [("", f"has no {name}") for name in keys.entry if name not in data]
    for problem in problems:
        yield entry.finding(gateway, *problem)


def _groups(config: Mapping[str, Any], line: Line) -> Iterator[Problem]:
    settings = config.get("router_settings")
    groups = settings.get("routing_groups") if isinstance(settings, dict) else None
    for place, group in enumerate(groups if isinstance(groups, list) else []):
        at, types = f"router_settings.routing_groups[{place}]", KEYS[line.minor].group
        if not isinstance(group, dict):
            yield at, "is no mapping"
            continue
        yield from _keys("group", at, group, types, line)
        yield from ((at, f"has no {name}") for name in types if name not in group)


def _is_table(table: Any) -> bool:
    """As much as the rules rely on; the whole is schemas/routing_table.schema.json."""
    if not isinstance(table, dict) or not {"default_strategy", "max_attempts", "retry"} <= table.keys():
        return False
    models, strategies = table.get("models"), table.get("strategies")
    return (
        isinstance(models, dict)
        and isinstance(strategies, dict)
        and all(isinstance(row, dict) and isinstance(row.get("deployments"), list) for row in models.values())
        and all(
            isinstance(one, dict) and isinstance(one.get("candidates"), list) for one in strategies.values()
        )
    )


def check(files: Files, line: Line) -> Iterator[Finding]:
    """What LiteLLM does read, and would read to our harm."""
    for rule in (_fixed, _least, _callbacks, _policy):
        yield from (files.finding(*problem) for problem in rule(files, line))
    known = {*line.prefixes.values(), *PREFIXES_OF_OURS}
    for entry in files.entries:
        yield from (entry.finding(files.name, *problem) for problem in _model(entry.data, known))


def _fixed(files: Files, _: Line) -> Iterator[Problem]:
    for name, values in _FIXED.items():
        for key, value in values.items():
            if files.config[name].get(key) != value:
                yield f"{name}.{key}", f"must be {str(value).lower()}"


def _least(files: Files, _: Line) -> Iterator[Problem]:
    for name, values in _LEAST.items():
        for key, least in values.items():
            if files.config[name].get(key, -1) < least:
                yield f"{name}.{key}", "must be above zero" if 0 < least < 1 else f"must be {least} or more"


def _callbacks(files: Files, _: Line) -> Iterator[Problem]:
    listed, at = files.config["litellm_settings"].get("callbacks", []), "litellm_settings.callbacks"
    if listed.count(HANDLER) != 1:
        yield at, f"must name {HANDLER} once"
    for place, name in enumerate(listed):
        if name not in {HANDLER, "prometheus"}:
            yield f"{at}[{place}]", f"{brief(name)!r} is none of {HANDLER} and prometheus"
    module = f"{HANDLER.partition('.')[0]}.py"
    if module not in files.texts:
        yield at, f"there is no {module} beside {CONFIG}"


def _policy(files: Files, line: Line) -> Iterator[Problem]:
    """The policy is what cools a lone deployment down, and on 1.106 any of them after 4 failures."""
    at = "router_settings.allowed_fails_policy"
    policy = files.config["router_settings"].get("allowed_fails_policy", {})
    for name in line.cooldown_errors:
        if name not in policy:
            yield at, f"without {name}, a deployment may never cool down for it"
    for name, count in policy.items():
        if name not in KEYS[line.minor].allowed_fails_policy:
            yield child(at, name), f"no error that LiteLLM {line.minor} counts: it would ignore it in silence"
        elif type(count) is not int or count < 0:
            yield child(at, name), f"{brief(repr(count))} is no count"


def _model(data: Mapping[str, Any], known: set[str]) -> Iterator[Problem]:
    params = data["litellm_params"]
    prefix, slash, upstream = params["model"].partition("/")
    if prefix not in known or not slash or not upstream:
        yield "litellm_params.model", f"{brief(params['model'])!r} begins with no known provider"
    if "*" in data["model_name"] or "*" in upstream:
        yield "model_name", "a wildcard: it would serve models that no route has judged"
    for name in ("rpm", "tpm", "weight"):
        if params.get(name, 1) < 1:
            yield f"litellm_params.{name}", "must be 1 or more"
    for name, value in params.get("extra_headers", {}).items():
        if type(value) is not str:
            yield child("litellm_params.extra_headers", name), f"{brief(repr(value))} is not text"
