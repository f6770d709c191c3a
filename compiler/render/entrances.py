"""How the outside reaches a gateway besides its Service: an Ingress, or a route of the Gateway API."""

from collections.abc import Iterator, Mapping

from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway, Ingress
from compiler.render.pods import PORT
from compiler.render.templates import Templates, labels

# What clients call. Health, metrics and LiteLLM's own endpoints are not for the outside.
API = "/v1"
HEALTH = "/health/readiness"
MAX_BODY = "64m"  # a request with images, as base64


def entrances(
    catalog: Catalog, gateway: Gateway, longest_s: int, templates: Templates
) -> Iterator[tuple[str, str]]:
    """(file name, one YAML document) of each; `longest_s` is how long a request may take, in seconds."""
    common = {"gateway": gateway, "labels": labels(catalog, gateway), "path": API}
    google = {**common, "longest_s": longest_s, "health": HEALTH, "port": PORT}
    if gateway.ingress:
        annotations = {**_of_controller(gateway.ingress, longest_s), **gateway.ingress.annotations}
        told = {"ingress": gateway.ingress, "annotations": dict(sorted(annotations.items()))}
        if catalog.behind_google(gateway):
            yield "backendconfig.yaml", templates.manifest("backendconfig", **google)
        yield "ingress.yaml", templates.manifest("ingress", **common, **told)
    if gateway.gateway_api:
        if catalog.behind_google(gateway):
            yield "healthcheckpolicy.yaml", templates.manifest("healthcheckpolicy", **google)
            yield "gcpbackendpolicy.yaml", templates.manifest("gcpbackendpolicy", **google)
        yield "httproute.yaml", templates.manifest("httproute", **common, route=gateway.gateway_api)


def _of_controller(ingress: Ingress, longest_s: int) -> Mapping[str, str]:
    """What a known controller must be told: by default it would cut long answers, and hold back streams."""
    match ingress.class_name:
        case "nginx" | "webapprouting.kubernetes.azure.com":
            prefix = "nginx.ingress.kubernetes.io"
            return {
                f"{prefix}/proxy-body-size": MAX_BODY,
                f"{prefix}/proxy-buffering": "off",
                f"{prefix}/proxy-read-timeout": str(longest_s),
                f"{prefix}/proxy-send-timeout": str(longest_s),
            }
        case "alb":
            prefix = "alb.ingress.kubernetes.io"
            return {
                f"{prefix}/healthcheck-path": HEALTH,
                f"{prefix}/load-balancer-attributes": f"idle_timeout.timeout_seconds={min(longest_s, 4000)}",
                f"{prefix}/target-type": "ip",
            }
    return {}
