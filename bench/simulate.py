"""How long `interlock simulate` takes for a million requests: declared traffic, and a log of as many lines.

    python bench/simulate.py [REQUESTS]

Each in a process of its own, as a user starts it: wall and CPU seconds, and the peak of its memory. Exits
with 1 when one of them takes a minute of CPU or more.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).resolve().parent
LIMIT_S = 60
CATALOG = """\
apiVersion: interlock/v1
name: bench
providers:
  openai: {type: openai, api_key: {secret: openai, key: api-key}}
  anthropic: {type: anthropic, api_key: {secret: anthropic, key: api-key}}
  mistral: {type: mistral, api_key: {secret: mistral, key: api-key}}
models:
  large: {provider: anthropic, context_window: 200000, max_output_tokens: 8192, modes: [chat],
          capabilities: [], latency_ms: 1800, price: {input: 3, output: 15}, rpm: 4000, tpm: 40000000}
  middle: {provider: openai, context_window: 128000, max_output_tokens: 8192, modes: [chat], capabilities: [],
           latency_ms: 900, price: {input: 1, output: 4}}
  small: {provider: mistral, context_window: 64000, max_output_tokens: 4096, modes: [chat], capabilities: [],
          latency_ms: 500, price: {input: 0.2, output: 0.6}}
strategies:
  quality: {default: true, candidates: [large, middle, small]}
  fast: {candidates: [small, middle]}
  cost: {order: cost}
traffic:
  - {name: chat, requests_per_day: 500000, prompt_tokens: 1200, completion_tokens: 300}
  - {name: summaries, strategy: fast, requests_per_day: 300000, prompt_tokens: 3000, completion_tokens: 150}
  - {name: batch, strategy: cost, requests_per_day: 200000, prompt_tokens: 800, completion_tokens: 50}
"""
SCENARIO = ("--down", "anthropic@6h..7h", "--errors", "mistral=1%", "--growth", "1.2x")


def write_log(path: Path, count: int) -> None:
    """Spend logs of LiteLLM's, all of different sizes."""
    lots = random.Random(1)  # noqa: S311
    with path.open("w", encoding="utf-8") as file:
        for at in range(count):
            row = {
                "request_id": f"r{at}", "call_type": "acompletion", "startTime": 1795392000 + at * 0.0864,
                "model": "x", "model_group": lots.choice(["auto/quality", "auto/fast", "auto/cost", "large"]),
                "prompt_tokens": lots.randint(10, 6000), "completion_tokens": lots.randint(1, 900),
                "spend": 0.01, "metadata": "{}", "end_user": f"u{at % 5000}", "status": "success",
            }  # fmt: skip
            file.write(json.dumps(row) + "\n")


def measured(folder: Path, *arguments: str) -> tuple[float, float, float]:
    """(wall seconds, CPU seconds, MiB)."""
    command = [sys.executable, "-m", "compiler", "simulate", str(folder / "bench.yaml"), *arguments]
    launch = [sys.executable, "-I", "-S", str(BENCH / "launch.py"), os.devnull, str(folder / "errors")]
    environment = {**os.environ, "PYTHONPATH": str(BENCH.parent)}
    ran = subprocess.run([*launch, *command], env=environment, capture_output=True, text=True, check=True)
    code, wall, cpu, kib = ran.stdout.split()
    if code != "0":
        raise SystemExit((folder / "errors").read_text(encoding="utf-8"))
    return float(wall) / 1000, float(cpu) / 1000, float(kib) / 1024


def main(count: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "bench.yaml").write_text(CATALOG, encoding="utf-8")
        log = folder / "log.jsonl"
        write_log(log, count)
        cases = {
            "declared traffic": ("--requests", str(count)),
            "declared traffic, beside a scenario": ("--requests", str(count), *SCENARIO),
            "a log": ("--log", str(log)),
            "a log, beside a scenario": ("--log", str(log), *SCENARIO),
        }
        print(f"{count:,} requests                           wall      CPU     peak")
        slow = False
        for title, arguments in cases.items():
            wall, cpu, mib = measured(folder, *arguments)
            slow = slow or cpu >= LIMIT_S
            print(f"{title:<38} {wall:6.1f} s {cpu:6.1f} s {mib:4.0f} MiB")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
