"""Places: what a provider says of its residency is not gainsaid by where it answers."""

import re
from collections.abc import Iterator

from compiler.catalog import Deployment, Provider
from compiler.diagnostics import RESIDENCY, Diagnostic, Path_
from compiler.interlocks.case import Case, ask

_EU, _UK, _CH, _US = "the European Union", "the United Kingdom", "Switzerland", "the United States"
_ASIA, _CANADA, _SOUTH, _ANYWHERE = "Asia-Pacific", "Canada", "South America", "anywhere"
# What a word of residency holds, and the heads of regions that are beyond doubt; others are the user's own.
_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("eu", "eea"), (_EU,)),
    **dict.fromkeys(("europe", "emea"), (_EU, _UK, _CH)),
    **dict.fromkeys(("us", "usa"), (_US,)),
    **dict.fromkeys(("ap", "apac", "asia"), (_ASIA,)),
    **dict.fromkeys(("ca", "canada"), (_CANADA,)),
    **dict.fromkeys(("uk", "gb"), (_UK,)),
    **dict.fromkeys(("ch", "switzerland"), (_CH,)),
}
_REGIONS = (
    (r"global\Z", _ANYWHERE),
    (r"(eu-west-2|europe-west2)\Z", _UK),
    (r"(eu-central-2|europe-west6)\Z", _CH),
    (r"eu-|europe-|eusc-", _EU),
    (r"us-", _US),
    (r"ap-|asia-|australia-", _ASIA),
    (r"ca-|northamerica-northeast", _CANADA),
    (r"sa-|southamerica-", _SOUTH),
)
# Bedrock's inference profiles: the head of an upstream id says over which regions it is spread.
_PROFILES = {
    "us": _US, "us-gov": _US, "eu": _EU, "apac": _ASIA, "jp": _ASIA, "au": _ASIA, "ca": _CANADA,
    "global": _ANYWHERE,
}  # fmt: skip


def residency_is_true(case: Case) -> Iterator[Diagnostic]:
    """IL315: a provider with a residency answers there, as far as its region and upstream ids tell."""
    wrong: set[str] = set()
    for provider in case.catalog.providers.values():
        for field, place in (("region", provider.region), ("location", provider.location)):
            where = _where(place)
            if _contradicts(provider, where):
                wrong.add(provider.name)
                yield _found(case, provider, (*provider.path, field), f"its {field} is {place}", where)
    for model in case.catalog.models.values():
        for deployment in model.deployments if model.in_service else ():
            provider = case.catalog.providers[deployment.provider]
            spread = _profile(provider, deployment)
            if provider.name not in wrong and _contradicts(provider, spread):
                path = (*deployment.path, "id") if deployment.upstream != model.name else deployment.path
                says = f"the inference profile of {model.name!r} is {deployment.upstream}"
                yield _found(case, provider, path, says, spread).with_request(
                    ask(model.modes[0], model=model.name, requirements={"residency": provider.residency}),
                    f"may be answered from {spread or _ANYWHERE}",
                    mode=model.modes[0],
                )


def _found(case: Case, provider: Provider, path: Path_, says: str, place: str | None) -> Diagnostic:
    found = RESIDENCY.on_value(
        case.document,
        path,
        f"provider {provider.name!r} has the residency {provider.residency!r}, and {says}: {_in(place)}",
        "correct whichever is wrong; requests that require this residency are sent there",
    )
    return found.with_related(case.document.span((*provider.path, "residency")), "the residency")


def _contradicts(provider: Provider, place: str | None) -> bool:
    said = _WORDS.get(provider.residency or "")
    return said is not None and place is not None and place not in said


def _in(place: str | None) -> str:
    return "it may answer from anywhere" if place == _ANYWHERE else f"that is in {place}"


def _where(region: str | None) -> str | None:
    return next((place for head, place in _REGIONS if re.match(head, region or "")), None)


def _profile(provider: Provider, deployment: Deployment) -> str | None:
    head, dot, rest = deployment.upstream.rpartition("/")[2].partition(".")
    return _PROFILES.get(head) if provider.type == "bedrock" and dot and "." in rest else None
