"""Whether each Secret is made once and holds the keys that pods read, and each object has a reader."""

import re
from collections.abc import Iterator

from compiler.verify.external_secrets import made
from compiler.verify.finding import Finding, Problem, brief
from compiler.verify.index import Index
from compiler.verify.objects import Object
from compiler.verify.volumes import uses

_WORD = re.compile(r"[-._A-Za-z0-9]+")
_DASHBOARD = "grafana_dashboard"  # the label by which Grafana's sidecar finds what it reads


def keys(item: Object, index: Index) -> Iterator[Problem]:
    """Each key that a pod reads of a Secret that an ExternalSecret makes is one of those it makes."""
    makers = {made(maker): maker for maker in index.of("ExternalSecret") if maker.namespace == item.namespace}
    for use in uses(item.pod_spec):
        maker = makers.get(use.name) if use.kind == "Secret" else None
        if maker is None or use.fields.get("optional") or maker.spec.get("dataFrom"):
            continue
        known = {entry["secretKey"] for entry in maker.spec.get("data", [])}
        known |= maker.spec.get("target", {}).get("template", {}).get("data", {}).keys()
        for pointer, key in use.keys.items():
            if key not in known:
                yield pointer, f"{maker.title} makes no key {brief(key)}"


def told(index: Index, secrets: str) -> Iterator[Finding]:
    """Each Secret and key that a pod cannot start without is in SECRETS.md, whose text is `secrets`."""
    words = frozenset(_WORD.findall(secrets))
    by_itself = {(maker.namespace, made(maker)) for maker in index.of("ExternalSecret")}
    for item in index.all_workloads:
        for use in uses(item.pod_spec):
            if use.kind != "Secret" or use.fields.get("optional") or (item.namespace, use.name) in by_itself:
                continue
            for pointer, key in {use.pointer: use.name, **use.keys}.items():
                if key not in words:
                    yield item.finding(pointer, f"SECRETS.md does not say that {brief(key)} must exist")


def check(index: Index) -> Iterator[Finding]:
    yield from _made_twice(index)
    read = {
        (use.kind, item.namespace, use.name) for item in index.all_workloads for use in uses(item.pod_spec)
    }
    read |= set(_read_elsewhere(index))
    for item in index.of("ExternalSecret"):
        if ("Secret", item.namespace, made(item)) not in read:
            yield item.finding("spec.target.name", f"nothing in the bundle reads the Secret {made(item)}")
    for item in index.of("ConfigMap"):
        if _DASHBOARD in item.metadata.get("labels", {}) or not index.workloads(item.namespace):
            continue
        if ("ConfigMap", item.namespace, item.name) not in read:
            yield item.finding("metadata.name", "no pod of the bundle reads it")
    yield from _idle_accounts(index)


def _read_elsewhere(index: Index) -> Iterator[tuple[str, str, str]]:
    for item in index.of("Ingress"):
        for tls in item.spec.get("tls", []):
            yield "Secret", item.namespace, tls.get("secretName", "")
    for item in index.all_workloads:
        for secret in item.pod_spec.get("imagePullSecrets", []):
            yield "Secret", item.namespace, secret.get("name", "")


def _made_twice(index: Index) -> Iterator[Finding]:
    makers: dict[tuple[str, str], Object] = {}
    for item in index.of("Secret"):
        makers[item.namespace, item.name] = item
    for item in index.of("ExternalSecret"):
        if other := makers.get((item.namespace, made(item))):
            yield item.finding("spec.target.name", f"{other.title} makes the Secret {made(item)} already")
        makers.setdefault((item.namespace, made(item)), item)


def _idle_accounts(index: Index) -> Iterator[Finding]:
    """An account without pods is an identity that the wrong pods go without."""
    used = {(pod.namespace, pod.pod_spec.get("serviceAccountName")) for pod in index.all_workloads}
    for binding in index.of("RoleBinding"):
        subjects = binding.data.get("subjects", [])
        used |= {(one.get("namespace", binding.namespace), one["name"]) for one in subjects}
    for item in index.of("ServiceAccount"):
        if (item.namespace, item.name) not in used:
            yield item.finding("metadata.name", "no pod of the bundle runs as this account")
