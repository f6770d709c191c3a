"""`interlock simulate` as a user types it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli

CATALOG = """
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  claude: {provider: anthropic, context_window: 200000, max_output_tokens: 4096, modes: [chat],
           capabilities: [], latency_ms: 1500, price: {input: 3, output: 15}}
  gpt: {provider: openai, context_window: 128000, max_output_tokens: 4096, modes: [chat], capabilities: [],
        latency_ms: 900, price: {input: 2, output: 8}}
strategies: {quality: {default: true, candidates: [claude, gpt]}}
"""
TRAFFIC = """
traffic:
  - {name: summaries, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.yaml"
    path.write_text(CATALOG + TRAFFIC, encoding="utf-8")
    return path


def simulate(catalog: Path, *flags: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli, ["simulate", str(catalog), *map(str, flags)], input=stdin)


def data(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_it_says_what_matters_first(catalog: Path) -> None:
    result = simulate(catalog, "--down", "anthropic@1h..2h")
    assert result.exit_code == 0
    head, scenario, _, runs, served, *_ = result.stdout.splitlines()
    assert head.endswith("requests over 1d, the traffic that gateway declares, seed 1")
    assert scenario == "scenario: down anthropic@1h..2h"
    assert runs.split() == ["baseline", "scenario"]
    assert served.split() == ["served", "100.00", "%", "100.00", "%"]
    assert "gpt (openai)" in result.stdout
    assert result.stderr == ""


def test_without_a_scenario_there_is_one_column(catalog: Path) -> None:
    result = simulate(catalog)
    assert "no scenario: as the catalog stands" in result.stdout
    assert "baseline" not in result.stdout
    assert data(simulate(catalog, "--format", "json"))["scenario"] is None


def test_json_has_the_same_keys_for_both_runs(catalog: Path) -> None:
    found = data(simulate(catalog, "--format", "json", "--errors", "claude=10%"))
    assert found["baseline"].keys() == found["scenario"].keys()
    assert found["baseline"]["latency_ms"].keys() == {"p50", "p90", "p95", "p99"}
    assert found["scenario"]["failed_calls"][0]["model"] == "claude"
    assert found["scenario_words"] == ["errors claude=10%"]


def test_markdown_is_tables_and_what_is_long_is_folded(catalog: Path) -> None:
    text = simulate(catalog, "--format", "markdown", "--down", "anthropic").stdout
    assert "|  | baseline | scenario |\n| --- | ---: | ---: |\n| served |" in text
    assert text.count("<details>") == text.count("</details>") > 2


def test_so_many_requests_are_so_many(catalog: Path) -> None:
    found = data(simulate(catalog, "--requests", "500", "--format", "json"))
    assert found["requests"] == 500
    assert found["seconds"] == pytest.approx(43_200, rel=0.2)


def test_a_share_that_is_too_small_exits_with_one(catalog: Path) -> None:
    both = ("--down", "anthropic@6h..12h", "--down", "openai@6h..12h")
    result = simulate(catalog, *both, "--fail-under-served", "99")
    assert result.exit_code == 1
    assert result.stderr.startswith("served 7")
    assert result.stderr.endswith(" %, less than 99 %\n")
    assert simulate(catalog, *both, "--fail-under-served", "70").exit_code == 0
    assert simulate(catalog, "--fail-under-served", "100").exit_code == 0


def test_a_scenario_can_be_a_file_and_flags_add_to_it(catalog: Path, tmp_path: Path) -> None:
    file = tmp_path / "monday.yaml"
    file.write_text(
        "description: Monday\ndown: anthropic@1h..2h\nlimits: off\ngrowth: 2x\n", encoding="utf-8"
    )
    found = data(simulate(catalog, "--scenario", file, "--slow", "openai=2x", "--format", "json"))
    assert found["scenario_words"] == ["down anthropic@1h..2h", "slow openai=2x", "limits off", "growth 2x"]
    assert found["scenario"]["requests"] == 2 * found["baseline"]["requests"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dwn: openai\n", "unknown word 'dwn'; did you mean 'down'?"),
        ("down: opnai\n", "'opnai' does not exist; did you mean 'openai'?"),
        ("down: [\n", "monday.yaml"),
        ("", "a scenario is a mapping of: down"),
    ],
)
def test_a_files_mistakes_are_usage_errors(catalog: Path, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "monday.yaml"
    file.write_text(text, encoding="utf-8")
    result = simulate(catalog, "--scenario", file)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--down", "opnai"), "'opnai' does not exist; did you mean 'openai'?"),
        (("--errors", "claude"), "'claude': write NAME=VALUE; for example openai=5%:429"),
        (("--gateway", "llm-rooter"), "did you mean 'llm-router'?"),
        (("--hours", "1", "--requests", "1"), "--hours and --requests both say when to end: give one"),
        (("--scenario", "nowhere.yaml"), "nowhere.yaml"),
        (("--log", "nowhere.jsonl"), "No such file"),
        (("--growth", "2"), "is no factor such as 2x"),
        (("--rate", "0"), "--rate"),
    ],
)
def test_wrong_usage_is_told(catalog: Path, flags: tuple[str, ...], message: str) -> None:
    result = simulate(catalog, *flags)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_catalog_without_traffic_is_told_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(CATALOG, encoding="utf-8")
    result = simulate(path)
    assert result.exit_code == 2
    assert "the catalog declares no `traffic`: add lines to it, or play a log with --log" in result.stderr


