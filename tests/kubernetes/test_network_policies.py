"""Network policies proven, not only written: every connection of a small world, against the catalog's intent.

The intent is read off the catalog's YAML (network_intent), what the policies do is worked out by Kubernetes'
semantics (reachability), and a rule that is missing or too wide changes at least one connection.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from compiler.verify.documents import read_yaml
from compiler.verify.objects import Object
from compiler.verify.policies import network_policy
from compiler.verify.schema import KubernetesSchema
from tests.kubernetes.network_intent import Cell, Intent
from tests.kubernetes.reachability import Party, may_reach
from tests.kubernetes.rendered_policies import Policy, policies_of, texts_of

ROOT = Path(__file__).resolve().parents[2]
OPENAI = "openai: {type: openai, api_key: {secret: openai, key: k}}"
VERTEX = (
    "vertex: {type: vertex_ai, project: p, location: europe-west4, gateway: inner, "
    "identity: {service_account: v, gcp_service_account: v@p.iam.gserviceaccount.com}}"
)
BEDROCK = (
    "bedrock: {type: bedrock, region: eu-central-1, gateway: inner, "
    'identity: {service_account: b, aws_role_arn: "arn:aws:iam::123456789012:role/b"%s}}'
)
VLLM = "vllm: {type: openai_compatible, base_url: %r}"
GEMINI_25 = "gemini-2.5-pro: {provider: vertex, lifecycle: {retires_on: '2099-01-01'}}"
HAIKU = "haiku: {provider: bedrock, id: 'anthropic.claude-haiku-4-5-20251001-v1:0', modes: [chat]}"
QWEN = "qwen: {provider: vllm, modes: [chat]}"
GPT = "gpt-5.4: {provider: openai}"


def catalog(
    providers: list[str], models: list[str], gateways: str = "{g: {namespace: llm}}", rest: str = ""
) -> str:
    lines = ["apiVersion: interlock/v1", "name: small"]
    lines += [f"gateways: {gateways}"] if gateways else []
    lines += ["providers:", *(f"  {row}" for row in providers)]
    lines += ["models:", *(f"  {row}" for row in models), rest]
    return "\n".join(lines) + "\n"


def vllm(url: str, gateways: str = "{g: {namespace: llm}}") -> str:
    return catalog([VLLM % url], [QWEN], gateways)


def redis(host: str, rest: str = "") -> str:
    return catalog([OPENAI], [GPT], f"{{g: {{namespace: llm, redis: {{host: {host}}}}}}}", rest)


TWO = "{g: {namespace: llm%s}, inner: {namespace: inside%s}}"
CASES = {
    "reference": (ROOT / "catalog/foundational-models.yaml").read_text(encoding="utf-8"),
    "current": (ROOT / "catalog/current.yaml").read_text(encoding="utf-8"),
    "one router": catalog([OPENAI], [GPT]),
    "no gateway written": catalog([OPENAI], [GPT], ""),
    "reached from outside": catalog([OPENAI], [GPT], "{g: {service: {type: LoadBalancer}}}"),
    "by a node's port": catalog([OPENAI], [GPT], "{g: {service: {type: NodePort}}}"),
    "by an ingress": catalog([OPENAI], [GPT], "{g: {ingress: {host: llm.example.com, tls_secret: t}}}"),
    "by the gateway API": catalog([OPENAI], [GPT], "{g: {gateway_api: {parent: public, hostname: a.b.c}}}"),
    "callers by namespace": catalog(
        [OPENAI], [GPT], "{g: {namespace: llm, allow_from: [{namespace: apps}]}}"
    ),
    "callers by label": catalog(
        [OPENAI], [GPT], "{g: {namespace: llm, allow_from: [{namespace: apps, labels: {app: helpdesk}}]}}"
    ),
    "callers by address": catalog(
        [OPENAI],
        [GPT],
        "{g: {service: {type: LoadBalancer}, allow_from: [{cidr: 192.168.0.0/16}, {cidr: 'fd00::/8'}]}}",
    ),
    "an ingress on GKE, with callers": catalog(
        [OPENAI],
        [GPT],
        "{g: {ingress: {host: llm.example.com, tls_secret: t}, allow_from: [{namespace: apps}]}}",
        "target: {platform: gke}",
    ),
    "nobody may call": catalog([OPENAI], [GPT], "{g: {allow_from: []}}"),
    "nobody, and no metrics": catalog(
        [OPENAI], [GPT], "{g: {allow_from: []}}", "observability: {metrics: none}"
    ),
    "another namespace watches": catalog([OPENAI], [GPT], rest="observability: {namespace: observability}"),
    "vertex behind a gateway": catalog(
        [OPENAI, VERTEX], [GPT, GEMINI_25], TWO % ("", ", allow_from: []"), "target: {platform: gke}"
    ),
    "vertex elsewhere than GKE": catalog([OPENAI, VERTEX], [GPT, GEMINI_25], TWO % ("", "")),
    "nothing in service behind it": catalog(
        [OPENAI, VERTEX],
        [GPT, "gemini-2.5-pro: {provider: vertex, lifecycle: {status: planned}}"],
        TWO % ("", ", allow_from: []"),
        "target: {platform: gke}",
    ),
    "pod identity": catalog(
        [OPENAI, BEDROCK % ", aws_association: pod_identity"],
        [GPT, HAIKU],
        TWO % (", allow_from: [{namespace: apps}]", ", allow_from: []"),
        "target: {platform: eks}",
    ),
    "IRSA": catalog(
        [OPENAI, BEDROCK % ""], [GPT, HAIKU], TWO % ("", ", allow_from: []"), "target: {platform: eks}"
    ),
    "AKS": catalog(
        ["azure: {type: azure, base_url: 'https://contoso.openai.azure.com', api_key: {secret: a, key: k}}"],
        ["gpt: {provider: azure, modes: [chat]}"],
        rest="target: {platform: aks}",
    ),
    "allow_to": catalog(
        [OPENAI],
        [GPT],
        "{g: {allow_to: [{cidr: 10.20.0.0/16, port: 443}, {namespace: models, port: 8000}, "
        "{namespace: cache}]}}",
    ),
    "a model server": vllm("http://vllm.models.svc:8000/v1"),
    "by its whole name": vllm("http://vllm.models.svc.cluster.local/v1"),
    "by two labels": vllm("http://vllm.models:8000/v1"),
    "beside the gateway": vllm("http://vllm:8000/v1"),
    "by address": vllm("http://10.9.8.7:8000/v1"),
    "by an IPv6 address": vllm("http://[2a00::7]:8000/v1"),
    "at another port": vllm("https://llm.example.com:8443/v1"),
    "a domain of two labels": vllm("https://example.com/v1"),
    "redis": redis("redis.cache.svc"),
    "redis by its whole name": redis("redis.cache.svc.cluster.local"),
    "redis by two labels": redis("redis.cache"),
    "redis beside the gateway": redis("redis"),
    "redis by address": redis("10.9.8.7"),
    "a managed redis": redis("redis.abc.cache.amazonaws.com"),
    "cilium": redis("redis.abc.cache.amazonaws.com", "target: {network_policy: cilium}"),
    "cilium, no names": vllm("http://vllm.models.svc:8000/v1") + "target: {network_policy: cilium}\n",
    "GKE's names": redis(
        "redis.abc.cache.amazonaws.com", "target: {platform: gke, network_policy: gke_fqdn}"
    ),
    "everything at once": catalog(
        [OPENAI, VERTEX, VLLM % "http://vllm.models.svc:8000/v1"],
        [GPT, GEMINI_25, QWEN],
        "{g: {namespace: llm, redis: {host: redis.cache.svc}, allow_from: [{namespace: apps}], "
        "allow_to: [{cidr: 10.20.0.0/16, port: 443}]}, h: {namespace: llm2}, "
        "inner: {namespace: inside, allow_from: [{namespace: apps, labels: {app: helpdesk}}]}}",
        "target: {platform: gke}",
    ),
}
BY_NAME = {"cilium": "CiliumNetworkPolicy", "GKE's names": "FQDNNetworkPolicy"}


def plain_and_dns(case: str) -> list[Policy]:
    """The NetworkPolicies; Cilium's rule for DNS is read as what it allows of port 53."""
    return [*policies_of(CASES[case]), *map(_dns_of, policies_of(CASES[case], "CiliumNetworkPolicy"))]


