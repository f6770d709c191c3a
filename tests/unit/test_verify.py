"""A bundle that is right gives no finding; a single defect in it gives the finding that names its place."""

import copy
import gc
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from compiler.verify import Finding, references, values, verify
from compiler.verify.objects import Object
from compiler.verify.schema import KubernetesSchema

MINORS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")

# The name of the one object outside `production`.
STAGING = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: staging
  namespace: staging
data: {a: b}
"""
NAMESPACE = """\
apiVersion: v1
kind: Namespace
metadata:
  name: production
"""
ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: router-sa
  namespace: production
  annotations:
    iam.gke.io/gcp-service-account: "router@project.iam.gserviceaccount.com"
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: router-config
  namespace: production
data:
  config.yaml: |
    model_list: []
  log-level: "INFO"
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: llm-router
  namespace: production
spec:
  type: LoadBalancer
  selector:
    app: llm-router
  loadBalancerSourceRanges: ["10.0.0.0/8"]
  ports:
    - name: http
      port: 80
      targetPort: api
    - name: metrics
      port: 9090
      targetPort: 4001
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: llm-router
  namespace: production
  labels:
    app.kubernetes.io/version: "1.2"
spec:
  revisionHistoryLimit: 2
  selector:
    matchLabels:
      app: llm-router
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  template:
    metadata:
      labels:
        app: llm-router
        tier: edge
      annotations:
        checksum/config: "0123"
    spec:
      serviceAccountName: router-sa
      terminationGracePeriodSeconds: 60
      securityContext: {runAsNonRoot: true, runAsUser: 65534, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: llm-router}}
      containers:
        - name: litellm
          image: "ghcr.io/berriai/litellm:v1.80.0"
          imagePullPolicy: IfNotPresent
          args: ["--config", "/etc/router/config.yaml"]
          env:
            - name: LOG_LEVEL
              valueFrom: {configMapKeyRef: {name: router-config, key: log-level}}
            - name: OPENAI_API_KEY
              valueFrom: {secretKeyRef: {name: openai-api-key, key: api-key}}
            - name: WORKERS
              value: "1"
          ports:
            - {name: api, containerPort: 4000}
            - {name: metrics, containerPort: 4001}
          resources:
            requests: {cpu: 500m, memory: 1Gi}
            limits: {memory: 2Gi}
          readinessProbe:
            httpGet: {path: /health/readiness, port: api}
            periodSeconds: 5
          livenessProbe:
            tcpSocket: {port: 4000}
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
          volumeMounts:
            - {name: config, mountPath: /etc/router, readOnly: true}
            - {name: scratch, mountPath: /tmp}
      volumes:
        - name: config
          configMap:
            name: router-config
            items: [{key: config.yaml, path: config.yaml}]
        - name: scratch
          emptyDir: {sizeLimit: 64Mi}
"""
AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: llm-router
  namespace: production
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: llm-router}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 300
      policies: [{type: Pods, value: 1, periodSeconds: 60}]
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: llm-router
  namespace: production
spec:
  minAvailable: 1
  selector:
    matchLabels: {app: llm-router}
"""
POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: llm-router
  namespace: production
spec:
  podSelector:
    matchExpressions: [{key: app, operator: In, values: [llm-router]}]
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: apps}}
      ports: [{port: 4000}]
  egress:
    - to:
        - ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}
      ports: [{port: 443}]
    - ports: [{port: 53, protocol: UDP}]
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: llm-router
  namespace: production
spec:
  ingressClassName: nginx
  tls: [{hosts: [llm.example.org], secretName: llm-tls}]
  rules:
    - host: llm.example.org
      http:
        paths:
          - path: /v1
            pathType: Prefix
            backend: {service: {name: llm-router, port: {name: http}}}
"""
ROLE = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: reader
  namespace: production
rules:
  - {apiGroups: [""], resources: [configmaps], verbs: [get]}
"""
BINDING = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: reader
  namespace: production
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: router-sa, namespace: production}]
"""
JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: smoke
  namespace: production
spec:
  backoffLimit: 1
  template:
    metadata:
      labels: {app: smoke}
    spec:
      restartPolicy: Never
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: smoke
          image: "curlimages/curl:8.10.0"
          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""
SECRET = """\
apiVersion: v1
kind: Secret
metadata:
  name: router-tls
  namespace: production
type: Opaque
data:
  ca.crt: "c29tZXRoaW5nIHB1YmxpYw=="
"""

GOOD = {
    "00-namespace": NAMESPACE,
    "router/account": ACCOUNT,
    "router/config": CONFIG,
    "router/secret": SECRET,
    "router/service": SERVICE,
    "router/deployment": DEPLOYMENT,
    "router/autoscaler": AUTOSCALER,
    "router/budget": BUDGET,
    "router/policy": POLICY,
    "router/ingress": INGRESS,
    "router/role": ROLE,
    "router/binding": BINDING,
    "router/job": JOB,
    "router/staging": STAGING,
}


