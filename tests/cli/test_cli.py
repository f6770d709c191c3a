"""The commands as a user types them: exit codes, streams, formats, help, and what they never import."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from compiler.cli import VERBS, cli

NEWCOMER = """\
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
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    path = tmp_path / "catalog" / "gateway.yaml"
    path.write_text(NEWCOMER)
    return path


def interlock(
    *arguments: str | Path, cwd: Path, stdin: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "compiler", *map(str, arguments)]
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, "PYTHONPATH": root, **environment}, input=stdin,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_first_day_of_a_newcomer(catalog: Path) -> None:
    work = catalog.parent.parent
    assert interlock("validate", cwd=work).returncode == 0
    rendered = interlock("render", cwd=work)
    count = sum(path.is_file() for path in (work / "out" / "gateway").rglob("*"))
    assert (rendered.returncode, rendered.stdout) == (0, f"out/gateway: {count} files, {count} added\n")
    assert interlock("render", cwd=work).stdout == f"out/gateway: {count} files, unchanged\n"
    assert interlock("check", cwd=work).returncode == 0
    catalog.write_text(NEWCOMER.replace("cost: {order: cost}", "cost: {order: latency}"))
    stale = interlock("check", cwd=work)
    assert stale.returncode == 1
    assert "error[IL904]: gateway/ROUTES.md differs" in stale.stderr
    assert "-| cost | cost |" in stale.stdout
    assert "+| cost | latency |" in stale.stdout


def test_problems_exit_with_1_and_show_the_place(catalog: Path) -> None:
    catalog.write_text(NEWCOMER.replace("candidates: [claude-sonnet-5", "candidates: [claude-sonet-5"))
    done = interlock("validate", "catalog/gateway.yaml", cwd=catalog.parent.parent)
    assert done.returncode == 1
    assert "catalog/gateway.yaml:10:26" in done.stderr
    assert "did you mean 'claude-sonnet-5'?" in done.stderr
    rendered = interlock("render", cwd=catalog.parent.parent)
    assert rendered.returncode == 1
    assert not (catalog.parent.parent / "out").exists()


def test_json_is_for_programs(catalog: Path) -> None:
    catalog.write_text(NEWCOMER.replace("order: cost", "order: cots"))
    done = interlock("validate", "--format", "json", cwd=catalog.parent.parent)
    (found,) = json.loads(done.stdout)
    assert (found["code"], found["line"], found["column"], found["file"]) == (
        "IL204",
        11,
        17,
        "catalog/gateway.yaml",
    )
    assert done.stderr == ""


def test_several_catalogs_are_judged_together_and_none_is_half_written(catalog: Path) -> None:
    (catalog.parent / "other.yaml").write_text(NEWCOMER.replace("name: gateway", "name: gateway"))
    done = interlock("render", cwd=catalog.parent.parent)
    assert done.returncode == 1
    assert "another catalog is named 'gateway' too" in done.stderr
    assert not (catalog.parent.parent / "out").exists()


def test_explain_agrees_with_the_gateway_on_a_body_from_stdin(catalog: Path) -> None:
    body = json.dumps(
        {"routing_strategy": "cost", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 5}
    )
    done = interlock("explain", "--request", "-", "--format", "json", cwd=catalog.parent.parent, stdin=body)
    content = json.loads(done.stdout)
    assert content["route"] == ["claude-sonnet-5", "gpt-5.4"]
    assert [candidate["eligible"] for candidate in content["candidates"]] == [True, True]


def explained(*arguments: str, cwd: Path) -> dict[str, Any]:
    done = interlock("explain", *arguments, "--format", "json", cwd=cwd)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_explain_looks_as_a_key_does(catalog: Path) -> None:
    work = catalog.parent.parent
    one = explained("--key-models", "gpt-5.4", cwd=work)
    assert (one["route"], one["candidates"][0]["reasons"]) == (["gpt-5.4"], ["this key may not use it"])
    granted = explained("--key-models", "auto/cost, gpt-5.4", "-H", "X-Routing-Strategy: cost", cwd=work)
    assert (granted["asked_by"], granted["route"]) == ("header", ["claude-sonnet-5", "gpt-5.4"])


