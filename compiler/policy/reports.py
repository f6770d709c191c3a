"""The results of routing tests as text, JSON and JUnit's XML."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from compiler.policy.coverage import KINDS, PLURALS, Coverage
from compiler.policy.explanation import explanation
from compiler.policy.running import Result
from compiler.reporters import junit
from compiler.reporters.report import plain

MAX_MISSING = 5  # lines of what is not covered, unless all are asked for


@dataclass(frozen=True, slots=True)
class Tally:
    """One catalog's tests. `coverage` is None where only some of them ran.

    `floor` is the coverage that is asked for, in percent; `begin` the tests that a catalog without any may
    begin with, as YAML.
    """

    file: str
    name: str
    results: Sequence[Result]
    coverage: Coverage | None = None
    floor: float = 0
    begin: str = ""

    @property
    def failed(self) -> int:
        return sum(not result.passed for result in self.results)

    @property
    def below(self) -> bool:
        return self.coverage is not None and self.coverage.percent < self.floor

    @property
    def ok(self) -> bool:
        return not self.failed and not self.below


def as_text(tested: Tally, *, everything: bool = False) -> str:
    """For people. `everything`: the coverage to its last line."""
    if not tested.results and tested.begin:
        head = f"{tested.file} has no tests. To begin with, add:\n\n{tested.begin}"
        return plain("\n".join([head, *(_floor(tested) if tested.below else ())]))
    lines = [line for result in tested.results if not result.passed for line in _failed(result)]
    lines.append(f"{tested.file}: {len(tested.results) - tested.failed} passed, {tested.failed} failed")
    return plain("\n".join([*lines, *_coverage(tested, everything=everything)]))


def _failed(result: Result) -> Iterator[str]:
    """One line of what failed, then how it came about."""
    said = "; ".join(failure.text for failure in result.failures)
    yield f"{place_of(result)}: FAILED {result.test.name}: {said}"
    yield from (f"    {line}" for line in explanation(result))


def place_of(result: Result) -> str:
    """`catalog/gateway.yaml:12`, as editors and terminals take for a link."""
    return f"{result.test.where.file}:{result.test.where.line}"


def _coverage(tested: Tally, *, everything: bool) -> Iterator[str]:
    coverage = tested.coverage
    if coverage is None:
        return
    counts = ", ".join(f"{PLURALS[kind]} {done}/{of}" for kind in KINDS for done, of in [coverage.of(kind)])
    yield f"coverage: {percent(coverage.percent)} ({counts})"
    missing = coverage.missing
    shown = missing if everything or tested.below else missing[:MAX_MISSING]
    yield from (f"  not covered: {item.text}: {item.lacking}" for item in shown)
    if len(shown) < len(missing):
        yield f"  and {len(missing) - len(shown)} more (`--coverage` shows all)"
    if everything:
        covered = (item for item in coverage.items if item.tests)
        yield from (f"  covered: {item.text}: {_by(item.tests)}" for item in covered)
    if tested.below:
        yield from _floor(tested)


def _by(tests: Sequence[str]) -> str:
    return tests[0] + (f" and {len(tests) - 1} more" if len(tests) > 1 else "")


def _floor(tested: Tally) -> Iterator[str]:
    coverage = tested.coverage
    if coverage is not None:
        yield (
            f"{tested.file}: FAILED coverage {percent(coverage.percent)} is below {tested.floor:g} %: "
            f"{len(coverage.missing)} of {len(coverage.items)} not covered"
        )


def percent(value: float) -> str:
    """`98.2 %`, cut and not rounded: what is not all is never called 100 %."""
    return f"{int(value * 10) / 10:g} %"


def as_json(all_tested: Sequence[Tally]) -> str:
    """An object a catalog, in the order given."""
    return json.dumps({"catalogs": [_data(tested) for tested in all_tested]}, indent=2)


def _data(tested: Tally) -> dict[str, Any]:
    coverage = tested.coverage
    return {
        "file": tested.file,
        "catalog": tested.name,
        "passed": len(tested.results) - tested.failed,
        "failed": tested.failed,
        "tests": [_result_data(result) for result in tested.results],
        "coverage": coverage
        and {
            "percent": round(coverage.percent, 2),
            "min_percent": tested.floor,
            "items": [
                {"kind": item.kind, "what": item.text, "tests": list(item.tests)} for item in coverage.items
            ],
        },
    }


def _result_data(result: Result) -> dict[str, Any]:
    refusal = result.decision.refusal
    return {
        "name": result.test.name,
        "file": result.test.where.file,
        "line": result.test.where.line,
        "passed": result.passed,
        "route": list(result.decision.route),
        "refusal": refusal and {"code": refusal.code, "message": refusal.message},
        "failures": [
            {"what": failure.what, "expected": failure.expected, "came": failure.came}
            for failure in result.failures
        ],
        "explanation": [] if result.passed else explanation(result),
    }


def as_junit(all_tested: Sequence[Tally]) -> str:
    """A case a test, and one of each catalog whose coverage is below what is asked for."""
    return junit.document([case for tested in all_tested for case in _cases(tested)])


def _cases(tested: Tally) -> Iterator[junit.Case]:
    suite = f"interlock.test.{tested.name}"
    for result in tested.results:
        place = (result.test.where.file, result.test.where.line)
        failures = [_junit_failure(result)] if result.failures else []
        yield junit.Case(suite, plain(result.test.name), failures, place=place)
    if tested.below:
        text = plain("\n".join(_coverage(tested, everything=False)))
        message = text.rpartition("\n")[2]
        yield junit.Case(
            suite, "coverage", [junit.Failure(message, "coverage", text)], place=(tested.file, 1)
        )


def _junit_failure(result: Result) -> junit.Failure:
    said = plain("; ".join(failure.text for failure in result.failures))
    kind = result.failures[0].what
    return junit.Failure(said, kind, plain("\n".join([said, *explanation(result)])))
