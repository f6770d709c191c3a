"""Which interlock costs what: `python bench/rules.py [MODELS]`, CPU in this process, the best of some rounds.

Prints Markdown: each rule's milliseconds and its share of all rules, the dearest first.
"""

import gc
import sys
import time
from collections.abc import Callable, Iterator

from compiler import facts
from compiler.interlocks import RULES
from compiler.interlocks.case import Case
from compiler.pipeline import Outcome, validate_text

if __package__:
    from .generate import generated
else:
    from generate import generated

ROUNDS = 5
AS_OF = "2026-11-23"


def costs(outcome: Outcome) -> dict[str, float]:
    """Milliseconds of CPU by rule; the routing table, which they share, has a row of its own."""
    assert outcome.catalog
    assert outcome.document
    known = facts.load_cost_map()
    best: dict[str, float] = {}
    for _ in range(ROUNDS):
        case = Case(outcome.catalog, outcome.document, known, AS_OF)
        for name, work in _works(case):
            best[name] = min(best.get(name, float("inf")), _cpu_ms(work))
    return best


def _works(case: Case) -> Iterator[tuple[str, Callable[[], object]]]:
    yield "the routing table, which the rules share", lambda: case.table
    for rule in RULES:
        yield (
            f"{rule.__module__.rpartition('.')[2]}.{rule.__name__}",
            lambda rule=rule: list(rule(case)),  # type: ignore[misc]  # bound now
        )


def _cpu_ms(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return 1000 * (time.process_time() - started)


def main(arguments: list[str]) -> int:
    count = int(arguments[0]) if arguments else 10_000
    outcome = validate_text(generated(count).encode(), "generated.yaml", AS_OF)
    gc.disable()  # as `validate` does
    found = costs(outcome)
    total = sum(found.values())
    print(f"## The rules, at {count:,} models\n\n| rule | ms of CPU | share |\n|---|---|---|")
    for name, cost in sorted(found.items(), key=lambda row: -row[1]):
        print(f"| {name} | {cost:.1f} | {cost / total:.0%} |")
    slowest = max((cost, name) for name, cost in found.items() if "." in name)
    print(f"| all | {total:.1f} | |\n\nThe slowest rule is {slowest[1]}: {slowest[0] / total:.0%}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
