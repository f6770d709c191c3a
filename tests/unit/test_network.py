"""What a gateway calls, by the catalog's addresses; and the parts of its policies that a reader sees."""

import json
from typing import Any

import pytest
import yaml

from compiler.catalog import (
    Deployment,
    Facts,
    Mode,
    Model,
    Provider,
)
from compiler.catalog_gateways import Identity
from compiler.render.egress import HTTPS, Name, Place, Pods, Range, calls, place
from compiler.targets.hosts import api_host, identity_hosts, metadata_servers
from tests.kubernetes.rendered_policies import catalog_of, policies_of, texts_of

CATALOG: dict[str, Any] = {
    "apiVersion": "interlock/v1",
    "name": "small",
    "gateways": {"g": {"namespace": "llm"}},
    "providers": {"openai": {"type": "openai", "api_key": {"secret": "s", "key": "k"}}},
    "models": {"gpt-5.4": {"provider": "openai"}},
}


def small(gateway: dict[str, Any] | None = None, **sections: Any) -> str:
    return json.dumps({**CATALOG, "gateways": {"g": {"namespace": "llm", **(gateway or {})}}, **sections})


def policy(gateway: dict[str, Any] | None = None, **sections: Any) -> str:
    return texts_of(small(gateway, **sections))["g", "networkpolicy.yaml"]


# --- where an address is ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("redis", Pods("llm")),
        ("redis.cache", Pods("cache")),
        ("redis.cache.svc", Pods("cache")),
        ("redis.cache.svc.cluster.local", Pods("cache")),
        ("redis.cache.svc.corp.example", Pods("cache")),
        ("redis-0.redis.cache.svc.cluster.local", Pods("cache")),
        ("REDIS.Cache.SVC.", Pods("cache")),
        ("redis.cache.example.com", Name("redis.cache.example.com", 6379)),
        ("svc.example.com", Name("svc.example.com", 6379)),
        ("10.9.8.7", Range("10.9.8.7/32", 6379)),
        ("8.8.8.8", Range("8.8.8.8/32", 6379)),
        ("fd00::7", Range("fd00::7/128", 6379)),
        ("FD00:0::7", Range("fd00::7/128", 6379)),
        ("127.0.0.1", None),
        ("::1", None),
        ("localhost", None),
        ("", None),
        ("*", None),
        ("*.example.com", None),
        ("a..b", None),
        (f"{'a' * 64}.svc", None),
    ],
)
def test_where_a_host_is(host: str, where: Place | None) -> None:
    assert place(host, 6379, "llm") == where


def test_a_name_of_two_labels_is_a_domain_when_it_is_called_by_tls() -> None:
    assert place("example.com", 443, "llm", secure=True) == Name("example.com")
    assert place("vllm.models", 80, "llm") == Pods("models")


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("https://llm.example.com", Name("llm.example.com", 443)),
        ("https://llm.example.com:8443/v1", Name("llm.example.com", 8443)),
        ("http://llm.corp.example.com/v1", Name("llm.corp.example.com", 80)),
        ("http://[fd00::7]:8000/v1", Range("fd00::7/128", 8000)),
        ("http://10.9.8.7", Range("10.9.8.7/32", 80)),
        ("http://vllm.models.svc:8000", Pods("models")),
        ("http://localhost:8000", None),
        ("http://vllm.models.svc:http", None),
        ("http://vllm.models.svc:99999", None),
        ("http://[fd00::7", None),
        ("https://*/v1", None),
    ],
)
def test_where_a_base_url_is(url: str, where: Place | None) -> None:
    providers = {"vllm": {"type": "openai_compatible", "base_url": url}}
    catalog = catalog_of(small(providers=providers, models={"q": {"provider": "vllm", "modes": ["chat"]}}))
    found = calls(catalog, catalog.gateways["g"])
    assert [*found.pods, *found.ranges, *found.names] == ([where] if where else [])


