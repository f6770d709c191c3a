"""Where resources are found: the wheel's data first, the checkout second."""

from pathlib import Path

import pytest

from compiler import resources


def test_in_a_checkout_a_resource_stands_beside_the_package() -> None:
    root = Path(__file__).parents[2]
    assert resources.resource("schemas", "kubernetes", "NOTICE") == root / "schemas" / "kubernetes" / "NOTICE"
    assert "Apache License" in resources.read_text("schemas", "kubernetes", "NOTICE")


def test_the_wheels_data_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel, checkout = tmp_path / "_data", tmp_path / "checkout"
    for root, text in ((wheel, "wheel\r\n"), (checkout, "checkout")):
        (root / "templates").mkdir(parents=True)
        (root / "templates" / "a.j2").write_bytes(text.encode())
    (checkout / "catalog.yaml").write_text("é", encoding="utf-8")
    monkeypatch.setattr(resources, "_ROOTS", (wheel, checkout))
    assert resources.read_text("templates", "a.j2") == "wheel\r\n"
    assert resources.read_text("catalog.yaml") == "é"


def test_a_resource_that_is_missing_is_named_with_the_places_searched() -> None:
    with pytest.raises(FileNotFoundError, match=r"schemas/none\.json is missing.*_data.* nor "):
        resources.resource("schemas", "none.json")
