"""The real LiteLLM, configured as in a gateway's pods, becomes the cloud identity and calls with it.

What GKE, EKS and AKS give to the pods of a service account (variables, a projected token, a metadata server)
is given to LiteLLM here. The clouds' token services and the providers are local stand-ins that keep what
they are asked.
"""

import datetime as dt
import ipaddress
import json
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from compiler.pipeline import render

pytestmark = [pytest.mark.proxy]

POD_TOKEN = "the-token-of-the-pod"
CLIENT_ID = "11111111-2222-3333-4444-555555555555"
TENANT_ID = "99999999-8888-7777-6666-555555555555"
AZURE_SAYS = "hello from Azure"
ROLE = "arn:aws:iam::123456789012:role/bedrock-role"
REGION = "eu-central-1"

# Loads the gateway's configuration as the proxy does, and makes some calls: (kind, model).
PROBE = """
import asyncio, json, sys
import litellm
import litellm.proxy.proxy_server as server
ask = json.load(sys.stdin)
messages = [{"role": "user", "content": "hello"}]

async def call(router, kind, model):
    if kind == "embedding":
        return (await router.aembedding(model=model, input=["hello"])).data[0]["embedding"]
    if kind == "responses":
        return (await router.aresponses(model=model, input="hello")).output[0].content[0].text
    if kind == "completion":
        return (await router.atext_completion(model=model, prompt="hello")).choices[0].text
    return (await router.acompletion(model=model, messages=messages)).choices[0].message.content

async def main():
    router, _, _ = await server.ProxyConfig().load_config(None, ask["config"])
    said = []
    for kind, model in ask["calls"]:
        try:
            said.append(await call(router, kind, model))
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    print("SAID" + json.dumps(said))

asyncio.run(main())
"""


# --- the clouds ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One request that a stand-in got; names of headers are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str


Answer = tuple[str, str]  # content type, text
Answers = Callable[[Asked], Answer]


@dataclass
class StandIn:
    """A server on this machine, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    def one(self) -> Asked:
        assert len(self.asked) == 1, self.asked
        return self.asked[0]


@contextmanager
def standing_in(answers: Answers, certificate: Path | None = None) -> Iterator[StandIn]:
    """Serves `answers` on a port of its own; with a certificate, over TLS."""
    found = StandIn()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            found.asked.append(asked)
            kind, text = answers(asked)
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("metadata-flavor", "Google")
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = _answer  # noqa: N815  # the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    found.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def as_json(data: Any) -> Answer:
    return "application/json", json.dumps(data)


def in_an_hour() -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def entra(_: Asked) -> Answer:
    return as_json({"token_type": "Bearer", "expires_in": 3600, "access_token": "entra-token"})


def azure_openai(asked: Asked) -> Answer:
    message = {"role": "assistant", "content": AZURE_SAYS}
    found: dict[str, Any] = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    if "/embeddings" in asked.path:
        found |= {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
    elif "/responses" in asked.path:
        said = {"type": "output_text", "text": AZURE_SAYS, "annotations": []}
        output = {"type": "message", "id": "2", "role": "assistant", "status": "completed", "content": [said]}
        found |= {"object": "response", "created_at": 1, "status": "completed", "output": [output]}
        found |= {"parallel_tool_calls": False, "tool_choice": "auto", "tools": []}
    else:
        found["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return as_json({**found, "usage": {**usage, "input_tokens": 1, "output_tokens": 1}})


def sts(_: Asked) -> Answer:
    credentials = (
        "<AccessKeyId>ASIAOFTHEROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>"
        f"<SessionToken>session-of-the-role</SessionToken><Expiration>{in_an_hour()}</Expiration>"
    )
    return "text/xml", (
        '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
        f"<AssumeRoleWithWebIdentityResult><Credentials>{credentials}</Credentials>"
        f"<AssumedRoleUser><Arn>{ROLE}</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>"
        "</AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    )


def pod_identity_agent(_: Asked) -> Answer:
    return as_json(
        {"AccessKeyId": "ASIAOFTHEPOD", "SecretAccessKey": "secret", "Token": "session-of-the-pod",
         "Expiration": in_an_hour(), "AccountId": "123456789012"}
    )  # fmt: skip


def bedrock(_: Asked) -> Answer:
    message = {"role": "assistant", "content": [{"text": "hello from Bedrock"}]}
    usage = {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}
    return as_json({"output": {"message": message}, "stopReason": "end_turn", "usage": usage, "metrics": {}})


def metadata_server(asked: Asked) -> Answer:
    """As https://cloud.google.com/compute/docs/metadata/querying-metadata has it."""
    path = asked.path.partition("?")[0]
    if path.endswith("/token"):
        return as_json(
            {"access_token": "token-of-the-metadata-server", "expires_in": 3600, "token_type": "Bearer"}
        )
    if path.endswith("/service-accounts/default/"):
        return as_json(
            {"email": "llm@my-project.iam.gserviceaccount.com", "aliases": ["default"], "scopes": []}
        )
    return "text/plain", "googleapis.com" if path.endswith("universe-domain") else "my-project"


