"""What git knows of an earlier catalog: read through the `git` program, from lists and never by a shell."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_OID = re.compile(r"[0-9a-f]{40,64}")
_TIMEOUT_S = 60
# What git prints is read, and nobody is there to type a password.
_QUIET = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_LITERAL_PATHSPECS": "1"}
# What git sets for its hooks, from the top of the work tree: it would hold from any other folder, too.
_OF_HOOKS = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


class GitError(Exception):
    """Why git gives no answer, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the repository whose work tree begins at `top`; `ref` is what the user calls it."""

    top: Path
    ref: str
    oid: str

    @property
    def label(self) -> str:
        return f"{self.ref} ({self.oid[:7]})"

    def blob(self, path: str) -> bytes | None:
        """The content of a file, its path counted from `top`; None where the commit has no such file."""
        found = _git(self.top, "ls-tree", "-z", self.oid, "--", path).stdout.split(b"\0")[0]
        mode, kind, rest = [*found.split(b" ", 2), b"", b"", b""][:3]
        if kind != b"blob" or mode == b"120000":  # a folder, or a link to somewhere
            return None
        return _git(self.top, "cat-file", "blob", rest.split(b"\t")[0].decode()).stdout

    def files(self, folder: str = "") -> list[str]:
        """The YAML files of a folder, or of the whole commit, by their paths from `top`."""
        whole = ["-r"] if not folder else []
        place = ["--", f"{folder}/"] if folder and folder != "." else []
        listed = _git(self.top, "ls-tree", "-z", "--name-only", *whole, self.oid, *place).stdout
        return [path for path in listed.decode("utf-8", "surrogateescape").split("\0") if is_catalog(path)]

    def catalogs(self) -> list[str]:
        """The files anywhere in the commit that say they are catalogs, by their paths from `top`."""
        found = _git(self.top, "grep", "-l", "-z", "-F", "-e", "interlock/v1", self.oid).stdout
        listed = found.decode("utf-8", "surrogateescape").split("\0")
        paths = (entry.partition(":")[2] for entry in listed)  # each begins with the commit
        return [path for path in paths if is_catalog(path)]


def is_catalog(path: str) -> bool:
    """Whether a file may be a catalog, by its name: the tests beside one are not."""
    return path.endswith((".yaml", ".yml")) and not path.endswith((".test.yaml", ".test.yml"))


def commit(folder: Path, ref: str) -> Commit:
    """The commit that a ref names, in the repository around a folder.

    Raises:
        GitError: there is no git, no repository or no such commit here.
    """
    top = _git(folder, "rev-parse", "--show-toplevel")
    if top.returncode:
        raise GitError(_no_repository(folder, ref, top.stderr))
    # Nothing that git accepts as a name begins with a dash: it would be read as an option.
    found = (
        None if ref.startswith("-") else _git(folder, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    )
    oid = found.stdout.decode().strip() if found else ""
    if not _OID.fullmatch(oid):
        raise GitError(_unknown(folder, ref))
    return Commit(Path(os.fsdecode(top.stdout.rstrip(b"\n"))), ref, oid)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key not in _OF_HOOKS}
    command = ["git", "-C", str(folder), *arguments]
    try:
        return subprocess.run(
            command, env={**environment, **_QUIET}, stdin=subprocess.DEVNULL,
            capture_output=True, check=False, timeout=_TIMEOUT_S,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitError("--against names a git ref, and the program `git` is not installed here") from None
    except subprocess.TimeoutExpired:
        raise GitError(f"`git {arguments[0]}` did not answer within {_TIMEOUT_S} s") from None


def _no_repository(folder: Path, ref: str, error: bytes) -> str:
    said = error.decode("utf-8", "replace")
    if "dubious ownership" in said:
        return (
            f"git does not trust the repository around {folder.as_posix()}/, which another user owns: "
            "`git config --global --add safe.directory <its folder>`"
        )
    return (
        f"{ref!r} is no file and no folder that `interlock render` wrote, and {folder.as_posix()}/ is in no "
        "git repository: name a catalog's file, out/<name>, or a ref of a repository"
    )


def _unknown(folder: Path, ref: str) -> str:
    remote, _, branch = ref.partition("/")
    remotes = _git(folder, "remote").stdout.decode("utf-8", "replace").split()
    known = remote in remotes and bool(branch)
    fetch = f"`git fetch {remote} {branch}`" if known else f"`git fetch origin {ref}`"
    shallow = _git(folder, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
    if re.search(r"[~^]", ref):
        fix = (
            "fetch more of the history: `git fetch --unshallow`"
            if shallow
            else "`git log` shows what there is"
        )
    elif not remotes:
        fix = "`git branch --all` and `git log` show what there is"
    elif shallow:
        where = f" {branch}:refs/remotes/{ref}" if known else f" {ref}"
        fix = (
            f"this clone is shallow: `git fetch --depth=1 {remote if known else 'origin'}{where}` "
            "(GitHub's checkout: `fetch-depth: 0`)"
        )
    else:
        fix = f"fetch it: {fetch}"
    return f"git does not know {ref!r} here, and there is no such file or output folder; {fix}"
