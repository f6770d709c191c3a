"""Bundle → disk: the whole folder at once, or not at all.

The new folder is built beside the old one and the two are exchanged in one step of the file system, so that a
reader, or a run that is killed, sees one whole output or the other. Files that Interlock did not write are
carried over; files it wrote before and writes no more are not.
"""

import ctypes
import difflib
import errno
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from compiler.diagnostics import OUTPUT_NOT_OURS, OUTPUT_STALE, Diagnostic, Span
from compiler.render import WRITTEN

_STAGING = ".interlock-"
_MAX_DIFF_LINES = 40


@dataclass(frozen=True, slots=True)
class Changes:
    """Paths below out/<name>/, sorted."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


def write(bundle: Mapping[str, bytes], folder: Path) -> Changes | Diagnostic:
    """Makes `folder` hold the bundle. Touches nothing when it already does.

    Returns:
        What changed, or IL903 when a file in the way is not Interlock's.

    Raises:
        OSError: the file system refused; the previous output is intact.
    """
    folder = folder.resolve() if folder.is_symlink() else folder
    _sweep(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, "a file stands where the output folder goes", str(folder))
    changes = compare(bundle, folder)
    if not changes:
        return changes
    foreign = next(_in_the_way(bundle, folder), None)
    if foreign is not None:
        where = Span((folder / foreign).as_posix(), 1, 1, 2)
        return OUTPUT_NOT_OURS.at(
            where, "Interlock did not write this file and would overwrite it", "move it away"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f"{_STAGING}{folder.name}.", dir=folder.parent))
    try:
        _fill(staging / "new", bundle, folder)
        _exchange(staging / "new", folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return changes


def compare(bundle: Mapping[str, bytes], folder: Path) -> Changes:
    """What `write` would do."""
    before = _owned(folder)
    there = {path: _content(folder / path) for path in (*bundle, *before)}
    return Changes(
        added=tuple(sorted(path for path in bundle if there[path] is None)),
        changed=tuple(sorted(p for p, raw in bundle.items() if there[p] is not None and there[p] != raw)),
        removed=tuple(sorted(p for p in before if p not in bundle and there[p] is not None)),
    )


def stale(bundle: Mapping[str, bytes], folder: Path) -> Iterator[Diagnostic]:
    """What `check` says: each difference with its first lines, and what else than the catalog moved."""
    changes = compare(bundle, folder)
    cause = _cause(bundle, folder) if changes else ""
    fix = "run `interlock render` and commit the result"
    for kind, paths in (
        ("is missing", changes.added),
        ("differs", changes.changed),
        ("is left over", changes.removed),
    ):
        for path in paths:
            if path == WRITTEN and len(changes.changed) + len(changes.added) + len(changes.removed) > 1:
                continue  # it lists the others' digests
            where = Span((folder / path).as_posix(), _first_difference(bundle.get(path), folder / path), 1, 2)
            yield OUTPUT_STALE.at(where, f"{folder.name}/{path} {kind}{cause}", fix)


def difference(bundle: Mapping[str, bytes], folder: Path) -> str:
    """A unified diff from the output on disk to what `render` would write, cut after 40 lines a file."""
    changes = compare(bundle, folder)
    parts: list[str] = []
    for path in sorted((*changes.added, *changes.changed, *changes.removed)):
        if path == WRITTEN:
            continue
        old = (_content(folder / path) or b"").decode("utf-8", "replace").splitlines(keepends=True)
        new = bundle.get(path, b"").decode().splitlines(keepends=True)
        lines = list(
            difflib.unified_diff(old, new, f"{folder.name}/{path}", f"{folder.name}/{path} (rendered)", n=1)
        )
        parts += [line if line.endswith("\n") else line + "\n" for line in lines[:_MAX_DIFF_LINES]]
        if len(lines) > _MAX_DIFF_LINES:
            parts.append(f"… {len(lines) - _MAX_DIFF_LINES} more lines\n")
    return "".join(parts)


def _first_difference(new: bytes | None, path: Path) -> int:
    old = _content(path)
    if new is None or old is None:
        return 1
    pairs = zip_longest(new.splitlines(), old.splitlines())
    return next((n for n, (a, b) in enumerate(pairs, start=1) if a != b), 1)


def _cause(bundle: Mapping[str, bytes], folder: Path) -> str:
    new, old = json.loads(bundle[WRITTEN]), _manifest(folder)
    moved = [
        f"{what} was {old.get(key)} and is {new[key]}"
        for key, what in (("interlock", "Interlock"), ("cost_map", "LiteLLM's cost map"))
        if old and old.get(key) != new[key]
    ]
    return f" ({'; '.join(moved)})" if moved else ""


def _manifest(folder: Path) -> dict[str, object]:
    try:
        found = json.loads((folder / WRITTEN).read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _owned(folder: Path) -> list[str]:
    """The paths that an earlier run lists as its own, the list included; only ones inside the folder."""
    manifest = _manifest(folder)
    files = manifest.get("files")
    inside = (
        [p for p in files if not Path(p).is_absolute() and ".." not in Path(p).parts]
        if isinstance(files, dict)
        else []
    )
    return [*inside, WRITTEN] if manifest else []


def _in_the_way(bundle: Mapping[str, bytes], folder: Path) -> Iterator[str]:
    """Paths where something stands that no earlier run lists: a file, or anything but a folder above one."""
    owned = set(_owned(folder))
    for path, raw in bundle.items():
        for above in (p.as_posix() for p in reversed(Path(path).parents[:-1])):
            place = folder / above
            if above not in owned and os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
                yield above
        place = folder / path
        if path not in owned and os.path.lexists(place) and (place.is_symlink() or _content(place) != raw):
            yield path


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except IsADirectoryError:
        return b""


def _fill(new: Path, bundle: Mapping[str, bytes], old: Path) -> None:
    """The folder to come: the bundle, and whatever in the old folder is not ours."""
    new.mkdir(mode=0o755)
    owned = set(_owned(old))
    for path in _all_files(old):
        if path not in owned and path not in bundle:
            _carry_over(old / path, _place(new / path))
    for path, raw in bundle.items():
        with _place(new / path).open("wb") as stream:
            stream.write(raw)
            stream.flush()
            os.fsync(stream.fileno())


def _carry_over(old: Path, new: Path) -> None:
    try:
        os.link(old, new, follow_symlinks=False)
    except OSError:  # a file system without hard links
        shutil.copy2(old, new, follow_symlinks=False)


def _all_files(folder: Path) -> list[str]:
    return [
        (Path(base) / name).relative_to(folder).as_posix()
        for base, folders, names in os.walk(folder)
        for name in (*names, *(f for f in folders if (Path(base) / f).is_symlink()))
    ]


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _exchange(new: Path, folder: Path) -> None:
    """Puts `new` where `folder` is, in one step where the system has one; the old one is left at `new`."""
    if not folder.exists():
        new.rename(folder)
        return
    try:
        _swap(new, folder)
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP):
            raise
        aside = new.with_name("old")  # two steps; `_sweep` puts the old one back if they are cut apart
        folder.rename(aside)
        try:
            new.rename(folder)
        except OSError:
            aside.rename(folder)
            raise


def _swap(first: Path, second: Path) -> None:
    """Exchanges two paths atomically: renameat2 with RENAME_EXCHANGE, renamex_np with RENAME_SWAP."""
    libc = ctypes.CDLL(None, use_errno=True)
    a, b = os.fsencode(first), os.fsencode(second)
    at_cwd, exchange = -100, 2
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        failed = libc.renameat2(at_cwd, a, at_cwd, b, exchange)
    elif sys.platform == "darwin":
        failed = libc.renamex_np(a, b, exchange)
    else:
        raise OSError(errno.ENOSYS, "no atomic exchange on this system")
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(second))


def _sweep(folder: Path) -> None:
    """Clears what a killed run left beside the folder, and undoes a half-made exchange."""
    for staging in folder.parent.glob(f"{_STAGING}{folder.name}.*"):  # a catalog's name holds no dot
        if not folder.exists() and (staging / "old").is_dir():
            (staging / "old").rename(folder)
        shutil.rmtree(staging, ignore_errors=True)
