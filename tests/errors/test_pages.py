"""Every code has a page, and its examples do what the page says.

A page is `docs/diagnostics/<code>.md`. The yaml under "Refused" ("Warned of" for a warning, "Told of" for a
note) gives the code, that under "Accepted" nothing at all, notes of other codes apart; with the `allow` of
the page the first gives nothing either. An example is a fragment: its top-level sections stand for those of
the base catalog in `docs/diagnostics/README.md`, from which the others come. That is done on the text, so
that an example may be broken YAML; an example without any section is a whole file.
"""

import re
from pathlib import Path

import pytest

from compiler.diagnostics import CODES, Code
from compiler.pipeline import validate_text
from compiler.source import MAX_BYTES, MAX_DEPTH, MAX_NODES

DOCS = Path(__file__).resolve().parents[2] / "docs" / "diagnostics"
EXAMPLE = re.compile(r"^## ([^\n]+)\n\n```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION = re.compile(r"^([A-Za-z]\w*):", re.MULTILINE)

# Files that are missing, not text or too large make no example; IL9xx are about the output.
WITHOUT_EXAMPLE = {"IL101", "IL102", "IL105", "IL901", "IL903", "IL904"}
WITH_EXAMPLE = [code for code in CODES.values() if code.id not in WITHOUT_EXAMPLE]
WIDEST = 160
BAD = {"error": "Refused", "warning": "Warned of", "note": "Told of"}


def page(code: Code) -> str:
    return (DOCS / f"{code.id}.md").read_text("utf-8")


def examples(text: str) -> dict[str, str]:
    """The yaml of a page by the heading it stands under."""
    return dict(EXAMPLE.findall(text))


def base() -> dict[str, str]:
    """The sections of the base catalog, as text."""
    text = (DOCS / "README.md").read_text("utf-8")
    (catalog,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    starts = [match.start() for match in SECTION.finditer(catalog)]
    parts = [catalog[start:end] for start, end in zip(starts, [*starts[1:], len(catalog)], strict=True)]
    return {part.partition(":")[0]: part for part in parts}


def completed(fragment: str) -> str:
    own = set(SECTION.findall(fragment))
    return "".join(part for name, part in base().items() if name not in own) + fragment if own else fragment


def codes(fragment: str, *, notes_of: str = "") -> list[str]:
    """What is said of an example: errors, warnings, and the notes of one code."""
    found = validate_text(completed(fragment).encode(), "example.yaml").diagnostics
    return [one.code for one in found if one.severity != "note" or one.code == notes_of]


def test_the_base_is_a_catalog() -> None:
    assert set(base()) == {"apiVersion", "name", "providers", "models"}
    assert codes("name: gateway\n") == []


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in DOCS.glob("IL*.md")} == set(CODES)
    assert set(CODES) >= WITHOUT_EXAMPLE
    assert {path.name for path in DOCS.iterdir()} == {"README.md", *(f"{code}.md" for code in CODES)}


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: code.id)
def test_the_parts_of_a_page(code: Code) -> None:
    text = page(code)
    assert text.startswith(f"# {code.id}: {code.title}\n\n")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    shown = [BAD[code.severity], "Accepted"]
    assert headings == ["Why it matters", *(shown if code in WITH_EXAMPLE else []), "How to mend it"]
    assert list(examples(text)) == [heading for heading in headings if heading in shown]
    assert max(len(line) for line in text.splitlines()) <= WIDEST
    sections = re.split(r"^#.*$", text, flags=re.MULTILINE)[1:]
    assert all(section.strip() for section in sections)


@pytest.mark.parametrize("code", WITH_EXAMPLE, ids=lambda code: code.id)
def test_the_bad_example_gives_the_code(code: Code) -> None:
    bad, _ = examples(page(code)).values()
    assert code.id in codes(bad, notes_of=code.id)


@pytest.mark.parametrize("code", WITH_EXAMPLE, ids=lambda code: code.id)
def test_the_good_example_gives_nothing(code: Code) -> None:
    _, good = examples(page(code)).values()
    assert codes(good, notes_of=code.id) == []


@pytest.mark.parametrize("code", WITH_EXAMPLE, ids=lambda code: code.id)
def test_a_code_that_can_be_relaxed_is_relaxed_as_its_page_says(code: Code) -> None:
    allowances = re.findall(rf"^`(allow: \[{{rule: {code.id}, .+}}\])`$", page(code), re.MULTILINE)
    assert len(allowances) == code.relaxable
    bad, _ = examples(page(code)).values()
    for allowance in allowances:
        assert codes(f"{bad}{allowance}\n", notes_of=code.id) == []


def test_the_table_of_codes() -> None:
    text = (DOCS / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\((\w+\.md)\) \| (\w+) \| (.+) \|$", text, re.MULTILINE)
    assert rows == [(code.id, f"{code.id}.md", code.severity, code.title) for code in CODES.values()]


def test_the_list_of_codes_that_can_be_relaxed() -> None:
    text = (DOCS / "README.md").read_text("utf-8")
    listed = re.findall(r"\[(IL\d+)\]", text.partition("These can be relaxed:")[2].partition("\n\n")[0])
    assert listed == [code.id for code in CODES.values() if code.relaxable]


def test_the_limits_are_those_of_the_code() -> None:
    text = page(CODES["IL105"])
    for limit in (f" {MAX_BYTES // 1024 // 1024} MiB ", f" {MAX_DEPTH} levels ", f" {MAX_NODES:,} values "):
        assert limit in text


def test_every_link_of_a_page_leads_somewhere() -> None:
    for path in DOCS.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
