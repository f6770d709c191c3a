"""Starts one command in a fresh process and says what it took.

    python -I -S bench/launch.py OUTPUT ERRORS COMMAND...

Prints the exit code, wall milliseconds, CPU milliseconds and peak memory in KiB. A process of its own, and
the smallest that Python can be: what `wait4` gives as a child's peak is never less than what its parent held
when it started it, so a benchmark with tables in its memory would measure itself.
"""

import os
import sys
import time

_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def launch(output: str, errors: str, command: list[str]) -> str:
    files = [(os.POSIX_SPAWN_OPEN, 1, output, _WRITE, 0o644), (os.POSIX_SPAWN_OPEN, 2, errors, _WRITE, 0o644)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=files)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    kib = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)  # macOS counts bytes
    cpu = usage.ru_utime + usage.ru_stime
    return f"{os.waitstatus_to_exitcode(status)} {wall * 1000:.3f} {cpu * 1000:.3f} {kib:.0f}"


if __name__ == "__main__":
    print(launch(sys.argv[1], sys.argv[2], sys.argv[3:]))
