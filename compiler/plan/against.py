"""What `--against` means: a catalog's file, a folder of output, or a git ref."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from compiler import source
from compiler.pipeline import Outcome, validate, validate_text
from compiler.plan import git
from compiler.plan.sides import Side, is_output, nothing, of_catalog, of_folder

_MOST_LOOKED_AT = 200  # catalogs of a commit, for one that has moved


class AgainstError(ValueError):
    """`--against` cannot be what it says."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A catalog before and after; `failed` in place of `after` when today's does not compile."""

    before: Side
    after: Side
    failed: Outcome | None = None


def pairs(against: str, files: Sequence[Path], folders: Sequence[Path], as_of: str | None) -> Iterator[Pair]:
    """Each catalog with what it was.

    Args:
        against: what the user wrote.
        files: today's catalogs.
        folders: those of which every catalog is looked at: one that is gone from them counts as deleted.
        as_of: the day that lifecycles are judged on, on both sides.

    Raises:
        AgainstError: it is none of the three, or does not fit the catalogs.
        git.GitError: git cannot say.
    """
    path = Path(against)
    if path.is_file():
        before = of_catalog(path.as_posix(), validate(path, as_of=as_of))
        yield _pair(before, _only(files, against), as_of)
    elif is_output(path):
        yield _pair(of_folder(path), _only(files, against), as_of)
    elif path.is_dir() and any(is_output(child) for child in path.iterdir()):
        yield from _with_outputs(path, files, as_of)
    else:
        yield from _with_commit(against, files, folders, as_of)


def _only(files: Sequence[Path], against: str) -> Path:
    if len(files) == 1:
        return files[0]
    listed = ", ".join(path.as_posix() for path in files)
    raise AgainstError(
        f"{against!r} is one catalog and there are {len(files)} to compare: name one of {listed}"
    )


def _pair(before: Side, file: Path, as_of: str | None) -> Pair:
    return _judged(before, validate(file, as_of=as_of), file)


def _judged(before: Side, outcome: Outcome, file: Path) -> Pair:
    if outcome.catalog is None or not outcome.ok:
        return Pair(before, nothing(file.as_posix()), outcome)
    return Pair(before, of_catalog(file.as_posix(), outcome))


def _with_outputs(folder: Path, files: Sequence[Path], as_of: str | None) -> Iterator[Pair]:
    for file in files:
        outcome = validate(file, as_of=as_of)
        own = folder / (outcome.catalog.name if outcome.catalog else "")
        before = of_folder(own) if outcome.catalog and is_output(own) else nothing(own.as_posix())
        yield _judged(before, outcome, file)


def _with_commit(
    ref: str, files: Sequence[Path], folders: Sequence[Path], as_of: str | None
) -> Iterator[Pair]:
    commits: dict[Path, git.Commit] = {}
    moved: set[tuple[Path, str]] = set()
    for file in files:
        here = file.resolve()
        commit = commits[here.parent] = commits.get(here.parent) or git.commit(here.parent, ref)
        own = _below(here, commit.top)
        outcome = validate(file, as_of=as_of)
        raw, was = commit.blob(own), own
        if raw is None:
            raw, was = _elsewhere(commit, _name(outcome))
            moved.add((commit.top, was))
        label = commit.label if was in (own, "") else f"{commit.label}, where it was {was}"
        if raw is None:
            yield _judged(nothing(label), outcome, file)
        elif outcome.ok and raw == file.read_bytes():  # nearly every catalog of nearly every change
            today = of_catalog(file.as_posix(), outcome)
            yield Pair(replace(today, label=label), today)
        else:
            yield _judged(_read(raw, f"{ref}:{was}", label, as_of), outcome, file)
    for folder in folders:
        yield from _deleted(git.commit(folder.resolve(), ref), folder, moved, as_of)


def _read(raw: bytes, name: str, label: str, as_of: str | None) -> Side:
    return of_catalog(label, validate_text(raw, name, as_of))


def _below(path: Path, top: Path) -> str:
    return Path(os.path.relpath(path, top.resolve())).as_posix()


def _name(outcome: Outcome) -> str:
    data = outcome.document.data if outcome.document else None
    return str(data.get("name", "")) if isinstance(data, dict) else ""


def _elsewhere(commit: git.Commit, name: str) -> tuple[bytes | None, str]:
    """A catalog of the same name that was in another place of the commit, and is there no more."""
    for path in commit.catalogs()[:_MOST_LOOKED_AT]:
        if name and not (commit.top / path).exists():
            raw = commit.blob(path)
            if raw is not None and _name_in(raw, path) == name:
                return raw, path
    return None, ""


def _name_in(raw: bytes, path: str) -> str:
    document = source.parse(raw, path)
    return _name(Outcome(document)) if isinstance(document, source.Document) else ""


def _deleted(
    commit: git.Commit, folder: Path, moved: set[tuple[Path, str]], as_of: str | None
) -> Iterator[Pair]:
    for path in commit.files(_below(folder.resolve(), commit.top)):
        if not (commit.top / path).exists() and (commit.top, path) not in moved:
            raw = commit.blob(path)
            if raw is not None and path in commit.catalogs():
                yield Pair(
                    _read(raw, f"{commit.ref}:{path}", commit.label, as_of),
                    nothing(f"{path}, which is deleted"),
                )
