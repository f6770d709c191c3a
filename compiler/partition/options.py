"""What a request may require, and which providers may be down: what each choice leaves of the models."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from compiler.partition.lenses import Lens

MOST = 20_000  # sets of deployments: beyond, requests with several features are left out


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that sets a request apart from a plain one: in words, and as it is written in the body."""

    words: str
    required: Mapping[str, Any]
    down: str = ""

    @property
    def weight(self) -> int:
        """What happens to a request comes before what a client has to write."""
        return 11 if self.down else 12


Chosen = dict[int, tuple[Feature, ...]]  # what is left → the plainest features that leave just that


def choices(lens: Lens) -> tuple[Chosen, bool]:
    """The sets of deployments that requirements and outages can leave; whether these are all of them."""
    singles: Chosen = {-1: ()}
    found: Chosen = {-1: ()}
    whole = not lens.is_large
    for dimension in _dimensions(lens):
        options = [(lens.left(required=one.required, down=one.down), one) for one in dimension]
        singles |= {
            mask: chosen for mask, chosen in combined({-1: ()}, options).items() if mask not in singles
        }
        whole = whole and len(found) * (len(options) + 1) <= 8 * MOST
        if whole:
            found = combined(found, options)
    return (found if whole else singles), whole


def combined(found: Chosen, options: Iterable[tuple[int, Feature]]) -> Chosen:
    """What is left when one more feature may be added, of the options at the most one."""
    result = dict(found)
    distinct = list(options)
    for mask, chosen in found.items():
        for left, feature in distinct:
            both = mask & left
            known = result.get(both)
            if known is None or weight(known) > weight(chosen) + feature.weight:
                result[both] = (*chosen, feature)
    return result


def weight(features: Iterable[Feature]) -> int:
    return sum(feature.weight for feature in features)


def _dimensions(lens: Lens) -> Iterator[list[Feature]]:
    """Each of them independent of the others: a request may have one feature of each."""
    deployments = [one for row in lens.rows for one in row["deployments"]]
    providers = sorted({name for one in deployments for name in one["providers"]})
    yield from ([Feature(f"while {name} is down", {}, name)] for name in providers)
    yield [Feature(f"that allow {name} alone", {"providers": [name]}) for name in providers]
    yield from ([Feature(f"that exclude {name}", {"exclude_providers": [name]})] for name in providers)
    places = sorted({place for one in deployments for place in one["residency"] if place is not None})
    yield [Feature(f"that require residency {place}", {"residency": place}) for place in places]
    for key, fact, words in _LEAST:
        yield [Feature(f"that require {words} {value:,}", {key: value}) for value in lens.values(fact)]
    yield [
        Feature(f"that require a latency of {value:,} ms or less", {"max_latency_ms": value})
        for value in lens.values("latency_ms")
    ]
    offered = sorted({name for row in lens.rows for name in row["capabilities"] or ()})
    yield from ([Feature(f"that require {name}", {"capabilities": [name]})] for name in offered)


_LEAST = (
    ("min_context_window", "context_window", "a context window of"),
    ("min_output_tokens", "max_output_tokens", "answers of"),
    ("min_quality", "quality", "a quality of"),
)
