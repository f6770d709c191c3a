"""`interlock plan` as a user types it: what it is held against, its formats, its exit codes."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

from compiler.cli import cli
from compiler.plan.markdown import MARKER

BEFORE = """\
apiVersion: interlock/v1
name: gateway
providers:
  openai: {type: openai, api_key: {secret: openai-api-key, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic-api-key, key: api-key}}
models:
  dear:
    deployments: [{provider: anthropic, id: claude-sonnet-5-5}]
    context_window: 200000
    max_output_tokens: 4096
    modes: [chat]
    capabilities: []
    price: {input: 10, output: 50}
  cheap:
    deployments: [{provider: openai, id: gpt-5.6-luna}]
    context_window: 16000
    max_output_tokens: 4096
    modes: [chat]
    capabilities: []
    price: {input: 1, output: 2}
strategies:
  quality: {default: true, candidates: [dear, cheap]}
  cost: {order: cost}
traffic:
  - {name: tickets, strategy: quality, requests_per_day: 1000, prompt_tokens: 1000, completion_tokens: 100}
"""
AFTER = BEFORE.replace("[dear, cheap]", "[cheap, dear]")
ROOT = str(Path(__file__).resolve().parents[2])
CHANGED = "1 route changes, no safety lost, -$420 a month (-92 %), llm-router reloads without a restart"


@dataclass
class Ran:
    returncode: int
    stdout: str
    stderr: str


def interlock(*arguments: str | Path, cwd: Path, **environment: str) -> Ran:
    with contextlib.chdir(cwd):
        result = CliRunner().invoke(cli, list(map(str, arguments)), env=environment, prog_name="interlock")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "init.defaultBranch=main"]
    ran = subprocess.run(["git", "-C", folder, *who, *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


def commit(folder: Path, message: str = "change") -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """catalog/gateway.yaml, committed on main and then changed in the work tree."""
    folder = tmp_path / "a repository"
    (folder / "catalog").mkdir(parents=True)
    git(folder.parent, "init", "--quiet", folder.as_posix())
    (folder / "catalog" / "gateway.yaml").write_text(BEFORE)
    commit(folder)
    (folder / "catalog" / "gateway.yaml").write_text(AFTER)
    return folder


def first_line(ran: Ran) -> str:
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.partition("\n")[0]


def test_a_dirty_work_tree_against_a_branch(repository: Path) -> None:
    sha = git(repository, "rev-parse", "--short=7", "main")
    assert first_line(interlock("plan", "--against", "main", cwd=repository)) == (
        f"gateway, against main ({sha}): {CHANGED}"
    )


@pytest.mark.parametrize("ref", ["HEAD", "refs/heads/main", "HEAD^0", "@", "v1"])
def test_every_way_to_name_a_commit(repository: Path, ref: str) -> None:
    git(repository, "tag", "--annotate", "v1", "--message", "the first")
    assert CHANGED in first_line(interlock("plan", "--against", ref, cwd=repository))


def test_a_commit_that_holds_the_same_is_no_change(repository: Path) -> None:
    sha = commit(repository)
    ran = interlock("plan", "--against", sha, cwd=repository)
    assert ": no change: the same routes, the same cost, nothing to roll out" in first_line(ran)
    assert ran.stdout.count("\n") == 1


def test_from_a_folder_below(repository: Path) -> None:
    ran = interlock("plan", "gateway.yaml", "--against", "main", cwd=repository / "catalog")
    assert CHANGED in first_line(ran)


def test_from_a_hook(repository: Path) -> None:
    ran = interlock("plan", "--against", "main", cwd=repository, GIT_DIR=".git", GIT_INDEX_FILE=".git/index")
    assert CHANGED in first_line(ran)


def test_from_a_folder_outside_the_repository(repository: Path) -> None:
    file = repository / "catalog" / "gateway.yaml"
    assert CHANGED in first_line(interlock("plan", file, "--against", "main", cwd=repository.parent))


@pytest.mark.parametrize("name", ["my catalog.yaml", "-rf.yaml", "*.yaml", "Grüße.yaml", ":(top)x.yaml"])
def test_a_file_of_any_name(repository: Path, name: str) -> None:
    (repository / "catalog" / "gateway.yaml").write_text(BEFORE)
    (repository / "catalog" / "gateway.yaml").rename(repository / "catalog" / name)
    commit(repository)
    (repository / "catalog" / name).write_text(AFTER)
    assert CHANGED in first_line(interlock("plan", "--against", "main", cwd=repository))
    ran = interlock("plan", "--against", "main", "--", name, cwd=repository / "catalog")
    assert CHANGED in first_line(ran)


def test_another_file(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "was.yaml").write_text(BEFORE)
    ran = interlock("plan", "--against", tmp_path / "was.yaml", cwd=repository)
    assert first_line(ran) == f"gateway, against {tmp_path}/was.yaml: {CHANGED}"


@pytest.mark.parametrize("folder", ["out", "out/gateway"])
def test_what_was_rendered(repository: Path, folder: str) -> None:
    catalog = repository / "catalog" / "gateway.yaml"
    catalog.write_text(BEFORE)
    assert interlock("render", cwd=repository).returncode == 0
    catalog.write_text(AFTER)
    ran = interlock("plan", "--against", folder, cwd=repository)
    assert first_line(ran) == f"gateway, against out/gateway: {CHANGED}"
    assert "out/gateway holds no catalog: findings, allowances, traffic" in ran.stdout
    assert "Models and prices" not in ran.stdout  # a routing table knows as much of them as it needs


def test_what_was_rendered_and_then_edited(repository: Path) -> None:
    (repository / "catalog" / "gateway.yaml").write_text(BEFORE)
    assert interlock("render", cwd=repository).returncode == 0
    table = repository / "out/gateway/litellm/llm-router/routing_table.json"
    table.write_text(table.read_text().replace('"dear"', '"mine"', 1))
    (repository / "out/gateway/manifests/llm-router/service.yaml").write_text("{[")
    ran = interlock("plan", "--against", "out", cwd=repository)
    assert ran.returncode == 0
    assert "routing table: its content is not that of digest" in ran.stdout
    assert "manifests/llm-router/service.yaml is not a Kubernetes object any more" in ran.stdout


def test_a_catalog_that_is_new(repository: Path) -> None:
    (repository / "catalog" / "second.yaml").write_text(BEFORE.replace("name: gateway", "name: second", 1))
    ran = interlock("plan", "--against", "main", cwd=repository)
    assert ran.returncode == 0
    assert "second, against main" in ran.stdout
    assert ": a new catalog: 12 Kubernetes objects added" in ran.stdout
    assert "Secret openai-api-key with key api-key in namespace" in ran.stdout
    assert "Less safe" not in ran.stdout


def test_a_catalog_that_moved(repository: Path) -> None:
    (repository / "catalog" / "gateway.yaml").rename(repository / "catalog" / "moved.yaml")
    line = first_line(interlock("plan", "--against", "main", cwd=repository))
    assert line.endswith(f", where it was catalog/gateway.yaml: {CHANGED}")


def test_a_catalog_that_is_deleted(repository: Path) -> None:
    (repository / "catalog" / "second.yaml").write_text(BEFORE.replace("name: gateway", "name: second", 1))
    (repository / "catalog" / "gateway.test.yaml").write_text("tests: []\n# interlock/v1\n")
    commit(repository)
    (repository / "catalog" / "second.yaml").unlink()
    (repository / "catalog" / "gateway.test.yaml").unlink()
    ran = interlock("plan", "--against", "main", cwd=repository)
    assert "second, against main" in ran.stdout
    assert "the catalog is deleted: 12 Kubernetes objects to be deleted" in ran.stdout
    assert "kubectl delete deployment llm-router -n" in ran.stdout
    assert ran.stdout.count(", against main") == 2


@pytest.mark.parametrize(
    ("ref", "words"),
    [
        ("no-such-ref", "git does not know 'no-such-ref' here"),
        ("origin/main", "fetch it: `git fetch origin main`"),
        ("feature/new", "fetch it: `git fetch origin feature/new`"),
        ("HEAD~7", "`git log` shows what there is"),
        ("--upload-pack=touch pwned", "git does not know"),
        ("-n", "git does not know '-n' here"),
        ("main:catalog", "git does not know 'main:catalog' here"),
        ("$(touch pwned)", "git does not know"),
        ("", "git does not know ''"),
    ],
)
def test_a_ref_that_is_not_there_is_wrong_usage(repository: Path, ref: str, words: str) -> None:
    git(repository, "remote", "add", "origin", (repository.parent / "nowhere").as_posix())
    ran = interlock("plan", f"--against={ref}", cwd=repository)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert words in " ".join(ran.stderr.split())
    assert not (repository / "pwned").exists()


def test_a_shallow_clone_says_how_to_fetch(repository: Path) -> None:
    commit(repository)
    address = f"file://{repository.as_posix()}"
    clone = repository.parent / "clone"
    git(repository.parent, "clone", "--quiet", "--depth=1", address, clone.as_posix())
    assert ": no change" in first_line(interlock("plan", "--against", "origin/main", cwd=clone))
    git(clone, "branch", "--remotes", "--delete", "origin/main")
    ran = interlock("plan", "--against", "origin/main", cwd=clone)
    assert ran.returncode == 2
    fix = "git fetch --depth=1 origin main:refs/remotes/origin/main"
    assert fix in " ".join(ran.stderr.split())
    git(clone, *fix.split()[1:])
    assert ": no change" in first_line(interlock("plan", "--against", "origin/main", cwd=clone))
    older = interlock("plan", "--against", "HEAD~1", cwd=clone)
    assert "git fetch --unshallow" in older.stderr


def test_a_folder_that_is_no_output_and_no_repository(tmp_path: Path) -> None:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "catalog" / "gateway.yaml").write_text(BEFORE)
    above = tmp_path.parent.as_posix()
    ran = interlock("plan", "--against", "catalog", cwd=tmp_path, GIT_CEILING_DIRECTORIES=above)
    assert ran.returncode == 2
    assert "is in no git repository" in " ".join(ran.stderr.split())


def test_without_git(repository: Path) -> None:
    ran = interlock("plan", "--against", "main", cwd=repository, PATH="/nowhere")
    assert ran.returncode == 2
    assert "`git` is not installed" in " ".join(ran.stderr.split())


def test_one_catalog_cannot_be_what_two_were(repository: Path) -> None:
    (repository / "catalog" / "second.yaml").write_text(BEFORE)
    ran = interlock("plan", "--against", "catalog/gateway.yaml", cwd=repository)
    assert ran.returncode == 2
    assert "name one of" in " ".join(ran.stderr.split())


def test_today_must_compile(repository: Path) -> None:
    (repository / "catalog" / "gateway.yaml").write_text(AFTER.replace("[cheap, dear]", "[cheep, dear]"))
    text = interlock("plan", "--against", "main", cwd=repository)
    assert text.returncode == 1
    assert "does not compile (1 error), so nothing is compared" in text.stdout
    assert "error[IL301]" in text.stderr
    comment = interlock("plan", "--against", "main", "--format", "markdown", cwd=repository)
    assert comment.returncode == 1
    assert comment.stdout.startswith(f"{MARKER}\n")
    data = json.loads(interlock("plan", "--against", "main", "--format", "json", cwd=repository).stdout)
    assert data["plans"] == []
    assert [found["code"] for found in data["not_compiled"][0]] == ["IL301"]


def test_what_was_need_not_compile(repository: Path) -> None:
    (repository / "catalog" / "gateway.yaml").write_text(BEFORE.replace("[dear, cheap]", "[deer, cheap]"))
    commit(repository)
    (repository / "catalog" / "gateway.yaml").write_text(AFTER)
    ran = interlock("plan", "--against", "main", cwd=repository)
    assert ran.returncode == 0
    assert "does not compile (1 error): nothing of it can be compared" in ran.stdout
    assert "routes and safety not compared, objects not compared" in ran.stdout


def test_both_sides_are_judged_on_the_same_day(repository: Path) -> None:
    catalog = repository / "catalog" / "gateway.yaml"
    catalog.write_text(BEFORE.replace("dear: {", "dear: {lifecycle: {retires_on: '2027-03-01'}, "))
    commit(repository)
    (repository / "README.md").write_text("")
    then = interlock("plan", "--against", "main", "--as-of", "2027-02-01", cwd=repository)
    assert ": no change" in first_line(then)


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("routes", ["--fail-on routes: gateway: "]),
        ("safety, routes", ["--fail-on routes: gateway: "]),
        ("safety,refusals,restarts,cost>10%,cost>$500,cost", []),
    ],
)
def test_a_threshold_that_is_passed_fails(repository: Path, limits: str, words: list[str]) -> None:
    ran = interlock("plan", "--against", "main", "--fail-on", limits, cwd=repository)
    assert ran.returncode == (1 if words else 0)
    assert [line[: len(word)] for line, word in zip(ran.stderr.splitlines(), words, strict=True)] == words


@pytest.mark.parametrize(
    ("limits", "code"),
    [("cost", 1), ("cost>$400", 1), ("cost>$500", 0), ("cost > 1000 %", 1), ("cost>1200%", 0)],
)
def test_what_may_be_spent(repository: Path, limits: str, code: int) -> None:
    catalog = repository / "catalog" / "gateway.yaml"
    commit(repository)
    catalog.write_text(BEFORE)  # dearer than what is committed: $36.50 → $456 a month
    ran = interlock("plan", "--against", "main", "--fail-on", limits, cwd=repository)
    assert ran.returncode == code, ran.stderr
    assert ("$36 → $456 a month" in ran.stderr) == bool(code)


@pytest.mark.parametrize("limits", ["cost>10", "saftey", "cost>€5", "cost<5%", "routes>3"])
def test_a_threshold_that_does_not_exist_is_wrong_usage(repository: Path, limits: str) -> None:
    ran = interlock("plan", "--against", "main", "--fail-on", limits, cwd=repository)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "there are: safety, routes, refusals, restarts, cost, cost>10%, cost>$500" in " ".join(
        ran.stderr.split()
    )


def test_json_is_one_document(repository: Path) -> None:
    ran = interlock("plan", "--against", "main", "--format", "json", "--fail-on", "routes", cwd=repository)
    data = json.loads(ran.stdout)
    (plan,) = data["plans"]
    assert (data["version"], plan["catalog"], plan["verdict"], plan["changed"]) == (
        1,
        "gateway",
        CHANGED,
        True,
    )
    assert data["failed"] == ran.stderr.splitlines()
    row = plan["routes"][0]["changes"][0]
    assert [hop["model"] for hop in row["before"]] == ["dear", "cheap"]
    assert [hop["model"] for hop in row["after"]] == ["cheap", "dear"]
    assert plan["money"]["total"]["after"] == pytest.approx(1000 * 1200e-6 * 365 / 12)


def test_nothing_heavy_is_imported(repository: Path) -> None:
    program = (
        "import sys; from click.testing import CliRunner; from compiler.cli import cli; "
        "ran = CliRunner().invoke(cli, ['plan', '--against', 'main']); "
        "print(ran.exit_code, sorted({'litellm', 'kubernetes', 'jsonschema'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "0 []\n"
