"""The most that flows from sources through edges to sinks: augmenting paths, in exact fractions."""

from collections.abc import Mapping
from fractions import Fraction


def most_that_flows(
    sources: Mapping[str, Fraction], edges: Mapping[str, set[str]], sinks: Mapping[str, Fraction | None]
) -> Fraction:
    """What of the sources reaches the sinks. A sink of None takes everything; edges take any amount."""
    rest = dict(sources)
    room = {name: sum(sources.values(), Fraction()) if most is None else most for name, most in sinks.items()}
    sent: dict[tuple[str, str], Fraction] = {}
    for source in sources:
        while rest[source] > 0:
            path = _path(source, edges, room, sent)
            if path is None:
                break
            back = [sent[later, sink] for sink, later in zip(path[1:-1:2], path[2:-1:2], strict=True)]
            amount = min([rest[source], room[path[-1]], *back])
            for one, sink in zip(path[::2], path[1::2], strict=True):
                sent[one, sink] = sent.get((one, sink), Fraction()) + amount
            for sink, later in zip(path[1:-1:2], path[2:-1:2], strict=True):
                sent[later, sink] -= amount
            rest[source] -= amount
            room[path[-1]] -= amount
    return sum(sources.values(), Fraction()) - sum(rest.values(), Fraction())


def _path(
    source: str,
    edges: Mapping[str, set[str]],
    room: Mapping[str, Fraction],
    sent: Mapping[tuple[str, str], Fraction],
) -> list[str] | None:
    """source, sink, source, sink …: the last sink has room, and each source between gives up some."""
    paths, seen = [[source]], {source}
    for path in paths:
        for sink in sorted(edges[path[-1]]):
            if room[sink] > 0:
                return [*path, sink]
            for (other, at), amount in sent.items():
                if at == sink and amount > 0 and other not in seen:
                    seen.add(other)
                    paths.append([*path, sink, other])
    return None
