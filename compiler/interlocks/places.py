"""Places: what a provider says of its residency is not gainsaid by where it answers."""

import re
from collections.abc import Iterator

from compiler.catalog import Deployment, Provider
from compiler.diagnostics import RESIDENCY, Diagnostic, Path_
from compiler.interlocks.case import Case, ask

# Words of residency and heads of regions whose continent is beyond doubt; all others are the user's own.
_WORDS = {
    "eu": "Europe", "europe": "Europe", "eea": "Europe",
    "us": "the United States", "usa": "the United States",
    "ap": "Asia-Pacific", "apac": "Asia-Pacific", "asia": "Asia-Pacific", "jp": "Asia-Pacific",
    "ca": "Canada", "canada": "Canada", "sa": "South America", "au": "Asia-Pacific",
}  # fmt: skip
_REGIONS = (
    (r"eu-|europe-|eusc-", "Europe"),
    (r"us-", "the United States"),
    (r"ap-|asia-|australia-", "Asia-Pacific"),
    (r"ca-|northamerica-northeast", "Canada"),
    (r"sa-|southamerica-", "South America"),
)
# Bedrock's inference profiles: the head of an upstream id says over which regions it is spread.
_PROFILES = {
    "us": "the United States", "us-gov": "the United States", "eu": "Europe", "apac": "Asia-Pacific",
    "jp": "Asia-Pacific", "au": "Asia-Pacific", "ca": "Canada", "global": "anywhere",
}  # fmt: skip


def residency_is_true(case: Case) -> Iterator[Diagnostic]:
    """IL315: a provider with a residency answers there, as far as its region and upstream ids tell."""
    wrong: set[str] = set()
    for provider in case.catalog.providers.values():
        for field, place in (("region", provider.region), ("location", provider.location)):
            where = _continent(place)
            is_in = "may be" if where == "anywhere" else "is in"
            if _contradicts(provider, where):
                wrong.add(provider.name)
                yield _found(case, provider, (*provider.path, field), f"its {field} {place} {is_in}", where)
    for model in case.catalog.models.values():
        for deployment in model.deployments if model.in_service else ():
            provider = case.catalog.providers[deployment.provider]
            spread = _profile(provider, deployment)
            if provider.name not in wrong and _contradicts(provider, spread):
                path = (*deployment.path, "id") if deployment.upstream != model.name else deployment.path
                says = f"the inference profile {deployment.upstream!r} answers from"
                yield _found(case, provider, path, says, spread).with_request(
                    ask(model.modes[0], model=model.name, requirements={"residency": provider.residency}),
                    f"may be answered from {spread}",
                    mode=model.modes[0],
                )


def _found(case: Case, provider: Provider, path: Path_, says: str, place: str | None) -> Diagnostic:
    found = RESIDENCY.on_value(
        case.document,
        path,
        f"provider {provider.name!r} has the residency {provider.residency!r}, and {says} {place}",
        "correct whichever is wrong; requests that require this residency are sent there",
    )
    return found.with_related(case.document.span((*provider.path, "residency")), "the residency")


def _contradicts(provider: Provider, place: str | None) -> bool:
    said = _WORDS.get(provider.residency or "")
    return said is not None and place is not None and place != said


def _continent(region: str | None) -> str | None:
    if region == "global":
        return "anywhere"
    return next((place for head, place in _REGIONS if re.match(head, region or "")), None)


def _profile(provider: Provider, deployment: Deployment) -> str | None:
    head, dot, rest = deployment.upstream.partition(".")
    return _PROFILES.get(head) if provider.type == "bedrock" and dot and "." in rest else None
