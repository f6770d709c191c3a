"""Writes the golden plans anew: `python tests/plans/refresh.py [CASE...]`. Then review the diff."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]  # run as a script, from any folder

from test_plans import CASES, refresh  # noqa: E402  # the path must be set first


def main(names: list[str]) -> int:
    unknown = sorted(set(names) - set(CASES))
    if unknown:
        print(f"no such case: {', '.join(unknown)}; the cases are: {', '.join(CASES)}", file=sys.stderr)
        return 2
    for case in names or CASES:
        print(f"{case}: {'refreshed' if refresh(case) else 'unchanged'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
