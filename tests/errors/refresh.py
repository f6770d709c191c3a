"""Writes every `expected.txt` and `fixed.yaml` anew: `python tests/errors/refresh.py`.

Review the diff as its reader.

A case is a folder `<code>-<slug>` with a `catalog.yaml` (or a `catalog.bin`, for bytes that are not text),
and mostly a `near-miss.yaml`: the same catalog, changed as little as can be, which is not broken.
`fixed.yaml` is what `validate --fix` makes of it, where it makes anything of it.
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
    """What `interlock validate <catalog>` writes on stderr in the case's folder (`--notes` for a note)."""
    from compiler.commands.common import show
    from compiler.pipeline import validate

    catalog = Path(catalog_of(case).name)
    written = io.StringIO()
    with contextlib.chdir(case), contextlib.redirect_stderr(written):
        outcome = validate(catalog)
        own = case.name.partition("-")[0]
        noted = any(d.severity == "note" and d.code == own for d in outcome.diagnostics)
        show([outcome], "text", notes=noted)
    return written.getvalue()


def mended(case: Path) -> bytes | None:
    """What `interlock validate --fix` makes of the catalog; None when that is what it is already."""
    from compiler.fixing import fixed
    from compiler.pipeline import validate_text

    raw = catalog_of(case).read_bytes()
    new, _ = fixed(raw, catalog_of(case).name, lambda text, name: validate_text(text, name).diagnostics)
    return None if new == raw else new


def main() -> None:
    os.environ.setdefault("INTERLOCK_AS_OF", "2026-11-23")  # as in conftest.py
    sys.path.insert(0, str(ROOT))  # this checkout's compiler, installed or not
    for case in cases():
        expected = case / "expected.txt"
        text = said(case)
        if not expected.exists() or expected.read_text("utf-8") != text:
            expected.write_text(text, "utf-8")
            print(f"{case.name}: written")
        refresh_fixed(case)


def refresh_fixed(case: Path) -> None:
    path, new = case / "fixed.yaml", mended(case)
    if new is None:
        path.unlink(missing_ok=True)
    elif not path.exists() or path.read_bytes() != new:
        path.write_bytes(new)
        print(f"{case.name}: fixed.yaml written")


if __name__ == "__main__":
    main()