def bundle(texts: dict[str, str]) -> dict[str, bytes]:
    """The bundle that `render` would make of the manifests (name → text)."""
    manifests = {f"manifests/{name}.yaml": text for name, text in texts.items()}
    listed = "".join(f"  - {path}\n" for path in manifests)
    kustomization = f"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n{listed}"
    files = {
        "models.yaml": "# Generated.\n---\n" + "---\n".join(texts.values()),
        "kustomization.yaml": kustomization,
        **manifests,
        "litellm/llm-router/config.yaml": "model_list: []\nrouter_settings: {retries: 0, cost: 1.5e-07}\n",
        "litellm/llm-router/routing_table.json": '{"version": 1, "routes": {}}',
        "litellm/llm-router/routing_plugin.py": "handler = None\n",
    }
    return {path: text.encode() for path, text in files.items()}


def broken(old: str, new: str) -> dict[str, bytes]:
    """The good bundle with one text replaced, in the manifest's file and in the all-in-one alike."""
    hits = [name for name, text in GOOD.items() if old in text]
    assert len(hits) == 1, f"{old!r} must name one place"
    assert GOOD[hits[0]].count(old) == 1, f"{old!r} must name one place"
    return bundle({name: text.replace(old, new) for name, text in GOOD.items()})


def places(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.object, finding.pointer) for finding in findings}


def test_a_good_bundle_gives_no_finding() -> None:
    assert verify(bundle(GOOD), kubernetes="1.34") == []


@pytest.mark.parametrize("minor", MINORS)
def test_every_version_takes_the_good_bundle_and_no_unknown_field(minor: str) -> None:
    for text in GOOD.values():
        assert kubernetes_validate.validate(yaml.safe_load(text), minor, strict=True) == minor
    assert verify(bundle(GOOD), kubernetes=minor) == []
    found = verify(broken("  revisionHistoryLimit: 2\n", "  revisionHistoryLimt: 2\n"), kubernetes=minor)
    assert places(found) == {("Deployment production/llm-router", "spec.revisionHistoryLimt")}


def test_an_unknown_kubernetes_version_is_said_by_name() -> None:
    with pytest.raises(FileNotFoundError, match=re.escape("schemas/kubernetes/1.3.json")):
        verify(bundle(GOOD), kubernetes="1.3")


D = "Deployment production/llm-router"
POD = "spec.template.spec"
C = f"{POD}.containers[0]"
S = "Service production/llm-router"
H = "HorizontalPodAutoscaler production/llm-router"
P = "PodDisruptionBudget production/llm-router"
N = "NetworkPolicy production/llm-router"
I = "Ingress production/llm-router"  # noqa: E741  # beside D, S, H, P and N it reads well
M = "ConfigMap production/router-config"


@dataclass(frozen=True)
class Defect:
    """`old` → `new` in the good bundle, and where the finding must point. `says`: a part of its message."""

    id: str
    old: str
    new: str
    object: str
    pointer: str
    says: str = ""
    also: tuple[str, ...] = ()  # where else the same defect shows, as pointers of `also_in`
    also_in: str = ""


SCHEMA_DEFECTS = [
    Defect("unknown field", "imagePullPolicy", "imagePullPolice", D, f"{C}.imagePullPolice", "unknown field"),
    Defect("required field", "            - {name: api, containerPort: 4000}", "            - {name: api}", D,
           f"{C}.ports[0].containerPort", "missing"),
    Defect("no spec", BUDGET[BUDGET.index("spec:"):], "", P, "spec", "missing"),
    Defect("number for text", 'value: "1"', "value: 1", D, f"{C}.env[2].value", "1 is not of type string"),
    Defect("boolean for text", '"INFO"', "true", M, "data.log-level", "not of type string"),
    Defect("number in a label", 'version: "1.2"', "version: 1.2", D,
           'metadata.labels["app.kubernetes.io/version"]', "not of type string"),
    Defect("text for a number", "revisionHistoryLimit: 2\n", 'revisionHistoryLimit: "2"\n', D,
           "spec.revisionHistoryLimit", "not of type integer"),
    Defect("null", "emptyDir: {sizeLimit: 64Mi}", "emptyDir:", D, f"{POD}.volumes[1].emptyDir",
           "null is not"),
    Defect("over int32", "maxReplicas: 10", "maxReplicas: 3000000000", H, "spec.maxReplicas", "maximum"),
    Defect("legal words", "type: LoadBalancer", "type: LoadBalance", S, "spec.type", "LoadBalancer"),
    Defect("legal words in a list", "[Ingress, Egress]", "[Ingress, Egres]", N, "spec.policyTypes[1]",
           "Egress"),
    Defect("operator", "operator: In,", "operator: Is,", N, "spec.podSelector.matchExpressions[0].operator"),
    Defect("a version that was removed", "autoscaling/v2", "autoscaling/v2beta2", H, "apiVersion",
           "no schema"),
    Defect("a kind we have no schema for", "kind: Ingress\n", "kind: Gateway\n",
           "Gateway production/llm-router", "apiVersion", "no schema"),
    Defect("a kind without its group", "batch/v1", "v1", "Job production/smoke", "apiVersion", "no schema"),
    Defect("no kind", "kind: Namespace\n", "", "document 2", "apiVersion", "no schema"),
    Defect("no object", NAMESPACE, "[production]\n", "document 2", "", "not a Kubernetes object"),
]  # fmt: skip