def vertex_ai(_: Asked) -> Answer:
    content = {"role": "model", "parts": [{"text": "hello from Vertex AI"}]}
    usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
    return as_json({"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage})


# --- the pods ------------------------------------------------------------------------------------------


HEAD = "apiVersion: interlock/v1\nname: identities\n"
AZURE = """\
target: {{platform: aks}}
providers:
  azure:
    type: azure
    base_url: {url}
    api_version: "2024-10-21"
    identity: {{service_account: llm, azure_client_id: 11111111-2222-3333-4444-555555555555}}
  keyed:
    type: azure
    base_url: {url}
    api_version: "2024-10-21"
    api_key: {{secret: azure, key: api-key}}
models:
  gpt-5.4: {{provider: azure}}
  small: {{provider: azure, id: text-embedding-3-small}}
  keyed-model: {{provider: keyed, id: gpt-5.4}}
strategies:
  quality: {{candidates: [gpt-5.4, keyed-model]}}
"""
BEDROCK = """\
target: {platform: eks}
providers:
  bedrock:
    type: bedrock
    region: eu-central-1
    identity: {service_account: llm, aws_role_arn: "arn:aws:iam::123456789012:role/bedrock-role"ASSOCIATION}
models:
  nova-lite: {provider: bedrock, id: "eu.amazon.nova-lite-v1:0"}
strategies:
  quality: {candidates: [nova-lite], single_provider: "a test of one provider"}
"""
VERTEX = """\
target: {platform: gke}
providers:
  vertex:
    type: vertex_ai
    project: my-project
    location: europe-west4
    identity: {service_account: llm, gcp_service_account: llm@my-project.iam.gserviceaccount.com}
models:
  gemini-3.8-flash: {provider: vertex}
strategies:
  quality: {candidates: [gemini-3.8-flash], single_provider: "a test of one provider"}
"""


@pytest.fixture
def pod_token(tmp_path: Path) -> Path:
    """The projected token of the service account."""
    path = tmp_path / "token"
    path.write_text(POD_TOKEN)
    return path


def say(
    catalog: str, calls: Sequence[tuple[str, str]], variables: Mapping[str, str], folder: Path
) -> list[Any]:
    """What the models of a catalog answer to a LiteLLM that has the pods' files and variables."""
    (folder / "catalog.yaml").write_text(HEAD + catalog, encoding="utf-8")
    outcome = render(folder / "catalog.yaml")
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    for path, raw in outcome.bundle.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(raw)
    home = folder / "litellm" / "llm-router"
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "PYTHONPATH") if name in os.environ}
    ran = subprocess.run(
        [sys.executable, "-c", PROBE],
        input=json.dumps({"config": str(home / "config.yaml"), "calls": calls}),
        env={**kept, "HOME": str(folder), **literals(folder), **variables},
        cwd=home, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert "SAID" in ran.stdout, ran.stderr[-4000:]
    said: list[Any] = json.loads(ran.stdout.rpartition("SAID")[2].splitlines()[0])
    return said


def literals(folder: Path) -> dict[str, str]:
    """The variables that the Deployment sets itself, and a value for each that comes from a Secret."""
    import yaml

    text = (folder / "manifests" / "llm-router" / "deployment.yaml").read_text(encoding="utf-8")
    container = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"][0]
    values = {one["name"]: one.get("value", "sk-of-a-secret-0123456789") for one in container["env"]}
    return values | {"HOME": str(folder)}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1, and its key, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, nothing = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, nothing)
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(private + made.public_bytes(pem))
    return path


# --- Azure ---------------------------------------------------------------------------------------------


def aks(entra_url: str, token: Path, certificate: Path) -> dict[str, str]:
    """What the webhook of Azure Workload Identity sets in a pod."""
    return {
        "AZURE_CLIENT_ID": CLIENT_ID,
        "AZURE_TENANT_ID": TENANT_ID,
        "AZURE_FEDERATED_TOKEN_FILE": str(token),
        "AZURE_AUTHORITY_HOST": entra_url,
        "REQUESTS_CA_BUNDLE": str(certificate),
    }


def test_azure_is_called_with_the_token_of_the_workload_identity(
    tmp_path: Path, pod_token: Path, certificate: Path
) -> None:
    with ExitStack() as servers:
        login = servers.enter_context(standing_in(entra, certificate))
        openai = servers.enter_context(standing_in(azure_openai))
        pod = aks(login.url, pod_token, certificate)
        kinds = ("chat", "chat", "completion", "embedding", "responses")
        calls = [
            *((kind, "small" if kind == "embedding" else "gpt-5.4") for kind in kinds),
            ("chat", "keyed-model"),
        ]
        said = say(AZURE.format(url=openai.url), calls, pod, tmp_path)
    assert said == [AZURE_SAYS, AZURE_SAYS, AZURE_SAYS, [0.5], AZURE_SAYS, AZURE_SAYS]
    # A token is kept for later calls; on 1.106, those to the Responses API each ask for one of their own.
    assert len(login.asked) <= 2
    asked = login.asked[0]
    assert asked.path == f"/{TENANT_ID}/oauth2/v2.0/token"
    form = {name: values[0] for name, values in parse_qs(asked.body).items()}
    assert form["client_id"] == CLIENT_ID
    assert form["client_assertion"] == POD_TOKEN
    assert form["scope"] == "https://cognitiveservices.azure.com/.default"
    *with_identity, with_key = openai.asked
    for call in with_identity:
        assert call.headers["authorization"] == "Bearer entra-token"
        assert "api-key" not in call.headers
    assert "authorization" not in with_key.headers
    assert with_key.headers["api-key"] == "sk-of-a-secret-0123456789"


