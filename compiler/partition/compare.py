"""`changes(before, after)`: the differences of every ask, each with a request in full."""

from collections.abc import Iterable

from compiler.partition.asks import MODES, Ask, asks
from compiler.partition.change import Change, Changes
from compiler.partition.examples import body_of
from compiler.partition.lenses import lens
from compiler.partition.search import Difference, Search
from compiler.partition.words import in_words, when
from compiler.runtime.models import Table

MOST_WORK = 60_000  # models looked at for all asks together: some ten seconds


def changes(before: Table, after: Table) -> Changes:
    """Every pair of routes that some request gets from one table and the other, where the two differ.

    Keys are taken to allow every model: a key that allows fewer only takes models out of a route.

    Args:
        before: a routing table (`schemas/routing_table.schema.json`).
        after: another one of the same gateway.

    Returns:
        A row for each ask, kind of request and pair of routes, those of what most clients send first.
    """
    asked, everything = asks(before, after)
    rows: list[Change] = []
    in_part: list[Ask] = []
    unseen: list[Ask] = []
    left = MOST_WORK
    for ask in asked:
        left -= _work(before, after, ask)
        if left < 0:
            unseen.append(ask)
            continue
        found, whole = _of(before, after, ask)
        rows += found
        in_part += [] if whole else [ask]
    remarks = [_remark("only kinds of request with one feature are looked at", in_part)] if in_part else []
    remarks += [_remark("not looked at", unseen)] if unseen else []
    remarks += [] if everything else ["requests that name a strategy and a model are not looked at"]
    return Changes(tuple(sorted(rows, key=_simplest_first)), tuple(remarks))


def _remark(what: str, these: list[Ask]) -> str:
    named = ", ".join(map(in_words, these[:3]))
    return f"{what}, of {named}" + (f" and {len(these) - 3} more" if len(these) > 3 else "")


def _work(before: Table, after: Table, ask: Ask) -> int:
    """How many models an ask makes us look at; those of a large one take longer, for all their sizes."""
    both = lens(before, after, ask, MODES[0])
    return len(both.rows) * (3 if both.is_large else 1)


def _simplest_first(row: Change) -> tuple[object, ...]:
    named = (row.model is not None) + (row.strategy is not None and row.model is not None)
    return (named, row.weight, row.strategy or "", row.model or "", row.modes, row.when, row.prompt_tokens)


def _of(before: Table, after: Table, ask: Ask) -> tuple[list[Change], bool]:
    """The changes of an ask; kinds of request that come out alike are one."""
    alike: dict[object, tuple[list[str], list[Difference]]] = {}
    whole = True
    searched: dict[object, list[Difference]] = {}
    for mode in MODES:
        both = lens(before, after, ask, mode)
        if both.kind not in searched:
            search = Search(both)
            whole = whole and search.whole
            searched[both.kind] = search.differences()
        for one in searched[both.kind]:
            modes, same = alike.setdefault((one.pair, one.stretch, repr(one.example)), ([], []))
            modes.append(mode)
            same.append(one)
    return [_change(before, after, ask, modes, same[0]) for modes, same in alike.values()], whole


def _change(before: Table, after: Table, ask: Ask, modes: Iterable[str], found: Difference) -> Change:
    one = found.example
    kinds = tuple(modes)
    return Change(
        strategy=ask.strategy,
        model=ask.model,
        modes=kinds,
        before=found.pair[0],
        after=found.pair[1],
        when=tuple(when(ask, found)),
        request=body_of(before, after, ask, one, kinds[0]),
        prompt_tokens=one.needs.prompt_tokens,
        down=tuple(feature.down for feature in one.features if feature.down),
        weight=one.count + any(ask.trial),
    )
