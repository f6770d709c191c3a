"""The guide of `plan`: its example, run; its shell commands, read by a shell; its table of thresholds."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from compiler.cli import cli
from compiler.plan.markdown import MARKER
from compiler.plan.thresholds import LEGAL
from tests.plans.test_plans import merged

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "plan.md"
COMMIT = re.compile(r"main \([0-9a-f]{7}\)")


def fenced(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (catalog,), (patch,) = fenced("yaml catalog"), fenced("yaml patch")
    file = tmp_path / "catalog" / "gateway.yaml"
    file.parent.mkdir()
    file.write_text(catalog, encoding="utf-8")
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    first = [*who, "commit", "--quiet", "--message", "first"]
    for command in (["init", "--quiet", "-b", "main"], ["add", "."], first):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    changed = merged(yaml.safe_load(catalog), yaml.safe_load(patch))
    file.write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_guides_commands_print_what_it_says(repository: Path) -> None:
    blocks = fenced("console")
    assert len(blocks) == 2
    for block, code in zip(blocks, (0, 1), strict=True):
        command, _, output = block.removeprefix("$ ").partition("\n")
        ran = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="interlock")
        printed = ran.stderr if code else ran.stdout
        assert (ran.exit_code, COMMIT.sub("main (1a2b3c4)", printed)) == (code, output)


def test_its_shell_commands_are_a_shells() -> None:
    (block,) = fenced("sh")
    ran = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert MARKER in block


def test_its_thresholds_are_all_there_are() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`[^`]+`(?:, )?)+) \| ", text[text.index("| threshold |") :], re.MULTILINE)
    assert [word for row in rows for word in re.findall(r"`([^`]+)`", row)] == LEGAL.split(", ")
