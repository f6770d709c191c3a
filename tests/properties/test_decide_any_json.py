"""`decide` on any JSON whatever: a route that can serve it, or a refusal; never an exception."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.pipeline import validate
from compiler.runtime.decision import decide
from compiler.runtime.request import REQUIREMENT_KEYS
from compiler.table import routing_table

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
MODELS = st.sampled_from(["auto", "auto/fast", "auto/", "gpt-4", "gemini-1.5-pro-001", "gemini-ultra", "x"])
FIELDS = {
    "model": MODELS | JSON,
    "routing_strategy": st.sampled_from(["fast", "cost", "code", "nope"]) | JSON,
    "requirements": st.dictionaries(st.sampled_from([*REQUIREMENT_KEYS, "x"]), st.integers(0, 10**6) | JSON)
    | JSON,
    "messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": st.text() | JSON}))
    | JSON,
    "prompt": JSON,
    "input": JSON,
    "max_tokens": st.integers(-1, 10**5) | JSON,
    "tools": JSON,
    "response_format": JSON,
    "text": JSON,
}
REQUESTS = st.fixed_dictionaries({}, optional=FIELDS) | JSON


@pytest.fixture(scope="module")
def table(reference: Path) -> dict[str, Any]:
    catalog = validate(reference).catalog
    assert catalog is not None
    return routing_table(catalog, catalog.gateways["llm-router"])


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    request=REQUESTS,
    mode=st.sampled_from(["chat", "completion", "embedding"]),
    header=st.none() | st.text(max_size=20),
    down=st.sets(st.sampled_from(["vertex-ai", "openai", "anthropic"])),
)
def test_any_request_is_answered(
    table: dict[str, Any], request: Any, mode: str, header: str | None, down: set[str]
) -> None:
    decision = decide(table, request, mode=mode, header=header, down=down)
    assert bool(decision.route) != bool(decision.refusal)
    assert len(set(decision.route)) == len(decision.route) <= table["max_attempts"]
    for name in decision.route:
        row = table["models"][name]
        assert "status" not in row
        assert mode in row["modes"]
        assert not set(row["providers"]) <= down
        needed = decision.needs.prompt_tokens + (decision.needs.output_tokens or 0)
        assert needed <= (row["context_window"] or math.inf)
    if decision.refusal:
        assert decision.refusal.message.encode()  # as JSON to a client: no half of a surrogate pair
        assert len(decision.refusal.message) <= 4000


def test_a_body_as_deep_as_json_can_be(table: dict[str, Any]) -> None:
    body: Any = "x"
    for _ in range(50_000):
        body = [body]
    decision = decide(table, {"messages": body})
    assert decision.route
