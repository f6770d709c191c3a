"""docs/guides/testing.md: its commands print what it says, and its tables are the schema's fields."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from compiler.cli import cli
from compiler.resources import read_text

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "guides" / "testing.md").read_text(encoding="utf-8")
DEFINITIONS = yaml.safe_load(read_text("schemas", "catalog.schema.json"))["$defs"]


def fenced(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (text,) = fenced("yaml catalog")
    (tmp_path / "gateway.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_the_commands_print_what_the_guide_says() -> None:
    for part in "".join(fenced("console")).split("$ ")[1:]:
        command, _, output = part.partition("\n")
        if command.startswith("interlock "):
            result = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="interlock")
            assert result.output == output
        else:
            subprocess.run(shlex.split(command), check=True)


def test_the_file_of_tests_passes_and_covers_the_requirement(folder: Path) -> None:
    (text,) = fenced("yaml tests")
    (folder / "gateway.test.yaml").write_text(text, encoding="utf-8")
    result = CliRunner().invoke(cli, ["test", "gateway.yaml"])
    assert result.exit_code == 0
    assert "4 passed, 0 failed" in result.output
    assert "requirements 1/1" in result.output


def test_every_field_and_code_has_its_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", GUIDE, re.MULTILINE))
    fields = {*DEFINITIONS["test"]["properties"], *DEFINITIONS["expectation"]["properties"]}
    assert rows == fields - {"expect"}
    assert "| in `expect` |" in GUIDE
    codes = set(DEFINITIONS["expectation"]["properties"]["code"]["enum"])
    assert codes <= set(re.findall(r"`(\w+)`", GUIDE))