def test_a_provider_that_no_model_in_service_needs_is_not_called() -> None:
    providers = {**CATALOG["providers"], "groq": {"type": "groq", "api_key": {"secret": "s", "key": "k"}}}
    planned = {"provider": "groq", "modes": ["chat"], "lifecycle": {"status": "planned"}}
    catalog = catalog_of(small(providers=providers, models={**CATALOG["models"], "later": planned}))
    assert calls(catalog, catalog.gateways["g"]).names == {Name("api.openai.com")}


# --- host names ------------------------------------------------------------------------------------------


def hosts(provider: Provider, region: str | None = None, modes: tuple[Mode, ...] = ("chat",)) -> list[str]:
    deployment = Deployment("p/m", "p", "m", (), region=region)
    return list(api_host(provider, deployment, Model("m", (), (deployment,), Facts(), modes)))


@pytest.mark.parametrize(
    ("modes", "names"),
    [
        (("chat", "completion"), ["api.cohere.com"]),
        (("embedding",), ["api.cohere.ai"]),
        (("chat", "embedding"), ["api.cohere.ai", "api.cohere.com"]),
    ],
)
def test_cohere_has_a_host_for_embeddings(modes: tuple[Mode, ...], names: list[str]) -> None:
    assert hosts(Provider("p", (), "cohere"), modes=modes) == names


@pytest.mark.parametrize(
    ("region", "name"),
    [
        (None, "bedrock-runtime.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "bedrock-runtime.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "bedrock-runtime.cn-north-1.amazonaws.com.cn"),
        ("us-iso-east-1", "bedrock-runtime.us-iso-east-1.c2s.ic.gov"),
        ("us-isob-east-1", "bedrock-runtime.us-isob-east-1.sc2s.sgov.gov"),
        ("us-isof-south-1", "bedrock-runtime.us-isof-south-1.csp.hci.ic.gov"),
        ("eu-isoe-west-1", "bedrock-runtime.eu-isoe-west-1.cloud.adc-e.uk"),
    ],
)
def test_the_clouds_of_aws(region: str | None, name: str) -> None:
    assert hosts(Provider("p", (), "bedrock", region="eu-central-1"), region) == [name]


ROLE = "arn:aws:iam::123456789012:role/b"
GOOGLE = Identity("sa", gcp_service_account="a@p.iam.gserviceaccount.com")
IRSA = Identity("sa", aws_role_arn=ROLE)
POD_IDENTITY = Identity("sa", aws_role_arn=ROLE, aws_association="pod_identity")
AZURE = Identity("sa", azure_client_id="00000000-0000-0000-0000-000000000000")


@pytest.mark.parametrize(
    ("identity", "platform", "names", "addresses"),
    [
        (None, "gke", [], []),
        (Identity("sa"), "gke", [], []),
        (GOOGLE, "gke", [], [("169.254.169.252/32", 988), ("169.254.169.254/32", 80)]),
        (GOOGLE, "eks", ["iamcredentials.googleapis.com", "oauth2.googleapis.com", "sts.googleapis.com"], []),
        (IRSA, "eks", ["sts.*.amazonaws.com"], []),
        (IRSA, "generic", ["sts.*.amazonaws.com", "sts.amazonaws.com"], []),
        (POD_IDENTITY, "eks", [], [("169.254.170.23/32", 80), ("fd00:ec2::23/128", 80)]),
        (AZURE, "aks", ["login.microsoftonline.com"], []),
    ],
)
def test_where_an_identity_gets_its_tokens(
    identity: Identity | None, platform: str, names: list[str], addresses: list[tuple[str, int]]
) -> None:
    provider = Provider("p", (), "bedrock", region="eu-central-1", identity=identity)
    assert list(identity_hosts(provider, platform)) == names
    assert list(metadata_servers(identity, platform)) == addresses


@pytest.mark.parametrize(
    ("end", "login"),
    [
        ("openai.azure.com", "login.microsoftonline.com"),
        ("openai.azure.us", "login.microsoftonline.us"),
        ("openai.azure.cn", "login.chinacloudapi.cn"),
    ],
)
def test_the_clouds_of_azure(end: str, login: str) -> None:
    provider = Provider("p", (), "azure", base_url=f"https://contoso.{end}/", identity=AZURE)
    assert list(identity_hosts(provider, "aks")) == [login]


