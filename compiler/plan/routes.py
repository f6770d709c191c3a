"""Whose route changes: at the gateway that clients call, and at every other that decides otherwise now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.partition import Change, changes
from compiler.plan.sides import Side
from compiler.runtime.models import Table


@dataclass(frozen=True, slots=True)
class GatewayRoutes:
    """The requests to one gateway that are decided otherwise, the simplest first.

    `is_front`: it is the one that clients call. `exact`: they are all there are; `remarks` say why not.
    """

    gateway: str
    is_front: bool
    changes: tuple[Change, ...] = ()
    exact: bool = True
    remarks: tuple[str, ...] = ()


_ORDINARY = {"model", "routing_strategy", "user"}  # what the body of an ordinary request may say of its route


def is_ordinary(change: Change) -> bool:
    """Whether it is about what most clients send: a strategy or a model, any prompt, and no outage."""
    names_one = None in (change.strategy, change.model)
    return names_one and not change.down and change.request.keys() <= _ORDINARY


def is_of_price(change: Change) -> bool:
    """Whether it is about requests that limit a price: every new price parts two limits close to it."""
    return not {"max_price", "max_cost_usd"}.isdisjoint(change.request.get("requirements", {}))


def is_refused(change: Change) -> bool:
    """Whether these requests were answered and are not any more."""
    return bool(change.before) and not change.after


def compare(before: Side, after: Side) -> list[GatewayRoutes]:
    """The gateway that clients call first; the others by name, where they differ in a way of their own."""
    if before.table is None or after.table is None:
        return []
    asked = [(after.front, before.table, after.table)]
    seen = [(_bare(before.table), _bare(after.table))]
    for gateway, table in sorted(after.tables.items()):
        if gateway != after.front and gateway in before.tables:
            own = (_bare(before.tables[gateway]), _bare(table))
            if own not in seen:
                seen.append(own)
                asked.append((gateway, before.tables[gateway], table))
    return list(_changed(asked, after.front))


def _changed(asked: list[tuple[str, Table, Table]], front: str) -> Iterator[GatewayRoutes]:
    for gateway, before, after in asked:
        if _bare(before) != _bare(after):
            found = changes(before, after)
            if found.rows or not found.exact:
                yield GatewayRoutes(gateway, gateway == front, found.rows, found.exact, found.remarks)


def _bare(table: Table) -> Mapping[str, Any]:
    """What of a table decides."""
    return {
        key: value for key, value in table.items() if key not in ("digest", "gateway", "catalog", "parts")
    }
