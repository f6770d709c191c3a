"""A decision, and what it leaves to be read between the lines: sources, calls, costs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from compiler.catalog import Catalog, Deployment
from compiler.catalog_gateways import Gateway
from compiler.explaining.question import Need, Question, asked_by, mode_of, needs, sizes
from compiler.explaining.reasons import Looked, looked_at
from compiler.runtime.decision import Decision, decide
from compiler.runtime.models import Row, Table, cost_usd
from compiler.table import routing_table


@dataclass(frozen=True, slots=True)
class Held:
    """A requirement that holds, and what each of `catalog`, `strategy` and `request` asks of it."""

    key: str
    value: Any
    sources: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upstream:
    """One deployment that may be called. `share` is that of the requests which it gets, from 0 to 1."""

    id: str
    providers: tuple[str, ...]
    gateway: str | None  # another gateway of ours, which chooses among `providers` itself
    share: float
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class Hop:
    """Deployments of one model with equal priority: one of them by weight, the others when it has failed."""

    model: str
    upstreams: tuple[Upstream, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`hops` is the order of the calls: each is made when all before it have failed.

    `tried` is the route of a gateway that has not learnt yet that the providers in `down` are.
    """

    question: Question
    table: Table
    mode: str
    decision: Decision
    asked_by: str
    requirements: tuple[Held, ...]
    needs: tuple[Need, ...]
    candidates: tuple[Looked, ...]
    hops: tuple[Hop, ...]
    tried: tuple[str, ...]

    @property
    def is_lost(self) -> bool:
        """Every model that the gateway tries is down: the client gets an error, whatever else is there."""
        return bool(self.tried) and not set(self.tried) & set(self.decision.route)

    @property
    def headers(self) -> dict[str, str]:
        """Those of ours that the answer carries when the first call succeeds; of a refusal, none."""
        if not self.decision.route:
            return {}
        return {
            "x-interlock-strategy": self.decision.strategy or "none",
            "x-interlock-model": self.decision.route[0],
            "x-interlock-attempts": "1",
            "x-interlock-table": str(self.table["digest"]),
        }


def explain(catalog: Catalog, gateway: Gateway, question: Question) -> Explanation:
    """The route of a request at a gateway, decided by the function that runs there, and why it is that."""
    table = routing_table(catalog, gateway)
    mode = mode_of(table, question)
    ask = partial(
        decide,
        table,
        question.request,
        mode=mode,
        header=question.header,
        allowed=question.allowed,
        needs=sizes(question, mode),
    )
    decision = ask(down=question.down)
    considered = bool(decision.candidates)
    return Explanation(
        question,
        table,
        mode,
        decision,
        asked_by(question),
        tuple(_held(table, decision, question)),
        tuple(needs(question, decision.needs)) if considered else (),
        looked_at(table, decision, question, mode),
        tuple(_hops(catalog, table, decision)),
        ask().route if question.down else decision.route,
    )


def _held(table: Table, decision: Decision, question: Question) -> Iterator[Held]:
    strategy = table["strategies"].get(decision.strategy, {})
    of = {
        "catalog": table.get("requirements", {}),
        "strategy": strategy.get("requirements", {}),
        "request": question.body.get("requirements") or {},
    }
    for key, value in sorted(decision.requirements.items()):
        sources = {where: asked[key] for where, asked in of.items() if asked.get(key) is not None}
        yield Held(key, value, sources)


def _hops(catalog: Catalog, table: Table, decision: Decision) -> Iterator[Hop]:
    for name in decision.route:
        called = {deployment.id: deployment for deployment in catalog.models[name].deployments}
        rows = {row["id"]: row for row in table["models"][name]["deployments"]}
        for level in decision.upstreams[name]:
            total = sum(called[one].weight or 1 for one in level)
            upstreams = (
                Upstream(
                    one,
                    tuple(rows[one]["providers"]),
                    rows[one]["gateway"],
                    (called[one].weight or 1) / total,
                    _cost(called[one], table["models"][name], decision),
                )
                for one in level
            )
            yield Hop(name, tuple(upstreams))


def _cost(deployment: Deployment, model: Row, decision: Decision) -> float | None:
    """What the request costs at one deployment, by its own price where it has one."""
    own = deployment.price
    price = {"input": own.input, "output": own.output, "tiers": own.tiers} if own else model["price"]
    return cost_usd({**model, "price": price}, decision.needs)
