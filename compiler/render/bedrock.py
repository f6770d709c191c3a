"""What a role must be allowed for Bedrock: the upstream ids of a gateway as ARNs, and no others."""

import re
from collections.abc import Iterable
from typing import Any

_ACTIONS = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
_PARTITIONS = (
    ("cn-", "aws-cn"),
    ("eusc-", "aws-eusc"),
    ("us-gov-", "aws-us-gov"),
    ("us-isob-", "aws-iso-b"),
    ("us-iso-", "aws-iso"),
)
# The head of an inference profile's id → the regions over which it may spread a call; after it: a model's id.
_SPREADS = {
    "us": "us-*", "us-gov": "us-gov-*", "eu": "eu-*", "apac": "ap-*", "jp": "ap-northeast-*",
    "au": "ap-southeast-*", "in": "ap-south-*", "ca": "*", "global": "*",
}  # fmt: skip
_OWN_PROFILE = "application-inference-profile"
_PROFILE = re.compile(rf"({'|'.join(_SPREADS)})\.(.+)")
# An upstream that is an ARN: of what kind it is, and its own name.
_ARN = re.compile(r"arn:([a-z-]+):bedrock:([a-z0-9-]*):([0-9]*):([a-z-]+)/(.+)")


def partition(region: str) -> str:
    """What the ARNs of a region begin with, after `arn:`."""
    return next((name for head, name in _PARTITIONS if region.startswith(head)), "aws")


def policy(account: str, calls: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The permissions policy of a role of `account` for `calls`: (region, upstream id) of each deployment.

    A profile is two things: itself, and the models that it calls, which are allowed through it alone.
    """
    direct: set[str] = set()
    behind: set[str] = set()
    profiles: set[str] = set()
    for region, upstream in calls:
        own, models = _resources(account, region, upstream)
        direct.add(own)
        if models:
            profiles.add(own)
            behind.add(models)
    statements: list[dict[str, Any]] = [_allow(direct)]
    if behind:
        through = {"StringEquals": {"bedrock:InferenceProfileArn": sorted(profiles)}}
        statements.append({**_allow(behind), "Condition": through})
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(resources: set[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": _ACTIONS, "Resource": sorted(resources)}


def _resources(account: str, region: str, upstream: str) -> tuple[str, str | None]:
    """(what is called, the models that it calls in turn)."""
    arn = _ARN.search(upstream)
    if arn:
        head, _, _, kind, name = arn.groups()
        if kind == "inference-profile":
            return arn[0], _behind(head, name)
        # Which model is behind it, its ARN does not say.
        return arn[0], f"arn:{head}:bedrock:*::foundation-model/*" if kind == _OWN_PROFILE else None
    name = upstream.rpartition("/")[2]  # LiteLLM's own words stand before it: `converse/…`
    head = partition(region)
    if _PROFILE.fullmatch(name):
        return f"arn:{head}:bedrock:{region}:{account}:inference-profile/{name}", _behind(head, name)
    return f"arn:{head}:bedrock:{region}::foundation-model/{name}", None


def _behind(head: str, profile: str) -> str:
    found = _PROFILE.fullmatch(profile)
    spread, model = (_SPREADS[found[1]], found[2]) if found else ("*", "*")
    return f"arn:{head}:bedrock:{spread}::foundation-model/{model}"
