"""What the API server fills in where a manifest says nothing, of the fields that are common in this project.

From `pkg/apis/*/v1/defaults.go` of Kubernetes and the `default`s of the custom resources' own schemas. An
apply that fought one of these would show in `kubectl diff` of what has just been applied.
"""

from collections.abc import Callable, Iterator
from typing import Any
from zlib import crc32

from tests.kubernetes.apiserver.kinds import Kind

Object = dict[str, Any]

_MODE = 0o644
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def fill(kind: Kind, value: Object) -> None:
    """Adds the defaults of a kind, in place; what is empty in metadata is as good as absent."""
    for name in ("annotations", "labels"):
        if not value["metadata"].get(name, True):
            del value["metadata"][name]
    _DEFAULTS.get(kind.name, _nothing)(value)


def _nothing(value: Object) -> None:
    pass


def _set(target: Object, /, **defaults: Any) -> None:
    for name, value in defaults.items():
        target.setdefault(name, value)


def _namespace(value: Object) -> None:
    value.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    labels = value["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = value["metadata"]["name"]


def _secret(value: Object) -> None:
    _set(value, type="Opaque")


def _deployment(value: Object) -> None:
    spec = value["spec"]
    _set(spec, replicas=1, progressDeadlineSeconds=600, revisionHistoryLimit=10, strategy={})
    _set(spec["strategy"], type="RollingUpdate")
    if spec["strategy"]["type"] == "RollingUpdate":
        _set(spec["strategy"], rollingUpdate={})
        _set(spec["strategy"]["rollingUpdate"], maxSurge="25%", maxUnavailable="25%")
    _pod(spec["template"]["spec"])


def _job(value: Object) -> None:
    _set(
        value["spec"],
        backoffLimit=6,
        completions=1,
        parallelism=1,
        completionMode="NonIndexed",
        suspend=False,
    )
    _pod(value["spec"]["template"]["spec"])


def _pod(spec: Object) -> None:
    _set(
        spec,
        dnsPolicy="ClusterFirst",
        restartPolicy="Always",
        schedulerName="default-scheduler",
        securityContext={},
        terminationGracePeriodSeconds=30,
    )
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]  # the old name of the field, kept in step
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        _container(container)
    for volume in spec.get("volumes", ()):
        _volume(volume)


def _container(container: Object) -> None:
    image = container.get("image", "")
    tag = image.rpartition("/")[2].partition(":")[2]
    latest = "@" not in image and tag in {"", "latest"}
    _set(
        container,
        imagePullPolicy="Always" if latest else "IfNotPresent",
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    resources = container["resources"]
    for name, limit in resources.get("limits", {}).items():
        resources.setdefault("requests", {}).setdefault(name, limit)
    for port in container.get("ports", ()):
        _set(port, protocol="TCP")
    for source in (entry.get("valueFrom", {}) for entry in container.get("env", ())):
        if "fieldRef" in source:
            _set(source["fieldRef"], apiVersion="v1")
    for probe in (container[name] for name in _PROBES if name in container):
        _set(probe, failureThreshold=3, periodSeconds=10, successThreshold=1, timeoutSeconds=1)
    for get in _http_gets(container):
        _set(get, path="/", scheme="HTTP")


def _http_gets(container: Object) -> Iterator[Object]:
    handlers = [container[name] for name in _PROBES if name in container]
    handlers += container.get("lifecycle", {}).values()
    yield from (handler["httpGet"] for handler in handlers if "httpGet" in handler)


def _volume(volume: Object) -> None:
    for kind in ("configMap", "secret", "projected", "downwardAPI"):
        if kind in volume:
            _set(volume[kind], defaultMode=_MODE)
    for source in volume.get("projected", {}).get("sources", ()):
        if "serviceAccountToken" in source:
            _set(source["serviceAccountToken"], expirationSeconds=3600)


def _service(value: Object) -> None:
    """With an address and node ports that depend on the name alone, so that runs are the same."""
    spec, number = value["spec"], crc32(value["metadata"]["name"].encode())
    _set(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    _set(spec, ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    _set(spec, clusterIP=f"10.96.{number % 250}.{number // 250 % 250 + 1}")
    _set(spec, clusterIPs=[spec["clusterIP"]])
    for port in spec["ports"]:
        _set(port, protocol="TCP", targetPort=port["port"])
    if spec["type"] == "LoadBalancer":
        _set(spec, allocateLoadBalancerNodePorts=True, externalTrafficPolicy="Cluster")
        for port in spec["ports"]:
            _set(port, nodePort=30000 + (number + port["port"]) % 2768)


def _autoscaler(value: Object) -> None:
    spec = value["spec"]
    _set(spec, minReplicas=1)
    behavior = spec.get("behavior")
    for rules in (behavior or {}).values():
        _set(rules, selectPolicy="Max")
    if behavior is not None:
        _set(behavior, scaleDown={}, scaleUp={})
        percent = {"type": "Percent", "value": 100, "periodSeconds": 15}
        _set(behavior["scaleDown"], selectPolicy="Max", policies=[percent])
        pods = {"type": "Pods", "value": 4, "periodSeconds": 15}
        _set(behavior["scaleUp"], selectPolicy="Max", policies=[pods, percent], stabilizationWindowSeconds=0)


def _network_policy(value: Object) -> None:
    spec = value["spec"]
    _set(spec, policyTypes=["Ingress", *(["Egress"] if "egress" in spec else [])])
    for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
        for port in rule.get("ports", ()):
            _set(port, protocol="TCP")


def _http_route(value: Object) -> None:
    for parent in value["spec"].get("parentRefs", ()):
        _set(parent, group="gateway.networking.k8s.io", kind="Gateway")
    for rule in value["spec"].get("rules", ()):
        _set(rule, matches=[{"path": {"type": "PathPrefix", "value": "/"}}])
        for match in rule["matches"]:
            _set(match, path={"type": "PathPrefix", "value": "/"})
        for backend in rule.get("backendRefs", ()):
            _set(backend, group="", kind="Service", weight=1)


def _external_secret(value: Object) -> None:
    spec = value["spec"]
    _set(spec, refreshInterval="1h0m0s", target={})
    _set(spec["target"], creationPolicy="Owner", deletionPolicy="Retain")
    for reference in (entry["remoteRef"] for entry in spec.get("data", ())):
        _set(reference, conversionStrategy="Default", decodingStrategy="None", metadataPolicy="None")


_DEFAULTS: dict[str, Callable[[Object], None]] = {
    "Deployment": _deployment,
    "ExternalSecret": _external_secret,
    "HTTPRoute": _http_route,
    "HorizontalPodAutoscaler": _autoscaler,
    "Job": _job,
    "Namespace": _namespace,
    "NetworkPolicy": _network_policy,
    "Secret": _secret,
    "Service": _service,
}
