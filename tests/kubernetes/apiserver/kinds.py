"""The kinds that the stand-in serves: those of Kubernetes itself, and those of the controllers beside it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind as discovery tells of it; `crd` when it is a custom resource."""

    group: str
    version: str
    name: str
    plural: str
    namespaced: bool = True
    crd: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def gvk(self) -> dict[str, str]:
        return {"group": self.group, "version": self.version, "kind": self.name}

    @property
    def root(self) -> str:
        """The path of its group and version, as "apis/apps/v1"."""
        return f"apis/{self.api_version}" if self.group else f"api/{self.version}"

    @property
    def resource(self) -> str:
        """As messages name it: "deployments.apps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


KINDS = (
    Kind("", "v1", "Namespace", "namespaces", namespaced=False),
    Kind("", "v1", "ConfigMap", "configmaps"),
    Kind("", "v1", "Secret", "secrets"),
    Kind("", "v1", "Service", "services"),
    Kind("", "v1", "ServiceAccount", "serviceaccounts"),
    Kind("apps", "v1", "Deployment", "deployments"),
    Kind("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind("batch", "v1", "Job", "jobs"),
    Kind("networking.k8s.io", "v1", "Ingress", "ingresses"),
    Kind("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Kind("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    Kind("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
    Kind("cloud.google.com", "v1", "BackendConfig", "backendconfigs", crd=True),
    Kind("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", crd=True),
    Kind("external-secrets.io", "v1", "ExternalSecret", "externalsecrets", crd=True),
    Kind("gateway.networking.k8s.io", "v1", "HTTPRoute", "httproutes", crd=True),
    Kind("keda.sh", "v1alpha1", "ScaledObject", "scaledobjects", crd=True),
    Kind("monitoring.coreos.com", "v1", "PodMonitor", "podmonitors", crd=True),
    Kind("monitoring.coreos.com", "v1", "PrometheusRule", "prometheusrules", crd=True),
    Kind("monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", crd=True),
    Kind("networking.gke.io", "v1", "GCPBackendPolicy", "gcpbackendpolicies", crd=True),
    Kind("networking.gke.io", "v1", "HealthCheckPolicy", "healthcheckpolicies", crd=True),
    Kind("networking.gke.io", "v1alpha1", "FQDNNetworkPolicy", "fqdnnetworkpolicies", crd=True),
)
NAMESPACE = KINDS[0]


def of_path(root: str, plural: str) -> Kind | None:
    """The kind behind "apis/apps/v1" and "deployments"."""
    return next((kind for kind in KINDS if (kind.root, kind.plural) == (root, plural)), None)
