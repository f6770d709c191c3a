"""Builds the wheel, installs it in a fresh environment without the checkout, and runs it there."""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str | Path, cwd: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} exited with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", work, ROOT, cwd=work)
        wheel = next(work.glob("interlock_llm-*.whl"))
        # The dependencies are this environment's: installing them anew would test the index, not the wheel.
        venv.create(work / "venv", with_pip=True)
        python = work / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=work)
        site = run(
            sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=work
        ).strip()
        own = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=work).strip()
        # Appended by code, not as a path file: a path file would bring the editable checkout along.
        (Path(own) / "borrowed.pth").write_text(f"import sys; sys.path.append({site!r})\n")
        interlock = work / "venv" / "bin" / "interlock"
        where = run(python, "-c", "import compiler; print(compiler.__file__)", cwd=work).strip()
        if not where.startswith(own):
            sys.exit(f"the wheel's package was not used: {where}")
        schema = run(interlock, "schema", cwd=work)
        if schema != (ROOT / "schemas" / "catalog.schema.json").read_text():
            sys.exit("the wheel's schema is not the checkout's")
        for page in sorted((ROOT / "docs" / "diagnostics").glob("IL*.md")):
            if run(interlock, "docs", page.stem, cwd=work) != page.read_text("utf-8"):
                sys.exit(f"the wheel's page of {page.stem} is not the checkout's")
        catalog = ROOT / "catalog" / "foundational-models.yaml"
        run(interlock, "render", catalog, "-o", work / "out", cwd=work)
        run(
            "diff", "-r", ROOT / "out" / "foundational-models", work / "out" / "foundational-models", cwd=work
        )
        print(f"{wheel.name}: built, installed, and its render equals out/")


if __name__ == "__main__":
    main()
