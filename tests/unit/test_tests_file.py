"""`<catalog>.test.yaml`: judged with its catalog, at its own places, by the same words."""

from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from compiler.cli import cli
from compiler.commands.common import catalogs
from compiler.diagnostics import Diagnostic
from compiler.pipeline import Outcome, render, validate
from compiler.resources import read_text
from compiler.tests_file import beside, catalog_of, is_tests_file, named_for

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
TESTS = """\
apiVersion: interlock/v1
tests:
  - name: the best comes first
    request: {}
    expect: {model: claude-sonnet-5}
"""
KEY = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("catalog").mkdir()
    Path("catalog/gateway.yaml").write_text(CATALOG)
    Path("catalog/gateway.test.yaml").write_text(TESTS)
    return Path("catalog/gateway.yaml")


def with_tests(catalog: Path, text: str) -> Outcome:
    named_for(catalog).write_text(text)
    return validate(catalog)


def said(found: list[Diagnostic]) -> list[tuple[str, str, int, str]]:
    return [(d.code, d.where.file, d.where.line, d.message) for d in found if d.where]


def test_the_tests_beside_a_catalog_are_its_tests(catalog: Path) -> None:
    catalog.write_text(CATALOG + "tests: [{name: own, request: {}, expect: {refused: false}}]\n")
    outcome = validate(catalog)
    assert outcome.diagnostics == []
    assert outcome.catalog is not None
    places = [(test.name, test.where.file, test.where.line) for test in outcome.catalog.tests]
    assert places == [
        ("own", "catalog/gateway.yaml", 11),
        ("the best comes first", "catalog/gateway.test.yaml", 3),
    ]


def test_a_folder_holds_catalogs_and_their_tests(catalog: Path) -> None:
    assert catalogs(()) == [catalog]
    assert catalogs((Path("catalog"),)) == [catalog]
    assert catalogs((Path("catalog/gateway.test.yaml"), catalog)) == [catalog]


def test_tests_without_their_catalog_are_not_passed_over(catalog: Path) -> None:
    catalog.rename("catalog/gatway.yaml")
    assert catalogs(()) == [catalog, Path("catalog/gatway.yaml")]
    (found,) = validate(catalog).diagnostics
    assert found.code == "IL101"
    assert "catalog/gateway.test.yaml holds tests" in found.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("IL106", 1, "the file is empty")]),
        ("- a\n", [("IL106", 1, "a tests file is a mapping of fields")]),
        ("tests: [\n", [("IL103", 2, "")]),
        (TESTS.replace("expect:", "expct:"), [("IL202", 3, ""), ("IL201", 5, "has no field 'expct'")]),
        (TESTS + "models: {}\n", [("IL201", 6, "the tests file has no field 'models'")]),
        ("apiVersion: interlock/v1\n", [("IL202", 1, "the tests file lacks the field 'tests'")]),
        (TESTS.replace("v1", "v2"), [("IL204", 1, "'interlock/v2' is not a legal value")]),
        (TESTS + "tests: []\n", [("IL104", 6, "key 'tests' is written twice")]),
        (TESTS.replace("claude-sonnet-5", "claude-sonet-5"), [("IL301", 5, "'claude-sonet-5'")]),
        (TESTS.replace("{model", "{refused: true, model"), [("IL293", 5, "can never hold")]),
        (TESTS + TESTS.partition("tests:\n")[2], [("IL293", 6, "another test is named")]),
        (TESTS.replace("request: {}", f"request: {{user: {KEY}}}"), [("IL501", 4, "looks like")]),
    ],
)
def test_what_is_wrong_is_said_at_its_place(
    catalog: Path, text: str, expected: list[tuple[str, int, str]]
) -> None:
    outcome = with_tests(catalog, text)
    found = said(outcome.diagnostics)
    assert [(code, line) for code, _, line, _ in found] == [(code, line) for code, line, _ in expected]
    assert {file for _, file, _, _ in found} == {"catalog/gateway.test.yaml"}
    assert all(words in one[3] for one, (_, _, words) in zip(found, expected, strict=True))
    assert not outcome.ok


