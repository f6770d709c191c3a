"""The real kubectl applies the output, to a stand-in for an API server that keeps track of field owners.

Apply, diff, apply again and upgrade, with server-side apply and with kubectl's older client-side apply.
"""

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import render
from tests.kubernetes.apiserver.kubectl import Cluster, cluster, key_of, versions

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "catalog").glob("*.yaml"))
GOLDEN = sorted((ROOT / "tests" / "golden").glob("*/catalog.yaml"))
CUSTOM = ROOT / "tests" / "kubernetes" / "apiserver" / "custom.yaml"
REFERENCE = ROOT / "catalog" / "foundational-models.yaml"

SERVER_SIDE, CLIENT_SIDE = ("--server-side",), ()
BOTH_WAYS = pytest.mark.parametrize("way", [SERVER_SIDE, CLIENT_SIDE], ids=["server-side", "client-side"])

Object = dict[str, Any]
Key = tuple[str, str, str]


def named(path: Path) -> str:
    return path.parent.name if path.name == "catalog.yaml" else path.stem


class Output:
    """What `render` makes of a catalog, as files; `catalog` is its path or its data."""

    def __init__(self, catalog: Path | Mapping[str, Any], folder: Path) -> None:
        if not isinstance(catalog, Path):
            data, catalog = catalog, folder.with_suffix(".catalog.yaml")
            catalog.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
        outcome = render(catalog)
        assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
        assert outcome.catalog is not None
        self.minor = outcome.catalog.target.kubernetes
        for path, raw in outcome.bundle.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(raw)
        self.folder, self.name = str(folder), outcome.name
        self.file = str(folder / f"{outcome.name}.yaml")
        self.objects: list[Object] = [*yaml.safe_load_all(outcome.bundle[f"{outcome.name}.yaml"])]

    def one(self, kind: str, name: str) -> Object:
        """A copy of one object, to break or to change."""
        (found,) = (o for o in self.objects if (o["kind"], o["metadata"]["name"]) == (kind, name))
        return copy.deepcopy(found)


