"""Whose route changes."""

import json
from collections.abc import Iterator

from compiler.partition import Change, Hop
from compiler.plan import Plan
from compiler.plan.marks import clipped, counted, enumerated, line, name
from compiler.plan.routes import GatewayRoutes, is_ordinary, is_refused
from compiler.plan.sections.layout import Grid, Section

_HEAD = ("asked for", "requests", "before", "after")
_LONGEST_BODY = 300  # characters
_MOST_NAMED = 4  # rows of requests that name a model, before they are folded


def sections(plan: Plan) -> Iterator[Section]:
    """At the gateway that clients call, and at the others."""
    for one in plan.routes:
        to = "" if one.is_front else f" at {one.gateway} itself"
        usual, rare, both, left_out = _sorted(plan, one)
        named: list[Change] = []
        if sum(change.model is not None for change in usual) > _MOST_NAMED:  # what is refused stays in sight
            named = [change for change in usual if change.model is not None and not _alarms(plan, change)]
            usual = [change for change in usual if change not in named]
        notes = list(map(line, one.remarks))
        if left_out:
            notes.append(
                f"{counted(left_out, 'more kind')} of request to what is new or gone: not listed one by one"
            )
        rows = tuple(_route_row(plan, change) for change in usual)
        yield Section(f"Routes that change{to}", tuple(notes), Grid(_HEAD, rows), folded=not one.is_front)
        title = f"Requests that name a model{to}: {counted(len(named), 'kind')}"
        yield Section(title, (), Grid(_HEAD, tuple(_route_row(plan, one) for one in named)), folded=True)
        for found, which in (
            (rare, "Rarer requests, which ask for more or meet an outage"),
            (both, "Requests that name a model and a strategy"),
        ):
            rows = tuple(_example_row(plan, change) for change in found)
            title = f"{which}{to}: {counted(len(found), 'kind')}"
            yield Section(title, (), Grid((*_HEAD, "for example"), rows), folded=True)


def _alarms(plan: Plan, change: Change) -> bool:
    return is_refused(change) and not plan.is_whole(change)


def _sorted(plan: Plan, routes: GatewayRoutes) -> tuple[list[Change], list[Change], list[Change], int]:
    """Ordinary requests, rarer ones, those that name a model and a strategy; how many are not worth a row."""
    # What is refused now is what a reader must not miss.
    changes = sorted(routes.changes, key=lambda one: not is_refused(one) or plan.is_whole(one))
    usual = [change for change in changes if is_ordinary(change)]
    rest = [change for change in changes if not is_ordinary(change)]
    listed = [change for change in rest if not plan.is_whole(change)]
    rare = [change for change in listed if None in (change.strategy, change.model)]
    both = [change for change in listed if None not in (change.strategy, change.model)]
    return usual, rare, both, len(rest) - len(listed)


def _route_row(plan: Plan, change: Change) -> tuple[str, ...]:
    upstreams = _models(change.before) == _models(change.after)
    before, after = (_route(hops, upstreams=upstreams) for hops in (change.before, change.after))
    if plan.is_whole(change):
        missing = f"no such {'strategy' if change.strategy else 'model'}"
        before, after = (missing if words == "refused" else words for words in (before, after))
    return _asked(change), _requests(change), before, after


def _example_row(plan: Plan, change: Change) -> tuple[str, ...]:
    size = f" and a prompt of {change.prompt_tokens:,} tokens" if change.prompt_tokens > 100 else ""
    body = json.dumps(dict(change.request), ensure_ascii=False)
    return *_route_row(plan, change), f"{name(clipped(body, _LONGEST_BODY))}{size}"


def _asked(change: Change) -> str:
    strategy = f"strategy {name(change.strategy)}" if change.strategy else ""
    model = f"model {name(change.model)}" if change.model else ""
    return " and ".join(filter(None, (model, strategy))) or "nothing"


def _requests(change: Change) -> str:
    kind = "" if len(change.modes) > 1 or "embedding" not in change.modes else "embeddings"
    return ", ".join(filter(None, [kind, *map(line, change.when)])) or "all"


def _models(hops: tuple[Hop, ...]) -> list[str]:
    return [hop.model for hop in hops]


def _route(hops: tuple[Hop, ...], *, upstreams: bool) -> str:
    return " → ".join(_hop(hop, upstreams=upstreams) for hop in hops) or "refused"


def _hop(hop: Hop, *, upstreams: bool) -> str:
    """A model; with its deployments where only they differ: `,` parts equals, `then` priorities."""
    if not upstreams:
        return name(hop.model)
    levels = [enumerated([name(one) for one in level]) for level in hop.upstreams]
    return f"{name(hop.model)} ({', then '.join(levels)})"
