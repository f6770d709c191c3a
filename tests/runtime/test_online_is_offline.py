"""`decide()` says offline what the real proxy does online: 2,000 random catalogs, each with a random request.

Every provider fails every call, so that the proxy walks its whole route: it must call each deployment of each
model of the decision once, in that order, and no other. A refusal is the same text in both.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from compiler.dev.processes import environment

pytestmark = pytest.mark.proxy

SEED = 1
PAIRS = 2_000
PROCESSES = 2
DEADLINE_S = 600


@pytest.fixture(scope="module")
def results(root: Path) -> list[dict[str, Any]]:
    """Of each process, which share the pairs: one proxy in each, catalogs one after the other."""
    script = str(Path(__file__).with_name("in_process.py"))
    share = PAIRS // PROCESSES
    children = [
        subprocess.Popen(
            [sys.executable, script, str(SEED), str(share), str(number * share)],
            cwd=root,
            env=environment() | {"PYTHONPATH": str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    try:
        said = [child.communicate(timeout=DEADLINE_S) for child in children]
    finally:
        for child in children:
            child.kill()
    assert all(child.returncode == 0 for child in children), "".join(errors[-3000:] for _, errors in said)
    return [json.loads(output) for output, _ in said]


def test_what_is_decided_offline_is_what_the_proxy_does(
    results: list[dict[str, Any]], record_property: Any
) -> None:
    record_property("report", _report(results))
    wrong = [case for result in results for case in result["wrong"]]
    problems = [f"in_process.py {SEED} 1 {case['number']}: {case['problem']}" for case in wrong[:20]]
    smallest = json.dumps(min(wrong, key=_size, default=None), indent=1)
    assert not wrong, "\n".join([f"{len(wrong)} of {PAIRS} differ:", *problems, "the smallest:", smallest])


def test_the_pairs_are_of_every_sort(results: list[dict[str, Any]]) -> None:
    """A generator that went astray would agree with anything."""
    seen = _seen(results)
    assert sum(count for mark, count in seen.items() if mark.startswith("endpoint")) == PAIRS
    routed = sum(count for mark, count in seen.items() if mark.startswith("routed"))
    assert routed > PAIRS / 3
    rare = (
        "routed canary", "routed filtered", "routed pinned", "routed pinned_unfit", "with a second lap",
        "with several deployments of one priority", "refused unknown_strategy", "refused unknown_requirement",
        "refused invalid_requirement", "refused model_not_found", "refused no_eligible_model",
        "endpoint /v1/embeddings", "endpoint /v1/completions streaming", "endpoint /v1/responses streaming",
        "endpoint /v1/messages streaming",
    )  # fmt: skip
    assert {mark: seen[mark] for mark in rare if seen[mark] < PAIRS / 250} == {}


def _size(case: dict[str, Any]) -> int:
    return len(json.dumps(case))


def _seen(results: list[dict[str, Any]]) -> Counter[str]:
    seen: Counter[str] = Counter()
    for result in results:
        seen.update(result["seen"])
    return seen


def _report(results: list[dict[str, Any]]) -> str:
    seconds = max(result["seconds"] for result in results)
    wrong = sum(len(result["wrong"]) for result in results)
    lines = [f"online is offline: {PAIRS:,} random catalogs and requests in {seconds:.0f} s, {wrong} differ"]
    return "\n".join([*lines, *(f"{count:6} {mark}" for mark, count in sorted(_seen(results).items()))])