@pytest.fixture
def cluster_(tmp_path: Path) -> Iterator[Cluster]:
    with cluster(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Output:
    return Output(REFERENCE, tmp_path_factory.mktemp("reference") / "out")


@pytest.fixture
def running(cluster_: Cluster, reference: Output) -> Cluster:
    """The reference output, applied once on the server's side."""
    cluster_.make_namespaces(reference.objects)
    cluster_.apply("--server-side", "-f", reference.file)
    cluster_.server.store.log.clear()
    return cluster_


def content(value: Object) -> Object:
    """An object without what differs between two clusters, or two ways of writing."""
    metadata = {k: v for k, v in value["metadata"].items() if k not in {"managedFields", "resourceVersion"}}
    annotations = {k: v for k, v in metadata.pop("annotations", {}).items() if not k.startswith("kubectl.")}
    return {**value, "metadata": {**metadata, "annotations": annotations}}


def contents(of: Cluster) -> dict[Key, Object]:
    return {key: content(value) for key, value in of.objects().items()}


def without_generation(value: Object) -> Object:
    metadata = {k: v for k, v in value["metadata"].items() if k != "generation"}
    return {**value, "metadata": metadata}


# --- every catalog -------------------------------------------------------------------------------------


@BOTH_WAYS
@pytest.mark.parametrize("catalog", [*SHIPPED, *GOLDEN], ids=named)
def test_the_output_is_applied_whole_and_the_second_time_changes_nothing(
    catalog: Path, tmp_path: Path, way: tuple[str, ...]
) -> None:
    output = Output(catalog, tmp_path / "out")
    with cluster(tmp_path, output.minor) as one:
        one.make_namespaces(output.objects)
        said = one.apply(*way, "-f", output.file)
        in_file = [key_of(value) for value in output.objects]
        assert one.written("create") == in_file
        first = "serverside-applied" if way else "created"
        assert [line.rpartition(" ")[2] for line in said] == [first] * len(in_file)

        assert one.diff(*way, "-f", output.file) == ""

        before = copy.deepcopy(one.objects())
        one.server.store.log.clear()
        said = one.apply(*way, "-f", output.file)
        assert [line.rpartition(" ")[2] for line in said] == [_second(kind, way) for kind, _, _ in in_file]
        assert sorted(one.apply(*way, "-k", output.folder)) == sorted(said)
        assert one.server.store.log == []
        assert one.objects() == before


@BOTH_WAYS
def test_monitoring_is_applied_beside_the_rest_where_its_operator_is(
    cluster_: Cluster, reference: Output, way: tuple[str, ...]
) -> None:
    cluster_.make_namespaces(reference.objects)
    cluster_.apply(*way, "-f", reference.file)
    before = cluster_.objects()
    folder = f"{reference.folder}/monitoring"
    said = cluster_.apply(*way, "-k", folder)
    added = [key for key in cluster_.objects() if key not in before]
    assert sorted(kind for kind, _, _ in added) == ["ConfigMap", *["PodMonitor"] * 3, "PrometheusRule"]
    assert len(said) == 5
    assert cluster_.diff(*way, "-k", folder) == ""
    cluster_.server.store.log.clear()
    cluster_.apply(*way, "-k", folder)
    assert cluster_.server.store.log == []


def _second(kind: str, way: tuple[str, ...]) -> str:
    """What kubectl says of an object that it applies once more."""
    if way:
        return "serverside-applied"
    # It always sends the selector of a budget, whose patch strategy is "replace"; the server changes nothing.
    return "configured" if kind == "PodDisruptionBudget" else "unchanged"


@BOTH_WAYS
def test_custom_resources_and_what_their_servers_fill_in(cluster_: Cluster, way: tuple[str, ...]) -> None:
    """Lists that are replaced whole (an HTTPRoute's rules), with defaults inside, are no fight either."""
    objects = [*yaml.safe_load_all(CUSTOM.read_text(encoding="utf-8"))]
    cluster_.make_namespaces(objects)
    cluster_.apply(*way, "-f", str(CUSTOM))
    assert cluster_.written("create") == [key_of(value) for value in objects]
    route = cluster_.objects()["HTTPRoute", "production", "router"]["spec"]
    assert route["rules"][0]["backendRefs"][0]["weight"] == 1
    assert cluster_.diff(*way, "-f", str(CUSTOM)) == ""
    cluster_.server.store.log.clear()
    cluster_.apply(*way, "-f", str(CUSTOM))
    assert cluster_.server.store.log == []


@BOTH_WAYS
def test_the_kustomization_makes_the_same_cluster(
    cluster_: Cluster, reference: Output, way: tuple[str, ...]
) -> None:
    cluster_.make_namespaces(reference.objects)
    cluster_.apply(*way, "-k", reference.folder)
    assert sorted(cluster_.written("create")) == sorted(key_of(value) for value in reference.objects)
    before = versions(cluster_.objects())
    cluster_.apply(*way, "-f", reference.file)
    assert versions(cluster_.objects()) == before


# --- what the stand-in must be for that to mean anything -----------------------------------------------


def test_the_server_fills_in_what_the_output_leaves_out(running: Cluster) -> None:
    """Or else an empty diff would not show that the output fights no default."""
    found = running.objects()
    pod = found["Deployment", "production", "llm-router"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert (pod["dnsPolicy"], pod["restartPolicy"]) == ("ClusterFirst", "Always")
    assert container["terminationMessagePath"] == "/dev/termination-log"
    assert container["readinessProbe"]["successThreshold"] == 1
    assert container["readinessProbe"]["httpGet"]["scheme"] == "HTTP"
    service = found["Service", "production", "llm-router"]["spec"]
    assert service["clusterIP"].startswith("10.")
    assert service["ports"][0]["nodePort"] >= 30000


def test_what_the_server_filled_in_is_nobodys(running: Cluster) -> None:
    deployment = running.objects()["Deployment", "production", "llm-router"]
    (entry,) = deployment["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubectl", "Apply")
    fields = entry["fieldsV1"]["f:spec"]["f:template"]["f:spec"]
    assert "f:serviceAccountName" in fields
    assert not {"f:dnsPolicy", "f:schedulerName"} & fields.keys()
    container = fields["f:containers"]['k:{"name":"litellm"}']
    said = {".": {}, "f:containerPort": {}, "f:name": {}, "f:protocol": {}}
    assert container["f:ports"] == {
        f'k:{{"containerPort":{port},"protocol":"TCP"}}': said for port in (4000, 9464)
    }


def test_kubectl_leaves_validation_to_the_server(running: Cluster, reference: Output) -> None:
    asked = [line for line in running.server.requests if line.startswith("PATCH")]
    assert len(asked) > len(reference.objects)
    assert all("fieldValidation=Strict" in line for line in asked)
    assert any(line.startswith("GET /openapi/v3/apis/apps/v1") for line in running.server.requests)


def first_container(deployment: Object) -> Object:
    container: Object = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def misspelt(deployment: Object) -> None:
    first_container(deployment)["imagePullPolice"] = "Always"


def of_another_type(deployment: Object) -> None:
    deployment["spec"]["revisionHistoryLimit"] = "five"


def unknown_word(deployment: Object) -> None:
    first_container(deployment)["imagePullPolicy"] = "Sometimes"


def without_selector(deployment: Object) -> None:
    del deployment["spec"]["selector"]


def elsewhere(deployment: Object) -> None:
    deployment["metadata"]["namespace"] = "nowhere"


BROKEN: list[tuple[Callable[[Object], None], str]] = [
    (misspelt, 'strict decoding error: unknown field "spec.template.spec.containers[0].imagePullPolice"'),
    (of_another_type, "revisionHistoryLimit"),
    (unknown_word, 'spec.template.spec.containers[0].imagePullPolicy: "Sometimes" is not one of'),
    (without_selector, '"selector" is a required property'),
    (elsewhere, 'namespaces "nowhere" not found'),
]


@BOTH_WAYS
@pytest.mark.parametrize(("damage", "said"), BROKEN, ids=[damage.__name__ for damage, _ in BROKEN])
def test_a_broken_manifest_is_refused(
    cluster_: Cluster, reference: Output, damage: Callable[[Object], None], said: str, way: tuple[str, ...]
) -> None:
    deployment = reference.one("Deployment", "llm-router")
    cluster_.make_namespaces(reference.objects)
    damage(deployment)
    ran = cluster_.kubectl("apply", *way, "-f", cluster_.write("broken.yaml", deployment))
    assert ran.returncode == 1
    assert said in ran.stderr
    assert cluster_.objects() == {}


def test_a_variable_that_is_set_twice_is_refused(cluster_: Cluster, reference: Output) -> None:
    """Only by server-side apply, which tells variables apart by their names."""
    deployment = reference.one("Deployment", "llm-router")
    cluster_.make_namespaces(reference.objects)
    env = first_container(deployment)["env"]
    env.append(dict(env[0]))
    ran = cluster_.kubectl("apply", "--server-side", "-f", cluster_.write("twice.yaml", deployment))
    assert ran.returncode == 1
    assert f'duplicate entries for key [{{"name":"{env[0]["name"]}"}}]' in ran.stderr
    assert cluster_.objects() == {}


# --- beside others in the cluster ----------------------------------------------------------------------

SCALED = '{"spec": {"replicas": 7}}'


@BOTH_WAYS
def test_the_number_of_pods_that_the_autoscaler_set_survives(
    cluster_: Cluster, reference: Output, way: tuple[str, ...]
) -> None:
    cluster_.make_namespaces(reference.objects)
    cluster_.apply(*way, "-f", reference.file)
    deployment = ("-n", "production", "deployments.apps", "llm-router")
    scaler = ("--type", "merge", "--field-manager", "horizontal-pod-autoscaler", "-p", SCALED)
    assert cluster_.kubectl("patch", *deployment, *scaler).returncode == 0
    assert cluster_.diff(*way, "-f", reference.file) == ""
    cluster_.apply(*way, "-f", reference.file)
    assert cluster_.objects()["Deployment", "production", "llm-router"]["spec"]["replicas"] == 7


def test_a_manifest_that_sets_that_number_would_fight_the_autoscaler(
    running: Cluster, reference: Output
) -> None:
    """Why no Deployment of the output says `replicas`; and the test above can fail."""
    deployment = ("-n", "production", "deployments.apps", "llm-router")
    scaler = ("--type", "merge", "--field-manager", "horizontal-pod-autoscaler", "-p", SCALED)
    running.kubectl("patch", *deployment, *scaler)
    manifest = reference.one("Deployment", "llm-router")
    manifest["spec"]["replicas"] = 2
    ran = running.kubectl("apply", "--server-side", "-f", running.write("fixed.yaml", manifest))
    assert ran.returncode == 1
    assert 'conflict with "horizontal-pod-autoscaler"' in ran.stderr
    assert ".spec.replicas" in ran.stderr


def fragment(**container: Any) -> Object:
    """What another manager says of the router's container, and nothing else."""
    pod = {"containers": [{"name": "litellm", **container}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llm-router", "namespace": "production"},
        "spec": {"template": {"spec": pod}},
    }


OTHER = ("--server-side", "--field-manager", "mirror", "--validate=false")


def test_a_field_that_another_manager_took_is_a_conflict(running: Cluster, reference: Output) -> None:
    mirrored = fragment(image="registry.example.com/litellm:v1.106.2")
    path = running.write("mirror.yaml", mirrored)
    ran = running.kubectl("apply", *OTHER, "-f", path)
    assert ran.returncode == 1, "the image is the output's"
    running.apply(*OTHER, "--force-conflicts", "-f", path)

    before = copy.deepcopy(running.objects())
    ran = running.kubectl("apply", "--server-side", "-f", reference.file)
    assert ran.returncode == 1
    assert 'conflict with "mirror"' in ran.stderr
    assert '.spec.template.spec.containers[name="litellm"].image' in ran.stderr
    assert running.objects() == before

    running.apply("--server-side", "--force-conflicts", "-f", reference.file)
    deployment = running.objects()["Deployment", "production", "llm-router"]
    assert (
        first_container(deployment)["image"]
        == first_container(reference.one("Deployment", "llm-router"))["image"]
    )


def test_what_another_manager_added_stays(running: Cluster, reference: Output) -> None:
    """A sidecar's variable, say: server-side apply takes away only what the output itself said before."""
    added = fragment(env=[{"name": "HTTPS_PROXY", "value": "http://proxy.example.com:3128"}])
    running.apply(*OTHER, "-f", running.write("proxy.yaml", added))
    assert running.diff("--server-side", "-f", reference.file) == ""
    running.apply("--server-side", "-f", reference.file)
    deployment = running.objects()["Deployment", "production", "llm-router"]
    assert "HTTPS_PROXY" in [entry["name"] for entry in first_container(deployment)["env"]]


def test_who_applied_on_the_clients_side_may_go_over_to_the_servers(
    cluster_: Cluster, reference: Output
) -> None:
    cluster_.make_namespaces(reference.objects)
    cluster_.apply("-f", reference.file)
    before = contents(cluster_)
    cluster_.apply("--server-side", "-f", reference.file)
    assert contents(cluster_) == before
    shorter = reference.one("Deployment", "llm-router")
    dropped = first_container(shorter)["env"].pop()["name"]
    cluster_.apply("--server-side", "-f", cluster_.write("shorter.yaml", shorter))
    deployment = cluster_.objects()["Deployment", "production", "llm-router"]
    assert dropped not in [entry["name"] for entry in first_container(deployment)["env"]]


# --- upgrade -------------------------------------------------------------------------------------------


def previous() -> Object:
    """The reference as it may have been: other replicas, and a provider, model, strategy and gateway more."""
    catalog: Object = yaml.safe_load(REFERENCE.read_text(encoding="utf-8"))
    catalog["gateways"]["llm-router"]["replicas"] = {"min": 3, "max": 8, "target_cpu_percent": 60}
    catalog["gateways"]["spare-gateway"] = {
        "namespace": "production",
        "auth": {"master_key": {"secret": "spare-gateway-auth", "key": "master-key"}},
    }
    facts = {
        "context_window": 131072,
        "max_output_tokens": 8192,
        "price": {"input": 0.5, "output": 1.0},
        "quality": 60,
        "latency_ms": 400,
        "modes": ["chat"],
        "capabilities": [],
    }
    for name, reached in (("groq", {}), ("deepseek", {"gateway": "spare-gateway"})):
        key = {"secret": f"{name}-api-key", "key": "api-key"}
        url = f"https://api.{name}.example.com/v1"
        catalog["providers"][name] = {"type": "openai_compatible", "base_url": url, "api_key": key, **reached}
        catalog["models"][f"{name}-large"] = {"provider": name, **facts}
    catalog["strategies"]["batch"] = {"candidates": ["groq-large", "deepseek-large"]}
    return catalog


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Output:
    return Output(previous(), tmp_path_factory.mktemp("older") / "out")


def by_key(output: Output) -> dict[Key, Object]:
    return {key_of(value): value for value in output.objects}


def test_the_previous_output_is_another_one(older: Output, reference: Output) -> None:
    """In every way that the upgrade is about."""
    before, after = by_key(older), by_key(reference)
    assert {name for _, _, name in before.keys() - after.keys()} >= {"spare-gateway"}
    assert after.keys() < before.keys()
    names = [
        [e["name"] for e in first_container(o.one("Deployment", "llm-router"))["env"]]
        for o in (older, reference)
    ]
    assert {"PROVIDER_GROQ_API_KEY", "GATEWAY_SPARE_GATEWAY_KEY"} <= set(names[0]) - set(names[1])


@BOTH_WAYS
def test_an_upgrade_ends_where_a_fresh_apply_does(
    older: Output, reference: Output, tmp_path: Path, way: tuple[str, ...]
) -> None:
    homes = [tmp_path / "upgraded", tmp_path / "fresh"]
    for home in homes:
        home.mkdir()
    with cluster(homes[0]) as upgraded, cluster(homes[1]) as fresh:
        for one in (upgraded, fresh):
            one.make_namespaces(reference.objects)
        upgraded.apply(*way, "-f", older.file)
        leftover = {k: v for k, v in upgraded.objects().items() if k not in by_key(reference)}
        upgraded.apply(*way, "-f", reference.file)
        fresh.apply(*way, "-f", reference.file)
        found = {key: without_generation(value) for key, value in contents(upgraded).items()}
        wanted = {key: without_generation(value) for key, value in contents(fresh).items()}
        assert {key: value for key, value in found.items() if key in wanted} == wanted
        # without --prune nothing is deleted: what the new output does not name is as it was
        assert {key: value for key, value in upgraded.objects().items() if key not in wanted} == leftover
        assert leftover
        assert upgraded.diff(*way, "-f", reference.file) == ""


_CHANGED = re.compile(
    r"^\+\+\+ \S*/(?:[\w.]+\.)?v\d+\.([A-Za-z]+)\.([a-z0-9-]+)\.([a-z0-9-]+)\t", re.MULTILINE
)


@BOTH_WAYS
def test_the_diff_before_an_upgrade_shows_what_changes_and_nothing_else(
    cluster_: Cluster, older: Output, reference: Output, way: tuple[str, ...]
) -> None:
    cluster_.make_namespaces(reference.objects)
    cluster_.apply(*way, "-f", older.file)
    shown = cluster_.diff(*way, "-f", reference.file)
    before, after = by_key(older), by_key(reference)
    assert set(_CHANGED.findall(shown)) == {key for key in after if after[key] != before[key]}
    lines = [re.sub(r"^([+-])\s+", r"\1", line) for line in shown.splitlines() if line[:1] in {"+", "-"}]
    for line in ("-maxReplicas: 8", "+maxReplicas: 10", "-minReplicas: 3", "+minReplicas: 2"):
        assert lines.count(line) == 1
    assert "-- name: PROVIDER_GROQ_API_KEY" in lines
    assert not [line for line in lines if "replicas:" in line]

    versions_before = versions(cluster_.objects())
    cluster_.apply(*way, "-f", reference.file)
    changed = {
        key for key, version in versions(cluster_.objects()).items() if version != versions_before[key]
    }
    assert changed == set(_CHANGED.findall(shown)), "the diff told the truth"


@BOTH_WAYS
def test_a_selector_that_changes_would_stop_an_upgrade(
    cluster_: Cluster, reference: Output, way: tuple[str, ...]
) -> None:
    """It is immutable: were it to depend on what a catalog may change, the test of the upgrade would fail."""
    cluster_.make_namespaces(reference.objects)
    cluster_.apply(*way, "-f", reference.file)
    deployment = reference.one("Deployment", "llm-router")
    deployment["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] = "gateway"
    ran = cluster_.kubectl("apply", *way, "-f", cluster_.write("selector.yaml", deployment))
    assert ran.returncode == 1
    assert "spec.selector: field is immutable" in ran.stderr