def test_explain_shows_the_whole_catalog_while_providers_are_down(catalog: Path) -> None:
    work = catalog.parent.parent
    text = interlock("explain", "--outages", cwd=work).stdout
    assert re.search(r"^anthropic +gpt-5\.4 +gpt-5\.4$", text, re.MULTILINE)
    answers = explained("--outages", cwd=work)["answers"]
    assert {(a["strategy"], a["down"]): a["model"] for a in answers} == {
        ("cost", None): "claude-sonnet-5",
        ("cost", "anthropic"): "gpt-5.4",
        ("cost", "openai"): "claude-sonnet-5",
        ("quality", None): "claude-sonnet-5",
        ("quality", "anthropic"): "gpt-5.4",
        ("quality", "openai"): "claude-sonnet-5",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["vaildate"], 2, "Did you mean 'validate'?"),
        (["validate", "--format", "xml"], 2, "'xml' is not one of"),
        (["validate", "nothing.yaml"], 1, "IL101"),
        (["explain", "--down", "opnai"], 2, "did you mean 'openai'?"),
        (["explain", "--gateway", "router"], 2, "llm-router"),
        (["explain", "--require", "min_quality"], 2, "KEY=VALUE"),
        (["explain", "--key-models", "gpt-5.4,claude-sonet-5"], 2, "did you mean 'claude-sonnet-5'?"),
        (["explain", "--key-models", "auto/qualty"], 2, "did you mean 'auto/quality'?"),
        (["explain", "--header", "x-strategy: cost"], 2, "x-routing-strategy: <strategy>"),
        (["explain", "--outages", "--down", "openai"], 2, "--down describes one request"),
        (["explain", "--outages", "--key-models", "gpt-5.4"], 2, "--key-models describes one request"),
        (["explain", "--outages", "--require", "min_quality=5"], 2, "--require describes one request"),
        (["explain", "--key-models", "gpt-5.4", "--model", "claude-sonnet-5"], 1, ""),
        (["explain", "--strategy", "fast"], 1, ""),
        (["explain", "--request", "-"], 1, "not JSON"),
        (["dev", "--down", "opnai"], 2, "did you mean 'openai'?"),
        (["render", "-o", "catalog/gateway.yaml"], 2, "is a file"),
    ],
)
def test_wrong_usage(catalog: Path, arguments: list[str], code: int, words: str) -> None:
    done = interlock(*arguments, cwd=catalog.parent.parent, stdin="{")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_catalogs_is_wrong_usage(tmp_path: Path) -> None:
    done = interlock("validate", cwd=tmp_path)
    assert (done.returncode, "there is no folder catalog/ here" in done.stderr) == (2, True)
    done = interlock("validate", ".", cwd=tmp_path)
    assert (done.returncode, "no catalog in ./" in done.stderr) == (2, True)


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_has_help_with_an_example(verb: str) -> None:
    result = CliRunner().invoke(cli, [verb, "--help"], prog_name="interlock")
    assert result.exit_code == 0
    assert re.search(rf"Example:\n(  .*\n)*\s+interlock {verb}", result.output), result.output


def test_an_unwritable_output_keeps_the_old_one(catalog: Path) -> None:
    work = catalog.parent.parent
    (work / "file").write_text("mine")
    done = interlock("render", "-o", "file/out", cwd=work)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert (work / "file").read_text() == "mine"


@pytest.mark.parametrize(
    "arguments", [["validate"], ["render"], ["check"], ["explain"], ["schema"], ["--help"]]
)
def test_the_heavy_packages_are_never_imported(catalog: Path, arguments: list[str]) -> None:
    done = interlock(*arguments, cwd=catalog.parent.parent, PYTHONPROFILEIMPORTTIME="1")
    imported = {
        line.rsplit("|", 1)[-1].strip().split(".")[0] for line in done.stderr.splitlines() if "|" in line
    }
    assert "compiler" in imported
    assert not imported & {"litellm", "kubernetes", "jsonschema", "openai", "pydantic", "requests"}
    if arguments not in (["render"], ["check"]):  # lists
        assert "jinja2" not in imported


def test_colour_is_for_terminals_alone(catalog: Path) -> None:
    catalog.write_text("apiVersion: interlock/v1\n")
    assert "\x1b[" not in interlock("validate", cwd=catalog.parent.parent).stderr


def test_dev_says_what_is_missing(catalog: Path) -> None:
    hidden = "import sys, runpy; sys.modules['fastapi'] = None; sys.argv = ['interlock', 'dev']; "
    code = hidden + "import importlib.util as u; f = u.find_spec; "
    code += "u.find_spec = lambda n, *a: None if n == 'fastapi' else f(n, *a); "
    code += "runpy.run_module('compiler', run_name='__main__')"
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=catalog.parent.parent, env={**os.environ, "PYTHONPATH": root},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'interlock-llm[proxy]' (missing: fastapi)" in done.stderr
