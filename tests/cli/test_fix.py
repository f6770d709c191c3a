"""`interlock validate --fix` and `--diff` as a user types them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RIGHT = """\
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}  # ours
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  gpt-5.4: {provider: openai}
  claude-sonnet-5: {provider: anthropic}
strategies:
  quality: {candidates: [claude-sonnet-5, gpt-5.4]}
"""
WRONG = RIGHT.replace("[claude-sonnet-5", "[claude-sonet-5")
SAID = "catalog/gateway.yaml:10: fixed IL301: replace 'claude-sonet-5' by 'claude-sonnet-5'\n"
DIFF = """\
--- catalog/gateway.yaml
+++ catalog/gateway.yaml (fixed)
@@ -7,4 +7,4 @@
   gpt-5.4: {provider: openai}
   claude-sonnet-5: {provider: anthropic}
 strategies:
-  quality: {candidates: [claude-sonet-5, gpt-5.4]}
+  quality: {candidates: [claude-sonnet-5, gpt-5.4]}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    path = tmp_path / "catalog" / "gateway.yaml"
    path.write_text(WRONG)
    return path


def interlock(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    root = str(Path(__file__).resolve().parents[2])
    return subprocess.run(
        [sys.executable, "-m", "compiler", *arguments], cwd=cwd, env={**os.environ, "PYTHONPATH": root},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_file_is_mended_and_what_was_done_is_said(catalog: Path) -> None:
    work = catalog.parent.parent
    assert interlock("validate", cwd=work).returncode == 1
    assert catalog.read_text() == WRONG
    done = interlock("validate", "--fix", cwd=work)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(SAID)
    assert done.stderr.splitlines()[-1].startswith("1 file, 0 errors, ")
    assert catalog.read_text() == RIGHT
    assert os.listdir(catalog.parent) == ["gateway.yaml"]  # noqa: PTH208  # hidden files, too


def test_the_difference_is_shown_and_nothing_written(catalog: Path) -> None:
    for arguments in (("--diff",), ("--fix", "--diff")):
        done = interlock("validate", *arguments, cwd=catalog.parent.parent)
        assert (done.returncode, done.stdout) == (0, DIFF)
        assert "fixed IL" not in done.stderr
        assert catalog.read_text() == WRONG


def test_what_remains_is_reported_and_decides_the_exit_code(catalog: Path) -> None:
    catalog.write_text(WRONG.replace("gpt-5.4]", "nothing-like-it]"))
    done = interlock("validate", "--fix", cwd=catalog.parent.parent)
    assert done.returncode == 1
    assert done.stderr.startswith(SAID + "error[IL301]: model 'nothing-like-it' does not exist\n")
    assert catalog.read_text() == RIGHT.replace("gpt-5.4]", "nothing-like-it]")


def test_several_files_each_on_its_own(catalog: Path) -> None:
    other, broken = catalog.with_name("other.yaml"), catalog.with_name("broken.yaml")
    other.write_text(RIGHT.replace("strategies:", "stratgies:"))
    broken.write_text("a: [")
    before = broken.stat()
    done = interlock("validate", "--fix", "catalog", "nowhere.yaml", cwd=catalog.parent.parent)
    assert done.returncode == 1
    assert done.stderr.splitlines()[:2] == [
        SAID.strip(),
        "catalog/other.yaml:9: fixed IL201: rename 'stratgies' to 'strategies'",
    ]
    assert "error[IL103]" in done.stderr
    assert "error[IL101]: cannot read the file" in done.stderr
    assert (catalog.read_text(), other.read_text(), broken.read_text()) == (RIGHT, RIGHT, "a: [")
    assert broken.stat().st_mtime_ns == before.st_mtime_ns


def test_a_file_with_nothing_to_mend_is_not_touched(catalog: Path) -> None:
    catalog.write_text(RIGHT)
    before = catalog.stat()
    done = interlock("validate", "--fix", cwd=catalog.parent.parent)
    plain = interlock("validate", cwd=catalog.parent.parent)
    assert (done.returncode, done.stdout, done.stderr) == (plain.returncode, plain.stdout, plain.stderr)
    assert (catalog.stat().st_ino, catalog.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert interlock("validate", "--diff", cwd=catalog.parent.parent).stdout == ""


def test_a_link_stays_a_link_and_the_mode_is_kept(catalog: Path) -> None:
    real = catalog.parent.parent / "real.yaml"
    catalog.rename(real)
    real.chmod(0o640)
    catalog.symlink_to("../real.yaml")
    assert interlock("validate", "--fix", cwd=catalog.parent.parent).returncode == 0
    assert catalog.readlink() == Path("../real.yaml")
    assert (real.read_text(), real.stat().st_mode & 0o7777) == (RIGHT, 0o640)


def test_line_ends_and_the_byte_order_mark_are_kept(catalog: Path) -> None:
    catalog.write_bytes(b"\xef\xbb\xbf" + WRONG.replace("\n", "\r\n").encode())
    assert interlock("validate", "--fix", cwd=catalog.parent.parent).returncode == 0
    assert catalog.read_bytes() == b"\xef\xbb\xbf" + RIGHT.replace("\n", "\r\n").encode()


def test_a_file_that_may_not_be_written(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from compiler.cli import cli

    may = os.access  # root may write any file, and the tests may be root's
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK and may(path, mode))
    monkeypatch.chdir(catalog.parent.parent)
    done = CliRunner().invoke(cli, ["validate", "--fix"], prog_name="interlock")
    assert done.exit_code == 1
    assert "error[IL101]: cannot write the file: Permission denied" in done.stderr
    assert "fixed IL" not in done.stderr
    assert catalog.read_text() == WRONG


def test_a_disk_that_refuses(catalog: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from compiler.commands.validate import command

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    done = CliRunner().invoke(command, ["--fix", str(catalog)])
    assert done.exit_code == 1
    assert "error[IL101]: cannot write the file: No space left on device" in done.stderr
    assert "error[IL301]" in done.stderr
    assert catalog.read_text() == WRONG
    assert os.listdir(catalog.parent) == ["gateway.yaml"]  # noqa: PTH208


def test_json_is_of_the_mended_file(catalog: Path) -> None:
    done = interlock("validate", "--fix", "--format", "json", cwd=catalog.parent.parent)
    assert "error" not in {found["severity"] for found in json.loads(done.stdout)}
    assert done.stderr == SAID
    refused = interlock("validate", "--diff", "--format", "json", cwd=catalog.parent.parent)
    assert (refused.returncode, refused.stdout) == (2, "")


def test_no_secret_is_shown_in_a_difference(catalog: Path) -> None:
    secret = "sk-4fK9aQ2LmZx7Rt3VbN8cYw1P"
    text = RIGHT.replace("gpt-5.4]}", f"gpt-5.4], Order: cost}} # {secret}")
    catalog.write_text(text)
    done = interlock("validate", "--diff", cwd=catalog.parent.parent)
    assert "Order: cost" in done.stdout
    assert secret not in done.stdout + done.stderr
    assert "[hidden]" in done.stdout
    assert interlock("validate", "--fix", cwd=catalog.parent.parent).stderr.count(secret) == 0
    assert catalog.read_text() == text.replace("Order", "order")
