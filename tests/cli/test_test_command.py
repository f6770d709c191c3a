"""`interlock test` as a user types it: text, JSON, JUnit, exit codes, coverage with a floor."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner, Result

from compiler.cli import cli

CATALOG = """\
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  gpt-5.4: {provider: openai, price: {input: 2.5, output: 15}}
  claude-sonnet-5: {provider: anthropic, price: {input: 3, output: 15}}
strategies:
  quality: {candidates: [claude-sonnet-5, gpt-5.4]}
"""
PASSES = """\
tests:
  - name: the best comes first
    request: {routing_strategy: quality}
    expect: {model: claude-sonnet-5}
"""
FAILS = """\
  - name: Anthropic <is> down
    down: [anthropic]
    request: {routing_strategy: quality}
    expect: {model: claude-sonnet-5, provider: anthropic}
"""
EXPLAINED = """\
catalog/gateway.yaml:15: FAILED Anthropic <is> down: model: expected claude-sonnet-5, came gpt-5.4; \
provider: expected anthropic, came openai
    asked: strategy quality; prompt about 0 tokens; anthropic down
    route: gpt-5.4
      ✗  claude-sonnet-5  provider anthropic is down
      1. gpt-5.4          about $0.007500
catalog/gateway.yaml: 1 passed, 1 failed
coverage: 75 % (strategies 1/1, hops 1/2, requirements 0/0, outages 1/1)
  not covered: strategy quality, hop 2 (gpt-5.4): no test of it expects this model
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("catalog/gateway.yaml")
    path.parent.mkdir()
    path.write_text(CATALOG + PASSES + FAILS)
    return path


def interlock_test(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["test", *arguments], prog_name="interlock")


def test_a_failure_is_a_line_with_its_place_and_an_explanation(catalog: Path) -> None:
    done = interlock_test()
    assert (done.exit_code, done.stdout, done.stderr) == (1, EXPLAINED, "")


def test_when_all_pass(catalog: Path) -> None:
    catalog.write_text(CATALOG + PASSES)
    done = interlock_test("catalog/gateway.yaml")
    assert done.exit_code == 0
    assert done.stdout == (
        "catalog/gateway.yaml: 1 passed, 0 failed\n"
        "coverage: 50 % (strategies 1/1, hops 1/2, requirements 0/0, outages 0/1)\n"
        "  not covered: strategy quality, hop 2 (gpt-5.4): no test of it expects this model\n"
        "  not covered: strategy quality with anthropic down (gpt-5.4 answers, by openai): "
        "no test takes it down\n"
    )


def test_tests_by_their_names(catalog: Path) -> None:
    done = interlock_test("-k", "best")
    assert (done.exit_code, done.stdout) == (0, "catalog/gateway.yaml: 1 passed, 0 failed\n")
    (catalog.parent / "other.yaml").write_text(CATALOG.replace("name: gateway", "name: other"))
    assert interlock_test("-k", "best").stdout == done.stdout
    none = interlock_test("-k", "worst")
    assert (none.exit_code, "no test's name holds 'worst'" in none.stderr) == (2, True)


@pytest.mark.parametrize("option", [["--coverage"], ["--min-coverage", "0"]])
def test_the_coverage_of_some_tests_is_none(catalog: Path, option: list[str]) -> None:
    done = interlock_test("-k", "best", *option)
    assert (done.exit_code, "leave -k out" in done.stderr) == (2, True)


@pytest.mark.parametrize("floor", ["101", "-1", "all", "nan"])
def test_a_floor_is_a_percentage(catalog: Path, floor: str) -> None:
    assert interlock_test("--min-coverage", floor).exit_code == 2


def test_a_floor_of_coverage_lists_what_is_missing_first(catalog: Path) -> None:
    catalog.write_text(CATALOG + PASSES)
    assert interlock_test("--min-coverage", "50").exit_code == 0
    done = interlock_test("--min-coverage", "50.1")
    assert done.exit_code == 1
    *_, one, two, last = done.stdout.splitlines()
    assert one.startswith("  not covered: strategy quality, hop 2")
    assert two.startswith("  not covered: strategy quality with anthropic down")
    assert last == "catalog/gateway.yaml: FAILED coverage 50 % is below 50.1 %: 2 of 4 not covered"


def test_of_much_that_is_missing_a_few_lines_are_shown(catalog: Path) -> None:
    more = "".join(f"  s{n}: {{candidates: [claude-sonnet-5, gpt-5.4]}}\n" for n in range(3))
    catalog.write_text(CATALOG.replace("strategies:\n", f"strategies:\n{more}") + PASSES)
    lines = interlock_test().stdout.splitlines()
    assert (len(lines), lines[-1]) == (2 + 5 + 1, "  and 9 more (`--coverage` shows all)")
    everything = interlock_test("--coverage").stdout.splitlines()
    assert len(everything) == 2 + 16
    assert everything[-1] == "  covered: strategy quality, hop 1 (claude-sonnet-5): the best comes first"
    assert len(interlock_test("--min-coverage", "90").stdout.splitlines()) == 2 + 14 + 1