TEXT_DEFECTS = [
    Defect("yes", '"INFO"', "yes", M, "data.log-level", "not the same to every YAML reader"),
    Defect("exponent", '"0123"', "1e3", D, 'spec.template.metadata.annotations["checksum/config"]'),
    Defect("octal", '"0123"', "0o17", D, 'spec.template.metadata.annotations["checksum/config"]'),
    Defect("leading zero", '"0123"', "0123", D, 'spec.template.metadata.annotations["checksum/config"]'),
    Defect("base 60", '"INFO"', "12:30", M, "data.log-level"),
    Defect("date", '"INFO"', "2024-08-06", M, "data.log-level"),
    Defect("in a list", '["10.0.0.0/8"]', '["10.0.0.0/8", 0x1F]', S, "spec.loadBalancerSourceRanges[1]"),
    Defect("a key that is a number", "log-level:", "8080:", M, 'data["8080"]', "not text"),
    Defect("a key that is on", "log-level:", "on:", M, "data.on"),
    Defect("a key twice", "backoffLimit: 1", "backoffLimit: 1\n  backoffLimit: 1", "Job production/smoke",
           "spec.backoffLimit", "twice"),
    Defect("an alias", "subjects: [{", "subjects: &a [{", "document 13", "", "an anchor"),
    Defect("syntax", "podSelector:", "podSelector: :", "document 10", "", "not YAML"),
]  # fmt: skip

