"""Bundle → disk: the whole folder or none of it, and nobody else's file is ever lost."""

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from compiler import write as module
from compiler.diagnostics import Diagnostic, Span
from compiler.write import WRITTEN, Changes, compare, difference, stale, write

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534

OLD = {"a.yaml": "one\n", "gateway/b.yaml": "two\n", "gateway/deep/c.yaml": "three\n", "gone.yaml": "four\n"}
NEW = {"a.yaml": "one\n", "gateway/b.yaml": "2\n", "gateway/deep/c.yaml": "three\n", "fresh/d.yaml": "five\n"}
CHANGES = Changes(
    added=("fresh/d.yaml",), changed=(WRITTEN, "gateway/b.yaml"), removed=("gone.yaml",)
)  # from OLD to NEW


def bundle(files: Mapping[str, str], interlock: str = "0.1.0", cost_map: str = "m1") -> dict[str, bytes]:
    """As `render` makes it: every file, and last the list of them."""
    raw = {path: text.encode() for path, text in files.items()}
    digests = {path: sha256(content).hexdigest() for path, content in raw.items()}
    written = {"interlock": interlock, "cost_map": cost_map, "files": digests}
    return {**raw, WRITTEN: json.dumps(written, sort_keys=True).encode()}


def tree(folder: Path) -> dict[str, bytes]:
    """Every file by its path; a symlink by where it leads."""
    return {
        path.relative_to(folder).as_posix(): os.fsencode(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """(inode, time of change in ns) of the folder and everything in it."""
    found = {path: path.stat(follow_symlinks=False) for path in (folder, folder.parent, *folder.rglob("*"))}
    return {str(path): (status.st_ino, status.st_mtime_ns) for path, status in found.items()}


def siblings(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "out" / "name"


@pytest.fixture
def written(folder: Path) -> Path:
    """The folder with OLD in it."""
    assert write(bundle(OLD), folder)
    return folder


# --- what is written -----------------------------------------------------------------------------------


def test_a_new_folder_holds_the_bundle_and_nothing_else(folder: Path) -> None:
    assert write(bundle(OLD), folder) == Changes(added=tuple(sorted(bundle(OLD))))
    assert tree(folder) == bundle(OLD)
    assert siblings(folder) == ["name"]


def test_the_folder_is_readable_by_others(written: Path) -> None:
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(written.stat().st_mode) == 0o755 & ~umask
    assert stat.S_IMODE((written / "a.yaml").stat().st_mode) == 0o666 & ~umask


def test_what_is_there_already_is_not_touched(written: Path) -> None:
    before = stamps(written)
    assert write(bundle(OLD), written) == Changes()
    assert stamps(written) == before


def test_a_change_writes_the_new_and_prunes_what_was_written_before(written: Path) -> None:
    assert write(bundle(NEW), written) == CHANGES
    assert tree(written) == bundle(NEW)
    assert not (written / "gone.yaml").exists()
    assert siblings(written) == ["name"]


def test_compare_says_what_write_does_and_does_nothing(written: Path) -> None:
    before = stamps(written)
    assert compare(bundle(NEW), written) == CHANGES
    assert stamps(written) == before
    assert not compare(bundle(OLD), written)
    assert compare(bundle(OLD), written.with_name("nowhere")).added == tuple(sorted(bundle(OLD)))
    assert siblings(written) == ["name"]


def test_a_file_that_was_deleted_or_edited_comes_back(written: Path) -> None:
    (written / "a.yaml").unlink()
    (written / "gateway/b.yaml").write_text("edited by hand\n")
    assert write(bundle(OLD), written) == Changes(added=("a.yaml",), changed=("gateway/b.yaml",))
    assert tree(written) == bundle(OLD)


def test_a_folder_that_is_empty_is_filled(folder: Path) -> None:
    folder.mkdir(parents=True)
    assert write(bundle(OLD), folder)
    assert tree(folder) == bundle(OLD)


def test_a_relative_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert write(bundle(OLD), Path("name"))
    assert write(bundle(NEW), Path("name")) == CHANGES
    assert tree(tmp_path / "name") == bundle(NEW)


def test_a_folder_that_is_a_symlink_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "elsewhere" / "real", tmp_path / "out" / "name"
    real.mkdir(parents=True)
    link.parent.mkdir()
    link.symlink_to(real)
    assert write(bundle(OLD), link)
    assert write(bundle(NEW), link) == CHANGES
    assert link.readlink() == real
    assert tree(real) == bundle(NEW)


# --- files that are somebody else's ---------------------------------------------------------------------


def test_foreign_files_are_carried_over(written: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    (written / "README.md").write_text("mine")
    (written / "gateway/deep/.hidden").write_text("mine too")
    (written / "notes/2026").mkdir(parents=True)
    (written / "notes/2026/run.sh").write_text("#!/bin/sh\n")
    (written / "notes/2026/run.sh").chmod(0o750)
    (written / "link-to-file").symlink_to(outside)
    (written / "gateway/link-to-folder").symlink_to("../notes")
    (written / "link-to-nothing").symlink_to("missing")
    foreign = {path: raw for path, raw in tree(written).items() if path not in bundle(OLD)}
    status = (written / "notes/2026/run.sh").stat()
    assert len(foreign) == 6
    assert write(bundle(NEW), written) == CHANGES
    assert tree(written) == {**bundle(NEW), **foreign}
    after = (written / "notes/2026/run.sh").stat()
    assert (after.st_mode, after.st_mtime_ns) == (status.st_mode, status.st_mtime_ns)
    assert outside.read_text() == "outside"


def test_foreign_files_are_copied_where_links_do_not_work(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    (written / "README.md").write_text("mine")
    (written / "link").symlink_to("missing")
    monkeypatch.setattr(os, "link", refuse)
    assert write(bundle(NEW), written) == CHANGES
    assert tree(written) == {**bundle(NEW), "README.md": b"mine", "link": b"missing"}


def test_a_file_that_was_never_listed_is_never_pruned(written: Path) -> None:
    """Even where an earlier output had one of that name: the list on disk decides."""
    write(bundle(NEW), written)
    (written / "gone.yaml").write_text("now it is mine")
    newer = {**NEW, "a.yaml": "1\n"}
    assert write(bundle(newer), written) == Changes(changed=(WRITTEN, "a.yaml"))
    assert (written / "gone.yaml").read_text() == "now it is mine"


@pytest.mark.parametrize("path", ["../outside.txt", "/outside.txt", "gateway/../../outside.txt"])
def test_a_list_that_leads_outside_is_not_followed(written: Path, path: str) -> None:
    outside = written.parent / "outside.txt"
    outside.write_text("safe")
    path = path if path.startswith((".", "g")) else str(outside)
    (written / WRITTEN).write_text(json.dumps({"files": {path: "0", "a.yaml": "0"}}))
    assert path not in compare(bundle(OLD), written).removed
    write(bundle({"a.yaml": "1\n"}), written)
    assert outside.read_text() == "safe"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '"text"', "{}", '{"files": []}', '{"files": null}', "\udc80"]
)
def test_a_broken_list_owns_nothing(written: Path, content: str) -> None:
    (written / WRITTEN).write_bytes(content.encode("utf-8", "surrogateescape"))
    (written / "a.yaml").write_text("edited\n")
    before = tree(written)
    result = write(bundle(NEW), written)
    assert isinstance(result, Diagnostic)
    assert tree(written) == before


def refused(result: Changes | Diagnostic, folder: Path, path: str) -> bool:
    assert isinstance(result, Diagnostic), result
    assert (result.code, result.severity) == ("IL903", "error")
    assert result.where == Span((folder / path).as_posix(), 1, 1, 2)
    assert result.hint
    return True


@pytest.mark.parametrize("path", ["a.yaml", "gateway/deep/c.yaml", WRITTEN])
def test_a_foreign_file_in_the_way_is_refused(folder: Path, path: str) -> None:
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_text('"mine"')
    before = stamps(folder)
    assert refused(write(bundle(OLD), folder), folder, path)
    assert stamps(folder) == before
    assert siblings(folder) == ["name"]


def test_a_foreign_file_that_says_the_same_is_adopted(folder: Path) -> None:
    (folder / "gateway").mkdir(parents=True)
    (folder / "gateway/b.yaml").write_text(OLD["gateway/b.yaml"])
    assert isinstance(write(bundle(OLD), folder), Changes)
    assert tree(folder) == bundle(OLD)


def test_an_adopted_file_is_written_anew_not_through_its_other_name(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other-name.yaml"
    other.write_text(OLD["a.yaml"])
    folder.mkdir(parents=True)
    os.link(other, folder / "a.yaml")
    before = other.stat()
    assert isinstance(write(bundle(OLD), folder), Changes)
    assert (other.stat().st_ino, other.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (folder / "a.yaml").stat().st_ino != before.st_ino


def test_a_new_path_with_a_foreign_file_on_it_is_refused(written: Path) -> None:
    (written / "fresh").mkdir()
    (written / "fresh/d.yaml").write_text("mine")
    before = tree(written)
    assert refused(write(bundle(NEW), written), written, "fresh/d.yaml")
    assert tree(written) == before


def test_a_foreign_folder_where_a_file_goes_is_refused(folder: Path) -> None:
    (folder / "a.yaml").mkdir(parents=True)
    (folder / "a.yaml/inner.txt").write_text("mine")
    assert refused(write(bundle(OLD), folder), folder, "a.yaml")
    assert tree(folder) == {"a.yaml/inner.txt": b"mine"}


def test_a_foreign_file_where_a_folder_goes_is_refused(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "gateway").write_text("mine")
    result = write(bundle(OLD), folder)
    assert isinstance(result, Diagnostic)
    assert result.code == "IL903"
    assert tree(folder) == {"gateway": b"mine"}


def test_a_foreign_symlink_where_a_folder_goes_is_refused(folder: Path, tmp_path: Path) -> None:
    """Writing through it would change another folder, and not in one step."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.mkdir(parents=True)
    (folder / "gateway").symlink_to(elsewhere)
    result = write(bundle(OLD), folder)
    assert isinstance(result, Diagnostic)
    assert result.code == "IL903"
    assert tree(elsewhere) == {}


@pytest.mark.parametrize("target", ["outside.txt", "missing.txt"])
def test_a_foreign_symlink_where_a_file_goes_is_refused(folder: Path, tmp_path: Path, target: str) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    folder.mkdir(parents=True)
    (folder / "a.yaml").symlink_to(tmp_path / target)
    assert refused(write(bundle(OLD), folder), folder, "a.yaml")
    assert outside.read_text() == "outside"
    assert tree(folder) == {"a.yaml": str(tmp_path / target).encode()}


def test_our_file_that_became_a_symlink_is_replaced_not_followed(written: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    (written / "a.yaml").unlink()
    (written / "a.yaml").symlink_to(outside)
    assert write(bundle(NEW), written)
    assert tree(written) == bundle(NEW)
    assert outside.read_text() == "outside"


# --- when the file system refuses ------------------------------------------------------------------------


def test_a_file_where_the_folder_goes_is_an_error(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_text("mine")
    with pytest.raises(NotADirectoryError):
        write(bundle(OLD), folder)
    assert folder.read_text() == "mine"
    assert siblings(folder) == ["name"]


def test_a_file_where_the_parent_goes_is_an_error(folder: Path) -> None:
    folder.parent.write_text("mine")
    with pytest.raises(OSError, match=r".+"):
        write(bundle(OLD), folder)
    assert folder.parent.read_text() == "mine"


@pytest.mark.parametrize(
    ("owner", "name", "call"),
    [
        (os, "fsync", 1),
        (os, "fsync", 3),
        (Path, "open", 2),
        (tempfile, "mkdtemp", 1),
        (module, "_swap", 1),
        (module, "_place", 2),
    ],
)
def test_an_error_half_way_leaves_the_old_output(
    written: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int
) -> None:
    real, calls = getattr(owner, name), Counter[str]()

    def full(*args: Any, **kwargs: Any) -> Any:
        calls[name] += 1
        if calls[name] == call:
            raise OSError(errno.ENOSPC, "no space left on device")
        return real(*args, **kwargs)

    (written / "README.md").write_text("mine")
    before = stamps(written)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, full)
        with pytest.raises(OSError, match="no space left"):
            write(bundle(NEW), written)
    assert calls[name] == call
    assert stamps(written).keys() == before.keys()
    assert tree(written) == {**bundle(OLD), "README.md": b"mine"}
    assert siblings(written) == ["name"]
    assert write(bundle(NEW), written) == CHANGES


def test_a_foreign_file_that_cannot_be_carried_over_stops_the_write(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "input/output error")

    (written / "README.md").write_text("mine")
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, "copy2", refuse)
    with pytest.raises(OSError, match="input/output error"):
        write(bundle(NEW), written)
    assert tree(written) == {**bundle(OLD), "README.md": b"mine"}
    assert siblings(written) == ["name"]


def test_a_file_that_cannot_be_read_stops_the_write(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "a.yaml":
            raise PermissionError(errno.EACCES, "permission denied", str(path))
        return real(path)

    before = stamps(written)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(PermissionError):
            write(bundle(NEW), written)
    assert stamps(written) == before


@pytest.fixture
def written_by_nobody() -> Iterator[Path]:
    """An output of a user without privileges, who this test is until it ends: root may read and write all."""
    with tempfile.TemporaryDirectory() as folder:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            output = Path(folder) / "parent" / "gateway"
            assert write(bundle(OLD), output)
            yield output
        finally:
            if is_root:
                os.seteuid(0)


def test_an_unreadable_folder_is_an_error_and_stays(written_by_nobody: Path) -> None:
    written = written_by_nobody
    written.chmod(0)
    try:
        with pytest.raises(PermissionError):
            write(bundle(NEW), written)
    finally:
        written.chmod(0o755)
    assert tree(written) == bundle(OLD)


def test_a_parent_that_takes_no_files_is_an_error(written_by_nobody: Path) -> None:
    written = written_by_nobody
    written.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            write(bundle(NEW), written)
    finally:
        written.parent.chmod(0o755)
    assert tree(written) == bundle(OLD)


# --- a system without an atomic exchange -----------------------------------------------------------------


def no_exchange(*_: Path) -> None:
    raise OSError(errno.ENOSYS, "no atomic exchange on this system")


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EINVAL, errno.ENOTSUP])
def test_two_renames_do_where_there_is_no_exchange(
    written: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: Path) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(module, "_swap", refuse)
    (written / "README.md").write_text("mine")
    assert write(bundle(NEW), written) == CHANGES
    assert tree(written) == {**bundle(NEW), "README.md": b"mine"}
    assert siblings(written) == ["name"]


def test_a_second_rename_that_fails_puts_the_old_output_back(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.rename, Counter[str]()

    def once(path: Path, target: Path) -> Path:
        calls["rename"] += 1
        if calls["rename"] == 2:
            raise OSError(errno.EIO, "input/output error")
        return real(path, target)

    (written / "README.md").write_text("mine")
    monkeypatch.setattr(module, "_swap", no_exchange)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", once)
        with pytest.raises(OSError, match="input/output error"):
            write(bundle(NEW), written)
    assert tree(written) == {**bundle(OLD), "README.md": b"mine"}


def test_an_exchange_cut_in_two_is_undone_by_the_next_write(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (written / "README.md").write_text("mine")
    cut_in_two(written, monkeypatch)
    assert write(bundle(OLD), written) == Changes()
    assert tree(written) == {**bundle(OLD), "README.md": b"mine"}
    cut_in_two(written, monkeypatch)
    assert write(bundle(NEW), written) == CHANGES
    assert tree(written) == {**bundle(NEW), "README.md": b"mine"}
    assert siblings(written) == ["name"]


# --- what killed runs leave ------------------------------------------------------------------------------


def test_what_a_killed_run_left_is_swept_even_when_nothing_changed(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_swap", die)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a killed process cleans nothing up
        with pytest.raises(KeyboardInterrupt):
            write(bundle(NEW), written)
    assert len(siblings(written)) == 2
    assert write(bundle(OLD), written) == Changes()
    assert siblings(written) == ["name"]
    assert tree(written) == bundle(OLD)


def test_other_folders_beside_it_are_left_alone(written: Path) -> None:
    for name in (".interlock", "name2", ".interlock-other-k3xq0a1b", "interlock-name-x"):
        (written.parent / name).mkdir()
        (written.parent / name / "file").write_text("mine")
    before = siblings(written)
    assert write(bundle(NEW), written) == CHANGES
    assert siblings(written) == before


def test_the_staging_of_a_catalog_with_a_longer_name_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gateway` and `gateway-eu` may be rendered at the same moment, or one of them have been killed."""
    longer = folder.with_name(f"{folder.name}-eu")
    found: list[dict[str, bytes]] = []

    def meanwhile(first: Path, second: Path) -> None:
        write(bundle({"a.yaml": "the other catalog\n"}), folder)
        found.append(tree(first))
        real(first, second)

    write(bundle(OLD), longer)
    real = module._swap
    with monkeypatch.context() as patch:
        patch.setattr(module, "_swap", meanwhile)
        assert write(bundle(NEW), longer) == CHANGES
    assert found == [bundle(NEW)]
    assert tree(longer) == bundle(NEW)
    assert tree(folder) == bundle({"a.yaml": "the other catalog\n"})


def test_the_output_of_a_catalog_with_a_longer_name_is_never_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    longer = folder.with_name(f"{folder.name}-eu")
    write(bundle(OLD), longer)
    left = cut_in_two(longer, monkeypatch)
    write(bundle({"a.yaml": "the other catalog\n"}), folder)
    assert tree(folder) == bundle({"a.yaml": "the other catalog\n"})
    assert tree(left) == bundle(OLD)
    assert write(bundle(NEW), longer) == CHANGES
    assert tree(longer) == bundle(NEW)


def cut_in_two(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leaves a half-made exchange, as a kill between the two renames does. Returns the old one's place."""
    real = Path.rename
    kept: list[Path] = []

    def only_once(path: Path, target: Path) -> Path:
        if kept:
            raise KeyboardInterrupt
        kept.append(target)
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(module, "_swap", no_exchange)
        patch.setattr(Path, "rename", only_once)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a killed process cleans nothing up
        with pytest.raises(KeyboardInterrupt):
            write(bundle(NEW), folder)
    assert not folder.exists()
    return kept[0]


# Runs apart from pytest, because it forks: a child for every point at which a render may die.
KILLER = """
import ast, errno, json, os, signal, sys
from pathlib import Path
from compiler import write as module

where, old, new, exchange = Path(sys.argv[1]), *(ast.literal_eval(arg) for arg in sys.argv[2:])
folder = where / "name"
os.fsync = lambda _: None  # a killed process loses no page of the kernel's; only waiting is spared
FOREIGN = {"README.md": b"mine", "gateway/note": b"mine"}
CALLS = {
    "open", "os.rename", "os.mkdir", "os.link", "os.remove", "os.rmdir", "os.scandir", "os.listdir",
    "shutil.rmtree", "shutil.copyfile", "tempfile.mkdtemp", "ctypes.dlopen", "ctypes.dlsym",
}

def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

def refuse(*paths):
    raise OSError(errno.ENOSYS, "no atomic exchange on this system")

def die_at(point, by):
    left, lines = point, set()
    def passed():
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def call(event, args):
        if event in CALLS:
            passed()
    def line(frame, event, arg):
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line" and frame.f_lineno not in lines:
            lines.add(frame.f_lineno)
            passed()
        return line
    sys.settrace(line) if by == "line" else sys.addaudithook(call)

def killed(point, by):
    child = os.fork()
    if child == 0:
        if not exchange:
            module._swap = refuse
        die_at(point, by)
        module.write(new, folder)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])

def state():
    if not folder.exists():
        return "missing"
    whole = {"old": {**old, **FOREIGN}, "new": {**new, **FOREIGN}}
    return next((name for name, files in whole.items() if files == tree(folder)), "mixed")

def start():
    module.write(old, folder)
    for path, raw in FOREIGN.items():
        (folder / path).write_bytes(raw)

result = []
for by in ("call", "line"):
    point, died = 0, True
    while died:
        start()
        died = killed(point, by)
        found, left = state(), len(list(where.iterdir())) - folder.exists()
        target = (old, new)[point % 2]
        module.write(target, folder)
        whole = tree(folder) == {**target, **FOREIGN}
        result.append((by, died, found, left, whole, sorted(p.name for p in where.iterdir())))
        point += 1
print(json.dumps(result))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("exchange", [True, False], ids=["exchange", "two renames"])
def test_a_render_killed_at_any_point_leaves_one_whole_output(tmp_path: Path, exchange: bool) -> None:
    """At each call of the file system and at each line of the module, with files of somebody else's about."""
    arguments = [str(tmp_path), repr(bundle(OLD)), repr(bundle(NEW)), repr(exchange)]
    ran = subprocess.run(
        [sys.executable, "-c", KILLER, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    points = json.loads(ran.stdout)
    kills = [point for point in points if point[1]]
    seen = Counter((by, found) for by, _, found, *_ in kills)
    assert min(sum(n for (by, _), n in seen.items() if by == how) for how in ("call", "line")) >= 40, seen
    for how in ("call", "line"):
        assert seen[how, "old"], "no kill came before the exchange"
        assert seen[how, "new"], "no kill came after the exchange"
    assert {found for _, found in seen} <= ({"old", "new"} if exchange else {"old", "new", "missing"})
    assert [found for _, died, found, *_ in points if not died] == ["new", "new"], (
        "unhindered, it writes the new"
    )
    assert any(left for _, _, _, left, *_ in kills), "no kill left anything to sweep"
    assert [point for point in points if not point[4]] == [], "the next write did not mend it"
    assert {tuple(names) for *_, names in points} == {("name",)}, "the next write left something behind"


# --- what `check` says ---------------------------------------------------------------------------------


def test_nothing_is_stale_after_a_write(written: Path) -> None:
    assert list(stale(bundle(OLD), written)) == []
    assert difference(bundle(OLD), written) == ""


def test_stale_names_each_file_and_what_it_is(written: Path) -> None:
    found = list(stale(bundle(NEW), written))
    assert [d.message for d in found] == [
        "name/fresh/d.yaml is missing",
        "name/gateway/b.yaml differs",
        "name/gone.yaml is left over",
    ]
    assert {(d.code, d.severity) for d in found} == {("IL904", "error")}
    assert [d.where.file for d in found if d.where] == [
        (written / path).as_posix() for path in ("fresh/d.yaml", "gateway/b.yaml", "gone.yaml")
    ]
    assert all("interlock render" in d.hint for d in found)


def test_stale_points_at_the_first_line_that_differs(written: Path) -> None:
    (written / "a.yaml").write_text("one\ntwo\nthree\n")
    (found,) = stale(bundle({**OLD, "a.yaml": "one\ntwo\n3\n"}), written) or [None]
    assert found is not None
    assert found.where == Span((written / "a.yaml").as_posix(), 3, 1, 2)


def test_stale_says_what_moved_besides_the_catalog(written: Path) -> None:
    newer = bundle(NEW, interlock="0.2.0", cost_map="m2")
    first, *_ = stale(newer, written)
    assert "Interlock was 0.1.0 and is 0.2.0" in first.message
    assert "LiteLLM's cost map was m1 and is m2" in first.message


def test_a_version_alone_is_stale_too(written: Path) -> None:
    (found,) = stale(bundle(OLD, interlock="0.2.0"), written)
    assert found.message == f"name/{WRITTEN} differs (Interlock was 0.1.0 and is 0.2.0)"


def test_everything_is_missing_where_there_is_no_output(folder: Path) -> None:
    found = [d.message for d in stale(bundle(OLD), folder)]
    assert found == [f"name/{path} is missing" for path in sorted(OLD)]
    assert not folder.parent.exists()


def test_difference_is_a_unified_diff_of_each_file(written: Path) -> None:
    assert difference(bundle(NEW), written) == (
        "--- name/fresh/d.yaml\n+++ name/fresh/d.yaml (rendered)\n@@ -0,0 +1 @@\n+five\n"
        "--- name/gateway/b.yaml\n+++ name/gateway/b.yaml (rendered)\n@@ -1 +1 @@\n-two\n+2\n"
        "--- name/gone.yaml\n+++ name/gone.yaml (rendered)\n@@ -1 +0,0 @@\n-four\n"
    )


def test_a_long_difference_is_cut_and_says_so(written: Path) -> None:
    text = "".join(f"line {n}\n" for n in range(100))
    lines = difference(bundle({**OLD, "a.yaml": text}), written).splitlines()
    assert len(lines) == 41
    assert lines[-1] == "… 64 more lines"


def test_a_difference_of_bytes_that_are_not_text_is_shown(written: Path) -> None:
    (written / "a.yaml").write_bytes(b"\xff\xfe")
    assert "-\ufffd\ufffd\n" in difference(bundle(OLD), written)
