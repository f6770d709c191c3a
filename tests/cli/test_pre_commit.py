"""The shipped .pre-commit-hooks.yaml, run by the real pre-commit in a user's repository.

pre-commit clones this repository as its files stand, builds the hooks' environment itself (pip, from the
package index) and runs both hooks on what the user has staged.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

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
  cost: {order: cost}
"""

CONFIG = """\
repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: interlock-validate
      - id: interlock-check
"""

INSTALL_TIMEOUT_S = 900  # LiteLLM and all that it needs, from the index


@dataclass(frozen=True)
class Run:
    """How pre-commit ended, and what it printed."""

    ok: bool
    output: str

    def passed(self, hook: str) -> bool:
        """Whether a hook ran and passed; it must have run."""
        (result,) = re.findall(rf"^{re.escape(hook)}\.+(Passed|Failed)$", self.output, re.MULTILINE)
        return bool(result == "Passed")


@dataclass(frozen=True)
class UserRepository:
    """A scratch repository with both hooks, in the environment that pre-commit and git are to see."""

    folder: Path
    environment: dict[str, str]

    def git(self, *arguments: str) -> str:
        return git(self.folder, self.environment, *arguments)

    def write(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")
        self.git("add", "--all")

    def interlock(self, *arguments: str) -> None:
        """Runs what the hooks run: the executable in the environment that pre-commit built."""
        (executable,) = Path(self.environment["PRE_COMMIT_HOME"]).glob("repo*/py_env-*/bin/interlock")
        command = [str(executable), *arguments]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True)
        self.git("add", "--all")

    def pre_commit(self, *arguments: str) -> Run:
        done = subprocess.run(
            [sys.executable, "-m", "pre_commit", *arguments], cwd=self.folder, env=self.environment,
            capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S,
        )  # fmt: skip
        return Run(done.returncode == 0, done.stdout + done.stderr)

    def run_hooks(self) -> Run:
        return self.pre_commit("run", "--all-files", "--color", "never")


def git(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """This process's, less what would lead git or Python back into this repository."""
    if not shutil.which("git"):
        _skip_or_fail("git not found: install it")
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "PRE_COMMIT")) and k != "PYTHONPATH"
    }
    names = {
        f"GIT_{who}_{what}": "test@example.com"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    home = tmp_path_factory.mktemp("pre-commit")
    return {**kept, **names, "GIT_CONFIG_GLOBAL": os.devnull, "PRE_COMMIT_HOME": str(home)}


def _skip_or_fail(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def published(
    root: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A repository with the tracked files of this one as they stand, and its one commit."""
    folder = tmp_path_factory.mktemp("interlock")
    tracked = git(root, environment, "ls-files", "-z").split("\0")
    for name in filter(None, tracked):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    git(folder, environment, "init", "--quiet")
    git(folder, environment, "add", "--all", "--force")
    git(folder, environment, "commit", "--quiet", "--message", "as it stands")
    return folder, git(folder, environment, "rev-parse", "HEAD").strip()


@pytest.fixture(scope="session")
def built(
    published: tuple[Path, str], environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A user's .pre-commit-config.yaml, of which pre-commit has built the environment."""
    config = CONFIG.format(repository=published[0], revision=published[1])
    first = UserRepository(tmp_path_factory.mktemp("first"), environment)
    first.git("init", "--quiet")
    first.write(".pre-commit-config.yaml", config)
    done = first.pre_commit("install-hooks")
    if not done.ok and not os.environ.get("CI") and not _index_answers():
        pytest.skip("no network: pre-commit could not install the hooks")
    assert done.ok, done.output
    return config


def _index_answers() -> bool:
    try:
        socket.create_connection(("pypi.org", 443), timeout=10).close()
    except OSError:
        return False
    return True


@pytest.fixture
def user(built: str, environment: dict[str, str], tmp_path: Path) -> UserRepository:
    """A repository with a good catalog, nothing rendered, and both hooks."""
    repository = UserRepository(tmp_path, environment)
    repository.git("init", "--quiet")
    repository.write(".pre-commit-config.yaml", built)
    repository.write("catalog/gateway.yaml", CATALOG)
    return repository


def test_a_broken_catalog_is_refused_at_its_place(user: UserRepository) -> None:
    user.write("catalog/gateway.yaml", CATALOG.replace("[claude-sonnet-5", "[claude-sonet-5"))
    run = user.run_hooks()
    assert not run.ok
    assert not run.passed("interlock validate")
    assert "catalog/gateway.yaml:10:26" in run.output
    assert "error[IL301]" in run.output
    assert "Traceback" not in run.output


def test_a_good_catalog_with_its_output_passes(user: UserRepository) -> None:
    user.interlock("render")
    run = user.run_hooks()
    assert run.ok, run.output
    assert run.passed("interlock validate")
    assert run.passed("interlock check")


def test_output_that_was_not_rendered_again_is_refused(user: UserRepository) -> None:
    user.interlock("render")
    user.write("catalog/gateway.yaml", CATALOG.replace("order: cost", "order: latency"))
    run = user.run_hooks()
    assert not run.ok
    assert run.passed("interlock validate")
    assert not run.passed("interlock check")
    assert "error[IL904]: gateway/ROUTES.md differs" in run.output


def test_output_that_was_edited_by_hand_is_refused(user: UserRepository) -> None:
    user.interlock("render")
    routes = user.folder / "out" / "gateway" / "ROUTES.md"
    user.write("out/gateway/ROUTES.md", routes.read_text(encoding="utf-8") + "edited\n")
    run = user.run_hooks()
    assert run.passed("interlock validate")
    assert not run.passed("interlock check")


def test_a_commit_that_touches_neither_is_not_held_up(user: UserRepository) -> None:
    user.write("README.md", "Our gateway.\n")
    run = user.pre_commit("run", "--files", "README.md", "--color", "never")
    assert run.ok
    assert run.output.count("(no files to check)Skipped") == 2