VALUE_DEFECTS = [
    Defect("upper-case name", "name: router-config\n  namespace", "name: Router\n  namespace",
           "ConfigMap production/Router", "metadata.name"),
    Defect("a Service's name begins with a letter",
           "name: llm-router\n  namespace: production\nspec:\n  type:",
           "name: 1-router\n  namespace: production\nspec:\n  type:", "Service production/1-router",
           "metadata.name", "begins with a letter"),
    Defect("a Job's name fits a label", "name: smoke\n  namespace", f"name: {'s' * 64}\n  namespace",
           f"Job production/{'s' * 64}", "metadata.name"),
    Defect("namespace", "name: router-sa\n  namespace: production", "name: router-sa\n  namespace: Prod",
           "ServiceAccount Prod/router-sa", "metadata.namespace"),
    Defect("no namespace", "name: reader\n  namespace: production\nrules", "name: reader\nrules",
           "Role reader", "metadata.namespace", "no namespace"),
    Defect("a Namespace in a namespace", "  name: production\n", "  name: production\n  namespace: x\n",
           "Namespace x/production", "metadata.namespace"),
    Defect("label key", "app.kubernetes.io/version", "app.kubernetes.io//version", D,
           'metadata.labels["app.kubernetes.io//version"]'),
    Defect("label value", 'version: "1.2"', 'version: "1.2+x"', D,
           'metadata.labels["app.kubernetes.io/version"]'),
    Defect("long label value", "tier: edge", f"tier: {'e' * 64}", D, "spec.template.metadata.labels.tier"),
    Defect("annotation key", "checksum/config", "check sum/config", D,
           'spec.template.metadata.annotations["check sum/config"]'),
    Defect("annotations' size", '"0123"', f'"{"x" * 262_144}"', D, "spec.template.metadata.annotations",
           "262144"),
    Defect("ConfigMap key", "log-level:", '"log level":', M, 'data["log level"]'),
    Defect("ConfigMap key that climbs", "log-level:", '"..level":', M, 'data["..level"]'),
    Defect("ConfigMap over 1 MiB", '"INFO"', f'"{"x" * 1_048_576}"', M, "data", "1048576"),
    Defect("ConfigMap key twice", '  log-level: "INFO"',
           '  log-level: "INFO"\nbinaryData: {log-level: "AA=="}', M,
           "binaryData.log-level"),
    Defect("Secret not base64", "c29tZXRoaW5nIHB1YmxpYw==", "plain text", "Secret production/router-tls",
           'data["ca.crt"]', "base64"),
    Defect("env name", "name: WORKERS", 'name: "WORK ERS"', D, f"{C}.env[2].name"),
    Defect("env twice", "name: WORKERS", "name: LOG_LEVEL", D, f"{C}.env[2].name", "env[0].name"),
    Defect("env with value and source", "            - name: OPENAI_API_KEY",
           '            - name: OPENAI_API_KEY\n              value: "x"', D, f"{C}.env[1].valueFrom"),
    Defect("no image", '"ghcr.io/berriai/litellm:v1.80.0"', '""', D, f"{C}.image"),
    Defect("blank in the image", '"ghcr.io/berriai/litellm:v1.80.0"', '"litellm "', D, f"{C}.image"),
    Defect("port over 65535", "name: api, containerPort: 4000", "name: api, containerPort: 70000", D,
           f"{C}.ports[0].containerPort", "", (f"{C}.livenessProbe.tcpSocket.port",), D),
    Defect("long port name", "name: metrics, containerPort", "name: metrics-and-more-x, containerPort", D,
           f"{C}.ports[1].name"),
    Defect("port name without a letter", "name: metrics, containerPort", 'name: "4001", containerPort', D,
           f"{C}.ports[1].name"),
    Defect("port name twice", "name: metrics, containerPort", "name: api, containerPort", D,
           f"{C}.ports[1].name"),
    Defect("Service port 0", "port: 80\n", "port: 0\n", S, "spec.ports[0].port"),
    Defect("Service port twice", "port: 9090", "port: 80", S, "spec.ports[1].port"),
    Defect("unnamed ports", "    - name: metrics\n      port: 9090", "    - port: 9090", S,
           "spec.ports[1].name"),
    Defect("source range", "10.0.0.0/8", "10.0.0.0/33", S, "spec.loadBalancerSourceRanges[0]"),
    Defect("quantity", "cpu: 500m", "cpu: 500mi", D, f"{C}.resources.requests.cpu"),
    Defect("negative quantity", "cpu: 500m", 'cpu: "-1"', D, f"{C}.resources.requests.cpu"),
    Defect("limit below request", "limits: {memory: 2Gi}", "limits: {memory: 1000Mi}", D,
           f"{C}.resources.requests.memory", "1000Mi"),
    Defect("probe of no port", "port: api}\n", "port: web}\n", D, f"{C}.readinessProbe.httpGet.port", "web"),
    Defect("probe without handler", "            tcpSocket: {port: 4000}", "            periodSeconds: 9", D,
           f"{C}.livenessProbe"),
    Defect("probe's period", "periodSeconds: 5", "periodSeconds: 0", D, f"{C}.readinessProbe.periodSeconds"),
    Defect("mount path twice", "mountPath: /tmp", "mountPath: /etc/router", D,
           f"{C}.volumeMounts[1].mountPath"),
    Defect("volume without source", "        - name: scratch\n          emptyDir: {sizeLimit: 64Mi}",
           "        - name: scratch", D, f"{POD}.volumes[1]", "0 sources"),
    Defect("user id", "runAsUser: 65534", "runAsUser: -1", D, f"{POD}.securityContext.runAsUser"),
    Defect("restart policy", "      serviceAccountName",
           "      restartPolicy: Never\n      serviceAccountName", D,
           f"{POD}.restartPolicy"),
    Defect("a Job that restarts always", "      restartPolicy: Never\n", "", "Job production/smoke",
           f"{POD}.restartPolicy"),
    Defect("no roll-out", "maxSurge: 1", "maxSurge: 0", D, "spec.strategy.rollingUpdate.maxUnavailable"),
    Defect("history", "revisionHistoryLimit: 2\n", "revisionHistoryLimit: -2\n", D,
           "spec.revisionHistoryLimit"),
    Defect("spread", "maxSkew: 1", "maxSkew: 0", D, f"{POD}.topologySpreadConstraints[0].maxSkew"),
    Defect("HPA min over max", "maxReplicas: 10", "maxReplicas: 1", H, "spec.maxReplicas"),
    Defect("HPA to zero", "minReplicas: 2", "minReplicas: 0", H, "spec.minReplicas"),
    Defect("HPA target", "averageUtilization: 70", 'averageValue: "70"', H,
           "spec.metrics[0].resource.target"),
    Defect("HPA metric", "type: Resource", "type: Pods", H, "spec.metrics[0]"),
    Defect("HPA policy", "periodSeconds: 60", "periodSeconds: 1801", H,
           "spec.behavior.scaleDown.policies[0].periodSeconds"),
    Defect("PDB with both", "minAvailable: 1", "minAvailable: 1\n  maxUnavailable: 1", P, "spec"),
    Defect("PDB share", "minAvailable: 1", 'minAvailable: "half"', P, "spec.minAvailable"),
    Defect("policy's network", "cidr: 0.0.0.0/0", "cidr: 0.0.0.0", N,
           "spec.egress[0].to[0].ipBlock.cidr"),
    Defect("policy's hole", "169.254.0.0/16", '"fd00::/8"', N, "spec.egress[0].to[0].ipBlock.except[0]"),
    Defect("empty peer", "- namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: apps}}", "- {}", N,
           "spec.ingress[0].from[0]"),
    Defect("policy's port", "port: 443", "port: 0", N, "spec.egress[0].ports[0].port"),
    Defect("Ingress host", "- host: llm.example.org", '- host: "llm_example"', I, "spec.rules[0].host"),
    Defect("Ingress path", "path: /v1", "path: v1", I, "spec.rules[0].http.paths[0].path"),
    Defect("Ingress port", "port: {name: http}", "port: {name: http, number: 80}", I,
           "spec.rules[0].http.paths[0].backend"),
    Defect("hook without handler", "          imagePullPolicy",
           "          lifecycle: {preStop: {}}\n          imagePullPolicy",
           D, f"{C}.lifecycle.preStop"),
    Defect("liveness twice", "tcpSocket: {port: 4000}",
           "tcpSocket: {port: 4000}\n            successThreshold: 2", D,
           f"{C}.livenessProbe.successThreshold"),
    Defect("mount path with a colon", "mountPath: /tmp", 'mountPath: "/tmp:ro"', D,
           f"{C}.volumeMounts[1].mountPath"),
    Defect("mount that climbs", "mountPath: /tmp", "mountPath: /tmp, subPath: ../etc", D,
           f"{C}.volumeMounts[1].subPath"),
    Defect("operator without values", "values: [llm-router]", "values: []", N,
           "spec.podSelector.matchExpressions[0].values"),
    Defect("operator with values", "operator: In,", "operator: Exists,", N,
           "spec.podSelector.matchExpressions[0].values"),
    Defect("Service without ports", SERVICE[SERVICE.index("  ports:"):], "", S, "spec.ports"),
    Defect("traffic policy of an inner Service", "  type: LoadBalancer", "  externalTrafficPolicy: Local", S,
           "spec.externalTrafficPolicy", "", ("spec.loadBalancerSourceRanges",), S),
    Defect("Ingress without rules", INGRESS[INGRESS.index("  rules:"):], "", I, "spec.rules"),
    Defect("range of ports", "[{port: 443}]", "[{port: 443, endPort: 80}]", N,
           "spec.egress[0].ports[0].endPort"),
    Defect("network and pods", "- ipBlock:", "- podSelector: {}\n          ipBlock:", N,
           "spec.egress[0].to[0].ipBlock"),
    Defect("hole that is none", "169.254.0.0/16", "169.254.0.1/16", N,
           "spec.egress[0].to[0].ipBlock.except[0]"),
    Defect("empty selector", "    matchLabels:\n      app: llm-router", "    matchLabels: {}", D,
           "spec.selector"),
    Defect("deadline", "revisionHistoryLimit: 2\n", "revisionHistoryLimit: 2\n  minReadySeconds: 600\n", D,
           "spec.progressDeadlineSeconds"),
    Defect("recreate", "type: RollingUpdate", "type: Recreate", D, "spec.strategy.rollingUpdate"),
    Defect("no container", JOB[JOB.index("containers:"):], "containers: []\n",
           "Job production/smoke", f"{POD}.containers"),
    Defect("pull secret", "      serviceAccountName",
           "      imagePullSecrets: [{}]\n      serviceAccountName", D,
           f"{POD}.imagePullSecrets[0].name"),
    Defect("HPA value", "type: Utilization, averageUtilization: 70",
           "type: AverageValue, averageValue: lots", H,
           "spec.metrics[0].resource.target.averageValue"),
    Defect("HPA window", "Seconds: 300", "Seconds: 3601", H,
           "spec.behavior.scaleDown.stabilizationWindowSeconds"),
    Defect("Role without verbs", "verbs: [get]", "verbs: []", "Role production/reader", "rules[0]"),
]  # fmt: skip

