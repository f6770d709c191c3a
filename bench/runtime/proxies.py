"""Real LiteLLM proxies over the cheap upstream: generated configs, with what a contender changes of them."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from compiler.dev.ports import HOST, hold
from compiler.dev.processes import Launch, litellm_command, running
from compiler.dev.rewrite import Local, rewrite, upstreams
from compiler.dev.session import files_of
from compiler.pipeline import render

Config = dict[str, Any]
UPSTREAM = Path(__file__).with_name("upstream.py")


@dataclass(frozen=True, slots=True)
class Contender:
    """One proxy: its config.yaml, the files beside it, and what is added to its command and environment."""

    name: str
    config: Config
    files: Mapping[str, bytes] = field(default_factory=dict)
    arguments: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proxy:
    port: int
    pid: int

    def cpu_s(self) -> float | None:
        """Seconds of CPU that it and its children have used; None where the system does not say."""
        try:
            return sum(_cpu_s(pid) for pid in _group(self.pid))
        except OSError:
            return None

    def memory_mib(self) -> float | None:
        """Resident memory of it and its children."""
        try:
            pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in _group(self.pid)]
        except OSError:
            return None
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 2**20


@dataclass(frozen=True, slots=True)
class Upstream:
    """The running upstream: a base URL, without `/v1`, by provider."""

    urls: Mapping[str, str]
    _process: subprocess.Popen[str]

    def become(self, provider: str, mode: str) -> None:
        """`ok`, `refused`, `hang` or a status. In force when it returns."""
        assert self._process.stdin
        assert self._process.stdout
        print(provider, mode, file=self._process.stdin, flush=True)
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError("the upstream of the benchmark has ended")


@contextmanager
def upstream(names: Sequence[str]) -> Iterator[Upstream]:
    command = [sys.executable, "-P", str(UPSTREAM), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        ports = dict(process.stdout.readline().split() for _ in names)
        try:
            yield Upstream({name: f"http://{HOST}:{port}" for name, port in ports.items()}, process)
        finally:
            process.stdin.close()  # it ends with that


def generated(catalog: Path, gateway: str) -> Callable[[Upstream], Contender]:
    """The gateway as we ship it, less its master key: config and plugin, ready to be sent to an upstream."""
    outcome = render(catalog)
    if outcome.bundle is None:
        raise ValueError(f"{catalog} does not compile: {outcome.diagnostics[:1]}")
    files = files_of(outcome.bundle)[gateway]
    parsed = yaml.load(files["config.yaml"], Loader=yaml.CSafeLoader)
    others = {name: content for name, content in files.items() if name != "config.yaml"}

    def on(reached: Upstream) -> Contender:
        nowhere = f"http://{HOST}:9"  # models behind another gateway are listed and never called
        gateways = {row["model_info"].get("gateway", ""): nowhere for row in parsed["model_list"]}
        return Contender("ours", rewrite(parsed, Local(reached.urls, gateways)), others)

    return on


def providers(catalog: Path, gateway: str) -> list[str]:
    """The providers that a gateway calls itself."""
    outcome = render(catalog)
    assert outcome.bundle is not None, outcome.diagnostics
    return list(upstreams(yaml.safe_load(files_of(outcome.bundle)[gateway]["config.yaml"])))


@contextmanager
def proxies(contenders: Sequence[Contender], workdir: Path) -> Iterator[dict[str, Proxy]]:
    """All of them, ready, on one core; the client and the upstream have the others."""
    with ExitStack() as stack:
        launches = []
        for contender in contenders:
            port = hold()
            stack.callback(port.release)
            launches.append(_launch(contender, port.number, workdir / contender.name.replace("/", "_")))
        children = stack.enter_context(running(launches))
        started = {launch.name: Proxy(launch.port, children[launch.name].pid) for launch in launches}
        if not _share_cores([proxy.pid for proxy in started.values()]):
            print(
                "no core of its own for the proxy: the client takes part of what is measured", file=sys.stderr
            )
        yield started


def _launch(contender: Contender, port: int, directory: Path) -> Launch:
    directory.mkdir(parents=True)
    for name, content in contender.files.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    config = directory / "config.yaml"
    config.write_bytes(
        yaml.dump(contender.config, Dumper=yaml.CSafeDumper, sort_keys=False, encoding="utf-8")
    )
    command = [*litellm_command(config, port), *contender.arguments]
    if contender.env:  # env replaces itself with the proxy: the process stays the one that was started
        command = [shutil.which("env") or "env", *(f"{k}={v}" for k, v in contender.env.items()), *command]
    return Launch(contender.name, command, port, directory, directory / "log")


def _share_cores(pids: Sequence[int]) -> bool:
    """The last core for the proxies, the others for us and the upstream. False where that can't be done."""
    if not hasattr(os, "sched_setaffinity") or (os.cpu_count() or 1) < 2:
        return False
    cores = sorted(os.sched_getaffinity(0))
    groups = [pid for leader in pids for pid in _group(leader)]
    for thread in (int(task.name) for pid in groups for task in Path(f"/proc/{pid}/task").iterdir()):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread, cores[-1:])
    return len(cores) > 1


def _group(leader: int) -> list[int]:
    """A process and those of its group: a server may start workers."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if int(_stat(int(entry.name))[2]) == leader:
                    found.append(int(entry.name))
    if not found:
        raise ProcessLookupError(leader)
    return found


def _cpu_s(pid: int) -> float:
    # Linux's clock of another process (clock_getcpuclockid): nanoseconds, with the threads that have ended
    return time.clock_gettime((~pid << 3) | 2)


def _stat(pid: int) -> list[str]:
    """/proc/PID/stat from the third field on; the second is a name that may hold spaces."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
