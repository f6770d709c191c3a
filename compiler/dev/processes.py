"""Real LiteLLM proxies as child processes, which never outlive this one.

LiteLLM is never imported here: it takes seconds, and would run in the compiler's process.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from compiler.dev.ports import HOST

START_DEADLINE_S = 120.0
_GRACE_S = 5.0  # between asking a proxy to stop and making it
_POLL_S = 0.1
_LOG_LINES_SHOWN = 20

# What the console script `litellm` does, in a process that also ends when its standard input does: the
# kernel closes that pipe however the parent ends, where a signal handler in the parent would miss SIGKILL.
_RUN_LITELLM = f"""\
import os, signal, threading, time
def follow_parent():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep({_GRACE_S})
    os._exit(1)
threading.Thread(target=follow_parent, daemon=True).start()
from litellm import run_server
run_server()
"""

# No credential and no setting of the developer's shell reaches a simulated gateway: a LITELLM_MASTER_KEY,
# a DATABASE_URL or an HTTPS_PROXY there would make it another gateway than the one that was compiled.
_INHERITED = frozenset(
    {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH"}
)
_SETTINGS = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "true",
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "true",
    "LITELLM_LOCAL_BLOG_POSTS": "true",
    "LITELLM_LOCAL_POLICY_TEMPLATES": "true",
    "LITELLM_LOCAL_AUTOROUTER_PRESETS": "true",
    "LITELLM_MODE": "PRODUCTION",  # without it, LiteLLM reads the .env of the current directory
    # LiteLLM's word for local development: no key, as the client examples have none. Only for HOST, loopback.
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    "NO_PROXY": "*",
    "PYTHONUNBUFFERED": "1",  # the last words of a proxy that dies are in its log
    "PYTHONFAULTHANDLER": "1",  # also of one that the system ends
}


class GatewayError(RuntimeError):
    """A gateway did not come up; the message has the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Launch:
    """One process to start: ready when it answers `/health/readiness` on the port; output goes to `log`.

    `variables` are of its environment, beside those that every simulated gateway has.
    """

    name: str
    command: Sequence[str]
    port: int
    directory: Path
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)


def litellm_command(config: Path, port: int) -> list[str]:
    # -P: the current directory is not on the module path, as it is not for the console script
    program = [sys.executable, "-P", "-c", _RUN_LITELLM]
    where = ["--host", HOST, "--port", str(port)]
    return [*program, "--config", str(config), *where, "--num_workers", "1", "--telemetry", "False"]


def environment() -> dict[str, str]:
    """What a simulated gateway sees of this process's environment, and what keeps it off the network."""
    return {name: value for name, value in os.environ.items() if name in _INHERITED} | _SETTINGS


@contextmanager
def running(
    launches: Sequence[Launch], deadline_s: float = START_DEADLINE_S
) -> Iterator[Mapping[str, subprocess.Popen[bytes]]]:
    """Starts all at once, yields them by name when all are ready, and ends them all on the way out.

    Raises GatewayError as soon as one of them exits, or when one is not ready in time.
    """
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for launch in launches:
            children[launch.name] = _start(launch)
        _wait_until_ready(launches, children, time.monotonic() + deadline_s)
        yield children
    finally:
        _stop(list(children.values()))


def _start(launch: Launch) -> subprocess.Popen[bytes]:
    with launch.log.open("wb") as log:
        return subprocess.Popen(
            launch.command,
            cwd=launch.directory,
            env={**environment(), **launch.variables},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C is for us: we end them, in order
        )


def _wait_until_ready(
    launches: Sequence[Launch], children: Mapping[str, subprocess.Popen[bytes]], deadline: float
) -> None:
    waiting = list(launches)
    while waiting:
        for launch in waiting:
            _fail_if_exited(launch, children[launch.name])
        waiting = [launch for launch in waiting if not _is_ready(launch.port)]
        if waiting and time.monotonic() > deadline:
            raise GatewayError(_with_log(waiting[0], "is not ready in time"))
        if waiting:
            time.sleep(_POLL_S)


def _fail_if_exited(launch: Launch, child: subprocess.Popen[bytes]) -> None:
    code = child.poll()
    if code is not None:
        raise GatewayError(_with_log(launch, f"exited with code {code} before it was ready"))


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/health/readiness")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _with_log(launch: Launch, problem: str) -> str:
    lines = launch.log.read_text("utf-8", "replace").splitlines()[-_LOG_LINES_SHOWN:]
    return "\n".join([f"gateway {launch.name!r} {problem}; the end of {launch.log}:", *lines])


def _stop(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.terminate()
    deadline = time.monotonic() + _GRACE_S
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.wait(max(0.0, deadline - time.monotonic()))
    for child in children:
        _kill_group(child)


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """The process, if it is still there, and whatever it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdin is not None:
        child.stdin.close()
