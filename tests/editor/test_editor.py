"""What an editor shows of a catalog, asked of the real yaml-language-server (npm, package-lock.json here)."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from compiler.cli import cli
from tests.editor.lsp import Client, language_server
from tests.editor.places import (
    MODELINE,
    Place,
    flow,
    legal_values,
    objects,
    places,
    resolved,
    told,
    written,
)

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CATALOGS = ROOT / "catalog"  # where a document with MODELINE has to be
SCHEMA_FILE = ROOT / "schemas" / "catalog.schema.json"
SCHEMA: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
PLACES = list(places(SCHEMA, SCHEMA))
SHIPPED = sorted(CATALOGS.glob("*.yaml"))
WITH_A_MODELINE = [*SHIPPED, *sorted((ROOT / "tests" / "golden").glob("*/catalog.yaml"))]

at_every_place = pytest.mark.parametrize("place", PLACES, ids=str)


@pytest.fixture(scope="session")
def server() -> Path:
    """The installed language server; from its lock when it is not there yet."""
    missing = [tool for tool in ("node", "npm") if not shutil.which(tool)]
    if missing:
        _skip_or_fail(f"{' and '.join(missing)} not found: install Node.js")
    package = HERE / "node_modules" / "yaml-language-server"
    lock = json.loads((HERE / "package-lock.json").read_text(encoding="utf-8"))
    if _version(package) != lock["packages"]["node_modules/yaml-language-server"]["version"]:
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False, timeout=300)
        if done.returncode:
            _skip_or_fail(f"npm ci failed: {done.stderr[-1000:]}")
    return package / "bin" / "yaml-language-server"


def _version(package: Path) -> str:
    manifest = package / "package.json"
    return str(json.loads(manifest.read_text(encoding="utf-8"))["version"]) if manifest.exists() else ""


def _skip_or_fail(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def editor(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The server with the settings of a user who has set a mapping; it never asks the network."""
    settings = {
        "validate": True,
        "hover": True,
        "completion": True,
        "schemas": {SCHEMA_FILE.as_uri(): "**/mapped/*.yaml"},
        "schemaStore": {"enable": False},
        "kubernetesCRDStore": {"enable": False},
    }
    log = tmp_path_factory.mktemp("editor") / "server.log"
    with language_server(["node", str(server), "--stdio"], {"yaml": settings}, log) as client:
        yield client


def offered(editor: Client, lines: list[str], folder: Path = CATALOGS) -> dict[str, str]:
    """Label → documentation of what is offered at the end of the last line."""
    with editor.document(folder, "\n".join(lines)) as uri:
        items = editor.completion(uri, len(lines) - 1, len(lines[-1]))
    return {item["label"]: str(item.get("documentation")) for item in items}


def described(keys: dict[str, Any]) -> dict[str, str]:
    return {name: rule["description"] for name, rule in keys.items()}


def test_the_walk_meets_every_object_of_the_schema() -> None:
    met = {tuple(place.keys) for place in PLACES}
    assert met == {tuple(keys) for keys in objects(SCHEMA)}


@at_every_place
def test_a_key_is_offered_with_its_description(editor: Client, place: Place) -> None:
    lines, first, _ = written(place.path)
    found = offered(editor, [*lines, first])
    assert {name: found.get(name) for name in place.keys} == described(place.keys)


@at_every_place
def test_a_key_is_offered_below_another(editor: Client, place: Place) -> None:
    lines, first, rest = written(place.path)
    (name, rule), *others = place.keys.items()
    found = offered(editor, [*lines, f"{first}{name}: {flow(rule['examples'][0])}", rest])
    assert {name: found.get(name) for name, _ in others} == described(dict(others))
    assert name not in found


@at_every_place
def test_a_key_shows_its_title_and_description(editor: Client, place: Place) -> None:
    examples = max(len(rule["examples"]) for rule in place.keys.values())
    for number in range(examples):
        shown = hovers(editor, place, number)
        for name, rule in place.keys.items():
            expected = tuple(f"#### {title}\n\n{text}\n" for title, text in told(SCHEMA, rule))
            assert shown[name].startswith(expected), name


