"""Whether a gateway's pods see its files, and have the variables that its configuration reads."""

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.verify.finding import Finding, Problem, brief, child
from compiler.verify.litellm_files import Files

REFERENCE = "os.environ/"  # LiteLLM reads it only at the beginning of a text
UNPROTECTED = "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"
SECRETS = frozenset({"api_key", "aws_access_key_id", "aws_secret_access_key", "master_key", "redis_password"})


def check(files: Files) -> Iterator[Finding]:
    if files.deployment is None:
        yield files.finding("", f"no Deployment {files.name} starts this gateway")
        return
    yield from _mounted(files)
    settings = {name: value for name, value in files.config.items() if isinstance(value, dict)}
    for problem in (*_values("", settings, files.variables), *_master_key(files)):
        yield files.finding(*problem)
    for entry in files.entries:
        params = entry.data["litellm_params"]
        problems = [*_values("litellm_params", params, files.variables)]
        if params.get("api_key") == "none" and "api_base" not in params:
            problems.append(("litellm_params.api_key", "none, for the API of a vendor"))
        for problem in problems:
            yield entry.finding(files.name, *problem)


def _mounted(files: Files) -> Iterator[Finding]:
    """Each file is in the folder from which LiteLLM is started, as it is in the bundle."""
    for name, raw in files.texts.items():
        if name not in files.mounted:
            yield files.finding(
                "", f"the pods of {files.name} do not mount it beside their configuration", name
            )
        elif files.mounted[name] != raw.decode():
            yield files.finding("", f"is another one in the ConfigMap that {files.name} mounts", name)


def _values(at: str, data: Mapping[str, Any], variables: frozenset[str]) -> Iterator[Problem]:
    for key, value in data.items():
        if type(value) is dict:
            yield from _values(child(at, key), value, variables)
        elif type(value) is str:
            prefix, found, name = value.partition(REFERENCE)
            if found and (prefix or name not in variables):
                yield child(at, key), f"{brief(value)!r}: the Deployment sets no such variable"
            elif key in SECRETS and not found and (key, value) != ("api_key", "none"):
                yield child(at, key), "a literal: secrets are variables, from a Secret"


def _master_key(files: Files) -> Iterator[Problem]:
    """One of the two: a key, or a Deployment that says that it wants none."""
    has, wants_none = "master_key" in files.config["general_settings"], UNPROTECTED in files.variables
    if not has and not wants_none:
        yield (
            "general_settings",
            "has no master_key: everyone could call the gateway, and LiteLLM would not start",
        )
    if has and wants_none:
        yield "general_settings.master_key", f"the Deployment sets {UNPROTECTED} beside it"
