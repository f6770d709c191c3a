"""`interlock dev` as a user runs it: it starts, says what to try, what it says works, and Ctrl-C ends it."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

pytestmark = pytest.mark.proxy

CATALOG = """\
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  gpt-5.4: {provider: openai}
  claude-sonnet-5: {provider: anthropic}
strategies:
  quality: {candidates: [claude-sonnet-5, gpt-5.4]}
"""


def read_until(process: subprocess.Popen[str], words: str, deadline_s: float = 120) -> str:
    assert process.stdout is not None
    watch = threading.Timer(deadline_s, process.kill)
    watch.start()
    seen = ""
    try:
        for line in process.stdout:
            seen += line
            if words in line:
                return seen
    finally:
        watch.cancel()
    raise AssertionError(f"it ended without {words!r}: {seen}")


def test_dev_from_start_to_ctrl_c(tmp_path: Path, root: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(CATALOG)
    command = [sys.executable, "-m", "compiler", "dev", "gateway.yaml", "--down", "anthropic", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(root), "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    # A run in the background of a shell ignores Ctrl-C, and so would the process.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            said = read_until(process, "Ctrl-C stops everything.")
            assert "Simulated: the providers (anthropic, openai)." in said
            assert "Down: anthropic (connections are refused)." in said
            base = re.search(r"llm-router +(http://127\.0\.0\.1:\d+)/v1", said)
            control = re.search(r"control +(http://127\.0\.0\.1:\d+/control)", said)
            assert base is not None
            metrics = re.search(r"metrics of llm-router +(http://127\.0\.0\.1:\d+/metrics)", said)
            assert metrics is not None
            assert "interlock_table_info" in requests.get(metrics[1], timeout=30).text
            assert control is not None
            body = {"messages": [{"role": "user", "content": "hello"}]}
            answer = requests.post(base[1] + "/v1/chat/completions", json=body, timeout=60)
            assert answer.headers["x-interlock-model"] == "gpt-5.4"
            requests.delete(control[1] + "/anthropic", timeout=10).raise_for_status()
            answer = requests.post(base[1] + "/v1/chat/completions", json=body, timeout=60)
            assert answer.headers["x-interlock-model"] == "claude-sonnet-5"
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, rest
    assert rest.strip().endswith("Stopped.")
    with pytest.raises(requests.ConnectionError):
        requests.get(base[1] + "/health/liveliness", timeout=5)
    assert not list(tmp_path.glob("interlock-dev-*"))
