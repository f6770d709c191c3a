"""What `interlock validate` says of each broken catalog of this folder, word for word.

`python tests/errors/refresh.py` writes the words anew. A `near-miss.yaml` beside a catalog is the smallest
change of it that is not broken.
"""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from compiler.diagnostics import CODES
from compiler.fixing import fixed
from compiler.pipeline import validate, validate_text


def _refresh() -> ModuleType:
    # The script beside this file: pytest's importlib mode puts no folder of tests on the path.
    spec = importlib.util.spec_from_file_location("refresh", Path(__file__).with_name("refresh.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFRESH = _refresh()
CASES: list[Path] = REFRESH.cases()
NEAR_MISSES = [near for case in CASES for near in case.glob("near-miss.yaml")]

NOT_FROM_A_CATALOG = {
    "IL101": "a file that is not there: see test_a_file_that_cannot_be_read",
    "IL901": "a defect of Interlock",
    "IL903": "found in the output folder, by render",
    "IL904": "found in the output folder, by check",
}

# Cases that are warned of, because what is an error elsewhere is a choice or a guess there.
WARNED_OF = {
    "IL304-one-provider",
    "IL309-chain-provider",
    "IL314-query",
    "IL404-nobody-asks-so-little",
}

# Cases that are told of, because both the catalog and the map may be right.
NOTED = {"IL403-last-day", "IL403-long-prompts"}

# Cases in which another code is right too.
MORE_IS_SAID = {
    "IL104-many": {"IL301"},
    "IL201-merge-key": {"IL202"},
    "IL601-out-of-reach": {"IL309"},
    "IL201-section-typo": {"IL202"},
    "IL203-quantities": {"IL205"},
    "IL301-beside-a-wrong-type": {"IL203", "IL204"},
    "IL302-all-planned": {"IL305"},
}

WITHOUT_A_NEAR_MISS = {"IL105": "no field that is nested almost too deep is part of the format"}

# Pieces of everything in the catalogs of this folder that stands for a secret.
PLANTED = (
    "4fK9aQ2LmZx7Rt3VbN8cYw1P",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI",
    "hunter2",
    "my-own-password",
    "eyJhbGciOiJIUzI1NiJ9",
    "dozjgNryP4J3jVmNHl0w5N",
    "MIIBVgIBADANBgkqhkiG9w0B",
)
PLACE = re.compile(r" *(?:-->|:::) catalog\.\w+:(\d+):(\d+)")
# One of each stage, and bytes that are not text.
FROM_THE_COMMAND_LINE = (
    "IL102-utf-16",
    "IL103-unclosed-bracket",
    "IL201-typo",
    "IL301-model",
    "IL401-unknown-model",
    "IL501-aws",
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_words(case: Path) -> None:
    assert REFRESH.said(case) == (case / "expected.txt").read_text("utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_fix_makes_of_it(case: Path) -> None:
    """Exactly `fixed.yaml`, and that for good; nothing where there is no such file."""
    path = case / "fixed.yaml"
    assert REFRESH.mended(case) == (path.read_bytes() if path.exists() else None)
    if path.exists():
        again, done = fixed(path.read_bytes(), "fixed.yaml", lambda raw, n: validate_text(raw, n).diagnostics)
        assert (again, done) == (path.read_bytes(), [])


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_code_of_its_name(case: Path) -> None:
    code = CODES[case.name.partition("-")[0]]
    found = validate(REFRESH.catalog_of(case))
    severity = "warning" if case.name in WARNED_OF else "note" if case.name in NOTED else code.severity
    assert severity in {d.severity for d in found.diagnostics if d.code == code.id}
    assert found.ok == (severity != "error")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_its_own_code_alone(case: Path) -> None:
    own = case.name.partition("-")[0]
    said = _said_of(REFRESH.catalog_of(case))
    assert said - {own} == MORE_IS_SAID.get(case.name, set())


def _said_of(catalog: Path) -> set[str]:
    """The codes of a catalog, those of notes apart."""
    return {found.code for found in validate(catalog).diagnostics if found.severity != "note"}


@pytest.mark.parametrize("near", NEAR_MISSES, ids=lambda near: near.parent.name)
def test_a_near_miss_is_not_broken(near: Path) -> None:
    own = near.parent.name.partition("-")[0]
    assert own not in {found.code for found in validate(near).diagnostics}
    assert not _said_of(near)


def test_the_exceptions_are_cases() -> None:
    assert WARNED_OF | NOTED | set(MORE_IS_SAID) <= {case.name for case in CASES}


def test_every_code_has_a_near_miss() -> None:
    shown = {case.name.partition("-")[0] for case in CASES}
    near = {near.parent.name.partition("-")[0] for near in NEAR_MISSES}
    assert near | set(WITHOUT_A_NEAR_MISS) == shown
    assert not near & set(WITHOUT_A_NEAR_MISS)


def test_every_code_has_a_case() -> None:
    shown = {case.name.partition("-")[0] for case in CASES}
    assert shown | set(NOT_FROM_A_CATALOG) == set(CODES)
    assert not shown & set(NOT_FROM_A_CATALOG)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_place_is_shown(case: Path) -> None:
    catalog = REFRESH.catalog_of(case)
    source = catalog.read_bytes().decode("utf-8", "replace").split("\n")
    words = (case / "expected.txt").read_text("utf-8").splitlines()
    places = [at for at, line in enumerate(words) if PLACE.match(line)]
    assert places
    for at in places:
        match = PLACE.match(words[at])
        assert match
        number, column = int(match[1]), int(match[2])
        assert 1 <= number <= len(source)
        assert 1 <= column <= len(source[number - 1]) + 1
        if source[number - 1].strip(" \0\ufeff"):
            assert words[at + 1].startswith(f"{number:>{words[at].index(match[0].strip()[0])}} | ")


@pytest.mark.parametrize("name", FROM_THE_COMMAND_LINE)
def test_the_command_writes_just_that(name: str) -> None:
    (case,) = (case for case in CASES if case.name == name)
    done = _interlock("validate", REFRESH.catalog_of(case).name, cwd=case)
    assert done.stderr == (case / "expected.txt").read_bytes()
    assert done.stdout == b""
    assert done.returncode == int(CODES[name[:5]].severity == "error")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    done = _interlock("validate", "nowhere.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "error[IL101]: cannot read the file: No such file or directory",
        " --> nowhere.yaml:1:1",
        "  = page: https://interlock-llm.github.io/diagnostics/IL101.html",
        "",
        "1 file, 1 error, 0 warnings",
    ]


def _interlock(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(REFRESH.ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "compiler", *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("secret", PLANTED)
def test_no_secret_is_repeated(secret: str) -> None:
    planted = [case for case in CASES if secret.encode() in REFRESH.catalog_of(case).read_bytes()]
    assert planted, f"no catalog holds {secret}"
    for case in planted:
        assert secret not in (case / "expected.txt").read_text("utf-8")
