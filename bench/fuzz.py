"""The fuzzer: broken catalogs end in diagnostics or in success, in 2 s and 500 MB each, never in a traceback.

    python bench/fuzz.py 100000             as `make fuzz`
    python bench/fuzz.py 1 --seed 1 --first 4711    one case again

Case n of a seed is always the same file. The time of a case is the CPU time of validating and reporting it.
What breaks a promise is written to --findings, the file beside what went wrong; then the exit code is 1.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random

from fuzz_judge import Verdict, judge
from fuzz_mutations import ROOT, mutant, seeds

from compiler import facts
from compiler.diagnostics import CODES

MAX_SECONDS = 2.0
MAX_MB = 500
HUNG_SECONDS = 30.0  # of silence; a worker that says nothing for so long is ended
RENDERED = 0.05  # of the catalogs that compile
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """What became of one file."""

    index: int
    kind: str
    size: int
    verdict: Verdict
    seconds: float = 0.0
    megabytes: float = 0.0

    def broken(self) -> str:
        if self.verdict.broken:
            return self.verdict.broken
        if self.seconds > MAX_SECONDS:
            return f"it took {self.seconds:.2f} s"
        return f"it took {self.megabytes:.0f} MB" if self.megabytes > MAX_MB else ""


@dataclass(slots=True)
class Tally:
    """A run so far."""

    cases: int = 0
    compiled: int = 0
    rendered: int = 0
    findings: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)  # files in which a code was found
    said: int = 0
    slowest: Case | None = None
    largest: Case | None = None

    def add(self, case: Case) -> None:
        self.cases += 1
        self.compiled += case.verdict.compiles
        self.rendered += case.verdict.rendered
        self.kinds[case.kind] += 1
        self.codes.update(set(case.verdict.codes))
        self.said += len(case.verdict.codes)
        if self.slowest is None or case.seconds > self.slowest.seconds:
            self.slowest = case
        if self.largest is None or case.megabytes > self.largest.megabytes:
            self.largest = case


class Made:
    """The files of a seed, by their number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._good, self._bad = seeds()

    def case(self, index: int) -> tuple[str, bytes, bool]:
        """(how it was broken, the file, whether to render it when it compiles)."""
        random = Random(f"{self._seed}/{index}")  # noqa: S311  # no secret
        kind, raw = mutant(self._good, self._bad, random)
        return kind, raw, random.random() < RENDERED


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="broken catalogs, judged")
    parser.add_argument("count", nargs="?", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--findings", type=Path, default=ROOT / "bench" / "results" / "fuzz")
    options = parser.parse_args(arguments)
    tally, made = Tally(), Made(options.seed)
    started = time.monotonic()
    for case in run(made, range(options.first, options.first + options.count), options.jobs):
        tally.add(case)
        if case.broken():
            tally.findings += 1
            keep(case, made, options.findings, options.seed)
        if tally.cases % 5000 == 0:
            print(f"{tally.cases:,} of {options.count:,}, {tally.findings} findings", flush=True)
    print("\n".join(report(tally, time.monotonic() - started, options.seed)))
    return int(bool(tally.findings))


# --- workers ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Worker:
    """A process, and the cases that it still has to judge."""

    process: multiprocessing.Process
    results: Connection
    todo: list[int]  # the last one first
    heard: float = field(default_factory=time.monotonic)


def run(made: Made, indices: range, jobs: int) -> Iterator[Case]:
    """Every case, as it is done; a worker that dies or hangs is replaced, and its case is a finding."""
    workers = [start(made, list(indices[number::jobs])[::-1]) for number in range(jobs)]
    while workers:
        wait([worker.results for worker in workers], timeout=1.0)
        for worker in list(workers):
            yield from _heard(worker)
            ended = worker.results.closed
            if not ended and time.monotonic() - worker.heard < HUNG_SECONDS:
                continue
            workers.remove(worker)
            yield from _ended(worker, made)
            if worker.todo:
                workers.append(start(made, worker.todo))


def _heard(worker: Worker) -> Iterator[Case]:
    try:
        while worker.results.poll():
            case = worker.results.recv()
            worker.heard = time.monotonic()
            worker.todo.pop()
            yield case
    except EOFError:
        worker.results.close()


def _ended(worker: Worker, made: Made) -> Iterator[Case]:
    hung = worker.process.is_alive() and not worker.results.closed
    if hung:
        worker.process.kill()
    worker.process.join()
    if worker.todo:  # it ended in the middle of one
        index = worker.todo.pop()
        kind, raw, _ = made.case(index)
        why = f"no end in {HUNG_SECONDS:.0f} s" if hung else f"the process ended: {worker.process.exitcode}"
        yield Case(index, kind, len(raw), Verdict(broken=why))


def start(made: Made, todo: list[int]) -> Worker:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=work, args=(made, todo[::-1], theirs))
    process.start()
    theirs.close()
    return Worker(process, ours, todo)


def work(made: Made, indices: list[int], results: Connection) -> None:
    """Judges cases in a process of bounded memory."""
    known = facts.load_cost_map()
    facts.load_cost_map = lambda: known  # its 40 ms are not what is tested
    limit = _megabytes("VmSize") + MAX_MB
    resource.setrlimit(resource.RLIMIT_AS, (int(limit * MB), int(limit * MB)))
    for index in indices:
        kind, raw, rendering = made.case(index)
        _forget_peak()
        before = time.process_time()
        verdict = judge(raw)
        seconds, megabytes = time.process_time() - before, _megabytes("VmHWM")
        if rendering and verdict.compiles and not verdict.broken:
            verdict = judge(raw, rendering=True)
        results.send(Case(index, kind, len(raw), verdict, seconds, megabytes))
    results.close()


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _megabytes(name: str) -> float:
    """A line of Linux' account of this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (found,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) / 1024


# --- what is left of a run ----------------------------------------------------------------------------------


def keep(case: Case, made: Made, folder: Path, seed: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _, raw, _ = made.case(case.index)
    (folder / f"{seed}-{case.index}.yaml").write_bytes(raw)
    (folder / f"{seed}-{case.index}.txt").write_text(case.broken() + "\n", encoding="utf-8")
    print(f"case {case.index}: {case.broken().strip().splitlines()[-1][:200]}", flush=True)


def report(tally: Tally, seconds: float, seed: int) -> Iterator[str]:
    yield f"{tally.cases:,} broken catalogs of seed {seed} in {seconds:.0f} s: {tally.findings} findings"
    yield "  broken in their " + ", ".join(
        f"{kind}: {count:,}" for kind, count in sorted(tally.kinds.items())
    )
    refused = tally.cases - tally.compiled
    yield f"  refused {refused:,}, compiled {tally.compiled:,}, of these rendered {tally.rendered:,}"
    yield f"  {tally.said:,} diagnostics"
    if tally.slowest and tally.largest:
        yield f"  slowest: {tally.slowest.seconds * 1000:,.0f} ms of CPU, case {tally.slowest.index}"
        most = f"{tally.largest.megabytes:,.0f} MB, case {tally.largest.index}"
        yield f"  most memory, of the whole process: {most}"
    yield "  code   files"
    yield from (f"  {code}  {tally.codes[code]:>7,}" for code in CODES if tally.codes[code])
    missed = [code for code in CODES if not tally.codes[code]]
    yield f"  never: {', '.join(missed)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
