"""Bundles that are right, and how a single defect is put into one: data for test_seeded_defects.

`FULL` is written by hand: it has an object of every kind that `render` can emit, which no one catalog has.
A manifest is edited in its own file and in the one file alike, so that it is not the layout that reports.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from compiler.pipeline import render

ROOT = Path(__file__).resolve().parents[2]
LITELLM = "1.106.2"

Bundle = Mapping[str, bytes]

_SELECTOR = "{app.kubernetes.io/name: %s, app.kubernetes.io/instance: full}"

ACCOUNT = """\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: {namespace}
automountServiceAccountToken: false
"""
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {name}-config
  namespace: {namespace}
data:
  config.yaml: |
    model_list: []
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: {namespace}
  labels: {selector}
  annotations: {{{annotations}}}
spec:
  type: ClusterIP
  selector: {selector}
  ports: [{{name: http, port: 80, targetPort: http, protocol: TCP}}]
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: {namespace}
spec:
  revisionHistoryLimit: 5
  selector:
    matchLabels: {selector}
  strategy:
    rollingUpdate: {{maxSurge: 1, maxUnavailable: 0}}
  template:
    metadata:
      labels: {selector}
    spec:
      serviceAccountName: {name}
      terminationGracePeriodSeconds: 106
      priorityClassName: high
      securityContext: {{runAsNonRoot: true, runAsUser: 65534, seccompProfile: {{type: RuntimeDefault}}}}
      tolerations: [{{key: gpu, operator: Equal, value: "no", effect: NoSchedule}}]
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: topology.kubernetes.io/zone
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {{matchLabels: {selector}}}
      containers:
        - name: litellm
          image: "ghcr.io/berriai/litellm:v1.106.2"
          args: [--port, "4000"]
          ports:
            - {{name: http, containerPort: 4000}}
            - {{name: metrics, containerPort: 9464}}
          env:
            - name: OPENAI_API_KEY
              valueFrom: {{secretKeyRef: {{name: openai-api-key, key: api-key}}}}
            - name: POD
              valueFrom: {{fieldRef: {{fieldPath: metadata.name}}}}
          resources: {{requests: {{cpu: 500m, memory: 1Gi}}, limits: {{memory: 2Gi}}}}
          readinessProbe: {{httpGet: {{path: /health/readiness, port: http}}, periodSeconds: 5}}
          lifecycle: {{preStop: {{sleep: {{seconds: 5}}}}}}
          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}
          volumeMounts:
            - {{name: config, mountPath: /etc/interlock, readOnly: true}}
            - {{name: tmp, mountPath: /tmp}}
      volumes:
        - name: config
          projected:
            sources:
              - configMap: {{name: {name}-config, items: [{{key: config.yaml, path: config.yaml}}]}}
        - name: tmp
          emptyDir: {{sizeLimit: 256Mi}}
"""
SCALED_OBJECT = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: edge
  namespace: production
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: edge}
  minReplicaCount: 2
  maxReplicaCount: 10
  triggers:
    - type: cpu
      metricType: Utilization
      metadata: {value: "70"}
    - type: prometheus
      metadata:
        serverAddress: http://prometheus.monitoring:9090
        query: sum(rate(llm_request_duration_seconds_count{catalog="full"}[2m]))
        threshold: "20"
"""
AUTOSCALER = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: inner
  namespace: models
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: inner}
  minReplicas: 2
  maxReplicas: 4
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 300, policies: [{type: Pods, value: 1, periodSeconds: 60}]}
"""
BUDGET = """\
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {name}
  namespace: {namespace}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {selector}
"""
EDGE_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: edge
  namespace: production
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: edge, app.kubernetes.io/instance: full}
  policyTypes: [Ingress, Egress]
  ingress:
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: apps}}}]
      ports: [{protocol: TCP, port: 4000}]
    - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
      ports: [{protocol: TCP, port: metrics}]
  egress:
    - to:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: models}}
          podSelector: {matchLabels: {app.kubernetes.io/name: inner, app.kubernetes.io/instance: full}}
      ports: [{protocol: TCP, port: 4000}]
    - to: [{ipBlock: {cidr: 10.20.0.0/16, except: [10.20.9.0/24]}}]
      ports: [{protocol: TCP, port: 8000, endPort: 8010}]
"""
INNER_POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: inner
  namespace: models
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: inner, app.kubernetes.io/instance: full}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: production}}
          podSelector: {matchLabels: {app.kubernetes.io/name: edge, app.kubernetes.io/instance: full}}
      ports: [{protocol: TCP, port: 4000}]
  egress:
    - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
      ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
"""
CILIUM = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: edge
  namespace: production
