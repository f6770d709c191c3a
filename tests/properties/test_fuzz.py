"""Some of `make fuzz`: broken catalogs end in diagnostics or success; and the fuzzer sees when not."""

import importlib.util
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from compiler import facts

BENCH = Path(__file__).resolve().parents[2] / "bench"
CASES = 2000
SECONDS = 2.0


def _module(name: str) -> ModuleType:
    # The benches are scripts: pytest's importlib mode puts no folder on the path.
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


JUDGE = _module("fuzz_judge")
MUTATIONS = _module("fuzz_mutations")
MUTATIONS.MAX_GROWN = 50_000  # the largest are a tenth of what `make fuzz` makes
GOOD, BAD = MUTATIONS.seeds()


class Done(NamedTuple):
    """One case, judged."""

    kind: str
    verdict: Any
    seconds: float


def made(seed: int, index: int) -> tuple[str, bytes]:
    found: tuple[str, bytes] = MUTATIONS.mutant(GOOD, BAD, Random(f"{seed}/{index}"))  # noqa: S311  # no secret
    return found


@pytest.fixture(scope="module")
def done() -> Iterator[list[Done]]:
    known = facts.load_cost_map()  # read once: its 40 ms are not what is tested
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(facts, "load_cost_map", lambda: known)
        yield [_judged(*made(0, index)) for index in range(CASES)]


def _judged(kind: str, raw: bytes) -> Done:
    before = time.process_time()
    verdict = JUDGE.judge(raw)
    return Done(kind, verdict, time.process_time() - before)


def test_broken_catalogs_end_in_diagnostics_or_success(done: list[Done]) -> None:
    assert {index: case.verdict.broken for index, case in enumerate(done) if case.verdict.broken} == {}
    assert [
        index for index, case in enumerate(done) if not (case.verdict.codes or case.verdict.compiles)
    ] == []


def test_none_takes_long(done: list[Done]) -> None:
    assert [index for index, case in enumerate(done) if case.seconds > SECONDS] == []


def test_what_still_compiles_renders(done: list[Done]) -> None:
    compiling = [index for index, case in enumerate(done) if case.verdict.compiles]
    assert len(compiling) > CASES / 50
    for index in compiling[:: len(compiling) // 5]:
        verdict = JUDGE.judge(made(0, index)[1], rendering=True)
        assert verdict.rendered
        assert not verdict.broken, f"case {index} of seed 0"


def test_the_cases_are_of_every_kind_and_reach_every_stage(done: list[Done]) -> None:
    kinds = Counter(case.kind for case in done)
    assert set(kinds) == {"bytes", "tokens", "structure"}
    assert min(kinds.values()) > CASES / 10
    codes = {code[:3] for case in done for code in case.verdict.codes}
    assert codes >= {"IL1", "IL2", "IL3", "IL4", "IL5"}


def test_a_case_is_the_same_each_time() -> None:
    assert [made(5, index) for index in range(12)] == [made(5, index) for index in range(12)]
    assert made(5, 0) != made(6, 0)


def test_a_traceback_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(raw: bytes, name: str) -> Any:
        raise KeyError(name)

    monkeypatch.setattr(JUDGE, "validate_text", fails)
    assert "KeyError" in JUDGE.judge(b"a: 1").broken


def test_a_place_outside_the_file_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = JUDGE.validate_text(b"\n\n\nx: 1\n", JUDGE.FILE)
    monkeypatch.setattr(JUDGE, "validate_text", lambda *_: outcome)
    assert not JUDGE.judge(b"\n\n\nx: 1\n").broken
    assert "outside the file" in JUDGE.judge(b"x: 1").broken