def test_a_file_that_cannot_be_read_is_said(catalog: Path) -> None:
    named_for(catalog).unlink()
    named_for(catalog).mkdir()
    (found,) = validate(catalog).diagnostics
    assert (found.code, found.where and found.where.file) == ("IL101", "catalog/gateway.test.yaml")


def test_names_are_shown_without_a_fix_that_would_go_elsewhere(catalog: Path) -> None:
    (found,) = with_tests(catalog, TESTS.replace("claude-sonnet-5", "claude-sonet-5")).diagnostics
    assert (found.hint, found.related, found.fix) == ("did you mean 'claude-sonnet-5'?", (), None)


def test_a_name_that_both_files_give_shows_both(catalog: Path) -> None:
    catalog.write_text(CATALOG + TESTS.partition("\n")[2])
    (found,) = validate(catalog).diagnostics
    assert found.where
    assert (found.code, found.where.file) == ("IL293", "catalog/gateway.test.yaml")
    assert [(span.file, span.line) for span, _ in found.related] == [("catalog/gateway.yaml", 12)]


def test_both_files_are_judged_where_the_catalog_is_broken(catalog: Path) -> None:
    catalog.write_text(CATALOG.replace("candidates: [claude", "candidates: [cloude"))
    found = said(with_tests(catalog, TESTS.replace("expect:", "expct:")).diagnostics)
    assert [(code, file) for code, file, _, _ in found] == [
        ("IL202", "catalog/gateway.test.yaml"),
        ("IL201", "catalog/gateway.test.yaml"),
        ("IL301", "catalog/gateway.yaml"),
    ]


def test_a_name_given_for_the_catalog_names_its_tests_too(catalog: Path) -> None:
    named_for(catalog).write_text("- a\n")
    (found,) = validate(catalog, "shown.yaml").diagnostics
    assert found.where
    assert found.where.file == "shown.test.yaml"


@pytest.mark.parametrize(
    "arguments", [["catalog/gateway.test.yaml"], ["catalog/gateway.yaml"], [], ["--fix"]]
)
def test_validate_judges_both(catalog: Path, arguments: list[str]) -> None:
    right = CliRunner().invoke(cli, ["validate", *arguments])
    assert (right.exit_code, right.stderr) == (0, "2 files, 0 errors, 0 warnings\n")
    named_for(catalog).write_text(TESTS.replace("{model: claude", "{model: cloude"))
    wrong = CliRunner().invoke(cli, ["validate", *arguments])
    assert wrong.exit_code == 1
    assert " --> catalog/gateway.test.yaml:5:21\n5 |     expect: {model: cloude-sonnet-5}" in wrong.stderr


def test_the_output_is_the_same_with_tests_and_without(catalog: Path) -> None:
    with_them = render(catalog).bundle
    named_for(catalog).unlink()
    assert with_them == render(catalog).bundle
    catalog.write_text(CATALOG + TESTS.partition("\n")[2])
    assert with_them == render(catalog).bundle
    assert with_them is not None


def test_the_names_of_files() -> None:
    assert is_tests_file(Path("a/gateway.test.yaml"))
    assert is_tests_file(Path("gateway.test.yml"))
    assert not any(map(is_tests_file, map(Path, ("test.yaml", ".test.yaml", "gateway.yaml", "a.test.json"))))
    assert catalog_of(Path("a/gateway.test.yml")) == Path("a/gateway.yml")
    assert catalog_of(Path("a/gateway.yaml")) == Path("a/gateway.yaml")
    assert beside(Path("a" * 252 + ".yaml")) is None
    assert beside(Path("/")) is None


def test_the_schema_of_a_tests_file_is_the_catalog_s() -> None:
    own = yaml.safe_load(read_text("schemas", "tests.schema.json"))
    whole = yaml.safe_load(read_text("schemas", "catalog.schema.json"))
    jsonschema.Draft202012Validator.check_schema(own)
    for name, part in own["properties"].items():
        assert part == {"$ref": f"catalog.schema.json#/properties/{name}"}
        assert name in whole["properties"]
    assert own["$id"].rpartition("/")[0] == whole["$id"].rpartition("/")[0]
