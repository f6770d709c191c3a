"""The reference output as Kubernetes reads it: schema, kubectl's own types, kustomize; and who holds what."""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from tests.kubernetes.kubectl import decoded, kubectl

MINOR = "1.34"  # what the reference catalog targets
ALL_IN_ONE = "foundational-models.yaml"
GCP, AWS = "iam.gke.io/gcp-service-account", "eks.amazonaws.com/role-arn"
IDENTITIES = {
    "llm-gateway-sa": "vertex-ai-gateway",
    "bedrock-sa": "bedrock-gateway",
}  # account → its only Deployment

Object = dict[str, Any]


@pytest.fixture(scope="session")
def objects(bundle: Mapping[str, bytes]) -> list[Object]:
    return [*yaml.safe_load_all(bundle[ALL_IN_ONE])]


def of_kind(objects: list[Object], kind: str) -> dict[str, Object]:
    return {o["metadata"]["name"]: o for o in objects if o["kind"] == kind}


def pod(deployment: Object) -> Object:
    found: Object = deployment["spec"]["template"]["spec"]
    return found


def by_name(objects: list[Object]) -> dict[tuple[str, str, str], Object]:
    found = {(o["kind"], o["metadata"]["namespace"], o["metadata"]["name"]): o for o in objects}
    assert len(found) == len(objects), "two objects of one kind and name"
    return found


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(node, (dict, list)):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in pairs:
            yield from leaves(value, (*path, key))
    else:
        yield path, node


# --- it is what Kubernetes takes -----------------------------------------------------------------------


@pytest.mark.filterwarnings("error")  # an unknown kind or version is a warning there
def test_every_document_passes_the_schema_of_kubernetes(objects: list[Object]) -> None:
    assert len(objects) >= 15
    for document in objects:
        kubernetes_validate.validate(document, MINOR, strict=True)


def test_that_schema_can_refuse(objects: list[Object]) -> None:
    """Or else the test above shows nothing."""
    broken = copy.deepcopy(of_kind(objects, "Deployment")["llm-router"])
    pod(broken)["containers"][0]["imagePullPolice"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="imagePullPolice"):
        kubernetes_validate.validate(broken, MINOR, strict=True)


def test_kubectl_decodes_every_document_with_the_real_types(objects: list[Object], output: Path) -> None:
    kinds = Counter(o["kind"] for o in objects)
    count, complaints = decoded(output / ALL_IN_ONE)
    assert complaints == []
    assert count == {"services": kinds["Service"], "others": kinds.total() - kinds["Service"]}


@pytest.mark.parametrize(
    ("kind", "path", "value", "complaint"),
    [
        ("Deployment", ("spec", "replicas"), "two", "DeploymentSpec.spec.replicas of type int32"),
        (
            "Deployment",
            ("spec", "template", "spec", "enableServiceLinks"),
            "no",
            "enableServiceLinks of type bool",
        ),
        ("Service", ("spec", "ports", 0, "port"), "80", "ServicePort.spec.ports.port of type int32"),
        ("ConfigMap", ("data", "config.yaml"), 1, "ConfigMap.data of type string"),
        (
            "ServiceAccount",
            ("automountServiceAccountToken",),
            "no",
            "automountServiceAccountToken of type bool",
        ),
        ("HorizontalPodAutoscaler", ("spec", "maxReplicas"), "10", "maxReplicas of type int32"),
        ("PodDisruptionBudget", ("spec", "selector"), "all", "PodDisruptionBudgetSpec.spec.selector"),
        (
            "Deployment",
            ("apiVersion",),
            "apps/v9",
            'no kind "Deployment" is registered for version "apps/v9"',
        ),
    ],
)
def test_kubectl_can_refuse(  # noqa: PLR0913, PLR0917  # one row of the table
    objects: list[Object], tmp_path: Path, kind: str, path: tuple[Any, ...], value: Any, complaint: str
) -> None:
    """One wrong type in an object of each kind: or else the test above shows nothing."""
    broken = copy.deepcopy(
        of_kind(objects, kind)["llm-router-config" if kind == "ConfigMap" else "llm-router"]
    )
    node = broken
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    file = tmp_path / "broken.yaml"
    file.write_text(json.dumps(broken))
    _, complaints = decoded(file)
    assert any(complaint in line for line in complaints), complaints


