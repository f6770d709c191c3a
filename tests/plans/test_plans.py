"""Golden plans: what `plan` says of a realistic change, as a comment and as JSON, reviewed as a diff.

A case is a folder `<case>/{change.yaml,plan.md,plan.json}`: a patch of base.yaml (RFC 7396), and what comes
of it. With `was.yaml`, the side before is a patch as well. `python tests/plans/refresh.py` writes them anew.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.pipeline import validate_text
from compiler.plan import Plan, plan
from compiler.plan.data import to_json
from compiler.plan.markdown import MARKER, MOST_BYTES, markdown
from compiler.plan.page import page
from compiler.plan.sides import Side, of_catalog

HERE = Path(__file__).resolve().parent
CASES = sorted(path.parent.name for path in HERE.glob("*/change.yaml"))
AS_OF = "2026-11-23"
REFRESH = "if this is what you meant: python tests/plans/refresh.py, and review the diff"


def merged(below: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    found = dict(below) if isinstance(below, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def catalogs(case: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The catalog before and after, as data."""
    base, was, change = (
        yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        for path in (HERE / "base.yaml", HERE / case / "was.yaml", HERE / case / "change.yaml")
    )
    return merged(base, was), merged(base, change)


def sides(case: str) -> tuple[Side, Side]:
    before, after = catalogs(case)
    return side("main", before), side("catalog/support.yaml", after)


def side(label: str, data: dict[str, Any]) -> Side:
    text = yaml.safe_dump(data, sort_keys=False, width=110)
    return of_catalog(label, validate_text(text.encode(), "catalog/support.yaml", AS_OF))


def planned(case: str) -> Plan:
    return plan(*sides(case))


def written(case: str) -> dict[str, str]:
    """The files of a case, as they are written now."""
    found = planned(case)
    return {"plan.md": markdown([page(found)]), "plan.json": to_json([found], [], [])}


def refresh(case: str) -> bool:
    """Makes the golden plans what `plan` says now. Returns whether that changed them."""
    changed = False
    for name, text in written(case).items():
        path = HERE / case / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed = True
    return changed


@pytest.mark.parametrize("case", CASES)
def test_a_change_is_planned_as_reviewed(case: str) -> None:
    for name, text in written(case).items():
        assert text == (HERE / case / name).read_text(encoding="utf-8"), REFRESH
    assert json.loads(text)["version"] == 1


@pytest.mark.parametrize("case", CASES)
def test_todays_catalog_of_every_case_compiles(case: str) -> None:
    _, after = sides(case)
    assert after.bundle is not None


@pytest.mark.parametrize("case", CASES)
def test_a_comment_fits_and_is_found_again(case: str) -> None:
    text = (HERE / case / "plan.md").read_text(encoding="utf-8")
    assert text.startswith(f"{MARKER}\n**support**: ")
    assert len(text.encode()) <= MOST_BYTES
    assert text.count("<details>") == text.count("</details>")
