"""Writes every `expected.txt` anew: `python tests/errors/refresh.py`. Review the diff as its reader.

A case is a folder `<code>-<slug>` with a `catalog.yaml` (or a `catalog.bin`, for bytes that are not text).
"""

import contextlib
import io
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def cases() -> list[Path]:
    return sorted(path for path in HERE.glob("IL*-*") if path.is_dir())


def catalog_of(case: Path) -> Path:
    """The one catalog of a case."""
    (catalog,) = case.glob("catalog.*")
    return catalog


def said(case: Path) -> str:
    """What `interlock validate <catalog>` writes on stderr, run in the case's folder."""
    from compiler.commands.common import show
    from compiler.pipeline import validate

    catalog = Path(catalog_of(case).name)
    written = io.StringIO()
    with contextlib.chdir(case), contextlib.redirect_stderr(written):
        show([validate(catalog)], "text")
    return written.getvalue()


def main() -> None:
    os.environ.setdefault("INTERLOCK_AS_OF", "2026-11-23")  # as in conftest.py
    sys.path.insert(0, str(ROOT))  # this checkout's compiler, installed or not
    for case in cases():
        expected = case / "expected.txt"
        text = said(case)
        if not expected.exists() or expected.read_text("utf-8") != text:
            expected.write_text(text, "utf-8")
            print(f"{case.name}: written")


if __name__ == "__main__":
    main()
