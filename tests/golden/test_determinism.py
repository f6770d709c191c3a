"""One catalog gives the same bytes, whatever the machine, the place, the hash seed, the order of keys."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.emit import document
from compiler.pipeline import render

SEEDS = range(5)

# Prints the SHA-256 of every file of the output, and every diagnostic, of each catalog named.
RENDER = """
import json, sys
from hashlib import sha256
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from compiler.pipeline import render
found = []
for path in sys.argv[2:]:
    outcome = render(Path(path), "catalog.yaml")
    files = {path: sha256(raw).hexdigest() for path, raw in (outcome.bundle or {}).items()}
    found.append([list(files.items()), [repr(d) for d in outcome.diagnostics]])
print(json.dumps(found))
"""

# Where the order of keys could show: annotations, resources, several gateways, requirements, tiers.
MANY_KEYS = """\
apiVersion: interlock/v1
name: many-keys
target: {kubernetes: "1.35", platform: eks}
gateways:
  llm-router:
    namespace: llm
    service:
      type: LoadBalancer
      internal: true
      annotations:
        zone: eu
        example.com/team: platform
        service.beta.kubernetes.io/aws-load-balancer-type: nlb
        a: "1"
    resources: {limits: {memory: 3Gi, cpu: "2"}, requests: {memory: 2Gi, cpu: "1"}}
  b-gateway: {namespace: llm, replicas: {min: 1, max: 1}}
  a-gateway: {namespace: edge, auth: {master_key: {secret: edge, key: master}}}
providers:
  openai: {type: openai, api_key: {secret: keys, key: openai}, residency: us}
  mistral: {type: mistral, api_key: {secret: keys, key: mistral}, residency: eu}
  bedrock-b:
    type: bedrock
    region: eu-west-1
    gateway: b-gateway
    identity: {service_account: b, aws_role_arn: "arn:aws:iam::123456789012:role/b"}
  vertex-a:
    type: vertex_ai
    project: {config_map: vertex, key: project}
    location: europe-west1
    gateway: a-gateway
    identity: {service_account: a, gcp_service_account: a@example.iam.gserviceaccount.com}
models:
  z:
    provider: openai
    context_window: 128000
    max_output_tokens: 4096
    price: {input: 1.5, output: 6, tiers: [{above_context: 64000, input: 3, output: 12}]}
    quality: 80
    latency_ms: 700
    modes: [chat, completion]
    capabilities: [vision, json_mode]
    fallbacks: [m, a]
  m: {provider: mistral, context_window: 32000, quality: 80, latency_ms: 700, capabilities: [json_mode]}
  a:
    deployments:
      - {provider: vertex-a, id: gemini-x, region: europe-west4, rpm: 60, tpm: 10000}
      - {provider: bedrock-b, id: claude-x, weight: 2}
      - {provider: openai, id: gpt-x, weight: 1}
    context_window: 200000
    quality: 80
    latency_ms: 700
strategies:
  quality:
    order: quality
    requirements: {min_quality: 50, capabilities: [], max_price: {output: 100, input: 50}}
    single_provider: no other price is known
  latency: {order: latency, select: {min_context_window: 1000, modes: [chat]}}
  listed: {candidates: [z, a, m]}
