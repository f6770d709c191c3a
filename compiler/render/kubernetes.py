"""The Kubernetes objects of every gateway, in the order in which they are applied."""

from collections.abc import Iterator, Mapping, Sequence

from compiler.catalog import Catalog
from compiler.catalog_gateways import Gateway, Keda
from compiler.emit import document
from compiler.render.entrances import entrances
from compiler.render.external_secrets import external_secrets, secret_uses
from compiler.render.litellm import GatewayFiles
from compiler.render.network import policies
from compiler.render.pods import config_maps, deployment, longest_s
from compiler.render.templates import Templates, labels, selector

# What is referred to stands first: pods start with their account, files and rules there.
ORDER = (
    "serviceaccount",
    "externalsecret",
    "configmap",
    "networkpolicy",
    "ciliumnetworkpolicy",
    "fqdnnetworkpolicy",
    "backendconfig",
    "service",
    "deployment",
    "horizontalpodautoscaler",
    "scaledobject",
    "poddisruptionbudget",
    "ingress",
    "healthcheckpolicy",
    "gcpbackendpolicy",
    "httproute",
)
_INTERNAL: Mapping[str, Mapping[str, str]] = {
    "gke": {"networking.gke.io/load-balancer-type": "Internal"},
    "eks": {
        # Without Amazon's load balancer controller, the older word alone keeps it from being public.
        "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
        "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
    },
    "aks": {"service.beta.kubernetes.io/azure-load-balancer-internal": "true"},
    "generic": {},
}


def manifests(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> dict[str, str]:
    """Path below out/<name>/ → one YAML document, in apply order: what is referred to stands first."""
    templates = Templates()
    written = {files.gateway.name: dict(_gateway(catalog, files, templates)) for files in gateways}
    for gateway, file, text in _external_secrets(catalog, gateways):
        written[gateway][file] = text
    result: dict[str, str] = {}
    accounts: set[str] = set()
    for kind in ORDER:
        for gateway, texts in written.items():
            for file, text in texts.items():
                if file.split(".")[0].split("-")[0] != kind or (
                    kind == "serviceaccount" and text in accounts
                ):
                    continue
                if kind == "serviceaccount":
                    accounts.add(text)  # two gateways may share an account: one object
                result[f"manifests/{gateway}/{file}"] = text
    return result


def _gateway(catalog: Catalog, files: GatewayFiles, templates: Templates) -> Iterator[tuple[str, str]]:
    """(file name, one YAML document) of everything that belongs to one gateway."""
    gateway = files.gateway
    common = {
        "gateway": gateway,
        "labels": labels(catalog, gateway),
        "selector": selector(catalog, gateway),
    }
    maps = list(config_maps(catalog, files))
    account, manifest = _service_account(catalog, gateway, templates)
    yield "serviceaccount.yaml", manifest
    for one in maps:
        yield f"configmap-{one.name.removeprefix(gateway.name + '-')}.yaml", one.manifest
    yield from policies(catalog, gateway, templates)
    annotations = _service_annotations(catalog, gateway)
    listed = gateway.service.type != "ClusterIP" and any(c.cidr for c in gateway.allow_from or ())
    yield (
        "service.yaml",
        templates.manifest("service", **common, annotations=annotations, keep_addresses=listed),
    )
    yield "deployment.yaml", deployment(catalog, files, maps, account, templates)
    yield from _autoscaler(catalog, gateway, templates)
    yield "poddisruptionbudget.yaml", templates.manifest("poddisruptionbudget", **common)
    yield from entrances(catalog, gateway, longest_s(catalog.fallback), templates)


def _external_secrets(catalog: Catalog, gateways: Sequence[GatewayFiles]) -> Iterator[tuple[str, str, str]]:
    """(gateway, file name, YAML) of each; a Secret that gateways share is in the folder of the first."""
    uses = secret_uses(gateways)
    folders = {(use.namespace, use.secret): use.readers[0] for use in uses}
    for namespace, secret, manifest in external_secrets(catalog, uses):
        yield folders[namespace, secret], f"externalsecret-{secret}.yaml", document(manifest)


def _service_account(catalog: Catalog, gateway: Gateway, templates: Templates) -> tuple[str, str]:
    """The name of the service account, and the account with what ties it to cloud identities."""
    identity = catalog.identity(gateway)
    annotations: dict[str, str] = {}
    if identity and identity.azure_client_id:
        annotations["azure.workload.identity/client-id"] = identity.azure_client_id
    if identity and identity.aws_role_arn and identity.aws_association == "irsa":
        annotations["eks.amazonaws.com/role-arn"] = identity.aws_role_arn
    if identity and identity.gcp_service_account:
        annotations["iam.gke.io/gcp-service-account"] = identity.gcp_service_account
    own = labels(catalog, gateway)
    name = identity.service_account if identity else gateway.name
    manifest = templates.manifest(
        "serviceaccount",
        name=name,
        namespace=gateway.namespace,
        labels={k: v for k, v in own.items() if not k.endswith("/name") or not identity},
        annotations=annotations,
    )
    return name, manifest


def _service_annotations(catalog: Catalog, gateway: Gateway) -> dict[str, str]:
    internal = gateway.service.internal and gateway.service.type == "LoadBalancer"
    behind = {"cloud.google.com/backend-config": f'{{"default": "{gateway.name}"}}'}
    return {
        **(behind if gateway.ingress and catalog.behind_google(gateway) else {}),
        **(_INTERNAL[catalog.target.platform] if internal else {}),
        **gateway.service.annotations,
    }


def _autoscaler(catalog: Catalog, gateway: Gateway, templates: Templates) -> Iterator[tuple[str, str]]:
    """What changes the number of pods, if anything may."""
    replicas = gateway.replicas
    if replicas.min == replicas.max:
        return
    common = {"gateway": gateway, "labels": labels(catalog, gateway)}
    if replicas.keda is None:
        yield "horizontalpodautoscaler.yaml", templates.manifest("horizontalpodautoscaler", **common)
        return
    yield (
        "scaledobject.yaml",
        templates.manifest("scaledobject", **common, **_scaled_by(catalog, gateway, replicas.keda)),
    )


def _scaled_by(catalog: Catalog, gateway: Gateway, keda: Keda) -> dict[str, object]:
    chosen = f'catalog="{catalog.name}",gateway="{gateway.name}"'
    query = f"sum(rate(llm_request_duration_seconds_count{{{chosen}}}[2m]))"
    return {"keda": keda, "query": query, "threshold": f"{keda.requests_per_second:g}"}