def test_a_time_in_which_nothing_comes_is_told(catalog: Path) -> None:
    result = simulate(catalog, "--hours", "0.000001")
    assert result.exit_code == 1
    assert "no request came within 0.0036s: play longer (--hours), or give --requests" in result.stderr


def test_a_log_comes_from_a_file_or_from_stdin(catalog: Path, tmp_path: Path) -> None:
    lines = b"".join(
        json.dumps({"timestamp": at, "body": {"model": name, "messages": []}}).encode() + b"\n"
        for at, name in enumerate(["claude", "gpt", "gpt-5", "auto/quality"])
    )
    file = tmp_path / "requests.jsonl"
    file.write_bytes(lines)
    by_file = data(simulate(catalog, "--log", file, "--format", "json"))
    by_stdin = data(simulate(catalog, "--log", "-", "--format", "json", stdin=lines))
    assert by_file["baseline"] == by_stdin["baseline"]
    assert {row["model"]: row["answered"] for row in by_file["baseline"]["models"]} == {"claude": 2, "gpt": 1}
    assert by_file["baseline"]["refused"] == {"model_not_found": 1}
    assert data(simulate(catalog, "--log", file, "--requests", "2", "--format", "json"))["requests"] == 2


def test_lines_that_cannot_be_played_are_named_and_counted(catalog: Path, tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_text('{"model": "gpt"}\nnonsense\n' + "[]\n" * 20, encoding="utf-8")
    result = simulate(catalog, "--log", file)
    assert result.exit_code == 0
    assert f"{file}:2: is not JSON\n{file}:3: is not a JSON object\n" in result.stderr
    assert "and 11 more lines that cannot be played" in result.stderr
    assert "21 of 22 lines of the log cannot be played and are left out" in result.stdout


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "there is no request to play: it is empty"),
        (b"\n\n", "there is no request to play: it is empty"),
        (b"{}\n{}\n", "none of its lines can be played: is no request: it has none of model"),
        (b"\x00\xff", "none of its lines can be played: is not JSON (1)"),
    ],
)
def test_a_log_without_a_request_is_an_error(
    catalog: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_bytes(content)
    result = simulate(catalog, "--log", file)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_catalog_that_is_none_is_told_as_by_validate(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("models: [\n", encoding="utf-8")
    result = simulate(path)
    assert result.exit_code == 1
    assert "error[IL" in result.stderr


def test_a_catalog_that_does_not_compile_is_played_all_the_same_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    one = CATALOG.replace("candidates: [claude, gpt]", "candidates: [claude]")
    path.write_text(one + TRAFFIC, encoding="utf-8")
    result = simulate(path)
    assert result.exit_code == 0
    assert "this catalog does not compile" in result.stderr
    assert "claude (anthropic)" in result.stdout


def test_nothing_of_litellm_is_loaded(catalog: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-X", "importtime", "-m", "compiler", "simulate", str(catalog)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in ran.stderr.splitlines()}
    assert "compiler" in loaded
    assert loaded.isdisjoint({"litellm", "kubernetes", "jinja2"})
