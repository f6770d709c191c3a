"""Whether the three ways to apply the bundle (one file, folder, kustomize) do the same; and report.html."""

import re
from collections.abc import Iterator, Mapping, Sequence

from compiler.verify.documents import Document
from compiler.verify.finding import Finding, brief
from compiler.verify.objects import Object, as_object

KUSTOMIZATION = "kustomization.yaml"
MANIFESTS = "manifests/"
MONITORING = "monitoring"
WATCHERS = f"{MONITORING}/{MANIFESTS}"
REPORT = "report.html"
WRITTEN = ".interlock.json"
_ADDRESS = re.compile(
    rb"""\s(?:src|srcset|href|action|data|poster)=(?!"#)"""
)  # of anything but a place in the page
_FIELDS = frozenset({"apiVersion", "kind", "resources"})  # any other would change what is applied


def is_all_in_one(path: str) -> bool:
    return "/" not in path and path.endswith(".yaml") and path != KUSTOMIZATION


def objects(documents: Sequence[Document]) -> list[Object]:
    """Every object once: those of the one file, and those of monitoring/ that it does not hold."""
    whole = _in(documents, "")
    held = {(item.api_version, *item.identity) for item in whole}
    apart = _in(documents, WATCHERS)
    return [*whole, *(item for item in apart if (item.api_version, *item.identity) not in held)]


def check(files: Sequence[str], documents: Sequence[Document]) -> Iterator[Finding]:
    """`files` are the paths of the whole bundle; `documents` what its YAML files hold."""
    whole, parts, watchers = (_in(documents, folder) for folder in ("", MANIFESTS, WATCHERS))
    if not whole:
        yield Finding("", "", "", "no file at the top holds the manifests")
        return
    own, watching = (sorted(path for path in files if path.startswith(at)) for at in (MANIFESTS, WATCHERS))
    top = _resources(documents, KUSTOMIZATION)
    with_watchers = MONITORING in top
    yield from _same(whole, [*parts, *watchers] if with_watchers else parts)
    yield from _lists(documents, KUSTOMIZATION, [*own, MONITORING] if with_watchers else own)
    if watching or with_watchers:
        below = [path.removeprefix(f"{MONITORING}/") for path in watching]
        yield from _lists(documents, f"{MONITORING}/{KUSTOMIZATION}", below)
    for path in (*own, *watching):
        count = sum(part.path == path for part in (*parts, *watchers))
        if count != 1:
            yield Finding(path, "", "", f"holds {count or 'no'} object{'s' * (count > 1)}: it is for one")


def check_report(bundle: Mapping[str, bytes]) -> Iterator[Finding]:
    """The page for people is there wherever a whole output is, and loads nothing."""
    page = bundle.get(REPORT)
    if page is None:
        if WRITTEN in bundle:
            yield Finding(REPORT, "", "", "is missing")
        return
    if not page.startswith(b"<!doctype html>\n<html lang="):
        yield Finding(REPORT, "", "", "does not start as an HTML page")
    if b"""<meta http-equiv="Content-Security-Policy" content="default-src 'none';""" not in page:
        yield Finding(REPORT, "", "", "has no policy that keeps it from loading anything")
    for found in _ADDRESS.finditer(page.partition(b"<script")[0]):
        where = page[: found.start()].count(b"\n") + 1
        yield Finding(REPORT, "", f"line {where}", "refers to something outside of the page")


def _in(documents: Sequence[Document], folder: str) -> list[Object]:
    return [
        as_object(document)
        for document in documents
        if (document.path.startswith(folder) if folder else is_all_in_one(document.path))
    ]


def _same(whole: Sequence[Object], parts: Sequence[Object]) -> Iterator[Finding]:
    left = _by_identity(whole)
    for part in parts:
        twins = left.get((part.api_version, *part.identity))
        if not twins:
            yield part.finding("", "is not in the file that holds all manifests")
        elif twins.pop(0).data != part.data:
            yield part.finding("", "is not the same in the file that holds all manifests")
    for twins in left.values():
        for lonely in twins:
            yield lonely.finding("", f"is in no file of {MANIFESTS} that kustomization.yaml applies")


def _by_identity(items: Sequence[Object]) -> dict[tuple[str, ...], list[Object]]:
    grouped: dict[tuple[str, ...], list[Object]] = {}
    for item in items:
        grouped.setdefault((item.api_version, *item.identity), []).append(item)
    return grouped


def _resources(documents: Sequence[Document], path: str) -> list[str]:
    found = next((document.data for document in documents if document.path == path), None)
    resources = found.get("resources") if isinstance(found, Mapping) else None
    return list(map(str, resources)) if isinstance(resources, list) else []


def _lists(documents: Sequence[Document], path: str, wanted: Sequence[str]) -> Iterator[Finding]:
    """The kustomization at `path` lists exactly `wanted`, and does nothing else."""
    found = [document.data for document in documents if document.path == path]
    if len(found) != 1 or not isinstance(found[0], Mapping):
        yield Finding(path, "", "", "not exactly one kustomization")
        return
    data = found[0]
    if (data.get("apiVersion"), data.get("kind")) != ("kustomize.config.k8s.io/v1beta1", "Kustomization"):
        yield Finding(path, "Kustomization", "kind", "not kustomize.config.k8s.io/v1beta1 Kustomization")
    for field in sorted(data.keys() - _FIELDS):
        yield Finding(
            path, "Kustomization", brief(field), "it would apply other objects than the one file holds"
        )
    listed = sorted(_resources(documents, path))
    if listed != sorted(wanted):
        missing = ", ".join(sorted(set(wanted) - set(listed)))
        message = f"must list exactly the files of {MANIFESTS}" + (
            f"; missing: {brief(missing)}" if missing else ""
        )
        yield Finding(path, "Kustomization", "resources", message)
