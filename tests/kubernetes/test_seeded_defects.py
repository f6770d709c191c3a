"""`verify` rejects every bundle with a single defect, and says where; of what is right it says nothing.

The defects are data, in seeded_defects. `reference` is what the reference catalog renders to, `full` a bundle
with an object of every kind (see seeded_bundles).
"""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from compiler.verify import Finding, references, values, verify
from compiler.verify.objects import Object
from compiler.verify.schema import KubernetesSchema
from tests.kubernetes.seeded_bundles import (
    FULL,
    LITELLM,
    ROOT,
    Bundle,
    bundle_of,
    edited,
    full,
    rendered,
)
from tests.kubernetes.seeded_defects import SEEDS, Seed

MINORS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37")


@pytest.fixture(scope="module")
def bundles(bundle: Bundle) -> dict[str, Bundle]:
    return {"reference": bundle, "full": full()}


def judged(bundle: Bundle, minor: str = "1.34") -> list[Finding]:
    return verify(bundle, kubernetes=minor, litellm_version=LITELLM)


def hits(found: list[Finding], seed: Seed) -> list[Finding]:
    """The findings at the seed's place. A document that is no YAML has only a number for a name."""
    return [
        one
        for one in found
        if (one.object == seed.object or (seed.object == "document" and one.object.startswith("document ")))
        and one.pointer == seed.pointer
        and seed.says in one.message
    ]


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.name)
def test_a_single_defect_is_told_where_it_is(bundles: dict[str, Bundle], seed: Seed) -> None:
    found = judged(edited(bundles[seed.bundle], seed.edit))
    assert hits(found, seed), [(one.path, one.object, one.pointer, one.message) for one in found]
    assert len({(one.object, one.pointer) for one in found}) <= 4, "one defect is not a page of findings"


def test_a_secret_that_the_reader_is_not_told_of(bundle: Bundle) -> None:
    told = bundle["SECRETS.md"].replace(b"cohere-api-key", b"the-key")
    found = judged({**bundle, "SECRETS.md": told})
    assert {one.object for one in found} == {"Deployment production/llm-router"}
    assert all("SECRETS.md does not say that cohere-api-key" in one.message for one in found)


def test_there_are_as_many_seeds_as_promised() -> None:
    assert len(SEEDS) >= 120
    names = [seed.name for seed in SEEDS]
    assert len({*names}) == len(names)


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("operator", [True, False], ids=["with the operator", "without"])
def test_a_bundle_of_every_kind_is_right(minor: str, operator: bool) -> None:
    assert judged(bundle_of(FULL, operator=operator), minor) == []


COMMITTED = [*(ROOT / "catalog").glob("*.yaml"), *(ROOT / "tests" / "golden").glob("*/catalog.yaml")]


@pytest.mark.parametrize("catalog", sorted(COMMITTED), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_is_shipped_and_the_goldens_are_right(catalog: Path) -> None:
    assert judged(rendered(catalog)) == []


def test_every_kind_is_in_the_full_bundle() -> None:
    """Or else a new kind would be judged by no seed."""
    kinds = {yaml.safe_load(text)["kind"] for text in FULL.values()}
    assert kinds >= values._RULES.keys() - {"Job", "Role", "Secret"}, "of these, Interlock emits none"


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from places(value, (*path, key))


def changed(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of the data with one node replaced, or left out when the value is `...`."""
    data = copy.deepcopy(data)
    *parents, last = path
    node = data
    for key in parents:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return data


@pytest.mark.parametrize("name", FULL)
def test_no_rule_fails_on_an_odd_value_in_any_place(name: str) -> None:
    schema = KubernetesSchema("1.34")
    items: Mapping[str, Object] = {key: Object(key, 1, yaml.safe_load(text)) for key, text in FULL.items()}
    for path in places(items[name].data):
        for value in (..., "", "x", "(", 0, -1, 10**12, [], {}, [{}], {"x": "y"}, None, True):
            odd = Object(name, 1, changed(items[name].data, path, value))
            found = schema.check(odd) or list(values.check(odd))
            found = found or list(references.check([*{**items, name: odd}.values()]))
            assert all(isinstance(finding, Finding) for finding in found)
