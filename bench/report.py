"""Measurements → what the benchmark prints: a table a size, the aims, the linearity."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from contenders import FLOOR, HELM, RENDER, VALIDATE

REFERENCE = 0  # the size that stands for the reference catalog
FLOOR_MS = 9.0  # what `python -c pass` takes on the machine that the aims were set on
LINEAR = 1.5  # a further model may cost this much more at ten times the size; n log n is 1.3, n squared 10

# Who, on how many models, in how many milliseconds.
AIMS: tuple[tuple[str, int, float], ...] = (
    (VALIDATE, REFERENCE, 150),
    (RENDER, REFERENCE, 300),
    (VALIDATE, 1_000, 260),
    (VALIDATE, 10_000, 1_200),
)
_HEAD = (
    f"{'':<17}{'ms':>9}{'median':>9}{'CPU ms':>9}{'MiB':>8}{'÷ floor':>9}"
    f"{'validate ÷ it':>16}{'MiB':>7}{'render ÷ it':>14}{'MiB':>7}"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One process: wall and CPU time in milliseconds, peak memory in MiB."""

    wall: float
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Result:
    """The runs of one contender at one size, or why there are none (`problem`)."""

    runs: tuple[Run, ...] = ()
    problem: str = ""

    @property
    def wall(self) -> float:
        """The shortest: what else the machine does only ever adds."""
        return min(run.wall for run in self.runs)

    @property
    def median(self) -> float:
        return median(run.wall for run in self.runs)

    @property
    def cpu(self) -> float:
        return min(run.cpu for run in self.runs)

    @property
    def memory(self) -> float:
        return median(run.memory for run in self.runs)


Results = Mapping[str, Result]  # by contender
Sizes = Mapping[int, Results]


def title(size: int) -> str:
    return f"{size:,} models" if size != REFERENCE else "reference catalog"


def table(results: Results) -> Iterator[str]:
    """A row a contender: time, memory, time over the floor's; then ours over its (under 1: we take less)."""
    yield _HEAD
    floor = results.get(FLOOR, Result())
    ours = [(results.get(VALIDATE, Result()), 16), (results.get(RENDER, Result()), 14)]
    for name, result in results.items():
        if not result.runs:
            yield f"{name:<17}{result.problem}"
            continue
        own = f"{result.wall:>9,.1f}{result.median:>9,.1f}{result.cpu:>9,.1f}{result.memory:>8,.1f}"
        shares = "".join(_share(our, result, width) for our, width in ours)
        yield f"{name:<17}{own}{_over(result.wall, floor):>9}{shares}  ({_times(len(result.runs))})"


def _over(wall: float, floor: Result) -> str:
    return f"{wall / floor.wall:.1f}" if floor.runs else "-"


def _share(ours: Result, other: Result, width: int) -> str:
    if not ours.runs:
        return f"{'-':>{width}}{'-':>7}"
    return f"{ours.wall / other.wall:>{width}.2f}{ours.memory / other.memory:>7.2f}"


def _times(number: int) -> str:
    return f"{number} run" if number == 1 else f"{number} runs"


def aims(sizes: Sizes) -> Iterator[str]:
    """A line an aim: met, or missed and by how much; an aim whose size did not run says so."""
    for name, size, limit in AIMS:
        result = sizes.get(size, {}).get(name)
        what = f"{name}, {title(size)}"
        if result is None or not result.runs:
            yield f"  unknown  {what}: {_why(result)}; aim {limit:,.0f} ms"
            continue
        yield _verdict(what, result.wall, limit, "ms", "") + _scaled(result, sizes[size].get(FLOOR))
    for size, results in sizes.items():
        yield from _against_helm(size, results)


def _why(result: Result | None) -> str:
    return result.problem if result and result.problem else "not measured"


def _scaled(result: Result, floor: Result | None) -> str:
    if not floor or not floor.runs:
        return ""
    here = f"the floor takes {floor.wall:.1f} ms here"
    return f"; {here}; where it takes {FLOOR_MS:.0f}, {result.wall * FLOOR_MS / floor.wall:,.0f} ms"


def _against_helm(size: int, results: Results) -> Iterator[str]:
    ours, peer = results.get(RENDER, Result()), results.get(HELM, Result())
    what = f"render, {title(size)}"
    if not ours.runs or not peer.runs:
        yield f"  unknown  {what}, against helm template: {_why(peer if ours.runs else ours)}"
        return
    yield _verdict(what, ours.wall, peer.wall, "ms", "helm template's ")
    yield _verdict(what, ours.memory, peer.memory, "MiB", "helm template's ")


def _verdict(what: str, value: float, limit: float, unit: str, whose: str) -> str:
    met = value <= limit
    line = f"  {'met' if met else 'missed':<8} {what}: {value:,.0f} {unit}, aim {whose}{limit:,.0f}"
    return line if met else f"{line}, missed by {value - limit:,.0f} {unit} ({value / limit - 1:+.0%})"


def linearity(sizes: Sizes) -> Iterator[str]:
    """What one more model costs between neighbouring sizes, in CPU time and memory, and how that grows."""
    for name in (VALIDATE, RENDER, HELM):
        known = [(size, sizes[size][name]) for size in sorted(sizes) if size and _ran(sizes[size], name)]
        steps = [_step(*small, *large) for small, large in pairwise(known)]
        if not steps:
            yield f"  unknown  {name}: it needs two sizes"
            continue
        text = "; ".join(text for text, _, _ in steps)
        yield f"  {_grows(steps):<8} {name}, for one more model: {text}"


def _ran(results: Results, name: str) -> bool:
    return name in results and bool(results[name].runs)


def _step(few: int, small: Result, many: int, large: Result) -> tuple[str, float, float]:
    micros = (large.cpu - small.cpu) * 1000 / (many - few)
    kib = (large.memory - small.memory) * 1024 / (many - few)
    return f"{few:,} to {many:,}: {micros:,.0f} µs, {kib:,.1f} KiB", micros, kib


def _grows(steps: list[tuple[str, float, float]]) -> str:
    """Judged on the last two steps: before them the start of the process hides what a model costs."""
    if len(steps) < 2:
        return "unknown"
    (_, time, memory), (_, later, more) = steps[-2:]
    if min(time, memory) <= 0:
        return "unknown"
    return "linear" if later <= LINEAR * time and more <= LINEAR * memory else "worse"


def whole(machine: str, tables: Iterable[tuple[str, Results]], sizes: Sizes) -> Iterator[str]:
    """Everything, line by line."""
    yield machine
    for head, results in tables:
        yield from ("", head, *table(results))
    yield from ("", "Aims (the shortest run against the limit, memory as median):", *aims(sizes))
    yield from (
        "",
        f"Linearity (a further model at most {LINEAR} times as dear at ten times the size):",
        *linearity(sizes),
    )