REFERENCE_DEFECTS = [
    Defect("mount without volume", "{name: scratch, mountPath", "{name: scratchy, mountPath", D,
           f"{C}.volumeMounts[1].name"),
    Defect("no such file", "mountPath: /etc/router,", "mountPath: /etc/router, subPath: config.yml,", D,
           f"{C}.volumeMounts[0].subPath"),
    Defect("no such key to mount", "key: config.yaml,", "key: config.yml,", D,
           f"{POD}.volumes[0].configMap.items[0].key"),
    Defect("no such key to read", "key: log-level", "key: level", D,
           f"{C}.env[0].valueFrom.configMapKeyRef.key"),
    Defect("ConfigMap elsewhere", "name: router-config\n  namespace: production",
           "name: router-config\n  namespace: other", D, f"{POD}.volumes[0].configMap", "namespace other",
           (f"{C}.env[0].valueFrom.configMapKeyRef.name",), D),
    Defect("no account", "serviceAccountName: router-sa", "serviceAccountName: sa", D,
           f"{POD}.serviceAccountName"),
    Defect("Service selects nothing", "  selector:\n    app: llm-router\n  load",
           "  selector:\n    app: x\n  load",
           S, "spec.selector"),
    Defect("no such target port", "targetPort: api", "targetPort: http", S, "spec.ports[0].targetPort"),
    Defect("no such port number", "targetPort: 4001", "targetPort: 4002", S, "spec.ports[1].targetPort"),
    Defect("other protocol", "port: 9090", "port: 9090\n      protocol: UDP", S, "spec.ports[1].targetPort"),
    Defect("HPA of nothing", "kind: Deployment, name: llm-router", "kind: Deployment, name: router", H,
           "spec.scaleTargetRef"),
    Defect("HPA of another version", "apiVersion: apps/v1,", "apiVersion: extensions/v1beta1,", H,
           "spec.scaleTargetRef"),
    Defect("HPA of no request", "cpu: 500m, ", "", H, "spec.metrics[0].resource"),
    Defect("PDB of nothing", "matchLabels: {app: llm-router}\n", "matchLabels: {app: router}\n", P,
           "spec.selector"),
    Defect("PDB of a Job", "matchLabels: {app: llm-router}\n", "matchLabels: {app: smoke}\n", P,
           "spec.selector"),
    Defect("policy of nothing", "values: [llm-router]", "values: [router]", N, "spec.podSelector"),
    Defect("pods not selected", "    matchLabels:\n      app: llm-router",
           "    matchLabels:\n      tier: core", D,
           "spec.selector"),
    Defect("pods of another", "labels: {app: smoke}", "labels: {app: llm-router}", D, "spec.selector", "Job",
           ("spec.ports[0].targetPort", "spec.ports[1].targetPort", "spec.selector"), S),
    Defect("Ingress to nothing", "service: {name: llm-router,", "service: {name: router,", I,
           "spec.rules[0].http.paths[0].backend.service.name"),
    Defect("Ingress to no port", "port: {name: http}", "port: {number: 8080}", I,
           "spec.rules[0].http.paths[0].backend.service.port"),
    Defect("policy by exclusion", "operator: In, values: [llm-router]",
           "operator: NotIn, values: [llm-router, smoke]",
           N, "spec.podSelector"),
    Defect("policy by presence", "{key: app, operator: In, values: [llm-router]}",
           "{key: zone, operator: Exists}", N,
           "spec.podSelector"),
    Defect("policy by absence", "operator: In, values: [llm-router]", "operator: DoesNotExist", N,
           "spec.podSelector"),
    Defect("default backend of nothing", "  tls:",
           "  defaultBackend: {service: {name: x, port: {number: 1}}}\n  tls:", I,
           "spec.defaultBackend.service.name"),
    Defect("environment from elsewhere", "          imagePullPolicy",
           "          envFrom: [{configMapRef: {name: staging}}]\n          imagePullPolicy", D,
           f"{C}.envFrom[0].configMapRef.name", "namespace staging"),
    Defect("no Role", "kind: Role, name: reader", "kind: Role, name: writer", "RoleBinding production/reader",
           "roleRef.name"),
]  # fmt: skip


