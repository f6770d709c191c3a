"""Every verb's `--help` ends in examples, and every example is run as it stands, in a user's repository."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from compiler.cli import VERBS, cli
from tests.cli import scratch

ROOT = Path(__file__).resolve().parents[2]
# Verbs whose examples run until they are stopped; each is run for real by the test named here.
RUN_ELSEWHERE = {"dev": "tests/runtime/test_dev_command.py"}


def commands() -> Iterator[tuple[list[str], click.Command]]:
    """(words, command) of every verb, and of the words that a verb such as `import` has after it."""
    context = click.Context(cli)
    waiting = [([verb], cli.get_command(context, verb)) for verb in sorted(VERBS)]
    while waiting:
        words, command = waiting.pop(0)
        assert command is not None
        yield words, command
        if isinstance(command, click.Group):
            below = command.list_commands(click.Context(command))
            waiting += [([*words, name], command.get_command(click.Context(command), name)) for name in below]


def examples(*words: str) -> list[str]:
    """The lines below `Example:` (or `Start here:`) of a command's help."""
    result = CliRunner().invoke(cli, [*words, "--help"], prog_name="interlock", terminal_width=200)
    assert result.exit_code == 0, result.output
    found = re.search(r"^ *(?:Examples?|Start here):\n((?: +\S.*\n)+)", result.output, re.MULTILINE)
    return [line.strip() for line in found[1].splitlines()] if found else []


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scratch.repository(tmp_path_factory.mktemp("repository"), shipped=True)


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    return scratch.copy(template, tmp_path / "repository")


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """One line of shell, with /tmp beside the repository."""
    beside = folder.parent / "tmp"
    beside.mkdir(exist_ok=True)
    return scratch.run(line.replace("/tmp/", f"{beside}/"), folder, "-o", "pipefail")  # noqa: S108  # an example's


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_example_runs(verb: str, repository: Path) -> None:
    found = [(words, examples(*words)) for words, _ in commands() if words[0] == verb]
    assert any(lines for _, lines in found), f"interlock {verb} --help has no example"
    for words, lines in found:
        for line in lines:
            assert f"interlock {' '.join(words)}" in line
            if verb not in RUN_ELSEWHERE:
                done = run(line, repository)
                assert done.returncode in (0, 1), f"{line}\n{done.stderr}"
                assert "Traceback" not in done.stderr + done.stdout, line
                assert "IL101" not in done.stderr, f"{line} names a file that a user has not\n{done.stderr}"


@pytest.mark.parametrize("verb", sorted(RUN_ELSEWHERE))
def test_an_example_that_is_run_elsewhere_is_at_least_parsed(
    verb: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository)
    assert f'"compiler", "{verb}"' in (ROOT / RUN_ELSEWHERE[verb]).read_text(encoding="utf-8")
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    for line in examples(verb):
        context = command.make_context(verb, shlex.split(line)[2:])
        assert Path(context.params["file"]).is_file()


def test_the_help_of_interlock_itself_starts_with_verbs_that_run(repository: Path) -> None:
    lines = examples()
    assert len(lines) > 1
    for line in lines:
        verb = shlex.split(line)[1]
        done = run(line if verb not in RUN_ELSEWHERE else f"interlock {verb} --help", repository)
        assert done.returncode in (0, 1), done.stderr


def test_every_option_says_what_it_does() -> None:
    silent = [
        f"interlock {' '.join(words)} {option.opts[-1]}"
        for words, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden and not option.help
    ]
    assert silent == []
