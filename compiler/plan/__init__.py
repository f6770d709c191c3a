"""(before, after) → Plan: what a change of a catalog does to requests, safety, money and the cluster."""

from dataclasses import dataclass, replace

from compiler.partition import Change
from compiler.plan import access, facts, money, resources, routes, safety
from compiler.plan.facts import FactChanges
from compiler.plan.money import Money
from compiler.plan.resources import Resources
from compiler.plan.routes import GatewayRoutes
from compiler.plan.safety import Safety
from compiler.plan.sides import Side

__all__ = ["Plan", "plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """The change of one catalog. `remarks` say what was not compared, and why.

    `is_compared`: both sides route something. `is_judged`: the findings of both are known.
    `resources` is None where one of them could not be rendered.
    """

    name: str
    file: str
    against: str
    is_new: bool
    is_deleted: bool
    is_compared: bool
    is_judged: bool
    remarks: tuple[str, ...]
    routes: tuple[GatewayRoutes, ...]
    safety: Safety
    facts: FactChanges
    money: Money
    resources: Resources | None

    @property
    def changed(self) -> bool:
        """Whether there is anything to tell: that nothing is known to be the same is something, too."""
        if not self.is_compared or self.resources is None:
            return True
        moved = self.resources and (self.resources.objects or self.resources.settings)
        return bool(
            self.is_new
            or self.is_deleted
            or self.routes
            or self.safety
            or self.facts
            or self.money.changed
            or moved
        )

    @property
    def front_routes(self) -> tuple[Change, ...]:
        """Every change of a route at the gateway that clients call."""
        return tuple(change for one in self.routes if one.is_front for change in one.changes)

    @property
    def is_exact(self) -> bool:
        """Whether every route of clients has been compared; a new or deleted catalog has none to compare."""
        return self.is_new or self.is_deleted or (self.is_compared and all(one.exact for one in self.routes))

    def is_whole(self, change: Change) -> bool:
        """Whether what it asks for is new or gone altogether."""
        named = {("strategy", change.strategy), ("model", change.model)}
        return any((one.kind, one.name) in named for one in (*self.facts.added, *self.facts.removed))


def plan(before: Side, after: Side) -> Plan:
    """What differs, of what both sides know."""
    compared = None
    if before.bundle is not None and after.bundle is not None:
        compared = resources.compare(before.bundle, after.bundle)
    found = access.compare(compared.objects if compared else ())
    if not before.exists:  # what is new was no safer before
        found = [replace(one, effect="other") if one.effect == "worse" else one for one in found]
    remarks = [*before.remarks, *after.remarks, *(compared.unread if compared else ())]
    if before.front != after.front and before.table and after.table:
        remarks.append(f"clients call gateway {after.front}, and called {before.front}")
    return Plan(
        after.name or before.name,
        after.file or before.file,
        before.label,
        is_new=not before.exists,
        is_deleted=not after.exists,
        is_compared=before.table is not None and after.table is not None,
        is_judged=all(side.catalog is not None or not side.exists for side in (before, after)),
        remarks=tuple(remarks),
        routes=tuple(routes.compare(before, after)),
        safety=safety.compare(before, after, found),
        facts=facts.compare(before, after),
        money=money.compare(before, after),
        resources=compared,
    )
