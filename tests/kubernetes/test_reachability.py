"""The evaluator of network policies knows the semantics: the examples of the Kubernetes documentation."""

from typing import Any

import pytest

from tests.kubernetes.reachability import Outside, Pod, may_reach

DB = Pod("default", {"role": "db"}, {"tcp-db": 6379})
FRONTEND = Pod("default", {"role": "frontend"})
STRANGER = Pod("default", {"role": "else"})
PROJECT = Pod("team", {"role": "else"}, namespace_labels={"project": "myproject"})
ELSEWHERE = Pod("team2", {"role": "frontend"})


def policy(spec: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
    return {"metadata": {"name": "a-policy", "namespace": namespace}, "spec": spec}


# "The NetworkPolicy resource": an example NetworkPolicy.
EXAMPLE = policy(
    {
        "podSelector": {"matchLabels": {"role": "db"}},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [
            {
                "from": [
                    {"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                    {"namespaceSelector": {"matchLabels": {"project": "myproject"}}},
                    {"podSelector": {"matchLabels": {"role": "frontend"}}},
                ],
                "ports": [{"protocol": "TCP", "port": 6379}],
            }
        ],
        "egress": [
            {
                "to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
                "ports": [{"protocol": "TCP", "port": 5978}],
            }
        ],
    }
)


@pytest.mark.parametrize(
    ("source", "port", "comes_through"),
    [
        (FRONTEND, 6379, True),
        (FRONTEND, 6380, False),
        (STRANGER, 6379, False),
        (PROJECT, 6379, True),
        (ELSEWHERE, 6379, False),  # a podSelector alone means the policy's own namespace
        (Outside("172.17.0.9"), 6379, True),
        (Outside("172.17.1.9"), 6379, False),
        (Outside("172.18.0.9"), 6379, False),
    ],
)
def test_the_documentations_example_lets_in(source: Pod | Outside, port: int, comes_through: bool) -> None:
    assert may_reach([EXAMPLE], source, DB, port) is comes_through


def test_the_documentations_example_lets_out() -> None:
    assert may_reach([EXAMPLE], DB, Outside("10.0.0.7"), 5978)
    assert not may_reach([EXAMPLE], DB, Outside("10.0.0.7"), 443)
    assert not may_reach([EXAMPLE], DB, Outside("10.0.1.7"), 5978)
    assert not may_reach([EXAMPLE], DB, Outside("10.0.0.7"), 5978, "UDP")


def test_a_pod_that_no_policy_selects_is_open() -> None:
    assert may_reach([EXAMPLE], STRANGER, FRONTEND, 80)
    assert may_reach([], STRANGER, DB, 80)


def test_a_policy_is_for_its_own_namespace() -> None:
    assert may_reach([EXAMPLE], STRANGER, Pod("team", {"role": "db"}), 80)


def test_both_sides_must_allow() -> None:
    refuses = policy({"podSelector": {}, "policyTypes": ["Egress"]}, "team")
    assert may_reach([EXAMPLE], PROJECT, DB, 6379)
    assert not may_reach([EXAMPLE, refuses], PROJECT, DB, 6379)


NAMESPACE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "alice"}}}
CLIENT = {"podSelector": {"matchLabels": {"role": "client"}}}


@pytest.mark.parametrize(
    ("peers", "let_in"),
    [
        ([{**NAMESPACE, **CLIENT}], {"client of alice"}),
        ([NAMESPACE, CLIENT], {"client of alice", "other of alice", "client at home"}),
    ],
)
def test_one_peer_with_two_selectors_is_not_two_peers(peers: list[Any], let_in: set[str]) -> None:
    pods = {
        "client of alice": Pod("alice", {"role": "client"}),
        "other of alice": Pod("alice"),
        "client at home": Pod("default", {"role": "client"}),
        "client of bob": Pod("bob", {"role": "client"}),
    }
    rules = [policy({"podSelector": {}, "ingress": [{"from": peers}]})]
    assert {name for name, pod in pods.items() if may_reach(rules, pod, DB, 80)} == let_in


@pytest.mark.parametrize("rules", [{}, {"ingress": []}])
def test_default_deny(rules: dict[str, Any]) -> None:
    deny = policy({"podSelector": {}, "policyTypes": ["Ingress"], **rules})
    assert not may_reach([deny], FRONTEND, DB, 6379)
    assert may_reach([deny], DB, Outside("8.8.8.8"), 443)  # the other direction stays open


@pytest.mark.parametrize("rule", [{}, {"from": []}, {"from": [], "ports": []}])
def test_an_empty_list_of_peers_is_everybody(rule: dict[str, Any]) -> None:
    allow = policy({"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]})
    assert may_reach([allow], Outside("203.0.113.9"), DB, 1)


def test_policies_add_up() -> None:
    deny = policy({"podSelector": {}, "policyTypes": ["Ingress"]})
    assert may_reach([deny, EXAMPLE], FRONTEND, DB, 6379)


def test_an_egress_section_makes_an_egress_policy_where_the_types_are_left_out() -> None:
    rules = policy({"podSelector": {}, "egress": [{"ports": [{"port": 53, "protocol": "UDP"}]}]})
    assert not may_reach([rules], FRONTEND, Outside("8.8.8.8"), 443)
    assert may_reach([rules], FRONTEND, Outside("8.8.8.8"), 53, "UDP")
    assert not may_reach([rules], STRANGER, FRONTEND, 80)  # ingress is one of the types in any case


def test_a_range_of_ports() -> None:
    ports = [{"protocol": "TCP", "port": 32000, "endPort": 32768}]
    egress = [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": ports}]
    rules = [policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": egress})]
    open_at = [p for p in (31999, 32000, 32768, 32769) if may_reach(rules, DB, Outside("10.0.0.1"), p)]
    assert open_at == [32000, 32768]


def test_a_named_port_is_the_targets() -> None:
    rules = [policy({"podSelector": {}, "ingress": [{"ports": [{"port": "tcp-db"}]}]})]
    assert may_reach(rules, Outside("8.8.8.8"), DB, 6379)
    assert not may_reach(rules, Outside("8.8.8.8"), DB, 6380)
    assert not may_reach(rules, Outside("8.8.8.8"), FRONTEND, 6379)


def test_a_port_without_a_number_is_every_port_of_its_protocol() -> None:
    rules = [policy({"podSelector": {}, "ingress": [{"ports": [{"protocol": "TCP"}]}]})]
    assert may_reach(rules, FRONTEND, DB, 1)
    assert not may_reach(rules, FRONTEND, DB, 1, "UDP")


@pytest.mark.parametrize(
    ("operator", "values", "roles"),
    [
        ("In", ["db", "frontend"], {"db", "frontend"}),
        ("NotIn", ["db"], {"frontend", "else", None}),
        ("Exists", None, {"db", "frontend", "else"}),
        ("DoesNotExist", None, {None}),
    ],
)
def test_match_expressions(operator: str, values: list[str] | None, roles: set[str | None]) -> None:
    wanted = {"key": "role", "operator": operator, **({"values": values} if values else {})}
    peers = [{"podSelector": {"matchExpressions": [wanted]}}]
    rules = [policy({"podSelector": {}, "ingress": [{"from": peers}]})]
    pods = [DB, FRONTEND, STRANGER, Pod("default")]
    assert {pod.labels.get("role") for pod in pods if may_reach(rules, pod, DB, 1)} == roles
