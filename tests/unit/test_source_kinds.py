"""Files that are given for a catalog and are something else."""

from typing import Any

import pytest

from compiler.pipeline import validate_text
from compiler.source_kinds import kind_of

OTHERS = [
    ("model_list: []\n", "LiteLLM config"),
    ("litellm_settings: {drop_params: true}\n", "LiteLLM config"),
    ("general_settings: {}\nname: x\n", "LiteLLM config"),
    ("router_settings:\n", "LiteLLM config"),
    ("image: {tag: main}\nproxy_config: {model_list: []}\n", "Helm chart"),
    ("apiVersion: v1\nkind: Secret\n", "Kubernetes manifest (Secret)"),
    ("apiVersion: v1\nkind: 'a b'\n", "Kubernetes manifest, not"),
    ("apiVersion: v1\nkind: Secret\n---\napiVersion: v1\nkind: Service\n", "Kubernetes manifest (Secret)"),
    ("# only a comment\n---\n{apiVersion: v1, kind: List}\n---\nx: 1\n", "Kubernetes manifest (List)"),
    ("services: {web: {image: nginx}}\nmodels: {llm: {model: ai/smollm2}}\n", "Docker Compose"),
    ("on: push\njobs: {a: {}}\n", "GitHub workflow"),
    ('{"model_list": [], "providers": {}}', "LiteLLM config"),
]


@pytest.mark.parametrize(("text", "words"), OTHERS)
def test_another_kind_of_file_is_one_finding(text: str, words: str) -> None:
    (found,) = validate_text(text.encode(), "f.yaml").diagnostics
    assert found.code == "IL108"
    assert words in found.message
    assert "interlock/v1" in found.hint


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: interlock/v1\nkind: Catalog\nmodel_list: []\n",
        "apiVersion: interlock/v1\nservices: {a: {}}\njobs: {}\non: x\n",
        "apiVersion: interlock/v2\nmodel_list: []\n",
        "apiVersion: v1\nname: gateway\n",
        "providers: {}\nmodels: {}\nrouter_settings: {}\n",
        "services: [web]\n",
        "jobs: {a: {}}\n",
        "kind: Secret\n",
        "proxy_config: config.yaml\n",
        "apiVersion: 1\nkind: 2\n",
    ],
)
def test_what_may_be_a_catalog_is_judged_as_one(text: str) -> None:
    assert "IL108" not in {found.code for found in validate_text(text.encode(), "f.yaml").diagnostics}


@pytest.mark.parametrize("data", [None, [], "kind", 3, {}, {"apiVersion": None}, {"kind": []}])
def test_data_of_any_shape_is_borne(data: Any) -> None:
    assert kind_of(data) is None


def test_a_secret_in_another_kind_of_file_is_still_said() -> None:
    key = "sk-" + "proj-4fK9aQ2LmZx7Rt3VbN8cYw1P"
    found = validate_text(f"model_list: [{{api_key: {key}}}]\n".encode(), "f.yaml").diagnostics
    assert [d.code for d in found] == ["IL108", "IL501"]
