"""`interlock docs`, and the formats as a pipeline reads them: which stream, which exit code."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result

from compiler import resources
from compiler.cli import cli
from compiler.commands import common
from compiler.diagnostics import CODES, ONE_PROVIDER_ONLY, UNKNOWN_REFERENCE, Span
from compiler.pipeline import Outcome
from compiler.reporters import STYLES

CATALOG = """\
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
models:
  gpt-5.4: {provider: openai}
strategies:
  quality: {candidates: [gpt5.4], single_provider: there is one contract}
"""


def interlock(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), prog_name="interlock")


# --- docs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["IL301", "il301", "301"])
def test_a_page_is_printed_as_it_stands(root: Path, name: str) -> None:
    done = interlock("docs", name)
    assert done.exit_code == 0
    assert done.output == (root / "docs" / "diagnostics" / "IL301.md").read_text("utf-8")


def test_several_pages(root: Path) -> None:
    output = interlock("docs", "IL301", "IL103").output
    assert output.index("# IL301: ") < output.index("\n\n# IL103: ")


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_something_to_say(code: str) -> None:
    done = interlock("docs", code)
    assert done.exit_code == 0
    assert done.output.startswith(f"# {code}: {CODES[code].title}\n\n")


def test_a_code_without_a_page_says_where_it_will_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resources, "_ROOTS", (tmp_path,))
    done = interlock("docs", "IL304")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "no page yet" in done.output
    assert "https://interlock-llm.github.io/diagnostics/IL304.html" in done.output


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("IL330", "did you mean IL3"),
        ("frob", "`interlock docs rules` lists them"),
        ("../README", "lists them"),
    ],
)
def test_an_unknown_code_is_wrong_usage(word: str, hint: str) -> None:
    done = interlock("docs", word)
    assert done.exit_code == 2
    assert f"there is no code '{word}'" in done.stderr
    assert hint in done.stderr


@pytest.mark.parametrize("arguments", [("docs",), ("docs", "rules")])
def test_the_table_has_every_code(arguments: tuple[str, ...]) -> None:
    done = interlock(*arguments)
    head, *rows = done.output.split("\n\n")[0].splitlines()
    assert head.split() == ["code", "severity", "allow", "title"]
    assert [tuple(row.split(maxsplit=3)) for row in rows] == [
        (code.id, code.severity, "yes" if code.relaxable else "no", code.title) for code in CODES.values()
    ]


# --- formats ------------------------------------------------------------------------------------------


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "gateway.yaml"
    path.write_text(CATALOG)
    return path


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("verb", ["validate", "render", "check"])
def test_every_format_of_every_verb_that_finds(catalog: Path, verb: str, style: str) -> None:
    done = interlock(verb, "gateway.yaml", "--format", style)
    assert done.exit_code == 1
    (silent, said) = (done.stdout, done.stderr) if style == "text" else (done.stderr, done.stdout)
    assert silent == ""
    assert "IL301" in said
    assert "model 'gpt5.4' does not exist" in said


def test_the_formats_name_the_file_from_where_the_run_is(catalog: Path) -> None:
    done = [
        interlock("validate", str(catalog), "--format", style).stdout
        for style in ("github", "gitlab", "sarif")
    ]
    assert "file=gateway.yaml,line=8" in done[0]
    assert json.loads(done[1])[0]["location"]["path"] == "gateway.yaml"
    (result,) = json.loads(done[2])["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "gateway.yaml"


def test_nothing_wrong_is_a_report_too(catalog: Path) -> None:
    catalog.write_text(CATALOG.replace("gpt5.4]", "gpt-5.4]"))
    said = {style: interlock("validate", "gateway.yaml", "--format", style) for style in STYLES}
    assert {done.exit_code for done in said.values()} == {0}
    assert [json.loads(said[style].stdout) for style in ("json", "gitlab")] == [[], []]
    assert said["github"].stdout == ""
    assert json.loads(said["sarif"].stdout)["runs"][0]["results"] == []
    (case,) = ET.fromstring(said["junit"].stdout).iter("testcase")  # noqa: S314  # our own
    assert (case.attrib["name"], list(case)) == ("gateway.yaml", [])
    assert said["text"].stderr == "1 file, 0 errors, 0 warnings\n"


def test_text_stays_the_default_in_a_workflow(catalog: Path) -> None:
    done = CliRunner(env={"GITHUB_ACTIONS": "true"}).invoke(cli, ["validate", "gateway.yaml"])
    assert done.stdout == ""
    assert done.stderr.startswith("error[IL301]")


def on_a_terminal(columns: int, **environment: str) -> str:
    """What `validate` writes to a terminal of that width."""
    reader, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    root = str(Path(__file__).resolve().parents[2])
    subprocess.run(
        [sys.executable, "-m", "compiler", "validate", "gateway.yaml"], stderr=terminal, check=False,
        env={**inherited, "PYTHONPATH": root, "TERM": "xterm", "PYTHONUTF8": "1", **environment},
    )  # fmt: skip
    written = os.read(reader, 65536).decode().replace("\r\n", "\n")
    os.close(terminal)
    os.close(reader)
    return written


def test_a_terminal_gets_colour_links_and_its_width(catalog: Path) -> None:
    catalog.write_text(
        CATALOG.replace("{provider: openai", "{provider: openai, colour: [" + "red, " * 30 + "]")
    )
    written = on_a_terminal(50)
    assert (
        "\x1b]8;;https://interlock-llm.github.io/diagnostics/IL201.html\x1b\\IL201\x1b]8;;\x1b\\" in written
    )
    assert "\x1b[31;1m" in written
    seen = re.sub(r"\x1b\]8;;.*?\x1b\\|\x1b\[[0-9;]*m", "", written)
    lines = [line for line in seen.splitlines() if "= page" not in line]
    assert 40 < max(map(len, lines)) <= 50
    assert sum(line.startswith(" " * 10) for line in lines) >= 2  # the help goes on below itself


@pytest.mark.parametrize("forbidden", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colour_gets_no_link_either(catalog: Path, forbidden: dict[str, str]) -> None:
    assert "\x1b" not in on_a_terminal(80, **forbidden)


def test_notes_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = Outcome(diagnostics=[ONE_PROVIDER_ONLY.at(Span("a.yaml", 1, 1, 2), "worth knowing")])
    common.show([outcome], "text")
    assert capsys.readouterr().err == "1 file, 0 errors, 0 warnings, 1 note (`validate --notes` shows them)\n"
    common.show([outcome], "text", notes=True)
    shown = capsys.readouterr().err
    assert shown.startswith("note[IL320]: worth knowing")
    assert shown.endswith("1 file, 0 errors, 0 warnings, 1 note\n")
    common.show([outcome], "text", quiet_ok=True)
    assert capsys.readouterr().err == ""


def test_what_is_allowed_is_counted_and_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    relaxed = UNKNOWN_REFERENCE.at(Span("a.yaml", 1, 1, 2), "relaxed")
    outcome = Outcome(allowed=[(relaxed, "a pilot")])
    common.show([outcome], "text")
    assert capsys.readouterr().err == "0 files, 0 errors, 0 warnings, 1 allowed\n"
    common.show([outcome], "sarif")
    assert "a pilot" in capsys.readouterr().out


def test_the_same_finding_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = UNKNOWN_REFERENCE.at(Span("a.yaml", 1, 1, 2), "twice")
    common.show([Outcome(diagnostics=[found, found])], "json")
    assert len(json.loads(capsys.readouterr().out)) == 1
