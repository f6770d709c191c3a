"""What a plan says of a change: safety, access, facts, money, the cluster. The routes are in tests/plans."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from compiler.diagnostics import Diagnostic
from compiler.pipeline import Outcome
from compiler.plan import Plan, plan, safety
from compiler.plan.marks import plain
from compiler.plan.sides import nothing
from compiler.plan.verdict import verdict
from tests.plans.test_plans import HERE, merged, side

BASE: dict[str, Any] = yaml.safe_load((HERE / "base.yaml").read_text(encoding="utf-8"))
ROUTER = "gateways/llm-router"


def planned(change: dict[str, Any], was: dict[str, Any] | None = None) -> Plan:
    """The plan of a patch of the base, or from one patch to another."""
    return plan(side("main", merged(BASE, was or {})), side("now", merged(BASE, change)))


def patch(path: str, value: Any) -> dict[str, Any]:
    head, _, rest = path.partition("/")
    return {head: patch(rest, value) if rest else value}


def both(change: dict[str, Any]) -> tuple[Plan, Plan]:
    """The change, and the same taken back."""
    return planned(change), planned({}, change)


def lost(found: Plan) -> list[str]:
    return [plain(point.words) for point in found.safety.lost]


def gained(found: Plan) -> list[str]:
    return [plain(point.words) for point in found.safety.gained]


# Access


@pytest.mark.parametrize(
    ("change", "worse"),
    [
        (
            patch(f"{ROUTER}/service", {"type": "LoadBalancer", "internal": True}),
            "llm-router is reached inside the network by its Service, and was inside the cluster",
        ),
        (
            patch(f"{ROUTER}/service", {"type": "LoadBalancer"}),
            "llm-router is reached from the internet by its Service, and was inside the cluster",
        ),
        (
            patch(f"{ROUTER}/ingress", {"host": "llm.example.com", "tls_secret": "llm-tls"}),
            "llm-router is reached from outside the cluster at llm.example.com (Ingress)",
        ),
        (
            patch(f"{ROUTER}/gateway_api", {"parent": "public", "hostname": "llm.example.com"}),
            "llm-router is reached from outside the cluster at llm.example.com (HTTPRoute)",
        ),
        (
            patch(f"{ROUTER}/allow_from", [{"namespace": "helpdesk"}, {"namespace": "sales"}]),
            "llm-router may be called by every pod of namespace sales",
        ),
        (
            patch(f"{ROUTER}/allow_from", [{"namespace": "helpdesk"}, {"cidr": "10.0.0.0/8"}]),
            "llm-router may be called by addresses in 10.0.0.0/8",
        ),
        (patch(f"{ROUTER}/allow_from", None), "llm-router may be called by every pod of the cluster"),
        (
            {"gateways": {name: {"auth": "none"} for name in ("llm-router", "vertex-ai-gateway")}},
            "vertex-ai-gateway answers without a key",
        ),
    ],
)
def test_a_gateway_is_opened_and_shut(change: dict[str, Any], worse: str) -> None:
    opened, shut = both(change)
    assert worse in lost(opened)
    assert "LESS SAFE in" in plain(verdict(opened))
    assert lost(shut) == [] or worse not in lost(shut)
    assert gained(shut)


def test_a_narrower_caller_is_no_new_one() -> None:
    few = patch(f"{ROUTER}/allow_from", [{"namespace": "helpdesk", "labels": {"app": "tickets"}}])
    narrowed, widened = both(few)
    assert lost(narrowed) == []
    assert gained(narrowed) == ["llm-router is no longer called by every pod of namespace helpdesk"]
    assert lost(widened) == ["llm-router may be called by every pod of namespace helpdesk"]


def test_a_smaller_range_is_no_new_one() -> None:
    wide, narrow = (patch(f"{ROUTER}/allow_from", [{"cidr": cidr}]) for cidr in ("10.0.0.0/8", "10.1.0.0/16"))
    assert lost(planned(narrow, wide)) == []
    assert lost(planned(wide, narrow)) == ["llm-router may be called by addresses in 10.0.0.0/8"]


def test_host_names_that_are_not_held_any_more() -> None:
    held, free = both(patch("target/network_policy", "cilium"))
    named = "llm-router is {}held to its providers' host names{} (CiliumNetworkPolicy)"
    assert named.format("", "") in gained(held)
    assert named.format("not ", " any more") in lost(free)


def test_a_secret_and_an_identity_that_must_exist_first() -> None:
    change = {
        "providers": {
            "mistral": {"api_key": {"secret": "mistral-eu", "key": "token"}},
            "vertex-ai": {"identity": {"gcp_service_account": "other@support-llm.iam.gserviceaccount.com"}},
        }
    }
    found = planned(change)
    assert [plain(words) for words in found.safety.needed] == [
        "Secret mistral-eu with key token in namespace production",
        "account vertex acts as other@support-llm.iam.gserviceaccount.com, which must trust it",
    ]
    assert lost(found) == []
    assert found.resources is not None
    (step,) = found.resources.steps
    assert step.command == "kubectl rollout restart deployment/vertex-ai-gateway -n production"


def test_a_new_gateway_that_is_open_is_less_safe() -> None:
    found = planned(
        patch("gateways/second", {"namespace": "production", "service": {"type": "LoadBalancer"}})
    )
    assert "second is reached from the internet by its Service" in lost(found)
    assert found.resources is not None
    assert found.resources.deployments("starts") == ["second"]


# Findings, allowances, requirements, outages

SOON = patch("models/gpt-5.6/lifecycle", {"retires_on": "2027-01-01"})
ALLOWANCE = {"rule": "IL603", "path": "models.gpt-5.6", "reason": "its successor is in trial"}
ALLOWED = {**SOON, "allow": [ALLOWANCE]}


def test_a_warning_that_is_new_and_one_that_is_gone() -> None:
    new, gone = both(SOON)
    assert [point.code for point in new.safety.lost] == ["IL603"]
    assert [point.code for point in gone.safety.gained] == ["IL603"]
    assert (new.safety.gained, gone.safety.lost) == ((), ())


def test_an_allowance_is_not_a_warning_that_is_gone() -> None:
    found = planned(ALLOWED, SOON)
    assert [point.kind for point in found.safety.lost] == ["allowance"]
    assert lost(found) == ["IL603 relaxed now at models.gpt-5.6: its successor is in trial"]
    assert found.safety.gained == ()
    back = planned(SOON, ALLOWED)
    assert gained(back) == ["IL603 not relaxed any more at models.gpt-5.6: its successor is in trial"]
    assert back.safety.lost == ()


def test_an_allowance_for_another_reason_is_neither() -> None:
    other = {**ALLOWED, "allow": [{**ALLOWANCE, "reason": "nobody has time before spring"}]}
    found = planned(other, ALLOWED)
    assert (found.safety.lost, found.safety.gained) == ((), ())
    assert [plain(point.words) for point in found.safety.other] == [
        "IL603 at models.gpt-5.6 is relaxed for another reason: nobody has time before spring"
    ]


def test_a_finding_that_only_moved_is_not_new() -> None:
    late = [
        Diagnostic("IL312", "warning", "'a' comes after the last attempt", None, path=("fallbacks", place))
        for place in (3, 4)
    ]
    before, after = (replace(side("main", BASE), outcome=outcome_with(found)) for found in late)
    found = safety.compare(before, after, ())
    assert (found.lost, found.gained, found.other) == ((), (), ())
    found = safety.compare(side("main", BASE), after, ())
    assert [plain(point.words) for point in found.lost] == [
        "warning IL312 found now: 'a' comes after the last attempt"
    ]


def outcome_with(found: Diagnostic) -> Outcome:
    outcome = side("main", BASE).outcome
    assert outcome is not None
    return replace(outcome, diagnostics=[found])


TWO = ["claude-sonnet-5-5", "mistral-large-4"]


def held(**rule: list[str]) -> dict[str, Any]:
    return patch("strategies/quality", {"candidates": TWO, "requirements": rule})


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (held(exclude_providers=["openai"]),
         "exclude_providers openai"),
        (held(providers=["anthropic", "mistral"]),
         "providers anthropic, mistral"),
        (patch("requirements", {"providers": ["anthropic", "mistral", "openai", "vertex-ai"]}),
         "providers anthropic, mistral, openai, vertex-ai"),
    ],
)  # fmt: skip
def test_where_requests_may_go(change: dict[str, Any], rule: str) -> None:
    stricter, looser = both(change)
    assert f"strategy quality requires {rule} now" in gained(stricter)
    assert f"strategy quality no longer requires {rule}" in lost(looser)
    assert not any("requires" in one for one in [*lost(stricter), *gained(looser)])


def test_who_answers_when_a_provider_is_down() -> None:
    narrow = {
        "strategies": {"fast": {"candidates": ["gemini-3.8-flash"], "single_provider": "a trial, for a week"}}
    }
    worse, better = both(narrow)
    assert "nobody answers strategy fast while vertex-ai is down; gpt-5.6-luna did" in lost(worse)
    assert "gpt-5.6-luna answers strategy fast while vertex-ai is down; nobody did" in gained(better)
    assert [(cell.strategy, cell.provider, cell.after) for cell in worse.safety.outages] == [
        ("fast", "vertex-ai", None)
    ]


# Facts


def test_facts_are_told_as_they_were_and_are() -> None:
    change = {"models": {"gpt-5.6": {"price": {"input": 5}, "quality": 96, "provider": None,
                                     "deployments": [{"provider": "openai", "rpm": 500}]}}}  # fmt: skip
    found = planned(change)
    assert [(one.name, one.field, one.before, one.after) for one in found.facts.changed] == [
        ("gpt-5.6", "input price", 4, 5),
        ("gpt-5.6", "quality", 95, 96),
        (
            "gpt-5.6",
            "deployment openai/gpt-5.6",
            "gpt-5.6, at openai, priority 1",
            "gpt-5.6, at openai, priority 1, 500 requests a minute",
        ),
    ]


def test_settings_and_providers_are_facts_too() -> None:
    change = {
        "fallback": {"max_attempts": 2},
        "providers": {"mistral": {"base_url": "https://eu.example.com/v1"}},
    }
    found = planned(change)
    assert [(one.kind, one.name, one.field) for one in found.facts.changed] == [
        ("provider", "mistral", "base_url"),
        ("setting", "fallback", "attempts"),
    ]


# Money


def test_a_cost_that_can_no_longer_be_told() -> None:
    change = patch("models/claude-sonnet-5-5/context_window", 8000)
    change["strategies"] = {
        "code": {"candidates": ["claude-sonnet-5-5"], "single_provider": "only Claude writes it"}
    }
    found = planned(change)
    assert [line.name for line in found.money.unknown] == ["code-review"]
    assert found.money.before == sum(
        line.before or 0 for line in found.money.lines if line.name != "code-review"
    )
    assert "a cost that can no longer be told" in plain(verdict(found))


def test_more_requests_are_no_higher_rate() -> None:
    traffic = [{**line, "requests_per_day": 2 * line["requests_per_day"]} for line in BASE["traffic"]]
    found = planned({"traffic": traffic})
    assert found.money.delta == 0
    assert found.money.volume == pytest.approx(found.money.after / 2)
    assert found.money.traffic == ("otherwise: ticket-summaries, answers, nightly-tagging, code-review",)
    assert found.changed


def test_traffic_that_is_new_and_gone() -> None:
    line = {
        "name": "more",
        "strategy": "fast",
        "requests_per_day": 10,
        "prompt_tokens": 10,
        "completion_tokens": 1,
    }
    found = planned({"traffic": [*BASE["traffic"][1:], line]})
    assert found.money.traffic == ("new: more", "gone: ticket-summaries")


def test_no_traffic_is_no_cost() -> None:
    found = planned({"traffic": None, **patch("strategies/quality/order", "quality")}, {"traffic": None})
    assert (found.money.lines, found.money.percent, found.money.changed) == ((), None, False)


# The cluster


@pytest.mark.parametrize(
    ("change", "restarts", "reloads"),
    [
        (patch("strategies/cost/order", "latency"), [], ["llm-router", "vertex-ai-gateway"]),
        (patch("models/gpt-5.6/price/input", 5), [], ["llm-router"]),
        (patch("models/gpt-5.6/max_output_tokens", 64000), ["llm-router"], []),
        (patch("fallback/timeout_s", 20), ["llm-router", "vertex-ai-gateway"], []),
        (patch(f"{ROUTER}/resources", {"requests": {"cpu": "2", "memory": "2Gi"}}), ["llm-router"], []),
        (patch("observability", {"hourly_budget_usd": 20}), [], []),
        (patch(f"{ROUTER}/replicas/max", 12), [], []),
    ],
)
def test_who_restarts_and_who_reloads(
    change: dict[str, Any], restarts: list[str], reloads: list[str]
) -> None:
    found = planned(change)
    assert found.resources is not None
    assert (found.resources.deployments("restarts"), found.resources.deployments("reloads")) == (
        restarts,
        reloads,
    )


def test_only_what_watches_changes() -> None:
    found = planned(patch("observability", {"hourly_budget_usd": 20}))
    assert found.resources is not None
    assert all(one.monitoring for one in found.resources.objects)
    assert "nothing restarts" in verdict(found)


def test_what_applying_does_not_do() -> None:
    found = planned({"name": "support", **patch(f"{ROUTER}/replicas", {"min": 2, "max": 2})})
    assert found.resources is not None
    (step,) = found.resources.steps
    assert step.command == "kubectl delete horizontalpodautoscaler llm-router -n production"


def test_another_name_is_another_selector() -> None:
    found = planned({"name": "helpdesk"})
    assert found.resources is not None
    first = [step.command for step in found.resources.steps if step.first]
    assert first == [
        "kubectl delete deployment llm-router -n production",
        "kubectl delete deployment vertex-ai-gateway -n production",
    ]


def test_litellms_own_settings() -> None:
    found = planned(patch(f"{ROUTER}/redis", {"host": "redis.infra.svc"}))
    assert found.resources is not None
    settings = {field.path for _, fields in found.resources.settings for field in fields}
    assert any("redis" in path for path in settings)


# The whole


def test_nothing_against_itself() -> None:
    found = planned({})
    assert not found.changed
    assert plain(verdict(found)) == "no change: the same routes, the same cost, nothing to roll out"


def test_a_new_catalog_is_not_less_safe() -> None:
    found = plan(nothing("main"), side("now", BASE))
    assert found.is_new
    assert found.safety.lost == ()
    assert found.safety.needed
    assert plain(verdict(found)).startswith("a new catalog: ")


def test_a_deleted_catalog_has_a_command_for_every_object() -> None:
    found = plan(side("main", BASE), nothing("now"))
    assert found.resources is not None
    assert len(found.resources.steps) == len(found.resources.objects)
    assert found.safety.lost == ()