spec:
  endpointSelector:
    matchLabels: {app.kubernetes.io/name: edge, app.kubernetes.io/instance: full}
  egress:
    - toEndpoints:
        - matchLabels: {"k8s:io.kubernetes.pod.namespace": kube-system, "k8s:k8s-app": kube-dns}
      toPorts:
        - ports: [{port: "53", protocol: ANY}]
          rules: {dns: [{matchPattern: "*"}]}
    - toFQDNs: [{matchName: api.openai.com}, {matchPattern: "*.googleapis.com"}]
      toPorts: [{ports: [{port: "443", protocol: TCP}]}]
    - toCIDRSet: [{cidr: 10.30.0.0/16, except: [10.30.1.0/24]}]
    - toEntities: [kube-apiserver]
  ingress:
    - fromEndpoints: [{matchLabels: {"k8s:io.kubernetes.pod.namespace": monitoring}}]
      toPorts: [{ports: [{port: "9464", protocol: TCP}]}]
"""
FQDN = """\
apiVersion: networking.gke.io/v1alpha1
kind: FQDNNetworkPolicy
metadata:
  name: inner
  namespace: models
spec:
  podSelector:
    matchLabels: {app.kubernetes.io/name: inner, app.kubernetes.io/instance: full}
  egress:
    - matches: [{name: api.openai.com}, {pattern: "*.googleapis.com"}]
      ports: [{protocol: TCP, port: 443}]
"""
INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: edge
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
            backend: {service: {name: edge, port: {name: http}}}
"""
ROUTE = """\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: inner
  namespace: models
spec:
  parentRefs: [{name: public, namespace: infra, sectionName: https}]
  hostnames: [models.example.org]
  rules:
    - matches: [{path: {type: PathPrefix, value: /v1}}]
      backendRefs: [{name: inner, port: 80}]
      timeouts: {request: 90s, backendRequest: 80s}
"""
BACKEND_CONFIG = """\
apiVersion: cloud.google.com/v1
kind: BackendConfig
metadata:
  name: edge
  namespace: production
spec:
  timeoutSec: 91
  connectionDraining: {drainingTimeoutSec: 91}
  healthCheck: {type: HTTP, port: 4000, requestPath: /health/readiness}
"""
HEALTH_CHECK = """\
apiVersion: networking.gke.io/v1
kind: HealthCheckPolicy
metadata:
  name: inner
  namespace: models
spec:
  default: {config: {type: HTTP, httpHealthCheck: {port: 4000, requestPath: /health/readiness}}}
  targetRef: {group: "", kind: Service, name: inner}
"""
BACKEND_POLICY = """\
apiVersion: networking.gke.io/v1
kind: GCPBackendPolicy
metadata:
  name: inner
  namespace: models
spec:
  default: {timeoutSec: 91, connectionDraining: {drainingTimeoutSec: 91}}
  targetRef: {group: "", kind: Service, name: inner}
"""
EXTERNAL_SECRET = """\
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata:
  name: openai-api-key
  namespace: {namespace}
spec:
  refreshInterval: 1h
  secretStoreRef: {{name: vault, kind: ClusterSecretStore}}
  target: {{name: openai-api-key, creationPolicy: Owner}}
  data:
    - secretKey: api-key
      remoteRef: {{key: llm/openai-api-key, property: api-key}}
"""
POD_MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: edge
  namespace: monitoring
  labels: {release: kube-prometheus-stack}
spec:
  namespaceSelector: {matchNames: [production]}
  selector:
    matchLabels: {app.kubernetes.io/name: edge, app.kubernetes.io/instance: full}
  podMetricsEndpoints:
    - port: metrics
      path: /metrics
      interval: 30s
      scrapeTimeout: 10s
      relabelings:
        - sourceLabels: [__meta_kubernetes_pod_label_app_kubernetes_io_instance]
          targetLabel: catalog
        - action: labeldrop
          regex: pod_template_(.+)
"""
SERVICE_MONITOR = """\
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: inner
  namespace: monitoring
spec:
  namespaceSelector: {matchNames: [models]}
  selector:
    matchLabels: {app.kubernetes.io/name: inner}
  endpoints: [{port: http, interval: 1m}]
"""
RULES = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: full
  namespace: monitoring
spec:
  groups:
    - name: full.recording
      interval: 30s
      rules:
        - record: catalog:llm_requests:rate5m
          expr: sum by (strategy) (rate(llm_request_duration_seconds_count{catalog="full"}[5m]))
    - name: full.alerts
      rules:
        - alert: RequestsFail
          expr: catalog:llm_requests:rate5m{strategy=~"fast|cost"} > 0.5
          for: 5m
          labels: {severity: critical}
          annotations: {summary: "{{ $labels.strategy }} fails"}
        - alert: RequestsFail
          expr: max_over_time(catalog:llm_requests:rate5m[30m:1m]) > 0.1
          for: 15m
          labels: {severity: warning}
"""
BOARD = {
    "title": "full",
    "panels": [{"targets": [{"expr": 'sum(rate(llm_tokens_total{catalog="$catalog"}[$__rate_interval]))'}]}],
}
DASHBOARD = f"""\
apiVersion: v1
kind: ConfigMap
metadata:
  name: full-dashboard
  namespace: monitoring
  labels: {{grafana_dashboard: "1"}}
data:
  full.json: |
    {json.dumps(BOARD)}
"""