def _dns_of(cilium: Policy) -> Policy:
    rules = [rule for rule in cilium["spec"]["egress"] if "toFQDNs" not in rule]
    namespaces = [
        labels["matchLabels"]["k8s:io.kubernetes.pod.namespace"]
        for rule in rules
        for labels in rule.get("toEndpoints", [])
    ]
    to: list[Any] = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}} for name in namespaces
    ]
    to += [{"ipBlock": {"cidr": cidr}} for rule in rules for cidr in rule.get("toCIDR", [])]
    assert all(
        port == {"port": "53", "protocol": "ANY"}
        for rule in rules
        for ports in rule["toPorts"]
        for port in ports["ports"]
    )
    spec = {
        "podSelector": cilium["spec"]["endpointSelector"],
        "policyTypes": ["Egress"],
        "egress": [{"to": to, "ports": [{"port": 53, "protocol": kind} for kind in ("TCP", "UDP")]}],
    }
    return {"metadata": cilium["metadata"], "spec": spec}


@pytest.mark.parametrize("case", CASES)
def test_who_reaches_whom_is_what_the_catalog_means(case: str) -> None:
    intent = Intent(CASES[case])
    policies, parties = plain_and_dns(case), intent.parties()
    wrong = [
        f"{source} -> {target}:{port}/{protocol} is {'refused' if meant else 'let through'}"
        for (source, target, port, protocol), meant in intent.cells().items()
        if may_reach(policies, parties[source], parties[target], port, protocol) is not meant
    ]
    assert not wrong, "\n".join([f"{len(wrong)} connections:", *wrong[:20]])


