"""What the routing costs, and what it saves: `python -m bench.runtime [PART...] [--quick]`.

    decision     `decide()` alone, without a proxy
    throughput   ours beside the bare LiteLLM proxy, at 1 and 16 requests in flight
    failover     what a dead provider costs, ours beside LiteLLM as it comes and LiteLLM without retries
    settings     what each setting of LiteLLM gains or costs (some minutes; not part of --quick unless named)

Prints Markdown; writes nothing outside a temporary folder.
"""

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from bench.runtime import decision, failover, settings, throughput

PARTS = {
    "decision": decision.run,
    "throughput": throughput.run,
    "failover": failover.run,
    "settings": settings.run,
}


def main(arguments: Sequence[str]) -> int:
    options = _options(arguments)
    print(f"# {_machine()}\n", flush=True)
    for name in options.parts:
        with tempfile.TemporaryDirectory(prefix=f"interlock-bench-{name}-") as folder:
            for line in PARTS[name](Path(folder), quick=options.quick):
                print(line, flush=True)
    print(f"Load of the machine when it ended: {os.getloadavg()[0]:.1f}")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.runtime", description="the runtime's benchmarks")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="about a minute: few rounds, without `settings`")
    options = parser.parse_args(arguments)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]!r}; the parts are: {', '.join(PARTS)}")
    options.parts = options.parts or [part for part in PARTS if part != "settings" or not options.quick]
    return options


def _machine() -> str:
    return (
        f"{os.cpu_count()} cores, {platform.system()} on {platform.machine()}, "
        f"{platform.python_implementation()} {platform.python_version()}, LiteLLM {version('litellm')}; "
        f"load {os.getloadavg()[0]:.1f} before"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