requirements: {min_context_window: 1000, exclude_providers: []}
fallback: {providers: [vertex-a, openai], timeout_s: 20.5, cooldown: {seconds: 5, failures: 1}}
"""


def digests(bundle: Mapping[str, bytes]) -> dict[str, str]:
    return {path: sha256(raw).hexdigest() for path, raw in bundle.items()}


def rendered(path: Path) -> dict[str, bytes]:
    outcome = render(path, "catalog.yaml")
    assert outcome.bundle is not None, [(d.code, d.message) for d in outcome.diagnostics]
    return dict(outcome.bundle)


@pytest.fixture(scope="module")
def many_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("many-keys") / "catalog.yaml"
    path.write_text(MANY_KEYS, encoding="utf-8")
    return path


def locales() -> list[str]:
    ran = (
        subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False)
        if shutil.which("locale")
        else None
    )
    installed = {name.lower().replace("-", "") for name in ran.stdout.split()} if ran else set()
    return [
        name
        for name in ("C.UTF-8", "tr_TR.UTF-8", "de_DE.UTF-8")
        if name.lower().replace("-", "") in installed
    ]


def elsewhere() -> list[dict[str, str]]:
    """Environments that differ in all that could show, in several things each: a render takes a while."""
    zones = ["UTC", "America/St_Johns", "Pacific/Kiritimati"]
    plain = [
        {"PYTHONHASHSEED": "0", "LC_ALL": "C", "TZ": zones[0], "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONHASHSEED": "1", "LC_ALL": "POSIX", "TZ": zones[1], "NO_COLOR": "1", "COLUMNS": "20"},
        {"PYTHONHASHSEED": "random", "LC_ALL": "C", "TZ": zones[2], "PYTHONOPTIMIZE": "2"},
    ]
    return plain + [{"PYTHONHASHSEED": "random", "LC_ALL": name, "TZ": zones[2]} for name in locales()]


def test_the_machine_does_not_show(root: Path, reference: Path, many_keys: Path, tmp_path: Path) -> None:
    """Hash seed, locale, time zone, working directory, and where the catalog and the checkout are."""
    copy = tmp_path / "another checkout" / "catalog"
    copy.mkdir(parents=True)
    for number, path in enumerate((reference, many_keys)):
        shutil.copy(path, copy / f"{number}.yaml")

    def run(variables: dict[str, str], folder: Path, catalogs: list[str]) -> Any:
        inherited = {
            name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "VIRTUAL_ENV") if name in os.environ
        }
        ran = subprocess.run(
            [sys.executable, "-c", RENDER, str(root), *catalogs],
            env={**inherited, **variables}, cwd=folder, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    here = [str(reference), str(many_keys)]
    jobs = [(variables, root, here) for variables in elsewhere()]
    jobs[1] = (jobs[1][0], copy, ["0.yaml", "1.yaml"])
    with ThreadPoolExecutor(max_workers=2) as pool:
        found = list(pool.map(lambda job: run(*job), jobs))
    for (files, _), path in zip(found[0], (reference, many_keys), strict=True):
        assert dict(files) == digests(rendered(path))
    for (variables, folder, _), other in zip(jobs, found, strict=True):
        assert other == found[0], f"differs with {variables} in {folder}"


def test_a_second_render_in_the_same_process_is_the_same(reference: Path, many_keys: Path) -> None:
    first, between, second = rendered(reference), rendered(many_keys), rendered(reference)
    assert list(first.items()) == list(second.items())
    assert between != first


def generator(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # shuffles keys, and must do so again


def permuted(data: Any, rng: random.Random) -> Any:
    """The same data, the keys of every mapping in another order. Lists keep theirs: it means something."""
    if isinstance(data, dict):
        keys = list(data)
        rng.shuffle(keys)
        return {key: permuted(data[key], rng) for key in keys}
    if isinstance(data, list):
        return [permuted(item, rng) for item in data]
    return data


def test_a_permutation_keeps_the_data_and_moves_keys(reference: Path) -> None:
    data = yaml.safe_load(reference.read_text(encoding="utf-8"))
    texts = {document(permuted(data, generator(seed))) for seed in SEEDS}
    assert len(texts) == len(SEEDS)
    assert all(yaml.safe_load(text) == data for text in texts)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_keys_in_the_reference_does_not_show(reference: Path, tmp_path: Path, seed: int) -> None:
    assert_same(reference, tmp_path, seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_keys_does_not_show(many_keys: Path, tmp_path: Path, seed: int) -> None:
    assert_same(many_keys, tmp_path, seed)


def assert_same(path: Path, folder: Path, seed: int) -> None:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    other = folder / "catalog.yaml"
    other.write_text(document(permuted(data, generator(seed))), encoding="utf-8")
    first, second = rendered(path), rendered(other)
    digest = digests(first)
    assert [p for p, value in digests(second).items() if digest.get(p) != value] == []
    assert list(first) == list(second)


def test_line_endings_and_comments_of_the_catalog_do_not_show(many_keys: Path, tmp_path: Path) -> None:
    text = many_keys.read_text(encoding="utf-8")
    other = tmp_path / "catalog.yaml"
    for variant in (text.replace("\n", "\r\n"), "\ufeff" + text, "# a comment\n---\n" + text + "...\n"):
        other.write_bytes(variant.encode())
        assert digests(rendered(other)) == digests(rendered(many_keys))
