"""What every rule looks at: the catalog, where it stands, what is known, the day, and the decision itself.

Rules ask the plugin's own functions whether a model can serve a request, so that what passes here is what
the proxy will do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from compiler.catalog import (
    Catalog,
    Deployment,
    Model,
    Strategy,
)
from compiler.facts import CostMap
from compiler.runtime.canary import on_trial
from compiler.runtime.models import Look
from compiler.runtime.request import Needs, merge
from compiler.runtime.table import canonical
from compiler.source import Document, Path_
from compiler.table import RoutingTable, without_digest

OWN_NAMES = ("azure", "openai_compatible")  # whose upstream ids are names that the user gave
MODES = ("chat", "completion", "embedding")
PLAIN = Needs()  # a short request that sets no limit
# What a request can use without a word of requirements.
INFERRED = ("function_calling", "json_mode", "vision", "audio_input", "pdf_input")
LEAST = Needs(output_tokens=1)  # the cheapest request there is
_BODIES: Mapping[str, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": "hello"}]},
    "completion": {"prompt": "hello"},
    "embedding": {"input": "hello"},
}


@dataclass(frozen=True)
class Case:
    """One catalog before its judges. `as_of` is the day that lifecycles are judged on, year-month-day."""

    catalog: Catalog
    document: Document
    known: CostMap
    as_of: str
    _modes: dict[str, list[str]] = field(default_factory=dict, repr=False, compare=False)
    _standing: dict[tuple[str, str], Mapping[str, str | None]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _upstreams: dict[str, list[str]] = field(default_factory=dict, repr=False, compare=False)
    _judged: dict[str, dict[str, tuple[bool, str | None]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def table(self) -> RoutingTable:
        """The routing table of a router: every router has the same models.

        Of one without a name, because a catalog in which no gateway is a router is judged too.
        """
        return without_digest(self.catalog, replace(self.catalog.front, name=""))

    def look(
        self, strategy: Strategy | None, mode: str, needs: Needs = PLAIN, down: Iterable[str] = ()
    ) -> Look:
        """What the plugin would look with at a request for a strategy, or for a model by its name."""
        required = merge(self.catalog.requirements, strategy.requirements if strategy else {})
        return Look(self.table, required, needs, mode, None, frozenset(down))

    def in_service(self, names: Iterable[str]) -> list[str]:
        """Those of the names whose models a route can hold."""
        return [name for name in names if self.catalog.models[name].in_service]

    def modes_of(self, strategy: Strategy) -> list[str]:
        """The kinds of request that a strategy claims to serve.

        Those that all its candidates serve; where they have none in common, the first that any serves.
        """
        if strategy.name not in self._modes:
            models = self.catalog.models
            kinds = {models[name].modes for name in self.in_service(strategy.candidates)}
            common = [mode for mode in MODES if kinds and all(mode in own for own in kinds)]
            served = [mode for mode in MODES if any(mode in own for own in kinds)]
            self._modes[strategy.name] = common or served[:1]
        return self._modes[strategy.name]

    def standing(self, strategy: Strategy, mode: str) -> Mapping[str, str | None]:
        """The models that can serve a plain request for a strategy, and what each one stands on.

        That is the one provider without which it is lost, or None when it has another way.
        """
        key = (strategy.name, mode)
        if key not in self._standing:
            judged, models = self._judge(strategy), self.catalog.models
            self._standing[key] = {
                name: judged[name][1]
                for name in strategy.candidates
                if judged[name][0] and mode in models[name].modes
            }
        return self._standing[key]

    def _judge(self, strategy: Strategy) -> Mapping[str, tuple[bool, str | None]]:
        """(fits, what it stands on) of each candidate, for a plain request of a kind that it serves.

        Strategies that require the same share what is found: thousands of models are judged once.
        """
        looks = {mode: self.look(strategy, mode) for mode in MODES}
        required = looks["chat"].required
        judged = self._judged.setdefault(canonical(required), {})
        for name in strategy.candidates:
            if name not in judged:
                model = self.catalog.models[name]
                look = looks[model.modes[0]]
                fits = model.in_service and (not required or look.fits(name))
                alone = model.providers[0] if len(model.providers) == 1 else None
                judged[name] = (fits, self.only_provider(look, name) if required and fits else alone)
        return judged

    def only_provider(self, look: Look, name: str) -> str | None:
        """The one provider by which a request can reach a model that serves it; None when there are more."""
        rows = self.table["models"][name]["deployments"]
        if len(rows) > 1:
            ids = {one for level in look.upstreams(name) for one in level}
            rows = [row for row in rows if row["id"] in ids]
        ways: list[list[str]] = [row["providers"] for row in rows]
        return ways[0][0] if ways and len(ways[0]) == 1 and all(way == ways[0] for way in ways) else None

    def stated(self, model: Model) -> Mapping[str, Any]:
        """A model as the catalog writes it."""
        written: Mapping[str, Any] = self.document.data["models"][model.name]
        return written

    def place(self, deployment: Deployment) -> Path_:
        """Where a deployment is written: at its provider in a list, at the model's name in the short form."""
        return (*deployment.path, "provider") if len(deployment.path) > 2 else deployment.path

    def is_known(self, deployment: Deployment) -> bool:
        """Whether the cost map speaks of the upstream.

        Not where the id is a name of the user's own that happens to be a model's: he has stated the facts.
        """
        own = self.catalog.providers[deployment.provider].type in OWN_NAMES
        stated = self.document.data["models"][deployment.path[1]]
        return deployment.known is not None and not (own and "context_window" in stated)

    def upstreams(self, provider_type: str) -> list[str]:
        """The upstream ids that the cost map knows of a type of provider."""
        if provider_type not in self._upstreams:
            self._upstreams[provider_type] = self.known.upstreams(provider_type)
        return self._upstreams[provider_type]

    def reaches(self, model: Model, mode: str, deployment: Deployment | None = None) -> bool:
        """Whether a short request comes to a model by its name, or to one deployment; IL309 says why not."""
        look = self.look(None, mode)
        ids = [one for level in look.upstreams(model.name) for one in level]
        placed = deployment is None or deployment.id in ids
        behind = deployment is not None and self.catalog.providers[deployment.provider].gateway is not None
        return look.fits(model.name) and (placed or behind)

    def ask_of(self, strategy: Strategy, mode: str, *, trial: bool = False, **fields: Any) -> dict[str, Any]:
        """The body of a short request for a strategy, of a user who gets its model on trial or does not."""
        plain = ask(mode, routing_strategy=strategy.name, **fields)
        row = self.table["strategies"].get(strategy.name, {})
        users = ({**plain, "user": f"user-{n}"} for n in range(1000))
        bodies = (plain, *users) if "canary" in row else (plain,)
        return next((body for body in bodies if bool(on_trial(strategy.name, row, body)) is trial), plain)

    def used_by(self, model: Model) -> list[Strategy]:
        """The strategies that may choose a model, by name."""
        return [
            strategy
            for strategy in self.catalog.strategies.values()
            if model.name in self._candidates[strategy.name]
        ]

    @cached_property
    def _candidates(self) -> Mapping[str, frozenset[str]]:
        return {s.name: frozenset(s.candidates) for s in self.catalog.strategies.values()}


def ask(mode: str = "chat", **fields: Any) -> dict[str, Any]:
    """The body of a short request of a kind, with fields of ours before it."""
    return {**fields, **_BODIES[mode]}