@pytest.mark.parametrize(
    "defect",
    [*SCHEMA_DEFECTS, *TEXT_DEFECTS, *VALUE_DEFECTS, *REFERENCE_DEFECTS],
    ids=lambda defect: defect.id,
)
def test_a_single_defect_is_found_where_it_is(defect: Defect) -> None:
    found = verify(broken(defect.old, defect.new), kubernetes="1.34")
    in_one_file = [finding for finding in found if finding.path == "models.yaml"]
    also = {(defect.also_in, pointer) for pointer in defect.also}
    assert places(in_one_file) == {(defect.object, defect.pointer)} | also
    assert any(defect.says in finding.message for finding in found)
    assert all(len(finding.message) < 400 for finding in found)


LEGAL = {
    "no strategy": (
        "    type: RollingUpdate\n    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}",
        "    type: Recreate",
    ),
    "shares of pods": ("{maxSurge: 1, maxUnavailable: 0}", '{maxSurge: "50%", maxUnavailable: "0%"}'),
    "a target port by number": ("targetPort: api", "targetPort: 4000"),
    "a backend by number": ("port: {name: http}", "port: {number: 9090}"),
    "a backend that is no Service": (
        "{service: {name: llm-router, port: {name: http}}}",
        "{resource: {kind: A, name: b}}",
    ),
    "the account of every namespace": ("serviceAccountName: router-sa", "serviceAccountName: default"),
    "a file of a whole ConfigMap": (
        "            items: [{key: config.yaml, path: config.yaml}]\n        - name: scratch\n",
        "        - name: scratch\n",
    ),
    "a file of the projection": (
        "mountPath: /etc/router,",
        "mountPath: /etc/router/x, subPath: config.yaml,",
    ),
    "a key that need not be": ("key: log-level}", "key: level, optional: true}"),
    "a hook that sleeps": (
        "          imagePullPolicy",
        "          lifecycle: {preStop: {sleep: {seconds: 5}}}\n          imagePullPolicy",
    ),
    "a probe of a command": ("tcpSocket: {port: 4000}", "exec: {command: [a]}"),
    "quantities in all forms": ("{cpu: 500m, memory: 1Gi}", '{cpu: "1.5", memory: 1000Ki}'),
    "a number as quantity": ("{memory: 2Gi}", "{memory: 2147483648}"),
    "a request equal to its limit": ("{memory: 2Gi}", "{memory: 1024Mi}"),
    "a policy for all but one": ("operator: In, values: [llm-router]", "operator: NotIn, values: [smoke]"),
    "a budget as a share": ("minAvailable: 1", 'maxUnavailable: "25%"'),
    "a wildcard host": (
        INGRESS[INGRESS.index("  tls:") : INGRESS.index("      http:")],
        '  tls: [{hosts: ["*.example.org"], secretName: a}]\n  rules:\n    - host: "*.example.org"\n',
    ),
    "an annotation key in upper case": ("checksum/config", "Checksum/Config"),
    "an empty label": ("tier: edge", 'tier: ""'),
    "text that would be a number": ('"INFO"', '"1e3"'),
    "the role of the cluster": ("kind: Role, name: reader", "kind: ClusterRole, name: view"),
}


@pytest.mark.parametrize(("old", "new"), LEGAL.values(), ids=LEGAL.keys())
def test_what_is_legal_is_no_finding(old: str, new: str) -> None:
    assert verify(broken(old, new), kubernetes="1.34") == []


