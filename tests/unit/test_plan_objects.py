"""Two bundles, object by object."""

from typing import Any

import pytest
import yaml

from compiler.plan.objects import changed_objects, differences

POD = {"kind": "Pod", "metadata": {"name": "one", "namespace": "llm"}, "spec": {"a": 1}}


def bundle(**objects: Any) -> dict[str, bytes]:
    return {
        f"manifests/llm-router/{name}.yaml": yaml.safe_dump(data).encode() for name, data in objects.items()
    }


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 2}}, [("a.b", 1, 2)]),
        ({"a": {"x/y": 1}}, {"a": {}}, [("a", None, {}), ("a[x/y]", 1, None)]),
        ({"env": [{"name": "A", "v": 1}, {"name": "B"}]}, {"env": [{"name": "B"}, {"name": "A", "v": 2}]},
         [("env[A].v", 1, 2)]),
        ({"l": [{"a": 1}, {"a": 2}]}, {"l": [{"a": 1}]}, [("l[1].a", 2, None)]),
        ({"l": [{"name": "A"}, {"name": "A"}]}, {"l": [{"name": "A"}, {"name": "B"}]},
         [("l[0].name", "A", None), ("l[1].name", "A", None),
          ("l[A].name", None, "A"), ("l[B].name", None, "B")]),
        ({"args": ["a", "b"]}, {"args": ["a"]}, [("args", ["a", "b"], ["a"])]),
        ({"a": None}, {"a": 0}, [("a", None, 0)]),
        ({"a": [1, [2]]}, {"a": [1, [2]]}, []),
    ],
)  # fmt: skip
def test_differences(before: Any, after: Any, found: list[tuple[str, Any, Any]]) -> None:
    assert [(one.path, one.before, one.after) for one in differences(before, after)] == found


def test_an_object_in_another_file_is_the_same_object() -> None:
    assert changed_objects(bundle(pod=POD), bundle(other=POD)) == ([], [])


def test_another_layout_of_the_same_object_is_no_change() -> None:
    before = bundle(pod=POD)
    after = {path: b"# a comment\n" + raw for path, raw in before.items()}
    assert changed_objects(before, after) == ([], [])


def test_added_changed_and_removed() -> None:
    changed = {**POD, "spec": {"a": 2}}
    second, third = ({**POD, "metadata": {"name": name}} for name in ("two", "three"))
    found, unread = changed_objects(bundle(pod=POD, two=second), bundle(pod=changed, three=third))
    assert [(one.what, one.name, one.namespace, one.gateway) for one in found] == [
        ("added", "three", "", "llm-router"),
        ("removed", "two", "", "llm-router"),
        ("changed", "one", "llm", "llm-router"),
    ]
    assert unread == []


@pytest.mark.parametrize(
    "raw", [b"{[", b"", b"- a", b"kind: Pod", b"\xff\xfe", b"a: b\n---\nc: d", b"metadata: 3"]
)
def test_what_is_no_object_any_more_is_said(raw: bytes) -> None:
    found, unread = changed_objects({"manifests/llm-router/pod.yaml": raw}, bundle(pod=POD))
    assert [one.what for one in found] == ["added"]
    assert unread == ["manifests/llm-router/pod.yaml is not a Kubernetes object any more"]


def test_files_that_are_not_applied_are_not_objects() -> None:
    assert changed_objects(
        {}, {"ROUTES.md": b"x", "kustomization.yaml": b"a: b", "gateway.yaml": b"c: d"}
    ) == ([], [])