@pytest.mark.parametrize("case", CASES)
def test_every_gateway_has_one_policy_that_refuses_the_rest(case: str) -> None:
    intent, policies = Intent(CASES[case]), policies_of(CASES[case])
    assert {(p["metadata"]["namespace"], p["metadata"]["name"]) for p in policies} == {
        (intent.namespace(name), name) for name in intent.gateways
    }
    assert all(p["spec"]["policyTypes"] == ["Ingress", "Egress"] for p in policies)


SAID = {
    ("helpdesk", "llm-router", 4000): True,
    ("8.8.8.8", "llm-router", 4000): True,  # its load balancer is the organisation's front door
    ("8.8.8.8", "vertex-ai-gateway", 4000): False,
    ("prometheus", "llm-router", 9464): True,
    ("prometheus elsewhere", "llm-router", 9464): False,
    ("helpdesk", "llm-router", 9464): False,
    ("llm-router", "vertex-ai-gateway", 4000): True,
    ("llm-router", "vertex-ai-gateway", 9464): False,
    ("llm-router", "bedrock-gateway", 4000): True,
    ("bedrock-gateway", "vertex-ai-gateway", 4000): False,
    ("vertex-ai-gateway", "llm-router", 4000): False,
    ("llm-router", "104.18.0.9", 443): True,
    ("llm-router", "104.18.0.9", 80): False,
    ("llm-router", "10.1.2.3", 443): False,
    ("llm-router", "169.254.169.254", 80): False,
    ("bedrock-gateway", "169.254.169.254", 80): False,
    ("vertex-ai-gateway", "169.254.169.254", 80): True,
    ("vertex-ai-gateway", "169.254.169.252", 988): True,
    ("llm-router", "dns", 53): True,
}


@pytest.mark.parametrize("connection", SAID, ids=lambda c: f"{c[0]} to {c[1]}:{c[2]}")
def test_the_reference_deployment_in_so_many_words(connection: tuple[str, str, int]) -> None:
    source, target, port = connection
    parties = Intent(CASES["reference"]).parties()
    found = may_reach(policies_of(CASES["reference"]), parties[source], parties[target], port)
    assert found is SAID[connection]


# --- no rule is missing, too wide or too narrow unseen ---------------------------------------------------

MUTATED = (
    "reference", "everything at once", "pod identity", "callers by label", "a managed redis", "by address",
    "allow_to", "AKS", "cilium, no names", "nobody, and no metrics",
)  # fmt: skip


