"""A real Prometheus that scrapes running gateways, as `monitoring/scrape.yaml` has it scrape pods."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from compiler.dev.ports import HOST, hold
from compiler.dev.session import DevGateways

BINARY = shutil.which("prometheus")
needs_prometheus = pytest.mark.skipif(
    BINARY is None and not os.environ.get("CI"), reason="prometheus is not installed"
)
ROUTER = "llm-router"
_DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Prometheus:
    """One that runs; `url` is its base URL."""

    url: str

    def ask(self, path: str, **params: str) -> Any:
        """The `data` of an answer of its HTTP API, below /api/v1. Raises AssertionError when it refuses."""
        answer = requests.get(f"{self.url}/api/v1/{path}", params=params, timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> dict[str, float]:
        """The labels of each row of the instant now (as JSON, by name) → its value."""
        rows = self.ask("query", query=expression)["result"]
        return {json.dumps(row["metric"], sort_keys=True): float(row["value"][1]) for row in rows}

    def value(self, expression: str) -> float:
        """The one value of an expression that has one row."""
        (found,) = self.query(expression).values()
        return found

    def wait(
        self,
        expression: str,
        fits: Callable[[dict[str, float]], bool] = bool,
        deadline_s: float = _DEADLINE_S,
    ) -> dict[str, float]:
        """What `query` gives as soon as it `fits`: by default, as soon as there is a row."""
        until = time.monotonic() + deadline_s
        while not fits(found := self.query(expression)):
            assert time.monotonic() < until, f"{expression}: {found}"
            time.sleep(0.5)
        return found

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        alerts = self.ask("alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def wait_for_alert(self, name: str, *, fires: bool = True, deadline_s: float = _DEADLINE_S) -> None:
        until = time.monotonic() + deadline_s
        while (name in self.firing()) is not fires:
            assert time.monotonic() < until, f"{name} does {'not fire' if fires else 'still fire'}"
            time.sleep(0.5)

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that is loaded, with its `health`."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]


@contextmanager
def prometheus_of(
    gateways: DevGateways, catalog: str, workdir: Path, rules: Sequence[Path] = (), *, interval: str = "1s"
) -> Iterator[Prometheus]:
    """Scrapes and evaluates every `interval`; each page has the labels `catalog` and `gateway`.

    `rules` are rule files; `workdir` must exist. Yields when each gateway has been scraped.
    """
    pages = {name: gateways.metrics_url(name) for name in gateways.pids()}
    (workdir / "prometheus.yml").write_text(json.dumps(_config(pages, catalog, rules, interval)))  # YAML too
    port = hold()
    port.release()
    command = [str(BINARY), f"--config.file={workdir}/prometheus.yml", f"--storage.tsdb.path={workdir}/data",
               f"--web.listen-address={HOST}:{port.number}"]  # fmt: skip
    with (
        (workdir / "prometheus.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as server,
    ):
        try:
            found = Prometheus(port.url)
            _wait_until_ready(found, server, workdir / "prometheus.log")
            found.wait("up == 1", lambda rows: len(rows) == len(pages))
            yield found
        finally:
            server.terminate()


def _config(pages: Mapping[str, str], catalog: str, rules: Sequence[Path], interval: str) -> dict[str, Any]:
    targets = [
        {
            "targets": [page.removeprefix("http://").removesuffix("/metrics")],
            "labels": {"catalog": catalog, "gateway": name},
        }
        for name, page in sorted(pages.items())
    ]
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": [str(path.resolve()) for path in rules],
        "scrape_configs": [{"job_name": "interlock", "static_configs": targets}],
    }


def _wait_until_ready(prometheus: Prometheus, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _DEADLINE_S
    while True:
        assert server.poll() is None, log.read_text()
        try:
            if requests.get(f"{prometheus.url}/-/ready", timeout=5).ok:
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)


# --- traffic --------------------------------------------------------------------------------------------


def ask(gateways: DevGateways, gateway: str = ROUTER, **body: Any) -> requests.Response:
    """A chat of one gateway; `body` may add to it, or take another prompt."""
    content = {"messages": [{"role": "user", "content": "What is an interlocking?"}], **body}
    return requests.post(f"{gateways.url(gateway)}/v1/chat/completions", json=content, timeout=60)


def usage(answer: requests.Response) -> tuple[int, int]:
    """The prompt's and the answer's tokens, as the client is told: a stream tells them to those who ask."""
    told = answer.text
    if told.startswith("data:"):
        lines = (line.removeprefix("data: ") for line in told.splitlines() if '"usage"' in line)
        told = next(lines)
    used = json.loads(told)["usage"]
    return used["prompt_tokens"], used["completion_tokens"]


def page(gateways: DevGateways, gateway: str = ROUTER) -> dict[str, float]:
    """What a gateway's metrics page says: the name with its labels → the value."""
    return samples(requests.get(gateways.metrics_url(gateway), timeout=30).text)


def samples(text: str) -> dict[str, float]:
    lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}
