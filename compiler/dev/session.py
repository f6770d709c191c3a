"""All gateways of one compiled catalog on this machine, with simulated providers behind them."""

import subprocess
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from compiler.dev.extra import missing_extra
from compiler.dev.ports import HOST, Port, hold
from compiler.dev.processes import Launch, litellm_command, running
from compiler.dev.rewrite import Local, NotRunnableError, rewrite, upstreams
from compiler.dev.simulator import Simulator, in_thread
from compiler.runtime import metrics_port

_CONFIG = "config.yaml"

Files = Mapping[str, bytes]


def files_of(bundle: Files) -> dict[str, dict[str, bytes]]:
    """Of what `render` puts below out/<name>/, the files of each gateway: `litellm/<gateway>/<path>`."""
    found: dict[str, dict[str, bytes]] = {}
    for path, content in bundle.items():
        folder, _, rest = path.partition("/")
        gateway, _, name = rest.partition("/")
        if folder == "litellm" and name:
            found.setdefault(gateway, {})[name] = content
    return found


class DevGateways:
    """Real LiteLLM proxies with the generated configs and plugin, from `with` to the end of its block.

    `files` are a gateway's files by gateway and path, as rendered; `down` are providers that refuse
    connections from the start; `ports` fixes the port of some gateways (the others get a free one);
    configs and logs go under `workdir`, which must exist and is not removed.

    Entering raises NotRunnableError (a config), GatewayError (a proxy), OSError (a port that is taken),
    UnknownProviderError (`down`) and RuntimeError when the extra is not installed.
    """

    def __init__(
        self,
        files: Mapping[str, Files],
        *,
        down: Sequence[str] = (),
        ports: Mapping[str, int] | None = None,
        workdir: Path,
    ) -> None:
        self._files = files
        self._down = tuple(down)
        self._wanted_ports = dict(ports or {})
        self._workdir = workdir.resolve()
        self._configs = {gateway: _configs(gateway, held) for gateway, held in files.items()}
        self._simulator = Simulator(_providers(self._configs))
        self._stack = ExitStack()
        self._ports: dict[str, Port] = {}
        self._metrics: dict[str, Port] = {}
        self._children: Mapping[str, subprocess.Popen[bytes]] = {}
        self._in_simulator: Callable[[Coroutine[Any, Any, None]], None]

    def __enter__(self) -> Self:
        problem = missing_extra()
        if problem:
            raise RuntimeError(problem)
        with ExitStack() as stack:
            self._in_simulator = stack.enter_context(in_thread(self._simulator))
            for provider in self._down:
                self.set_fault(provider, refused=True)
            for gateway in self._files:
                self._ports[gateway] = hold(self._wanted_ports.get(gateway, 0))
                stack.callback(self._ports[gateway].release)
            for gateway in self._files:  # after those that were asked for, so that it takes none of them
                self._metrics[gateway] = hold()
                stack.callback(self._metrics[gateway].release)
            self._children = stack.enter_context(running(self._write()))
            # first on the way out: a proxy lets its requests finish, and a simulated timeout never would
            stack.callback(lambda: self._in_simulator(self._simulator.stop()))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def control_url(self) -> str:
        """The base URL of the control port, without `/control`."""
        return self._simulator.control_url

    @property
    def providers(self) -> list[str]:
        return self._simulator.providers

    def url(self, gateway: str) -> str:
        """The base URL of a gateway, without `/v1`."""
        return self._ports[gateway].url

    def metrics_url(self, gateway: str) -> str:
        """The Prometheus page of a gateway, on a port of its own that asks for no key."""
        return f"{self._metrics[gateway].url}/metrics"

    def log(self, gateway: str) -> Path:
        return self._workdir / f"{gateway}.log"

    def pids(self) -> dict[str, int]:
        return {gateway: child.pid for gateway, child in self._children.items()}

    def exited(self) -> dict[str, int]:
        """The gateways that have ended by themselves, with their exit codes."""
        codes = {gateway: child.poll() for gateway, child in self._children.items()}
        return {gateway: code for gateway, code in codes.items() if code is not None}

    def set_fault(self, provider: str, /, **fault: object) -> None:
        """The fields of `faults.Fault`, and `model` for one upstream model only. In force when it returns."""
        self._in_simulator(self._simulator.set_fault(provider, **fault))

    def clear(self, provider: str) -> None:
        self._in_simulator(self._simulator.clear(provider))

    def requests(self) -> list[dict[str, Any]]:
        """What the providers received, oldest first (see `Simulator.requests`)."""
        return self._simulator.requests()

    def _write(self) -> list[Launch]:
        local = Local(
            {provider: self._simulator.base_url(provider) for provider in self._simulator.providers},
            {gateway: self.url(gateway) for gateway in self._files},
        )
        return [self._write_one(gateway, local) for gateway in self._files]

    def _write_one(self, gateway: str, local: Local) -> Launch:
        directory = self._workdir / gateway
        for name, content in self._files[gateway].items():
            parsed = self._configs[gateway].get(name)
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if parsed is None else _dumped(gateway, name, parsed, local))
        port = self._ports[gateway].number
        command = litellm_command(directory / _CONFIG, port)
        where = {metrics_port.HOST: HOST, metrics_port.PORT: str(self._metrics[gateway].number)}
        return Launch(gateway, command, port, directory, self.log(gateway), where)


def _configs(gateway: str, files: Files) -> dict[str, dict[str, Any]]:
    """The gateway's config and the files it includes, parsed, by path."""
    parsed: dict[str, dict[str, Any]] = {}
    pending = [_CONFIG]
    while pending:
        name = pending.pop()
        if name not in parsed:
            parsed[name] = _parsed(gateway, name, files)
            pending += parsed[name].get("include") or []
    return parsed


def _parsed(gateway: str, name: str, files: Files) -> dict[str, Any]:
    if name not in files:
        raise NotRunnableError(f"gateway {gateway!r}: {name} is not among its files")
    config = yaml.load(files[name], Loader=yaml.CSafeLoader)
    if not isinstance(config, dict):
        raise NotRunnableError(f"gateway {gateway!r}: {name} is not a mapping")
    return config


def _dumped(gateway: str, name: str, config: dict[str, Any], local: Local) -> bytes:
    try:
        return yaml.dump(rewrite(config, local), Dumper=yaml.CSafeDumper, sort_keys=False, encoding="utf-8")
    except NotRunnableError as error:
        raise NotRunnableError(f"gateway {gateway!r}: {name}: {error}") from error


def _providers(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for config in (config for files in configs.values() for config in files.values()):
        for provider, ids in upstreams(config).items():
            known = found.setdefault(provider, [])
            known.extend(one for one in ids if one not in known)
    return found