def test_the_sts_of_china() -> None:
    provider = Provider("p", (), "bedrock", region="cn-north-1", identity=IRSA)
    assert list(identity_hosts(provider, "eks")) == ["sts.*.amazonaws.com.cn"]


# --- the policy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gateway", [{"allow_from": []}, {"allow_from": [], "service": {"type": "NodePort"}}])
def test_a_gateway_that_nobody_may_call_has_no_rule_with_an_empty_list(gateway: dict[str, Any]) -> None:
    """Which would let everybody in."""
    (found,) = policies_of(small(gateway, observability={"metrics": "none"}))
    assert found["spec"]["ingress"] == []


@pytest.mark.parametrize(
    "gateway",
    [{}, {"allow_from": [{"namespace": "a"}, {"cidr": "10.0.0.0/8"}], "allow_to": [{"namespace": "b"}]}],
)
def test_every_rule_names_somebody_and_a_port(gateway: dict[str, Any]) -> None:
    (found,) = policies_of(small(gateway))
    assert all(rule["from"] and rule["ports"] for rule in found["spec"]["ingress"])
    assert all(rule["to"] and rule["ports"] for rule in found["spec"]["egress"])


def test_a_caller_that_is_named_twice_is_let_in_once() -> None:
    caller = {"namespace": "apps", "labels": {"app": "helpdesk"}}
    (found,) = policies_of(small({"allow_from": [caller, caller]}))
    assert len(found["spec"]["ingress"][0]["from"]) == 1


def test_google_s_front_ends_are_the_catalogs_to_let_in() -> None:
    """They bring every client's request: to let them in unasked would undo `allow_from`."""
    gateway = {
        "ingress": {"host": "llm.example.com", "tls_secret": "t"},
        "allow_from": [{"namespace": "apps"}],
    }
    text = policy(gateway, target={"platform": "gke"})
    assert "130.211.0.0/22" in text
    assert "130.211" not in json.dumps(yaml.safe_load(text))
    assert "130.211" not in policy(gateway, target={"platform": "eks"})


def test_the_comment_names_the_hosts_and_a_port_of_their_own() -> None:
    providers = {"far": {"type": "openai_compatible", "base_url": "https://llm.example.com:8443/v1"}}
    text = policy(providers={**CATALOG["providers"], **providers},
                  models={**CATALOG["models"], "q": {"provider": "far", "modes": ["chat"]}})  # fmt: skip
    assert '#   api.openai.com\n    #   "llm.example.com:8443"\n' in text
    assert f"ports: [{{protocol: TCP, port: {HTTPS}}}, {{protocol: TCP, port: 8443}}]" in text


@pytest.mark.parametrize("kind", ["cilium", "gke_fqdn"])
def test_no_second_policy_where_no_name_is_called(kind: str) -> None:
    providers = {"vllm": {"type": "openai_compatible", "base_url": "http://vllm.models.svc:8000/v1"}}
    text = small(providers=providers, models={"q": {"provider": "vllm", "modes": ["chat"]}},
                 target={"network_policy": kind})  # fmt: skip
    assert [file for _, file in texts_of(text)] == ["networkpolicy.yaml"]
    assert any(
        {"protocol": "UDP", "port": 53} in rule["ports"] for rule in policies_of(text)[0]["spec"]["egress"]
    )


def test_the_order_of_a_catalogs_keys_does_not_show(reference: Any) -> None:
    text = reference.read_text(encoding="utf-8")
    data = yaml.safe_load(text)
    turned = {key: dict(reversed(value.items())) if isinstance(value, dict) else value
              for key, value in reversed(data.items())}  # fmt: skip
    assert texts_of(yaml.safe_dump(turned, sort_keys=False)) == texts_of(text)


def test_what_a_catalog_says_cannot_leave_its_place() -> None:
    """Labels are the freest text of a policy."""
    labels = {"app": "yes", "tier": "1e3", "x.example.com/y": "null"}
    (found,) = policies_of(small({"allow_from": [{"namespace": "on", "labels": labels}]}))
    (peer,) = found["spec"]["ingress"][0]["from"]
    assert peer["podSelector"]["matchLabels"] == labels
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "on"}
