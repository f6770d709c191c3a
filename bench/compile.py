"""The benchmark: cold wall time and peak memory of `validate` and `render`, beside the floor and their peers.

    python bench/compile.py            every size; several minutes
    python bench/compile.py --quick    sizes 10 and 100, one round: does the benchmark itself work?

Prints; writes nothing outside a temporary folder. Exits with 1 only when `validate` or `render` failed; an
aim that is missed is printed, not an exit code.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import report
from contenders import FLOOR, RENDER, ROOT, VALIDATE, Contender, contenders
from generate import FAMILIES, generated

ROUNDS = {report.REFERENCE: 9, 10: 9, 100: 9, 1_000: 7, 10_000: 3}
SLOW_MS = 8_000  # a contender this slow runs once
LAUNCH = Path(__file__).with_name("launch.py")


class Failed(Exception):  # noqa: N818  # a state of a contender, told in the table
    """The command ended with another exit code than 0."""


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    load = _load()
    with tempfile.TemporaryDirectory(prefix="interlock-bench-") as folder:
        scratch = Path(folder)
        field = list(contenders(scratch))
        sizes: dict[int, report.Results] = {}
        tables = []
        for size in options.sizes:
            rounds = 1 if options.quick else ROUNDS.get(size, 5)
            catalog = _catalog(size, scratch)
            if not sizes:  # bytecode is written and the files are in the page cache before anything counts
                measured(field, catalog, scratch, 1)
            print(f"{report.title(size)}, {rounds} rounds …", file=sys.stderr, flush=True)
            sizes[size] = measured(field, catalog, scratch, rounds)
            text = catalog.read_text(encoding="utf-8")
            lines = text.count("\n")
            tables.append(
                (f"{report.title(size)} ({lines:,} lines, {len(text) / 1024:,.0f} KiB)", sizes[size])
            )
    for line in report.whole(f"{_machine()}; load {load} before, {_load()} after", tables, sizes):
        print(line)
    ours = (results[name] for results in sizes.values() for name in (FLOOR, VALIDATE, RENDER))
    return int(any(result.problem for result in ours))


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="validate and render against the floor and their peers")
    parser.add_argument("--quick", action="store_true", help="sizes 10 and 100, one round")
    parser.add_argument("--sizes", type=_sizes, help="such as 0,10,1000; 0 is the reference catalog")
    options = parser.parse_args(arguments)
    options.sizes = options.sizes or ([10, 100] if options.quick else list(ROUNDS))
    return options


def _sizes(text: str) -> list[int]:
    sizes = [int(part) for part in text.split(",")]
    if any(size != report.REFERENCE and size < len(FAMILIES) for size in sizes):
        raise argparse.ArgumentTypeError(f"a generated catalog has at least {len(FAMILIES)} models")
    return sizes


def _catalog(size: int, scratch: Path) -> Path:
    if size == report.REFERENCE:
        return ROOT / "catalog" / "foundational-models.yaml"
    path = scratch / f"models-{size}.yaml"
    path.write_text(generated(size), encoding="utf-8")
    return path


def measured(
    field: Sequence[Contender], catalog: Path, scratch: Path, rounds: int
) -> dict[str, report.Result]:
    """Everybody once a round, so that what the machine does meanwhile falls on all of them alike."""
    runs: dict[str, list[report.Run]] = {contender.name: [] for contender in field}
    problems = {contender.name: f"skipped: {contender.missing}" for contender in field if contender.missing}
    for number in range(rounds):
        for contender in _turned(field, number):
            before = runs[contender.name]
            if contender.name in problems or (before and before[0].wall > SLOW_MS):
                continue
            try:
                before.append(_run(contender, catalog, scratch))
            except Failed as failed:
                problems[contender.name] = f"failed: {failed}"
    return {
        name: report.Result(() if name in problems else tuple(runs[name]), problems.get(name, ""))
        for name in runs
    }


def _turned(field: Sequence[Contender], by: int) -> Iterator[Contender]:
    start = by % len(field)
    yield from (*field[start:], *field[:start])


def _run(contender: Contender, catalog: Path, scratch: Path) -> report.Run:
    """One fresh process that writes to a fresh folder."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        out = Path(folder)
        errors = out / "errors"
        command = contender.command(catalog, out / "out")
        launcher = [sys.executable, "-I", "-S", str(LAUNCH), str(out / "output"), str(errors), *command]
        done = subprocess.run(
            launcher, cwd=ROOT, env=_environment(out), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Failed(f"it could not be started: {done.stderr.strip().splitlines()[-1:]}")
        code, wall, cpu, kib = done.stdout.split()
        if code != "0":
            raise Failed(
                f"exit code {code}: {_first_line(errors.read_text(encoding='utf-8', errors='replace'))}"
            )
    return report.Run(float(wall), float(cpu), float(kib) / 1024)


def _environment(folder: Path) -> dict[str, str]:
    """Ours, with bytecode as an installed program has it, and nothing of the user's helm."""
    kept = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPROFILEIMPORTTIME")
    }
    return {**kept, **{f"HELM_{what}_HOME": str(folder / "helm") for what in ("CACHE", "CONFIG", "DATA")}}


def _first_line(text: str) -> str:
    return next((line.strip()[:120] for line in text.splitlines() if line.strip()), "")


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}"
    )


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