def test_kustomize_gives_the_same_objects_as_the_single_file(objects: list[Object], output: Path) -> None:
    ran = kubectl("kustomize", str(output))
    assert ran.returncode == 0, ran.stderr
    assert by_name([*yaml.safe_load_all(ran.stdout)]) == by_name(objects)


def test_the_single_file_is_in_apply_order(objects: list[Object]) -> None:
    """What is referred to stands before what refers to it."""
    order = [
        "ServiceAccount",
        "ConfigMap",
        "NetworkPolicy",
        "Service",
        "Deployment",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    ]
    places = [order.index(o["kind"]) for o in objects]
    assert places == sorted(places)


# --- R1, R2, R7: who holds which identity --------------------------------------------------------------


def test_only_the_two_cloud_gateways_have_a_cloud_identity(objects: list[Object]) -> None:
    accounts = of_kind(objects, "ServiceAccount")
    annotations = {name: o["metadata"].get("annotations", {}) for name, o in accounts.items()}
    assert {name: found for name, found in annotations.items() if found} == {
        "llm-gateway-sa": {GCP: "llm-gateway@PROJECT_ID.iam.gserviceaccount.com"},
        "bedrock-sa": {AWS: "arn:aws:iam::123456789012:role/bedrock-role"},
    }


def test_no_other_deployment_uses_their_accounts(objects: list[Object]) -> None:
    users = {name: pod(o)["serviceAccountName"] for name, o in of_kind(objects, "Deployment").items()}
    assert {account: name for name, account in users.items() if account in IDENTITIES} == IDENTITIES
    assert len(set(users.values())) == len(users)
    assert set(users.values()) <= set(of_kind(objects, "ServiceAccount"))


def test_nothing_else_names_an_identity(objects: list[Object]) -> None:
    """Neither annotation is anywhere but on those accounts."""
    holders = {
        (o["kind"], o["metadata"]["name"]) for o in objects for path, _ in leaves(o) if {GCP, AWS} & set(path)
    }
    assert holders == {("ServiceAccount", name) for name in IDENTITIES}


def test_no_pod_gets_a_token_of_the_kubernetes_api(objects: list[Object]) -> None:
    assert {o["automountServiceAccountToken"] for o in of_kind(objects, "ServiceAccount").values()} == {False}
    assert {pod(o)["automountServiceAccountToken"] for o in of_kind(objects, "Deployment").values()} == {
        False
    }


def test_the_one_token_that_a_pod_has_is_for_aws_alone(objects: list[Object]) -> None:
    """This is GKE: what EKS would give the pods of bedrock-gateway, their Deployment mounts."""
    tokens = {
        name: [
            source["serviceAccountToken"]
            for volume in pod(o)["volumes"]
            for source in volume.get("projected", {}).get("sources", ())
            if "serviceAccountToken" in source
        ]
        for name, o in of_kind(objects, "Deployment").items()
    }
    assert {name: found for name, found in tokens.items() if found} == {
        "bedrock-gateway": [{"audience": "sts.amazonaws.com", "expirationSeconds": 3600, "path": "token"}]
    }
    deployment = of_kind(objects, "Deployment")["bedrock-gateway"]
    (container,) = pod(deployment)["containers"]
    folder = next(m["mountPath"] for m in container["volumeMounts"] if m["name"] == "aws-token")
    found = variables(deployment)
    assert found["AWS_WEB_IDENTITY_TOKEN_FILE"]["value"] == f"{folder}/token"
    assert found["AWS_ROLE_ARN"]["value"] == "arn:aws:iam::123456789012:role/bedrock-role"


# --- R11: nothing secret is in the output --------------------------------------------------------------