def test_a_file_that_a_whole_config_map_has_not() -> None:
    whole = "            items: [{key: config.yaml, path: config.yaml}]\n"
    texts = {name: text.replace(whole, "") for name, text in GOOD.items()}
    for file, expected in (("config.yaml", set()), ("config.yml", {(D, f"{C}.volumeMounts[0].subPath")})):
        mounted = {
            name: text.replace("mountPath: /etc/router,", f"mountPath: /etc/router/x, subPath: {file},")
            for name, text in texts.items()
        }
        assert places(verify(bundle(mounted), kubernetes="1.34")) == expected


def test_the_same_object_twice() -> None:
    found = verify(bundle({**GOOD, "router/again": BUDGET}), kubernetes="1.34")
    assert places(found) == {(P, "metadata.name")}


def test_a_namespace_after_its_contents() -> None:
    texts = {name: text for name, text in GOOD.items() if text is not NAMESPACE}
    found = verify(bundle({**texts, "namespace": NAMESPACE}), kubernetes="1.34")
    assert {finding.pointer for finding in found} == {"metadata.namespace"}
    assert len(found) == len(texts) - 1  # staging is not in that namespace


def test_what_the_bundle_does_not_hold_is_the_users_own() -> None:
    texts = {name: text for name, text in GOOD.items() if text not in {CONFIG, SECRET, NAMESPACE}}
    assert verify(bundle(texts), kubernetes="1.34") == []


def test_a_projected_volume_and_env_from_are_followed() -> None:
    volume = "        - name: scratch\n          emptyDir: {sizeLimit: 64Mi}"
    projected = (
        "        - name: scratch\n          projected: {sources: [{secret: {name: router-tls, items: [%s]}}]}"
    )
    good = projected % "{key: ca.crt, path: ca.crt}"
    assert verify(broken(volume, good), kubernetes="1.34") == []
    found = verify(broken(volume, projected % "{key: ca.key, path: ca.crt}"), kubernetes="1.34")
    assert places(found) == {(D, f"{POD}.volumes[1].projected.sources[0].secret.items[0].key")}
    found = verify(
        broken("          imagePull", "          envFrom: [{}]\n          imagePull"), kubernetes="1.34"
    )
    assert places(found) == {(D, f"{C}.envFrom[0]")}


def edited(**changes: bytes | None) -> dict[str, bytes]:
    files = bundle(GOOD)
    for path, raw in changes.items():
        if raw is None:
            del files[path]
        else:
            files[path] = raw
    return files


LAYOUTS = {
    "a manifest differs": (
        {"manifests/router/budget.yaml": BUDGET.replace("minAvailable: 1", "minAvailable: 2").encode()},
        ("manifests/router/budget.yaml", P, "", "not the same"),
    ),
    "a manifest too few": (
        {"manifests/router/budget.yaml": b"# later\n"},
        ("models.yaml", P, "", "is in no file"),
    ),
    "a manifest without object": (
        {"manifests/router/budget.yaml": b"# later\n"},
        ("manifests/router/budget.yaml", "", "", "holds no object"),
    ),
    "a manifest too many": (
        {"manifests/router/more.yaml": BUDGET.replace("name: llm-router", "name: more").encode()},
        ("manifests/router/more.yaml", "PodDisruptionBudget production/more", "", "is not in the file"),
    ),
    "a file that kustomize does not see": (
        {"manifests/router/more.yaml": BUDGET.encode()},
        ("kustomization.yaml", "Kustomization", "resources", "missing: manifests/router/more.yaml"),
    ),
    "a file that is not there": (
        {"manifests/router/budget.yaml": None},
        ("kustomization.yaml", "Kustomization", "resources", "must list exactly"),
    ),
    "no kustomization": ({"kustomization.yaml": None}, ("kustomization.yaml", "", "", "not exactly one")),
    "no resources": (
        {"kustomization.yaml": b"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"},
        ("kustomization.yaml", "Kustomization", "resources", "must list exactly"),
    ),
    "resources that are no list": (
        {"kustomization.yaml": b"kind: Kustomization\nresources: 7\n"},
        ("kustomization.yaml", "Kustomization", "resources", "must list exactly"),
    ),
    "another kind of kustomization": (
        {"kustomization.yaml": b"kind: Component\n"},
        ("kustomization.yaml", "Kustomization", "kind", "not kustomize.config.k8s.io/v1beta1"),
    ),
    "no file with everything": ({"models.yaml": None}, ("", "", "", "no file at the top")),
    "YAML that is none": (
        {"litellm/llm-router/config.yaml": b"model_list: [\n"},
        ("litellm/llm-router/config.yaml", "document 1", "", "not YAML"),
    ),
    "YAML that readers differ on": (
        {"litellm/llm-router/config.yaml": b"model_list: [{cost: 1e-07}]\n"},
        ("litellm/llm-router/config.yaml", "document 1", "model_list[0].cost", "1e-07 is not the same"),
    ),
    "YAML that is not UTF-8": (
        {"monitoring/rules.yaml": b"groups: \xff\n"},
        ("monitoring/rules.yaml", "document 1", "", "not UTF-8"),
    ),
    "JSON that is none": (
        {"monitoring/dashboard.json": b"{"},
        ("monitoring/dashboard.json", "", "", "not JSON"),
    ),
    "JSON with a key twice": (
        {"monitoring/dashboard.json": b'{"a": 1, "b": 2, "a": 1}'},
        ("monitoring/dashboard.json", "", "", "the key 'a' is written twice"),
    ),
    "JSON with a number that is none": (
        {"monitoring/dashboard.json": b'{"a": NaN}'},
        ("monitoring/dashboard.json", "", "", "NaN is no JSON number"),
    ),
    "JSON that is too deep": (
        {"monitoring/dashboard.json": b"[" * 100_000},
        ("monitoring/dashboard.json", "", "", "not JSON"),
    ),
}


