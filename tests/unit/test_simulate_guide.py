"""The page on `simulate`: its commands run, and what it shows is what they print."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from compiler.cli import cli
from compiler.commands.simulate import command
from compiler.simulate.scenario_words import WORDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "simulate.md").read_text(encoding="utf-8")
FILES = {"yaml catalog": "gateway.yaml", "yaml scenario": "monday.yaml", "json log": "requests.jsonl"}


def blocks(info: str) -> list[str]:
    return re.findall(rf"^```{info}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for info, name in FILES.items():
        (text,) = blocks(info)
        Path(name).write_text(text, encoding="utf-8")


def run(line: str) -> Result:
    return CliRunner().invoke(cli, shlex.split(line)[1:])


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_every_command_runs(line: str) -> None:
    result = run(line)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "shown"),
    re.findall(r"^```sh\n([^\n]*)\n```\n\n^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL),
)
def test_what_is_shown_is_what_is_printed(line: str, shown: str) -> None:
    assert run(line).stdout == shown


def test_two_are_shown() -> None:
    assert len(blocks("text")) == 2


def test_every_word_of_a_scenario_is_explained() -> None:
    flags = {option.removeprefix("--") for one in command.params for option in one.opts}
    for word in WORDS:
        assert word in flags
        assert f"`--{word} " in PAGE


def test_the_example_of_the_table_mean_something() -> None:
    for line in re.findall(r"^\| `--.*$", PAGE, re.MULTILINE):
        for example in re.findall(r"`(--\w+ [^`…\[]+)`", line.partition("|")[2].partition("|")[2]):
            assert run(f"interlock simulate gateway.yaml --hours 0.1 {example}").exit_code == 0, example