def hovers(editor: Client, place: Place, example: int) -> dict[str, str]:
    """Key → what is shown over it, in a document with all keys of the place, each with an example's value."""
    lines, first, rest = written(place.path)
    top = len(lines)
    columns: dict[str, int] = {}
    for name, rule in place.keys.items():
        before = rest if columns else first
        columns[name] = len(before)
        lines.append(f"{before}{name}: {flow(rule['examples'][min(example, len(rule['examples']) - 1)])}")
    with editor.document(CATALOGS, "\n".join(lines)) as uri:
        shown = {name: editor.hover(uri, top + i, columns[name] + 1) for i, name in enumerate(columns)}
    # The server escapes what means something to Markdown.
    return {name: re.sub(r"\\(\W|_)", r"\1", text) for name, text in shown.items()}


@at_every_place
def test_the_legal_values_of_a_key_are_offered(editor: Client, place: Place) -> None:
    lines, first, rest = written(place.path)
    for name, rule in place.keys.items():
        found = offered(editor, [*lines, f"{first}{name}: "])
        assert_offered(legal_values(SCHEMA, rule), found, name)
        if "items" in rule:
            found = offered(editor, [*lines, f"{first}{name}:", f"{rest}  - "])
            assert_offered(legal_values(SCHEMA, resolved(SCHEMA, rule["items"])), found, name)


def assert_offered(values: list[Any], found: dict[str, str], name: str) -> None:
    if values:
        offers = [yaml.safe_load(label) for label in found if not label.startswith("[object")]
        assert [value for value in values if value not in offers] == [], name


@pytest.mark.parametrize("catalog", WITH_A_MODELINE, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_catalog_of_ours_names_the_schema_and_has_no_problem(editor: Client, catalog: Path) -> None:
    text = catalog.read_text(encoding="utf-8")
    comment, _, named = text.partition("\n")[0].partition("$schema=")
    assert comment == "# yaml-language-server: "
    assert (catalog.parent / named).resolve() == SCHEMA_FILE
    assert editor.diagnostics(catalog.parent, text) == []


@pytest.mark.parametrize("catalog", SHIPPED, ids=lambda path: path.name)
def test_a_typo_is_underlined(editor: Client, catalog: Path) -> None:
    assert catalog.read_text(encoding="utf-8").startswith(f"{MODELINE}\n")
    text = catalog.read_text(encoding="utf-8").replace("\nstrategies:", "\nstrategeis:")
    (found,) = editor.diagnostics(catalog.parent, text)
    assert (found["message"], found["source"]) == (
        "Property strategeis is not allowed.", "yaml-schema: Interlock catalog"
    )  # fmt: skip
    assert text.splitlines()[found["range"]["start"]["line"]] == "strategeis:"


def test_a_key_is_offered_between_braces_once_it_is_begun(editor: Client) -> None:
    line = "  openai: {type: openai, a"
    with editor.document(CATALOGS, f"{MODELINE}\nproviders:\n{line}}}\n") as uri:
        items = editor.completion(uri, 2, len(line))
    assert "api_key" in {item["label"] for item in items}


def test_a_setting_does_what_the_modeline_does(editor: Client) -> None:
    assert "apiVersion" in offered(editor, [""], ROOT / "mapped")
    assert "apiVersion" not in offered(editor, [""], ROOT / "elsewhere")


def test_the_printed_schema_does_what_the_repository_s_does(editor: Client, tmp_path: Path) -> None:
    printed = CliRunner().invoke(cli, ["schema"]).output
    (tmp_path / "catalog.schema.json").write_text(printed, encoding="utf-8")
    for modeline in ("# yaml-language-server: $schema=catalog.schema.json", "# $schema: catalog.schema.json"):
        found = offered(editor, [modeline, ""], tmp_path)
        assert described(SCHEMA["properties"]).items() <= found.items()