@pytest.mark.parametrize(("changes", "expected"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_the_files_of_a_bundle_agree(
    changes: dict[str, bytes | None], expected: tuple[str, str, str, str]
) -> None:
    *place, says = expected
    found = verify(edited(**changes), kubernetes="1.34")
    hits = [finding for finding in found if [finding.path, finding.object, finding.pointer] == place]
    assert any(says in finding.message for finding in hits), found


def nodes(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from nodes(value, (*path, key))


def changed(data: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of the data with one node replaced, or left out when the value is `...`."""
    data = copy.deepcopy(data)
    *parents, last = path
    parent = data
    for key in parents:
        parent = parent[key]
    if value is ...:
        del parent[last]
    else:
        parent[last] = value
    return data


@pytest.mark.parametrize("name", GOOD)
def test_no_rule_fails_on_an_odd_value_in_any_place(name: str) -> None:
    schema = KubernetesSchema("1.34")
    items = {key: Object(key, 1, yaml.safe_load(text)) for key, text in GOOD.items()}
    for path in nodes(items[name].data):
        for value in (..., "", "x", 0, -1, 10**12, [], {}, [{}], {"x": "y"}, None, True):
            odd = Object(name, 1, changed(items[name].data, path, value))
            found = schema.check(odd) or list(values.check(odd))
            found = found or list(references.check([*{**items, name: odd}.values()]))
            assert all(isinstance(finding, Finding) for finding in found)


def test_an_empty_bundle_is_not_fine() -> None:
    assert verify({}, kubernetes="1.34") != []


def test_a_finding_points_into_the_right_file() -> None:
    found = verify(broken("revisionHistoryLimit: 2\n", "revisionHistoryLimit: -2\n"), kubernetes="1.34")
    assert found == [Finding("models.yaml", D, "spec.revisionHistoryLimit", "-2 is below 0")]


def many(count: int) -> dict[str, str]:
    """About 20 documents, as a bundle of several gateways has."""
    texts = {"00-namespace": NAMESPACE}
    for number in range(count):
        for name, text in GOOD.items():
            if text in {ACCOUNT, CONFIG, SERVICE, DEPLOYMENT, AUTOSCALER, BUDGET, POLICY}:
                own = re.sub(r"\b(llm-router|router-config|router-sa)\b", rf"\1-{number}", text)
                texts[f"{number}/{name}"] = own
    return texts


def fastest(files: dict[str, bytes], runs: int = 5) -> float:
    """Seconds of CPU of the best run: others may be using the machine."""

    def once() -> float:
        start = time.process_time()
        assert verify(files, kubernetes="1.34") == []
        return time.process_time() - start

    return min(once() for _ in range(runs))


def test_it_is_fast() -> None:
    files = bundle(many(3))
    assert files["models.yaml"].count(b"---\n") == 22
    seconds = fastest(files)
    assert seconds < 0.060, "the goal is 30 ms; twice that allows for a slow machine"


def test_megabytes_of_config_cost_no_more_than_their_share() -> None:
    def config(lines: int) -> dict[str, bytes]:
        # over 256 KiB in one ConfigMap is a finding, so as many ConfigMaps as it takes
        text = (
            "    model: gpt-4, price 1.5e-07, - a line of some length that stands in a block scalar\n" * 2_500
        )
        maps = {
            f"map-{number}": STAGING.replace("name: staging", f"name: big-{number}", 1).replace(
                "{a: b}", f"\n  a: |\n{text}"
            )
            for number in range(lines)
        }
        return bundle({**GOOD, **maps})

    small, large = fastest(config(4), 2), fastest(config(32), 2)
    assert large < 12 * small


def test_the_garbage_collector_is_left_as_it_was() -> None:
    assert gc.isenabled()
    verify(bundle(GOOD), kubernetes="1.34")
    assert gc.isenabled()
    gc.disable()
    try:
        verify(bundle(GOOD), kubernetes="1.34")
        assert not gc.isenabled()
    finally:
        gc.enable()


@pytest.mark.parametrize("minor", MINORS)
def test_the_vendored_schema_is_a_schema_by_itself(minor: str) -> None:
    path = Path(__file__).parents[2] / "schemas" / "kubernetes" / f"{minor}.json"
    schema = json.loads(path.read_bytes())
    jsonschema_rs.meta.validate(schema)
    validator = jsonschema_rs.validator_for(schema)
    assert all(validator.is_valid(yaml.safe_load(text)) for text in GOOD.values())
    assert not validator.is_valid({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}})
    assert path.stat().st_size < 100_000
