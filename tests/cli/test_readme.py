"""The README's tour, run: its catalog, its commands, and the output that it prints."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli


def blocks(readme: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)


def commands(readme: str) -> list[tuple[str, str]]:
    """(command, output) of each `$ interlock …` of the console blocks that runs by itself, and what edits."""
    found = []
    for block in blocks(readme, "console"):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            if command.startswith(("interlock ", "sed ")):
                found.append((command, output.strip()))
    return found


def test_the_tour_prints_what_the_readme_says(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    catalog, addition, *_ = blocks(readme, "yaml")
    mended = catalog.replace("claude-sonet-5", "claude-sonnet-5")
    monkeypatch.chdir(tmp_path)
    tour = commands(readme)
    verbs = ["validate", "explain", "explain", "-i.orig", "test", "plan"]
    assert [command.split()[1] for command, _ in tour] == verbs
    gateway = tmp_path / "gateway.yaml"
    gateway.write_text(catalog, encoding="utf-8")
    for command, output in tour:
        if command.startswith("sed "):
            gateway.write_text(mended + addition, encoding="utf-8")
            committed(tmp_path)
            subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
            continue
        result = CliRunner().invoke(cli, shlex.split(command)[1:], prog_name="interlock")
        assert _anywhen(result.output.strip()) == _anywhen(output)
        if "validate" in command:  # the tour mends its typo after the first command
            gateway.write_text(mended, encoding="utf-8")


def _anywhen(text: str) -> str:
    """A commit has another id each time."""
    return re.sub(r"\([0-9a-f]{7}\)", "(commit)", text)


def committed(folder: Path) -> None:
    who = ["-c", "user.name=reviewer", "-c", "user.email=reviewer@example.org"]
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "gateway.yaml"],
        [*who, "commit", "-q", "-m", "gateway"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)


def test_the_commands_that_open_the_readme_are_targets_of_the_makefile(root: Path) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    first, second, *_ = blocks(readme, "sh")[0].splitlines()
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for line in (first, second):
        target = line.split()[1]
        assert line.startswith(f"make {target}")
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
