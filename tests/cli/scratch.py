"""A user's repository, in which commands are run as they stand in examples, workflows and guides."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from compiler.pipeline import render
from compiler.write import write

ROOT = Path(__file__).resolve().parents[2]
GATEWAY = """\
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
  cost: {order: cost}
traffic:
  - {name: tickets, strategy: cost, requests_per_day: 200, prompt_tokens: 800, completion_tokens: 100}
"""
REQUESTS = """\
{"model": "gpt-5.4", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 20}
{"routing_strategy": "cost", "messages": [{"role": "user", "content": "Summarise this ticket."}]}
{"model": "auto/quality", "messages": [{"role": "user", "content": "Read this."}], "user": "ada"}
"""
LITELLM = """\
model_list:
  - model_name: gpt-5.4
    litellm_params: {model: openai/gpt-5.4, api_key: os.environ/OPENAI_API_KEY}
"""


def repository(folder: Path, *, shipped: bool = False) -> Path:
    """Makes one of two commits, the first of which is origin/main: a catalog, its output, a few requests.

    What the second commit changes is the order of candidates. `shipped` adds the catalogs of this repository.
    """
    if shipped:
        shutil.copytree(ROOT / "catalog", folder / "catalog")
    (folder / "catalog").mkdir(exist_ok=True)
    files = {"requests.jsonl": REQUESTS, "traffic.jsonl": REQUESTS, "config.yaml": LITELLM}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".gitignore").write_text("/*.md\n/*.xml\n/*.sarif\n", encoding="utf-8")
    before = GATEWAY.replace("[claude-sonnet-5, gpt-5.4]", "[gpt-5.4, claude-sonnet-5]")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    for text, message in ((before, "before"), (GATEWAY, "after")):
        catalog = folder / "catalog" / "gateway.yaml"
        catalog.write_text(text, encoding="utf-8")
        write(render(catalog).bundle or {}, folder / "out" / "gateway")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", message)
    git(folder, "update-ref", "refs/remotes/origin/main", "HEAD~1")
    return folder


def git(folder: Path, *words: str) -> str:
    named = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *named, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def copy(template: Path, folder: Path) -> Path:
    """A repository of the same content, with `interlock` in a folder bin/ beside it."""
    shutil.copytree(template, folder)
    program(folder, "interlock", f'exec {shlex.quote(sys.executable)} -m compiler "$@"\n')
    return folder


def program(folder: Path, name: str, script: str) -> None:
    """Puts a shell script into bin/ beside a repository."""
    path = folder.parent / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
    path.chmod(0o755)


def run(
    script: str, folder: Path, *options: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A script in a repository, by bash with those options."""
    path = f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", *options, "-c", script], cwd=folder, capture_output=True, text=True, check=False,
        timeout=120, env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **(env or {})},
    )  # fmt: skip
