"""Settings: what is written does something, and names what exists."""

import re
from collections.abc import Iterator

from compiler.diagnostics import IMAGE_TAG, MISSING_FIELD, NO_EFFECT, PLACEHOLDER, Diagnostic, Path_
from compiler.interlocks.case import Case
from compiler.interlocks.exposure import is_private_or_tls
from compiler.source import value_at

# What the documents of the clouds, and ours, write where a name of one's own belongs.
_PLACEHOLDER = re.compile(r"PROJECT_ID|\b(123456789012|111122223333)\b|\b0{8}(-0{4}){3}-0{12}\b")
_FIELDS = ("gcp_service_account", "aws_role_arn", "azure_client_id")


def settings_do_something(case: Case) -> Iterator[Diagnostic]:
    """IL316: no setting is written where it has no effect."""
    for path, why, hint in _idle(case):
        if not _written(case, path):
            continue
        where = f"`{'.'.join(map(str, path))}`"
        yield NO_EFFECT.on(case.document, path, f"{where} means nothing here: {why}", hint)


def _idle(case: Case) -> Iterator[tuple[Path_, str, str]]:
    """(the setting, why it would be idle, what to do) of each that would do nothing here."""
    if not case.catalog.observability.metrics:
        for name in ("operator", "namespace", "labels", "slo", "hourly_budget_usd"):
            yield ("observability", name), "there are no metrics", "say `metrics: prometheus`, or remove it"
    if _backend(case) != "external_secrets":
        for name in ("store", "refresh"):
            why = "the Secrets come from you, and from no store"
            yield ("secrets", name), why, "say `backend: external_secrets`, or remove it"
    for gateway in case.catalog.gateways.values():
        service = gateway.service
        private = case.catalog.target.platform != "generic" or is_private_or_tls(service.annotations)
        if service.internal and service.type == "LoadBalancer" and not private:
            why = "what makes a load balancer internal differs by platform, and this one is generic"
            hint = "name the `platform` under `target`, or give the Service your load balancer's annotation"
            yield (*gateway.path, "service", "internal"), why, hint
        replicas, path = gateway.replicas, (*gateway.path, "replicas", "keda")
        if replicas.min == replicas.max:
            yield path, "the number of pods is fixed", "raise `max`, or remove it"
        elif replicas.keda and not replicas.keda.prometheus:
            asked = (*path, "requests_per_second")
            yield asked, "no Prometheus counts the requests", "add `prometheus: <address>`, or remove it"


def _backend(case: Case) -> str:
    return str((value_at(case.document.data, ("secrets",)) or {}).get("backend", "kubernetes"))


def a_store_is_named(case: Case) -> Iterator[Diagnostic]:
    """IL202: the backend external_secrets says which store it reads."""
    if _backend(case) == "external_secrets" and not _written(case, ("secrets", "store")):
        message, hint = "`secrets` lacks the field 'store'", "add `store: {name: <ClusterSecretStore>}`"
        yield MISSING_FIELD.on(case.document, ("secrets",), message, hint)


def identities_are_your_own(case: Case) -> Iterator[Diagnostic]:
    """IL317: a placeholder of a document has become a name of one's own."""
    for provider in case.catalog.providers.values():
        for field in _FIELDS if provider.identity else ():
            found = _PLACEHOLDER.search(getattr(provider.identity, field) or "")
            if found:
                path = (*provider.path, "identity", field)
                message = f"{found[0]} of provider {provider.name!r} is a placeholder"
                yield PLACEHOLDER.on_value(
                    case.document, path, message, "put your own in its place before you apply the output"
                )


def images_are_pinned(case: Case) -> Iterator[Diagnostic]:
    """IL802: an image of one's own is named by its digest."""
    image, path = case.catalog.target.litellm_image, ("target", "litellm", "image")
    if _written(case, path) and "@" not in image:
        yield IMAGE_TAG.on_value(
            case.document,
            path,
            f"the image {image} has no digest",
            f"add the one that `docker buildx imagetools inspect {image}` shows: {image}@sha256:…",
        )


def _written(case: Case, path: Path_) -> bool:
    return value_at(case.document.data, path) is not None
