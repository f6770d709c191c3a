"""The README's tour, run: its catalog, its commands, and the output that it prints."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


def commands(readme: str) -> list[tuple[str, str]]:
    """(command, output) of each `$ interlock …` of the console blocks that runs by itself."""
    found = []
    for block in blocks(readme, "console"):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            if command.startswith("interlock "):
                found.append((command, output.strip()))
    return found


def test_the_tour_prints_what_the_readme_says(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    catalog = blocks(readme, "yaml")[0]
    monkeypatch.chdir(tmp_path)
    tour = commands(readme)
    assert [command.split()[1] for command, _ in tour] == ["validate", "explain", "explain"]
    for command, output in tour:
        # The tour mends its typo after the first command.
        text = catalog if "validate" in command else catalog.replace("claude-sonet-5", "claude-sonnet-5")
        (tmp_path / "gateway.yaml").write_text(text, encoding="utf-8")
        result = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="interlock")
        assert result.output.strip() == output


def test_the_commands_that_open_the_readme_are_targets_of_the_makefile(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    first, second, *_ = blocks(readme, "sh")[0].splitlines()
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for line in (first, second):
        target = line.split()[1]
        assert line.startswith(f"make {target}")
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
