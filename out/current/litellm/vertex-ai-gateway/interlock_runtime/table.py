"""The routing table: read, checked against its digest, and taken up anew when its file changes."""

import contextlib
import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .metrics import Metrics
from .models import Row

TABLE_VERSION = 2


def canonical(data: Any) -> str:
    """The one JSON text of plain data."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def digest(table: Mapping[str, Any]) -> str:
    """Twelve hex digits that name a table's content; responses carry them in `x-interlock-table`."""
    content = {key: value for key, value in table.items() if key not in ("digest", "parts")}
    return hashlib.sha256(canonical(content).encode()).hexdigest()[:12]


def per_token(usd: float) -> float:
    """USD per million tokens → USD per token, as LiteLLM has prices; without the noise of the division."""
    return float(f"{usd / 1_000_000:.12g}")


def load_table(path: str) -> dict[str, Any]:
    """Reads a routing table and the further parts it names.

    Raises:
        ValueError: not a table of the version this plugin knows, or not what the compiler wrote.
        OSError: the file cannot be read.
    """
    table = _read(path)
    version = table.get("version") if isinstance(table, dict) else None
    if version != TABLE_VERSION:
        raise ValueError(f"routing table version {version!r}: this plugin reads version {TABLE_VERSION}")
    try:
        for part in table.get("parts", ()):
            for kind, name, content in _read(os.path.join(os.path.dirname(path), part)):
                _add(table, kind, name, content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"routing table: not what the compiler writes ({error!r})") from None
    if digest(table) != table.get("digest"):
        raise ValueError(f"routing table: its content is not that of digest {table.get('digest')!r}")
    found: dict[str, Any] = table
    return found


def _read(path: str) -> Any:
    with open(path, encoding="utf-8") as stream:
        try:
            return json.load(stream)
        except ValueError as error:
            raise ValueError(f"routing table: {os.path.basename(path)} is not JSON ({error})") from None


def _add(table: dict[str, Any], kind: str, name: str, content: Any) -> None:
    """One piece of a table in parts: what grows with the catalog."""
    if kind == "model":
        table["models"][name] = content
    elif kind == "provider":
        next(names for provider, names in table["provider_order"] if provider == name).extend(content)
    else:
        table["strategies"][name]["candidates"] += content


POLL_S = 2.0
log = logging.getLogger("interlock")


@dataclass(frozen=True)
class Loaded:
    """A table, and what is looked up in it: deployment id → (model, deployment)."""

    table: dict[str, Any]
    deployments: Mapping[str, tuple[str, Row]]
    vendors: Mapping[str, str]


def loaded(table: dict[str, Any]) -> Loaded:
    """Prepares a table."""
    deployments = {
        row["id"]: (name, row) for name, model in table["models"].items() for row in model["deployments"]
    }
    return Loaded(table, deployments, {one: row["type"] for one, (_, row) in deployments.items()})


class TableFile:
    """The routing table beside this file. A changed one is taken up when it is whole; else the old one stays.

    Raises at the start what `load_table` raises: a gateway without a table does not come up.
    """

    def __init__(self, path: str, metrics: Metrics | None, knows: Callable[[Loaded], list[str]]) -> None:
        self.path, self.metrics, self.knows = path, metrics, knows
        self._seen = self._signature()
        self.current = loaded(load_table(path))
        if metrics:
            metrics.adopted(self.current.table)

    def watch(self) -> None:
        """Looks after the file until the process ends."""
        threading.Thread(target=self._forever, name="interlock-table", daemon=True).start()

    def _forever(self) -> None:
        while True:
            time.sleep(POLL_S)
            with contextlib.suppress(Exception):  # the watch goes on whatever happens; poll() has said it
                self.poll()

    def poll(self) -> None:
        """Takes up the file if it is another one, and fit to be used."""
        signature = self._signature()
        if signature in (self._seen, None):
            return
        self._seen = signature
        try:
            new = loaded(load_table(self.path))
            missing = self.knows(new)
            if missing:
                raise ValueError(f"routing table: this process does not serve {', '.join(missing[:3])}")  # noqa: TRY301
        except Exception as error:  # noqa: BLE001  # whatever is wrong with it, the old one stays
            # No traceback: the message is whole.
            log.error("%s; table %s stays in force", error, self.current.table["digest"])  # noqa: TRY400
            if self.metrics:
                self.metrics.reloads.labels("refused").inc()
            return
        if new.table["digest"] != self.current.table["digest"]:
            self.current = new
            log.warning("routing table %s is in force", new.table["digest"])
            if self.metrics:
                self.metrics.adopted(new.table)

    def _signature(self) -> tuple[int, ...] | None:
        """What changes when the file does: a ConfigMap is updated by another inode."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)