def variables(deployment: Object) -> dict[str, Object]:
    entries = pod(deployment)["containers"][0]["env"]
    found = {entry["name"]: entry for entry in entries}
    assert len(found) == len(entries), "a variable is set twice"
    return found


SECRETS = {
    "llm-router": {
        "PROVIDER_OPENAI_API_KEY": ("openai-api-key", "api-key"),
        "PROVIDER_ANTHROPIC_API_KEY": ("anthropic-api-key", "api-key"),
        "PROVIDER_COHERE_API_KEY": ("cohere-api-key", "api-key"),
        "PROVIDER_MISTRAL_API_KEY": ("mistral-api-key", "api-key"),
        "LITELLM_MASTER_KEY": ("llm-router-auth", "master-key"),
        "GATEWAY_VERTEX_AI_GATEWAY_KEY": ("vertex-ai-gateway-auth", "master-key"),
        "GATEWAY_BEDROCK_GATEWAY_KEY": ("bedrock-gateway-auth", "master-key"),
    },
    "vertex-ai-gateway": {"LITELLM_MASTER_KEY": ("vertex-ai-gateway-auth", "master-key")},
    "bedrock-gateway": {"LITELLM_MASTER_KEY": ("bedrock-gateway-auth", "master-key")},
}


@pytest.mark.parametrize("gateway", SECRETS)
def test_each_secret_is_a_reference_in_the_pods_that_need_it(objects: list[Object], gateway: str) -> None:
    found = variables(of_kind(objects, "Deployment")[gateway])
    references = {
        name: (ref["name"], ref["key"])
        for name, entry in found.items()
        if (ref := entry.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert references == SECRETS[gateway]


def test_no_variable_with_a_secret_name_has_a_value(objects: list[Object]) -> None:
    """Whatever its name says it holds: a key, a token, a password or a credential."""
    words = ("KEY", "SECRET", "TOKEN", "PASSWORD", "CREDENTIAL")
    for deployment in of_kind(objects, "Deployment").values():
        named = {
            name: entry
            for name, entry in variables(deployment).items()
            if any(w in name for w in words) and not name.endswith("_FILE")  # which says where one is
        }
        assert named
        assert {tuple(entry) for entry in named.values()} == {("name", "valueFrom")}
        assert {tuple(entry["valueFrom"]) for entry in named.values()} == {("secretKeyRef",)}


def test_the_output_makes_no_secret(objects: list[Object]) -> None:
    assert of_kind(objects, "Secret") == {}


def test_every_key_in_litellms_configuration_is_a_variable_of_its_pods(
    objects: list[Object], bundle: Mapping[str, bytes]
) -> None:
    for gateway in SECRETS:
        config = yaml.safe_load(bundle[f"litellm/{gateway}/config.yaml"])
        found = dict(leaves(config))
        used = {
            str(v).removeprefix("os.environ/") for v in found.values() if str(v).startswith("os.environ/")
        }
        keys = [v for path, v in found.items() if str(path[-1]).endswith(("_key", "_key_id", "password"))]
        assert keys
        assert all(str(value).startswith("os.environ/") for value in keys)
        set_by_us = {name for name, entry in variables(of_kind(objects, "Deployment")[gateway]).items()}
        assert used <= set_by_us


def test_the_vertex_gateway_knows_its_project_from_the_config_map(objects: list[Object]) -> None:
    found = variables(of_kind(objects, "Deployment")["vertex-ai-gateway"])
    assert found["PROJECT_ID"]["valueFrom"] == {
        "configMapKeyRef": {"name": "vertex-ai-config", "key": "project-id"}
    }
    assert found["LOCATION"]["value"] == "europe-west4"


# --- R6, R7, R10: how it is reached --------------------------------------------------------------------


def test_clients_reach_the_router_at_its_service(objects: list[Object]) -> None:
    service = of_kind(objects, "Service")["llm-router"]
    assert service["metadata"]["namespace"] == "production"
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}
    assert [port["port"] for port in service["spec"]["ports"]] == [80]


def test_the_inner_gateways_are_reached_from_inside_only(objects: list[Object]) -> None:
    services = of_kind(objects, "Service")
    assert {name: services[name]["spec"]["type"] for name in IDENTITIES.values()} == dict.fromkeys(
        IDENTITIES.values(), "ClusterIP"
    )


def test_every_object_is_in_the_namespace(objects: list[Object]) -> None:
    assert {o["metadata"]["namespace"] for o in objects} == {"production"}


def test_services_deployments_scalers_and_budgets_are_of_each_gateway(objects: list[Object]) -> None:
    gateways = set(SECRETS)
    for kind in ("Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"):
        assert set(of_kind(objects, kind)) == gateways
    for name, scaler in of_kind(objects, "HorizontalPodAutoscaler").items():
        assert scaler["spec"]["scaleTargetRef"] == {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": name,
        }
        assert "replicas" not in of_kind(objects, "Deployment")[name]["spec"], (
            "apply would undo what was scaled"
        )


def test_selectors_select_the_pods_of_their_own_gateway(objects: list[Object]) -> None:
    deployments = of_kind(objects, "Deployment")
    labels = {name: o["spec"]["template"]["metadata"]["labels"] for name, o in deployments.items()}
    spread = {
        name: [c["labelSelector"]["matchLabels"] for c in pod(o)["topologySpreadConstraints"]]
        for name, o in deployments.items()
    }
    for gateway in deployments:
        selectors = [
            of_kind(objects, "Service")[gateway]["spec"]["selector"],
            deployments[gateway]["spec"]["selector"]["matchLabels"],
            of_kind(objects, "PodDisruptionBudget")[gateway]["spec"]["selector"]["matchLabels"],
            *spread[gateway],
        ]
        for selector in selectors:
            assert [name for name, found in labels.items() if selector.items() <= found.items()] == [gateway]


def test_the_port_of_a_service_is_the_one_the_proxy_listens_at(objects: list[Object]) -> None:
    for name, deployment in of_kind(objects, "Deployment").items():
        (container,) = pod(deployment)["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        (outer,) = of_kind(objects, "Service")[name]["spec"]["ports"]
        listens = container["args"][container["args"].index("--port") + 1]
        assert str(ports[outer["targetPort"]]) == listens
        probes = [
            container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "readiness", "liveness")
        ]
        assert set(probes) <= {*ports, *ports.values()}


def test_the_proxy_finds_its_configuration_where_it_is_mounted(objects: list[Object]) -> None:
    maps = of_kind(objects, "ConfigMap")
    for deployment in of_kind(objects, "Deployment").values():
        (container,) = pod(deployment)["containers"]
        config = container["args"][container["args"].index("--config") + 1]
        volumes = {volume["name"]: volume for volume in pod(deployment)["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
        mount = mounts[config.rpartition("/")[0]]
        assert "subPath" not in mount
        sources = [source["configMap"]["name"] for source in volumes[mount["name"]]["projected"]["sources"]]
        files = {file for name in sources for file in maps[name]["data"]}
        assert {"config.yaml", "routing_plugin.py", "routing_table.json"} <= files


# --- Pod Security Standards, level restricted ----------------------------------------------------------


@pytest.mark.parametrize("gateway", SECRETS)
def test_pods_meet_the_restricted_pod_security_standard(objects: list[Object], gateway: str) -> None:
    spec = pod(of_kind(objects, "Deployment")[gateway])
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    assert {kind for volume in spec["volumes"] for kind in volume} == {"name", "projected", "emptyDir"}
    containers = [*spec["containers"], *spec.get("initContainers", ())]
    for container in containers:
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "procMount", "runAsUser", "runAsNonRoot", "seccompProfile"} & set(context)
        assert all("hostPort" not in port for port in container["ports"])


@pytest.mark.parametrize("gateway", SECRETS)
def test_pods_are_bounded_and_survive_a_rollout(objects: list[Object], gateway: str) -> None:
    deployment = of_kind(objects, "Deployment")[gateway]
    (container,) = pod(deployment)["containers"]
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    stop = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod(deployment)["terminationGracePeriodSeconds"] > stop + 30 * 3  # three attempts of 30 s each
