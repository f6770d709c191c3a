"""Who is meant to reach whom, from a catalog's YAML alone: nothing of the compiler is asked.

Where a `base_url` or a Redis is, the tests say by hand (`WHERE`), and do not work out.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import yaml

from tests.kubernetes.reachability import Outside, Party, Pod

HTTP, METRICS = 4000, 9464
HTTPS = 443
PORTS = (53, 80, HTTPS, 988, HTTP, 6379, 8000, 8443, METRICS)
Cell = tuple[str, str, int, str]  # source, target, port, protocol

# What stands behind an address of a catalog: PUBLIC and ANY addresses, pods of a namespace, HERE its own.
PUBLIC, ANY, HERE = "public", "any", "here"
WHERE: dict[str, tuple[str, int | None]] = {
    "http://vllm.models.svc:8000/v1": ("models", None),
    "http://vllm.models.svc.cluster.local/v1": ("models", None),
    "http://vllm.models:8000/v1": ("models", None),
    "http://vllm:8000/v1": (HERE, None),
    "http://10.9.8.7:8000/v1": ("10.9.8.7", 8000),
    "http://[2a00::7]:8000/v1": ("2a00::7", 8000),
    "https://llm.example.com:8443/v1": (PUBLIC, 8443),
    "https://example.com/v1": (PUBLIC, HTTPS),
    "https://contoso.openai.azure.com": (PUBLIC, HTTPS),
    "redis.cache.svc": ("cache", 6379),
    "redis.cache.svc.cluster.local": ("cache", 6379),
    "redis.cache": ("cache", 6379),
    "redis": (HERE, 6379),
    "10.9.8.7": ("10.9.8.7", 6379),
    "redis.abc.cache.amazonaws.com": (ANY, 6379),
}

ADDRESSES = (
    "8.8.8.8", "104.18.0.9", "2606:4700::9", "10.1.2.3", "10.9.8.7", "10.20.0.5", "172.16.0.9", "192.168.1.1",
    "100.64.0.1", "0.0.0.1", "127.0.0.2", "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "169.254.1.1",
    "169.254.20.10", "169.254.10.11", "169.254.169.254", "169.254.169.252", "169.254.170.23", "130.211.0.9",
    "35.191.0.9", "fd00:ec2::23", "fd00:ec2::254", "2a00::7", "::1", "fe80::1", "ff02::1",
)  # fmt: skip


class Intent:
    """One catalog's."""

    def __init__(self, text: str) -> None:
        self.catalog: dict[str, Any] = yaml.safe_load(text)
        written = {name: data or {} for name, data in (self.catalog.get("gateways") or {}).items()}
        self.owners = {row["gateway"] for row in self.catalog["providers"].values() if "gateway" in row}
        self.gateways = written if set(written) - self.owners else {**written, "llm-router": {}}
        target = self.catalog.get("target") or {}
        self.platform = target.get("platform", "generic")
        self.by_address = target.get("network_policy", "kubernetes") == "kubernetes"
        self.watched = self.catalog.get("observability") or {}
        models = self.catalog["models"].values()
        self.used = {name for model in models if _in_service(model) for name in _providers(model)}

    def parties(self) -> dict[str, Party]:
        """Everybody who might call or be called: strangers, neighbours, services, addresses, the gateways."""
        pods = {
            "helpdesk": Pod("apps", {"app": "helpdesk"}),
            "of apps": Pod("apps", {"app": "else"}),
            "helpdesk elsewhere": Pod("default2", {"app": "helpdesk"}),
            "prometheus": Pod("monitoring", {"app.kubernetes.io/name": "prometheus"}),
            "prometheus elsewhere": Pod("observability", {"app.kubernetes.io/name": "prometheus"}),
            "dns": Pod("kube-system", {"k8s-app": "kube-dns"}),
            "vllm": Pod("models", {"app": "vllm"}),
            "redis": Pod("cache", {"app": "redis"}),
        }
        for name in self.gateways:
            own = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": self.catalog["name"]}
            here = self.namespace(name)
            pods[name] = Pod(here, own, {"http": HTTP, "metrics": METRICS})
            pods[f"beside {name}"] = Pod(here, {**own, "app.kubernetes.io/name": "else"})
            pods[f"other catalog's {name}"] = Pod(here, {**own, "app.kubernetes.io/instance": "else"})
            pods[f"{name} elsewhere"] = Pod("attic", own)
        with_addresses = {
            name: Pod(pod.namespace, pod.labels, pod.ports, f"10.4.0.{number}")
            for number, (name, pod) in enumerate(sorted(pods.items()), start=1)
        }
        return {**with_addresses, **{address: Outside(address) for address in ADDRESSES}}

    def cells(self) -> dict[Cell, bool]:
        """Each connection from or to a gateway, or a pod much like one, and whether it is meant."""
        parties = self.parties()
        return {
            (source, target, port, protocol): self._means(parties, source, target, port, protocol)
            for source, target in self._pairs(parties)
            for port, protocol in self._doors(source, target)
        }

    def side(self, gateway: str) -> dict[Cell, bool]:
        """The same of one gateway, as if nothing else had a policy."""
        parties = self.parties()
        found = {}
        for source, target in self._pairs(parties):
            for port, protocol in self._doors(source, target):
                meant = True
                if source == gateway:
                    meant = self.calls(source, target, parties[target], port, protocol)
                elif target == gateway:
                    meant = protocol == "TCP" and self.is_called(target, source, parties[source], port)
                if gateway in source or gateway in target:
                    found[source, target, port, protocol] = meant
        return found

    def _pairs(self, parties: dict[str, Party]) -> Iterator[tuple[str, str]]:
        like = {name for name in parties if any(gateway in name for gateway in self.gateways)}
        for source in parties:
            for target in parties:
                if source != target and (source in like or target in like):
                    yield source, target

    def _doors(self, source: str, target: str) -> Iterator[tuple[int, str]]:
        if source in self.gateways or target in self.gateways:
            yield from ((port, "TCP") for port in PORTS)
            yield from ((port, "UDP") for port in (53, HTTPS, HTTP))
        else:  # no policy is for either: any door will do
            yield HTTPS, "TCP"

    def _means(self, parties: dict[str, Party], source: str, target: str, port: int, protocol: str) -> bool:
        if source in self.gateways and not self.calls(source, target, parties[target], port, protocol):
            return False
        return target not in self.gateways or (
            protocol == "TCP" and self.is_called(target, source, parties[source], port)
        )

    def namespace(self, gateway: str) -> str:
        return str(self.gateways[gateway].get("namespace", "default"))

    def is_called(self, gateway: str, source: str, party: Party, port: int) -> bool:
        """Whether a gateway lets a caller in."""
        if port == METRICS:
            return (
                self.watched.get("metrics", "prometheus") == "prometheus"
                and isinstance(party, Pod)
                and party.namespace == self.watched.get("namespace", "monitoring")
            )
        if port != HTTP:
            return False
        data = self.gateways[gateway]
        outside = data.get("ingress") or data.get("gateway_api") or _exposed(data)
        if "allow_from" not in data:
            return bool(outside) or isinstance(party, Pod)
        return self.goes_through(source, gateway) or any(_named(row, party) for row in data["allow_from"])

    def goes_through(self, source: str, gateway: str) -> bool:
        """Whether a gateway is a router that has providers behind the other."""
        behind = {name for name, row in self.catalog["providers"].items() if row.get("gateway") == gateway}
        return source in self.gateways and source not in self.owners and bool(behind & self.used)

    def calls(self, gateway: str, target: str, party: Party, port: int, protocol: str) -> bool:
        """Whether a gateway may open a connection."""
        if port == 53 and self._is_dns(party):
            return True
        if protocol != "TCP":
            return False
        if port == HTTP and self.goes_through(gateway, target):
            return True
        places = [*self._places(gateway), *self._metadata(gateway)]
        redis = self.gateways[gateway].get("redis")
        if redis and (self.by_address or WHERE[redis["host"]][0] != ANY):
            places.append(WHERE[redis["host"]])
        return any(
            (at is None or at == port) and self._stands_at(where, party, gateway) for where, at in places
        ) or any(
            row.get("port") in (None, port) and _named(row, party)
            for row in self.gateways[gateway].get("allow_to", [])
        )

    def _is_dns(self, party: Party) -> bool:
        if isinstance(party, Pod):
            return party.namespace == "kube-system"
        here = {"gke": {"169.254.169.254"}, "aks": {"169.254.10.11"}}.get(self.platform, set())
        return party.ip in {"169.254.20.10"} | here

    def _direct(self, gateway: str) -> Iterator[dict[str, Any]]:
        owner = gateway if gateway in self.owners else None
        for name, row in self.catalog["providers"].items():
            if row.get("gateway") == owner and name in self.used:
                yield row

    def _places(self, gateway: str) -> Iterator[tuple[str, int | None]]:
        for row in self._direct(gateway):
            where, port = WHERE[row["base_url"]] if "base_url" in row else (PUBLIC, HTTPS)
            if where != PUBLIC or self.by_address:
                yield where, port

    def _metadata(self, gateway: str) -> Iterator[tuple[str, int | None]]:
        for row in self._direct(gateway):
            identity = row.get("identity") or {}
            if "gcp_service_account" in identity and self.platform == "gke":
                yield from (("169.254.169.254", 80), ("169.254.169.252", 988))
            if identity.get("aws_association") == "pod_identity":
                yield from (("169.254.170.23", 80), ("fd00:ec2::23", 80))

    def _stands_at(self, where: str, party: Party, gateway: str) -> bool:
        address = ip_address(str(party.ip))
        if where == PUBLIC:
            return address.is_global and not address.is_multicast
        if where == ANY:
            return not (address.is_link_local or address.is_loopback)
        if "." in where or ":" in where:
            return party.ip == where
        namespace = self.namespace(gateway) if where == HERE else where
        return isinstance(party, Pod) and party.namespace == namespace


def _in_service(model: dict[str, Any]) -> bool:
    return (model.get("lifecycle") or {}).get("status", "active") in ("active", "deprecated")


def _providers(model: dict[str, Any]) -> list[str]:
    return [row["provider"] for row in model.get("deployments") or [model]]


def _exposed(gateway: dict[str, Any]) -> bool:
    return (gateway.get("service") or {}).get("type", "ClusterIP") != "ClusterIP"


def _named(row: dict[str, Any], party: Party) -> bool:
    """Whether a row of `allow_from` or `allow_to` means a party."""
    if "cidr" in row:
        return ip_address(str(party.ip)) in ip_network(row["cidr"])
    labels = row.get("labels") or {}
    return (
        isinstance(party, Pod)
        and party.namespace == row["namespace"]
        and all(party.labels.get(key) == value for key, value in labels.items())
    )