def test_without_the_webhook_azure_is_not_called_as_the_node(tmp_path: Path) -> None:
    """A managed identity of the node would be asked next, were LiteLLM left to choose."""
    with standing_in(azure_openai) as openai:
        said = say(
            AZURE.format(url=openai.url), [("chat", "gpt-5.4"), ("responses", "gpt-5.4")], {}, tmp_path
        )
    assert not openai.asked
    for error in said:
        assert "WorkloadIdentityCredential" in error
        assert "ManagedIdentityCredential" not in error


# --- AWS -----------------------------------------------------------------------------------------------


def test_bedrock_is_called_with_the_role_that_irsa_gives(tmp_path: Path, pod_token: Path) -> None:
    with standing_in(sts) as token_service, standing_in(bedrock) as runtime:
        pod = {
            "AWS_ROLE_ARN": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(pod_token),
            "AWS_ENDPOINT_URL_STS": token_service.url,
            "AWS_BEDROCK_RUNTIME_ENDPOINT": runtime.url,
        }
        said = say(BEDROCK.replace("ASSOCIATION", ""), [("chat", "nova-lite")], pod, tmp_path)
    assert said == ["hello from Bedrock"]
    form = {name: values[0] for name, values in parse_qs(token_service.one().body).items()}
    assert form["Action"] == "AssumeRoleWithWebIdentity"
    assert form["RoleArn"] == ROLE
    assert form["WebIdentityToken"] == POD_TOKEN
    call = runtime.one()
    assert call.headers["x-amz-security-token"] == "session-of-the-role"
    assert f"/{REGION}/bedrock/aws4_request" in call.headers["authorization"]
    assert "Credential=ASIAOFTHEROLE/" in call.headers["authorization"]


def test_bedrock_is_called_with_the_role_that_eks_pod_identity_gives(tmp_path: Path, pod_token: Path) -> None:
    with standing_in(pod_identity_agent) as agent, standing_in(bedrock) as runtime:
        pod = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{agent.url}/v1/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(pod_token),
            "AWS_BEDROCK_RUNTIME_ENDPOINT": runtime.url,
        }
        chosen = BEDROCK.replace("ASSOCIATION", ", aws_association: pod_identity")
        said = say(chosen, [("chat", "nova-lite")], pod, tmp_path)
    assert said == ["hello from Bedrock"]
    assert agent.one().path == "/v1/credentials"
    assert agent.one().headers["authorization"] == POD_TOKEN
    call = runtime.one()
    assert call.headers["x-amz-security-token"] == "session-of-the-pod"
    assert "Credential=ASIAOFTHEPOD/" in call.headers["authorization"]


def test_without_a_role_bedrock_is_not_called_as_the_node(tmp_path: Path) -> None:
    """The metadata server of the node would give the role of the node, were boto3 left to ask it."""
    with standing_in(pod_identity_agent) as node, standing_in(bedrock) as runtime:
        pod = {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": node.url,
            "AWS_BEDROCK_RUNTIME_ENDPOINT": runtime.url,
        }
        said = say(BEDROCK.replace("ASSOCIATION", ""), [("chat", "nova-lite")], pod, tmp_path)
    assert not node.asked
    assert not runtime.asked
    assert "hello" not in said[0]


# --- Google --------------------------------------------------------------------------------------------


def test_vertex_ai_is_called_with_the_token_of_the_metadata_server(tmp_path: Path) -> None:
    if find_spec("google") is None or find_spec("google.auth") is None:
        assert not os.environ.get("CI"), "google-auth is not installed"
        pytest.skip("needs google-auth, which LiteLLM's image has")
    with standing_in(metadata_server) as metadata, standing_in(vertex_ai) as vertex:
        host = metadata.url.removeprefix("http://")
        pod = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "VERTEXAI_API_BASE": vertex.url}
        said = say(VERTEX, [("chat", "gemini-3.8-flash")], pod, tmp_path)
    assert said == ["hello from Vertex AI"]
    assert any(asked.path.partition("?")[0].endswith("/default/token") for asked in metadata.asked)
    assert {asked.headers["metadata-flavor"] for asked in metadata.asked} == {"Google"}
    assert vertex.one().headers["authorization"] == "Bearer token-of-the-metadata-server"
