"""The two sides of a plan: a catalog with what is rendered from it, a folder of output, or nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from compiler import source
from compiler.catalog import Catalog
from compiler.diagnostics import has_errors
from compiler.pipeline import Bundle, Outcome
from compiler.plan.marks import counted
from compiler.render import WRITTEN, bundle
from compiler.runtime.models import Table
from compiler.runtime.table import load_table
from compiler.table import routing_table


@dataclass(frozen=True, slots=True)
class Side:
    """One side. `label` is what reports call it, `file` where its catalog stands. `tables` are by gateway.

    `bundle` is None where nothing could be rendered, and empty where there is nothing.
    `remarks` say what of it cannot be compared, and why.
    """

    label: str
    name: str = ""
    file: str = ""
    outcome: Outcome | None = None
    tables: Mapping[str, Table] = field(default_factory=dict)
    front: str = ""
    bundle: Bundle | None = None
    remarks: tuple[str, ...] = ()
    exists: bool = True

    @property
    def catalog(self) -> Catalog | None:
        return self.outcome.catalog if self.outcome else None

    @property
    def table(self) -> Table | None:
        """The routing table of the gateway that clients call."""
        return self.tables.get(self.front)


def nothing(label: str) -> Side:
    """Before a catalog was written, or after it was deleted."""
    return Side(label, bundle={}, exists=False)


def of_catalog(label: str, outcome: Outcome) -> Side:
    """A catalog as far as it came. Of one with errors nothing is rendered; its routes may be known."""
    catalog = outcome.catalog
    file = outcome.document.file if outcome.document else ""
    errors = counted(sum(found.severity == "error" for found in outcome.diagnostics), "error")
    if catalog is None:
        remark = f"{label} does not compile ({errors}): nothing of it can be compared"
        return Side(label, file=file, outcome=outcome, remarks=(remark,))
    tables = {name: routing_table(catalog, gateway) for name, gateway in sorted(catalog.gateways.items())}
    side = Side(label, catalog.name, file, outcome, tables, catalog.front.name)
    if has_errors(outcome.diagnostics):
        what = "its routes are compared, and no Kubernetes objects"
        return replace(side, remarks=(f"{label} does not compile ({errors}): {what}",))
    with source.no_garbage_collection():
        return replace(side, bundle=bundle(catalog))


def of_folder(folder: Path) -> Side:
    """What an earlier `render` wrote into out/<name>/: manifests and routing tables, and no catalog."""
    label = folder.as_posix()
    bundle_there, lost = _files(folder)
    tables, unread = _tables(folder, bundle_there)
    no_catalog = (
        "holds no catalog: findings, allowances, traffic and what only a catalog says are not compared"
    )
    remarks = [f"{label} {no_catalog}", *(f"{label}: {what}" for what in (*lost, *unread))]
    return Side(
        label, folder.resolve().name, label, None, tables, _front(tables), bundle_there, tuple(remarks)
    )


def is_output(folder: Path) -> bool:
    """Whether `render` wrote this folder, as far as its list of files says."""
    return (folder / WRITTEN).is_file()


def _listed(folder: Path) -> list[str]:
    """The files that `render` says it wrote, those inside the folder alone."""
    try:
        files = json.loads((folder / WRITTEN).read_bytes())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    paths = [PurePosixPath(path) for path in files] if isinstance(files, dict) else []
    return sorted(str(path) for path in paths if not path.is_absolute() and ".." not in path.parts)


def _files(folder: Path) -> tuple[dict[str, bytes], list[str]]:
    found: dict[str, bytes] = {}
    lost: list[str] = []
    for path in _listed(folder):
        try:
            found[path] = (folder / path).read_bytes()
        except OSError as error:
            lost.append(f"{path} cannot be read: {error.strerror or error}")
    return found, lost


def _tables(folder: Path, files: Bundle) -> tuple[dict[str, Table], list[str]]:
    tables: dict[str, Table] = {}
    unread: list[str] = []
    for path in sorted(files):
        parts = PurePosixPath(path).parts
        if len(parts) == 3 and parts[0] == "litellm" and parts[2] == "routing_table.json":
            try:
                tables[parts[1]] = load_table(str(folder / path))
            except (OSError, ValueError) as error:
                unread.append(f"{path}: {error}; render it again with this Interlock to compare its routes")
    return tables, unread


def _front(tables: Mapping[str, Table]) -> str:
    """As `Catalog.front`: the first gateway that no other one calls for a provider."""
    rows = (
        row for table in tables.values() for model in table["models"].values() for row in model["deployments"]
    )
    called = {row["gateway"] for row in rows if row["gateway"]}
    return min(tables, key=lambda gateway: (gateway in called, gateway), default="")