def _of(text: str, name: str, namespace: str) -> str:
    google = """cloud.google.com/backend-config: '{"default": "edge"}'""" if name == "edge" else ""
    return text.format(name=name, namespace=namespace, selector=_SELECTOR % name, annotations=google)


FULL = {
    "manifests/edge/serviceaccount": _of(ACCOUNT, "edge", "production"),
    "manifests/inner/serviceaccount": _of(ACCOUNT, "inner", "models"),
    "manifests/edge/externalsecret": _of(EXTERNAL_SECRET, "edge", "production"),
    "manifests/inner/externalsecret": _of(EXTERNAL_SECRET, "inner", "models"),
    "manifests/edge/configmap": _of(CONFIG, "edge", "production"),
    "manifests/inner/configmap": _of(CONFIG, "inner", "models"),
    "manifests/edge/networkpolicy": EDGE_POLICY,
    "manifests/inner/networkpolicy": INNER_POLICY,
    "manifests/edge/ciliumnetworkpolicy": CILIUM,
    "manifests/inner/fqdnnetworkpolicy": FQDN,
    "manifests/edge/backendconfig": BACKEND_CONFIG,
    "manifests/edge/service": _of(SERVICE, "edge", "production"),
    "manifests/inner/service": _of(SERVICE, "inner", "models"),
    "manifests/edge/deployment": _of(DEPLOYMENT, "edge", "production"),
    "manifests/inner/deployment": _of(DEPLOYMENT, "inner", "models"),
    "manifests/edge/scaledobject": SCALED_OBJECT,
    "manifests/inner/horizontalpodautoscaler": AUTOSCALER,
    "manifests/edge/poddisruptionbudget": _of(BUDGET, "edge", "production"),
    "manifests/inner/poddisruptionbudget": _of(BUDGET, "inner", "models"),
    "manifests/edge/ingress": INGRESS,
    "manifests/inner/httproute": ROUTE,
    "manifests/inner/healthcheckpolicy": HEALTH_CHECK,
    "manifests/inner/gcpbackendpolicy": BACKEND_POLICY,
    "monitoring/manifests/podmonitor-edge": POD_MONITOR,
    "monitoring/manifests/servicemonitor-inner": SERVICE_MONITOR,
    "monitoring/manifests/prometheusrule": RULES,
    "monitoring/manifests/configmap-dashboard": DASHBOARD,
}


def bundle_of(texts: Mapping[str, str], *, operator: bool) -> dict[str, bytes]:
    """What `render` would write of these manifests; `operator`: monitoring/ is applied with the rest."""
    files = {f"{name}.yaml": text for name, text in texts.items()}
    own = [path for path in files if path.startswith("manifests/")]
    watching = [path for path in files if not path.startswith("manifests/")]
    whole = [*own, *watching] if operator else own
    rules = yaml.safe_dump({"groups": yaml.safe_load(RULES)["spec"]["groups"]}, width=1000)
    files |= {
        "full.yaml": "# All of it.\n---\n" + "---\n".join(files[path] for path in whole),
        "kustomization.yaml": _kustomization([*own, *(["monitoring"] if operator else [])]),
        "monitoring/kustomization.yaml": _kustomization(
            [path.removeprefix("monitoring/") for path in watching]
        ),
        "monitoring/rules.yaml": rules,
        "monitoring/rules.test.yaml": "rule_files: [rules.yaml]\ntests: []\n",
        "monitoring/scrape.yaml": "scrape_configs: []\n",
        "monitoring/dashboard.json": json.dumps(BOARD),
    }
    return {path: text.encode() for path, text in files.items()}


def _kustomization(listed: list[str]) -> str:
    head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n"
    return head + "".join(f"  - {path}\n" for path in listed)


def full() -> dict[str, bytes]:
    return bundle_of(FULL, operator=True)


def rendered(path: Path) -> dict[str, bytes]:
    """The bundle of a catalog, before anything judged it but `verify`."""
    outcome = render(path)
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return dict(outcome.bundle)


@dataclass(frozen=True)
class Edit:
    """One text for another in one file of a bundle. Without `old`, the whole file; `new` None: no file."""

    file: str
    old: str
    new: str | None


def edited(bundle: Bundle, edit: Edit) -> dict[str, bytes]:
    """The bundle with the edit, in the one file as well when that holds the manifest."""
    before = bundle.get(edit.file, b"")
    after = _replaced(before, edit)
    files = {path: raw for path, raw in bundle.items() if path != edit.file}
    if after is not None:
        files[edit.file] = after
    if "manifests/" in edit.file and after is not None and before:
        for path, raw in bundle.items():
            if "/" not in path and path != "kustomization.yaml" and path.endswith(".yaml") and before in raw:
                assert raw.count(before) == 1
                files[path] = raw.replace(before, after)
    return files


def _replaced(before: bytes, edit: Edit) -> bytes | None:
    if edit.new is None:
        return None
    old, new = edit.old.encode(), edit.new.encode("utf-8", "surrogateescape")
    if not old:
        return new
    assert before.count(old) == 1, f"{edit.old!r} must name one place of {edit.file}"
    return before.replace(old, new)
