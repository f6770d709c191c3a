"""The routing table is taken up by running proxies, in every worker; one that is not fit is refused."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from compiler.runtime.table import digest
from tests.runtime.running import gateways_of, replicas

pytestmark = pytest.mark.proxy

CATALOG = """
apiVersion: interlock/v1
name: reload
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  one: {provider: anthropic, context_window: 1000, price: {input: 1, output: 1}}
  two: {provider: openai, context_window: 1000, price: {input: 2, output: 2}}
strategies: {chosen: {candidates: [one, two]}}
"""
WITHIN_S = 20.0  # two polls on a busy machine; a cluster adds the kubelet's minute
WORKERS = 2
Table = dict[str, Any]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reload")


@pytest.fixture(scope="module")
def proxy(work: Path) -> Iterator[tuple[str, Path]]:
    """(URL, folder) of a proxy of two workers."""
    with (
        gateways_of(CATALOG, work) as gateways,
        replicas(gateways, work, 1, workers=WORKERS) as started,
    ):
        yield next(iter(started.items()))


def table_of(folder: Path) -> Table:
    content: Table = json.loads((folder / "routing_table.json").read_text())
    return content


def put(folder: Path, text: str) -> None:
    """As a ConfigMap changes: another file takes the name at once."""
    new = folder / "new.json"
    new.write_text(text)
    os.replace(new, folder / "routing_table.json")  # noqa: PTH105  # the rename is the point


def signed(table: Table) -> Table:
    return {**table, "digest": digest(table)}


def answers(url: str, count: int = 12) -> list[Mapping[str, str]]:
    """The headers of some answers, each over a connection of its own, so that every worker is met."""
    body = {"messages": [{"role": "user", "content": "hi"}]}
    found = []
    for _ in range(count):
        answer = requests.post(f"{url}/v1/chat/completions", json=body, timeout=60)
        assert answer.status_code == 200, answer.text
        found.append(answer.headers)
    return found


def eventually(url: str, wanted: str) -> list[Mapping[str, str]]:
    """Answers, all of which are by the wanted table."""
    until = time.monotonic() + WITHIN_S
    while True:
        found = answers(url)
        if {one["x-interlock-table"] for one in found} == {wanted}:
            return found
        assert time.monotonic() < until, {one["x-interlock-table"] for one in found}
        time.sleep(0.5)


def test_a_changed_strategy_and_price_are_taken_up_by_every_worker(proxy: tuple[str, Path]) -> None:
    url, folder = proxy
    table = table_of(folder)
    assert {one["x-interlock-model"] for one in eventually(url, table["digest"])} == {"one"}
    table["strategies"]["chosen"]["candidates"] = ["two", "one"]
    for row in table["models"].values():
        row["deployments"][0]["price"] = [500.0, 700.0]
    changed = signed(table)
    put(folder, json.dumps(changed))
    found = eventually(url, changed["digest"])
    assert {one["x-interlock-model"] for one in found} == {"two"}
    costs = [(float(one["x-litellm-response-cost-input"]), 500e-6) for one in found]
    assert all(cost == pytest.approx(tokens_of_hi) for cost, tokens_of_hi in costs)
    table["strategies"]["chosen"]["candidates"] = ["one", "two"]
    put(folder, json.dumps(signed(table)))
    assert {one["x-interlock-model"] for one in eventually(url, signed(table)["digest"])} == {"one"}


def newer(table: Table) -> str:
    return json.dumps(signed({**table, "version": table["version"] + 1}))


def broken(table: Table) -> str:
    return json.dumps(table)[:-10]


def tampered(table: Table) -> str:
    return json.dumps({**table, "max_attempts": 1})


def ahead(table: Table) -> str:
    """Of a configuration that these processes have not got: a model that they do not serve."""
    row = {**table["models"]["one"]}
    row["deployments"] = [{**row["deployments"][0], "id": "anthropic/three"}]
    return json.dumps(signed({**table, "models": {**table["models"], "three": row}}))


def not_a_table(table: Table) -> str:
    return json.dumps([table])


def lacking(table: Table) -> str:
    return json.dumps({**table, "parts": ["routing_table-404.json"]})


UNFIT: list[tuple[Callable[[Table], str], str]] = [
    (newer, "routing table version 3: this plugin reads version 2"),
    (broken, "routing_table.json is not JSON"),
    (tampered, "its content is not that of digest"),
    (ahead, "this process does not serve three"),
    (not_a_table, "routing table version None"),
    (lacking, "routing_table-404.json"),
]


@pytest.mark.parametrize(("make", "words"), UNFIT)
def test_a_table_that_is_not_fit_is_refused_loudly(
    proxy: tuple[str, Path], work: Path, make: Callable[[Table], str], words: str
) -> None:
    url, folder = proxy
    table, log = table_of(folder), work / "replica-0.log"
    start = len(log.read_text())
    put(folder, make(table))
    try:
        _is_refused(url, log, start, words, table["digest"])
    finally:
        put(folder, json.dumps(table))


def _is_refused(url: str, log: Path, start: int, words: str, digest_in_force: str) -> None:
    until = time.monotonic() + WITHIN_S
    while log.read_text()[start:].count(words) < WORKERS:
        assert time.monotonic() < until, log.read_text()[start:]
        time.sleep(0.2)
    said = [line for line in log.read_text()[start:].splitlines() if words in line]
    assert all(f"table {digest_in_force} stays in force" in line for line in said)
    assert {one["x-interlock-table"] for one in answers(url)} == {digest_in_force}
