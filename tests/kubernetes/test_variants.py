"""Every kind of cluster, with and without each option: the output is what Kubernetes takes.

The golden trees of these variants are in `tests/golden`; here the real tools read them, and all combinations.
"""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from compiler.pipeline import render
from compiler.verify import verify
from tests.kubernetes.kubectl import decoded, kubectl

TESTS = Path(__file__).resolve().parents[1]
VARIANTS = {
    **{path.stem: path for path in sorted((TESTS.parent / "catalog").glob("*.yaml"))},
    **{
        name: TESTS / "golden" / name / "catalog.yaml"
        for name in (
            "aks-eso-ingress",
            "eks-irsa-keda-alb",
            "eks-pod-identity",
            "gke-eso-gateway-api",
            "plain-cilium-keda",
        )
    },
}
MINORS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")
# The groups that Kubernetes itself does not know: operators bring them, and schemas/crd judges them.
OPERATORS = (
    "cilium.io", "cloud.google.com", "external-secrets.io", "gateway.networking.k8s.io", "keda.sh",
    "monitoring.coreos.com", "networking.gke.io",
)  # fmt: skip

Object = dict[str, Any]


def bundle_of(catalog: Path) -> dict[str, bytes]:
    outcome = render(catalog)
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return dict(outcome.bundle)


@pytest.fixture(scope="module")
def bundles() -> dict[str, dict[str, bytes]]:
    return {name: bundle_of(path) for name, path in VARIANTS.items()}


def objects_of(bundle: dict[str, bytes]) -> list[Object]:
    (path,) = (p for p in bundle if "/" not in p and p.endswith(".yaml") and p != "kustomization.yaml")
    return [*yaml.safe_load_all(bundle[path])]


def is_core(item: Object) -> bool:
    return str(item["apiVersion"]).partition("/")[0] not in OPERATORS


@pytest.mark.filterwarnings("error")  # an unknown kind or version is a warning there
@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("name", VARIANTS)
def test_every_supported_version_takes_the_objects(
    bundles: dict[str, dict[str, bytes]], name: str, minor: str
) -> None:
    core = [item for item in objects_of(bundles[name]) if is_core(item)]
    assert len(core) >= 7
    for item in core:
        kubernetes_validate.validate(item, minor, strict=True)
    assert verify(bundles[name], kubernetes=minor) == []


@pytest.mark.parametrize("name", VARIANTS)
def test_kubectl_decodes_every_object_of_kubernetes_own(
    bundles: dict[str, dict[str, bytes]], name: str, tmp_path: Path
) -> None:
    core = [item for item in objects_of(bundles[name]) if is_core(item)]
    kinds = Counter(item["kind"] for item in core)
    (tmp_path / "core.yaml").write_text(yaml.safe_dump_all(core))
    count, complaints = decoded(tmp_path / "core.yaml")
    assert complaints == []
    assert count == {"services": kinds["Service"], "others": kinds.total() - kinds["Service"]}


@pytest.mark.parametrize("name", VARIANTS)
def test_kustomize_gives_the_objects_of_the_single_file(
    bundles: dict[str, dict[str, bytes]], name: str, tmp_path: Path
) -> None:
    for path, raw in bundles[name].items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(raw)
    ran = kubectl("kustomize", str(tmp_path))
    assert ran.returncode == 0, ran.stderr
    assert in_order(yaml.safe_load_all(ran.stdout)) == in_order(objects_of(bundles[name]))
    if "monitoring/kustomization.yaml" in bundles[name]:
        ran = kubectl("kustomize", str(tmp_path / "monitoring"))
        assert ran.returncode == 0, ran.stderr
        kinds = {item["kind"] for item in yaml.safe_load_all(ran.stdout)}
        assert {"PodMonitor", "PrometheusRule"} <= kinds


def in_order(objects: Any) -> list[Object]:
    return sorted(objects, key=lambda o: (o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]))


# --- every combination ---------------------------------------------------------------------------------

PLATFORMS = {
    "gke": "{type: vertex_ai, project: p, location: europe-west4, identity: {service_account: cloud, "
    "gcp_service_account: a@example-llm.iam.gserviceaccount.com}}",
    "eks": "{type: bedrock, region: eu-central-1, identity: {service_account: cloud, "
    "aws_role_arn: 'arn:aws:iam::998877665544:role/r'}}",
    "aks": "{type: azure, base_url: 'https://example.openai.azure.com', api_version: '2025-03-01-preview', "
    "identity: {service_account: cloud, azure_client_id: 5d1f0a3e-7c1b-4c57-9d57-2f0c7a1b9e42}}",
    "generic": "{type: mistral, api_key: {secret: mistral-api-key, key: api-key}}",
}
ANNOTATIONS = {
    "gke": "iam.gke.io/gcp-service-account",
    "eks": "eks.amazonaws.com/role-arn",
    "aks": "azure.workload.identity/client-id",
}
SECRETS = {False: "{}", True: "{backend: external_secrets, store: {name: vault}}"}
SCALING = {"hpa": "{}", "keda": "{keda: {}}"}
ENTRANCES = {
    "ingress": "ingress: {host: llm.example.com, tls_secret: llm-tls}",
    "route": "gateway_api: {parent: public}",
}
TEMPLATE = """
apiVersion: interlock/v1
name: variant
target: {{platform: {platform}}}
gateways:
  llm-router: {{namespace: llm, replicas: {scaling}, {entrance}}}
providers:
  cloud: {provider}
  openai: {{type: openai, api_key: {{secret: openai-api-key, key: api-key}}}}
models:
  ours: {{provider: cloud, context_window: 8192, price: {{input: 1, output: 1}}, modes: [chat]}}
  gpt-5.6: {{provider: openai}}
strategies: {{quality: {{candidates: [ours, gpt-5.6]}}}}
secrets: {secrets}
"""


@pytest.mark.parametrize(
    ("platform", "external", "scaling", "entrance"),
    list(itertools.product(PLATFORMS, SECRETS, SCALING, ENTRANCES)),
)
def test_every_combination_is_rendered_and_has_its_objects(
    tmp_path: Path, platform: str, external: bool, scaling: str, entrance: str
) -> None:
    text = TEMPLATE.format(
        platform=platform,
        provider=PLATFORMS[platform],
        secrets=SECRETS[external],
        scaling=SCALING[scaling],
        entrance=ENTRANCES[entrance],
    )
    (tmp_path / "catalog.yaml").write_text(text)
    objects = objects_of(bundle_of(tmp_path / "catalog.yaml"))  # which verify has judged
    kinds = Counter(item["kind"] for item in objects)
    assert kinds["ExternalSecret"] == (0 if not external else 3 if platform == "generic" else 2)
    assert (kinds["ScaledObject"], kinds["HorizontalPodAutoscaler"]) == (
        (1, 0) if scaling == "keda" else (0, 1)
    )
    assert (kinds["Ingress"], kinds["HTTPRoute"]) == ((1, 0) if entrance == "ingress" else (0, 1))
    (account,) = (item for item in objects if item["kind"] == "ServiceAccount")
    annotations = account["metadata"].get("annotations", {})
    assert set(annotations) == ({ANNOTATIONS[platform]} if platform in ANNOTATIONS else set())
    for item in filter(is_core, objects):
        kubernetes_validate.validate(item, "1.34", strict=True)
