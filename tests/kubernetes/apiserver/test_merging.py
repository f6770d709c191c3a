"""The stand-in's own algorithms: who owns what, and how lists and maps merge."""

import copy
from typing import Any

import pytest

from tests.kubernetes.apiserver.kinds import KINDS, NAMESPACE, Kind
from tests.kubernetes.apiserver.ownership import merged, of_fields_v1, owned, to_fields_v1, words
from tests.kubernetes.apiserver.patches import json_merge, json_patch, strategic
from tests.kubernetes.apiserver.store import Object, Place, RefusedError, Store, Write
from tests.kubernetes.apiserver.types import Types

DEPLOYMENT = next(kind for kind in KINDS if kind.name == "Deployment")
PLACE = Place(DEPLOYMENT, "production", "web")
OURS, THEIRS = Write(("ours", "Apply")), Write(("theirs", "Apply"))


@pytest.fixture(scope="module")
def types() -> Types:
    return Types("1.34")


@pytest.fixture
def store(types: Types) -> Store:
    found = Store(types)
    name = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "production"}}
    found.create(Place(NAMESPACE, "", "production"), name, Write(("admin", "Update")))
    return found


def deployment(containers: list[Object], **metadata: Any) -> Object:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "production", **metadata},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template},
    }


def containers(value: Object) -> list[Object]:
    found: list[Object] = value["spec"]["template"]["spec"]["containers"]
    return found


def test_what_a_configuration_no_longer_says_is_gone(store: Store) -> None:
    full = deployment(
        [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}], labels={"l": "1"}
    )
    store.apply(PLACE, full, OURS)
    found = store.apply(PLACE, deployment([{"name": "a", "image": "a:1"}]), OURS)
    assert "labels" not in found["metadata"]
    assert containers(found)[0].get("env", []) == []
    assert containers(found)[0]["terminationMessagePolicy"] == "File"
    assert found["metadata"]["generation"] == 2


def test_what_another_manager_says_too_stays(store: Store) -> None:
    both = deployment([{"name": "a", "image": "a:1"}], labels={"shared": "1", "own": "1"})
    store.apply(PLACE, both, OURS)
    store.apply(PLACE, deployment([{"name": "a", "image": "a:1"}], labels={"shared": "1"}), THEIRS)
    found = store.apply(PLACE, deployment([{"name": "a", "image": "a:1"}]), OURS)
    assert found["metadata"]["labels"] == {"shared": "1"}


def test_an_item_goes_with_its_last_owner(store: Store) -> None:
    one, two = {"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}
    store.apply(PLACE, deployment([one, two]), OURS)
    assert [c["name"] for c in containers(store.apply(PLACE, deployment([one]), OURS))] == ["a"]


def test_a_conflict_changes_nothing_until_it_is_forced(store: Store) -> None:
    store.apply(PLACE, deployment([{"name": "a", "image": "a:1"}]), OURS)
    before = copy.deepcopy(store.get(PLACE))
    other = deployment([{"name": "a", "image": "a:2"}])
    with pytest.raises(
        RefusedError, match=r'conflict with "ours" using v1:\n- .spec.template.*\.image'
    ) as told:
        store.apply(PLACE, other, THEIRS)
    assert told.value.code == 409
    assert store.get(PLACE) == before
    store.apply(PLACE, other, Write(THEIRS.manager, force=True))
    with pytest.raises(RefusedError, match='conflict with "theirs"'):
        store.apply(PLACE, deployment([{"name": "a", "image": "a:1"}]), OURS)


def test_a_dry_run_keeps_nothing(store: Store) -> None:
    dry = Write(("ours", "Apply"), dry_run=True)
    assert store.apply(PLACE, deployment([{"name": "a", "image": "a:1"}]), dry)["metadata"]["generation"] == 1
    with pytest.raises(RefusedError, match=r'deployments.apps "web" not found'):
        store.get(PLACE)


def test_the_same_again_is_the_same_version(store: Store) -> None:
    value = deployment([{"name": "a", "image": "a:1"}])
    first = copy.deepcopy(store.apply(PLACE, value, OURS))
    assert store.apply(PLACE, value, OURS) == first
    changed = store.apply(PLACE, deployment([{"name": "a", "image": "a:2"}]), OURS)
    assert int(changed["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])


def test_a_field_set_survives_its_encoding(types: Types) -> None:
    value = deployment([{"name": "a", "ports": [{"containerPort": 80}], "args": ["x"], "resources": {}}])
    fields = frozenset(owned(value, types.node(DEPLOYMENT)))
    assert of_fields_v1(to_fields_v1(fields)) == fields
    port = '.spec.template.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].containerPort'
    assert port in {words(path) for path in fields}
    assert ".spec.selector" in {words(path) for path in fields}, "a label selector is atomic"


def test_lists_with_keys_keep_what_is_only_there(types: Types) -> None:
    node = types.node(DEPLOYMENT)
    live = deployment([{"name": "a", "image": "a:1"}, {"name": "sidecar"}, {"name": "z"}])
    config = deployment([{"name": "z", "image": "z:1"}, {"name": "a", "image": "a:2"}])
    found = containers(merged(live, config, node))
    assert {c["name"]: c.get("image") for c in found} == {"a": "a:2", "sidecar": None, "z": "z:1"}
    assert [c["name"] for c in found if c["name"] != "sidecar"] == ["z", "a"]


B_A = [{"name": "b"}, {"name": "a"}]
STRATEGIC: list[tuple[Object, list[str]]] = [
    ({"containers": [{"name": "b", "image": "b:2"}]}, ["a:1", "b:2"]),
    ({"containers": [{"name": "a", "$patch": "delete"}]}, ["b:1"]),
    ({"$setElementOrder/containers": B_A}, ["b:1", "a:1"]),
    ({"$setElementOrder/containers": B_A, "containers": [{"name": "b", "image": "b:2"}]}, ["b:2", "a:1"]),
]


@pytest.mark.parametrize(("patch", "wanted"), STRATEGIC)
def test_a_strategic_merge_patch(types: Types, patch: Object, wanted: list[str]) -> None:
    live = deployment([{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}])
    found = strategic(live, {"spec": {"template": {"spec": patch}}}, types.node(DEPLOYMENT))
    assert [c["image"] for c in containers(found)] == wanted


def test_a_strategic_merge_patch_takes_away_what_is_null(types: Types) -> None:
    live = deployment([], labels={"a": "1", "b": "2"})
    found = strategic(live, {"metadata": {"labels": {"a": None}}}, types.node(DEPLOYMENT))
    assert found["metadata"]["labels"] == {"b": "2"}


def test_json_patches() -> None:
    assert json_merge({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None}, "d": [2]}) == {
        "a": {"c": 2},
        "d": [2],
    }
    operations: list[Object] = [
        {"op": "add", "path": "/l/-", "value": 3},
        {"op": "replace", "path": "/l/0", "value": 9},
        {"op": "remove", "path": "/x~1y"},
    ]
    assert json_patch({"l": [1, 2], "x/y": 0}, operations) == {"l": [9, 2, 3]}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_judge(types: Types, kind: Kind) -> None:
    assert types.faults(kind, {"apiVersion": kind.api_version, "kind": kind.name}), "metadata is missing"