def test_a_catalog_without_tests_is_shown_how_to_begin(catalog: Path) -> None:
    catalog.write_text(CATALOG)
    done = interlock_test()
    assert done.exit_code == 0
    head, _, example = done.stdout.partition("\n\n")
    assert head == "catalog/gateway.yaml has no tests. To begin with, add:"
    assert len(yaml.safe_load(example)["tests"]) == 2
    catalog.write_text(CATALOG + example)
    again = interlock_test("--min-coverage", "100")
    assert (again.exit_code, "2 passed, 0 failed" in again.stdout) == (0, True)


def test_a_catalog_without_tests_is_below_any_floor(catalog: Path) -> None:
    catalog.write_text(CATALOG)
    done = interlock_test("--min-coverage", "1")
    assert done.exit_code == 1
    assert done.stdout.endswith("FAILED coverage 0 % is below 1 %: 4 of 4 not covered\n")


def test_a_catalog_that_does_not_validate_runs_nothing(catalog: Path) -> None:
    catalog.write_text((CATALOG + PASSES).replace("expect: {model: claude", "expect: {model: cloude"))
    done = interlock_test()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error[IL301]: model 'cloude-sonnet-5' does not exist" in done.stderr
    (found,) = json.loads(interlock_test("--format", "json").stdout)
    assert found["code"] == "IL301"
    assert "IL301" in interlock_test("--format", "junit").stdout


def test_lifecycles_are_judged_on_the_day_asked(catalog: Path) -> None:
    retiring = CATALOG.replace(
        "{provider: openai,", "{provider: openai, lifecycle: {retires_on: 2027-03-01},"
    )
    catalog.write_text(retiring + PASSES)
    assert interlock_test().exit_code == 0
    done = interlock_test("--as-of", "2027-06-01")
    assert (done.exit_code, "error[IL601]" in done.stderr) == (1, True)


def test_json_is_for_programs(catalog: Path) -> None:
    done = interlock_test("--format", "json", "--min-coverage", "10")
    (found,) = json.loads(done.stdout)["catalogs"]
    assert done.exit_code == 1
    assert (found["file"], found["catalog"], found["passed"], found["failed"]) == (
        "catalog/gateway.yaml", "gateway", 1, 1,
    )  # fmt: skip
    right, wrong = found["tests"]
    assert (right["passed"], right["line"], right["route"], right["explanation"]) == (
        True, 12, ["claude-sonnet-5", "gpt-5.4"], [],
    )  # fmt: skip
    assert wrong["failures"][1] == {"what": "provider", "expected": "anthropic", "came": "openai"}
    assert wrong["explanation"][1] == "route: gpt-5.4"
    assert (found["coverage"]["percent"], found["coverage"]["min_percent"]) == (75, 10)
    assert [item["tests"] for item in found["coverage"]["items"]] == [
        ["the best comes first", "Anthropic <is> down"],
        ["the best comes first", "Anthropic <is> down"],
        [],
        ["Anthropic <is> down"],
    ]


def test_junit_has_a_case_a_test_with_its_place(catalog: Path) -> None:
    done = interlock_test("--format", "junit", "--min-coverage", "80")
    assert done.exit_code == 1
    assert done.stdout.isascii()
    (suite,) = ET.fromstring(done.stdout)  # noqa: S314  # our own
    right, wrong, floor = suite
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("3", "2")
    assert (right.attrib["classname"], right.attrib["name"]) == (
        "interlock.test.gateway", "the best comes first",
    )  # fmt: skip
    assert list(right) == []
    assert (wrong.attrib["file"], wrong.attrib["line"]) == ("catalog/gateway.yaml", "15")
    (failure,) = wrong
    assert failure.attrib["message"].startswith("model: expected claude-sonnet-5, came gpt-5.4; provider:")
    assert "✗  claude-sonnet-5  provider anthropic is down" in (failure.text or "")
    assert "coverage 75 % is below 80 %" in floor[0].attrib["message"]


def test_tests_in_a_file_of_their_own_are_run_too(catalog: Path) -> None:
    catalog.write_text(CATALOG + PASSES)
    beside = Path("catalog/gateway.test.yaml")
    beside.write_text(f"apiVersion: interlock/v1\ntests:\n{FAILS}")
    for arguments in ([], ["catalog/gateway.yaml"], ["catalog/gateway.test.yaml"]):
        done = interlock_test(*arguments)
        assert done.exit_code == 1
        assert done.stdout.startswith("catalog/gateway.test.yaml:3: FAILED Anthropic <is> down")
        assert "catalog/gateway.yaml: 1 passed, 1 failed" in done.stdout


def test_the_shipped_catalogs_pass(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    done = interlock_test("--min-coverage", "100")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.count(" 0 failed\ncoverage: 100 % ") == 2


def test_the_heavy_packages_are_never_imported(catalog: Path, root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "compiler", "test"],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "compiler" in imported
    assert not imported & {"litellm", "kubernetes", "jsonschema", "jinja2"}