def mutants(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Copies with one thing dropped or widened, and what it is."""
    for kind in ("ingress", "egress"):
        for index, rule in enumerate(policy["spec"][kind]):
            at = f"{kind}[{index}]"
            yield f"{at} dropped", _changed(policy, lambda spec, k=kind, i=index: spec[k].pop(i))
            for what, other in _other_rules(rule, policy["metadata"]["namespace"]):
                yield (
                    f"{at}{what}",
                    _changed(policy, lambda spec, k=kind, i=index, o=other: spec[k].__setitem__(i, o)),
                )
    for kind in ("Ingress", "Egress"):
        yield f"no {kind} type", _changed(policy, lambda spec, k=kind: spec["policyTypes"].remove(k))
    for label in policy["spec"]["podSelector"]["matchLabels"]:
        name = f"selects without {label}"
        yield name, _changed(policy, lambda spec, n=label: spec["podSelector"]["matchLabels"].pop(n))


def _other_rules(rule: dict[str, Any], own: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for field, items in rule.items():
        yield f" for all {field}", {key: value for key, value in rule.items() if key != field}
        for place, item in enumerate(items):
            others = _other_ports(item) if field == "ports" else _other_peers(item, own)
            for what, new in [*([("dropped", [])] if len(items) > 1 else []), *others]:
                changed = [*items[:place], *new, *items[place + 1 :]]
                yield f".{field}[{place}] {what}", {**rule, field: changed}


def _changed(policy: Policy, change: Any) -> Policy:
    found = copy.deepcopy(policy)
    change(found["spec"])
    return found


def _other_ports(port: dict[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    if "port" in port:
        yield "every number", [{"protocol": port["protocol"]}]
        yield "another number", [{**port, "port": port["port"] + 1}]
    yield "the other protocol", [{**port, "protocol": "UDP" if port["protocol"] == "TCP" else "TCP"}]


def _other_peers(peer: dict[str, Any], own: str) -> Iterator[tuple[str, list[Any]]]:
    block = peer.get("ipBlock")
    if block and not block["cidr"].endswith("/0"):
        yield "every address", [{"ipBlock": {"cidr": "::/0" if ":" in block["cidr"] else "0.0.0.0/0"}}]
    for hole in (block or {}).get("except", []):
        rest = [other for other in block["except"] if other != hole]
        yield f"with {hole}", [{"ipBlock": {"cidr": block["cidr"], "except": rest}}]
    if peer.get("namespaceSelector"):
        yield "every namespace", [{**peer, "namespaceSelector": {}}]
        if peer["namespaceSelector"]["matchLabels"] != {"kubernetes.io/metadata.name": own}:
            yield "its own namespace", [{"podSelector": peer.get("podSelector", {})}]
    if "podSelector" in peer:
        yield "every pod", [{"namespaceSelector": peer["namespaceSelector"]}]
        yield "two peers", [{key: value} for key, value in peer.items()]
        for label in peer["podSelector"]["matchLabels"]:
            rest = {k: v for k, v in peer["podSelector"]["matchLabels"].items() if k != label}
            yield f"without {label}", [{**peer, "podSelector": {"matchLabels": rest}}]


@pytest.mark.parametrize("case", MUTATED)
def test_a_rule_that_is_dropped_or_widened_is_noticed(case: str) -> None:
    """In each policy alone, for what one refuses could hide what another lets through."""
    intent, count, unseen = Intent(CASES[case]), 0, []
    parties = intent.parties()
    for policy in policies_of(CASES[case]):
        name = policy["metadata"]["name"]
        cells = intent.side(name)
        assert not _differs([policy], parties, cells)
        for what, mutant in mutants(policy):
            count += 1
            if not _differs([mutant], parties, cells):
                unseen.append(f"{name}: {what}")
    assert count > 10
    assert not unseen, "\n".join([f"of {count}, nobody notices:", *unseen])


def _differs(policies: list[Policy], parties: dict[str, Party], cells: dict[Cell, bool]) -> bool:
    return any(
        may_reach(policies, parties[source], parties[target], port, protocol) is not meant
        for (source, target, port, protocol), meant in cells.items()
    )


# --- host names ------------------------------------------------------------------------------------------

NAMES = {
    "reference": {
        "bedrock-gateway": {
            "bedrock-runtime.eu-central-1.amazonaws.com:443",
            "sts.*.amazonaws.com:443",
            "sts.amazonaws.com:443",
        },
        "llm-router": {
            "api.anthropic.com:443",
            "api.cohere.com:443",
            "api.mistral.ai:443",
            "api.openai.com:443",
        },
        "vertex-ai-gateway": {"europe-west4-aiplatform.googleapis.com:443"},
    },
    "a managed redis": {"g": {"api.openai.com:443", "redis.abc.cache.amazonaws.com:6379"}},
    "pod identity": {
        "g": {"api.openai.com:443"},
        "inner": {"bedrock-runtime.eu-central-1.amazonaws.com:443"},
    },
    "vertex elsewhere than GKE": {
        "g": {"api.openai.com:443"},
        "inner": {
            "europe-west4-aiplatform.googleapis.com:443",
            "iamcredentials.googleapis.com:443",
            "oauth2.googleapis.com:443",
            "sts.googleapis.com:443",
        },
    },
    "at another port": {"g": {"llm.example.com:8443"}},
    "a model server": {},
}


def by_name(text: str, kind: str) -> str:
    """A catalog for a cluster that knows host names."""
    data = yaml.safe_load(text)
    data["target"] = {**(data.get("target") or {}), "network_policy": kind}
    return str(yaml.safe_dump(data))


@pytest.mark.parametrize("case", NAMES)
def test_cilium_is_told_the_names_and_no_others(case: str) -> None:
    policies = policies_of(by_name(CASES[case], "cilium"), "CiliumNetworkPolicy")
    found = {
        policy["metadata"]["name"]: {
            f"{name}:{ports['port']}"
            for rule in policy["spec"]["egress"]
            for match in rule.get("toFQDNs", [])
            for word, name in match.items()
            for ports in rule["toPorts"][0]["ports"]
            if word == ("matchPattern" if "*" in name else "matchName") and ports["protocol"] == "TCP"
        }
        for policy in policies
    }
    assert found == NAMES[case]


@pytest.mark.parametrize("case", NAMES)
def test_gke_is_told_the_names_and_no_others(case: str) -> None:
    policies = policies_of(by_name(CASES[case], "gke_fqdn"), "FQDNNetworkPolicy")
    found = {
        policy["metadata"]["name"]: {
            f"{name}:{port['port']}"
            for rule in policy["spec"]["egress"]
            for match in rule["matches"]
            for word, name in match.items()
            for port in rule["ports"]
            if word == ("pattern" if "*" in name else "name") and port["protocol"] == "TCP"
        }
        for policy in policies
    }
    assert found == NAMES[case]


@pytest.mark.parametrize("kind", ["cilium", "gke_fqdn"])
@pytest.mark.parametrize("case", NAMES)
def test_no_rule_for_every_address_is_left_where_names_are_known(case: str, kind: str) -> None:
    for policy in policies_of(by_name(CASES[case], kind)):
        blocks = [
            peer["ipBlock"] for rule in policy["spec"]["egress"] for peer in rule["to"] if "ipBlock" in peer
        ]
        assert not [block for block in blocks if block["cidr"].endswith("/0")]


def test_cilium_sees_every_answer_of_dns() -> None:
    """Beside a plain rule for port 53 its own would have no effect, and it would learn no address."""
    text = by_name(CASES["reference"], "cilium")
    for policy in policies_of(text):
        assert not [p for rule in policy["spec"]["egress"] for p in rule["ports"] if p.get("port") == 53]
    for policy in policies_of(text, "CiliumNetworkPolicy"):
        dns = [rule for rule in policy["spec"]["egress"] if "toFQDNs" not in rule]
        assert [rule["toPorts"][0]["rules"] for rule in dns] == [{"dns": [{"matchPattern": "*"}]}] * 2


@pytest.mark.parametrize(("case", "kind"), BY_NAME.items())
def test_both_policies_of_a_gateway_are_for_the_same_pods(case: str, kind: str) -> None:
    (plain,), (named,) = policies_of(CASES[case]), policies_of(CASES[case], kind)
    assert plain["metadata"] == named["metadata"]
    selector = named["spec"].get("podSelector") or named["spec"]["endpointSelector"]
    assert plain["spec"]["podSelector"] == selector


def test_a_plain_policy_says_what_it_cannot_say() -> None:
    text = texts_of(CASES["reference"])["llm-router", "networkpolicy.yaml"]
    assert "#   api.openai.com\n" in text
    assert "cannot name hosts" in text


# --- the objects -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("minor", ["1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"])
def test_every_kubernetes_takes_the_policies(minor: str) -> None:
    for policy in policies_of(CASES["everything at once"]):
        kubernetes_validate.validate(policy, minor, strict=True)


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_takes_every_policy(case: str) -> None:
    schema = KubernetesSchema("1.34")
    files = {f"{gateway}/{file}": text.encode() for (gateway, file), text in texts_of(CASES[case]).items()}
    for document in read_yaml(files):
        assert not document.problems
        item = Object(document.path, document.number, document.data)
        if item.kind == "NetworkPolicy":
            assert not schema.check(item)
            assert not list(network_policy(item))
