"""Whether the three ways to apply the bundle (one file, the folder, kustomize) apply the same objects."""

from collections.abc import Iterator, Mapping, Sequence

from compiler.verify.documents import Document
from compiler.verify.finding import Finding, brief
from compiler.verify.objects import Object, as_object

KUSTOMIZATION = "kustomization.yaml"
MANIFESTS = "manifests/"


def is_all_in_one(path: str) -> bool:
    return "/" not in path and path.endswith(".yaml") and path != KUSTOMIZATION


def check(files: Sequence[str], documents: Sequence[Document]) -> Iterator[Finding]:
    """`files` are the paths of the whole bundle; `documents` what its YAML files hold."""
    whole = [as_object(document) for document in documents if is_all_in_one(document.path)]
    parts = [as_object(document) for document in documents if document.path.startswith(MANIFESTS)]
    if not whole:
        yield Finding("", "", "", "no file at the top holds the manifests")
    yield from _same(whole, parts)
    kustomizations = [document for document in documents if document.path == KUSTOMIZATION]
    wanted = sorted(path for path in files if path.startswith(MANIFESTS))
    yield from _lists_all(kustomizations, wanted)
    for path in wanted:
        if not any(part.path == path for part in parts):
            yield Finding(path, "", "", "holds no object")


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
            yield lonely.finding("", "is in no file of manifests/")


def _by_identity(items: Sequence[Object]) -> dict[tuple[str, ...], list[Object]]:
    grouped: dict[tuple[str, ...], list[Object]] = {}
    for item in items:
        grouped.setdefault((item.api_version, *item.identity), []).append(item)
    return grouped


def _lists_all(kustomizations: Sequence[Document], wanted: Sequence[str]) -> Iterator[Finding]:
    if len(kustomizations) != 1 or not isinstance(kustomizations[0].data, Mapping):
        yield Finding(KUSTOMIZATION, "", "", "not exactly one kustomization")
        return
    data = kustomizations[0].data
    if (data.get("apiVersion"), data.get("kind")) != ("kustomize.config.k8s.io/v1beta1", "Kustomization"):
        yield Finding(
            KUSTOMIZATION, "Kustomization", "kind", "not kustomize.config.k8s.io/v1beta1 Kustomization"
        )
    resources = data.get("resources")
    listed = sorted(map(str, resources)) if isinstance(resources, list) else []
    if listed != list(wanted):
        missing = ", ".join(sorted(set(wanted) - set(listed)))
        message = f"must list exactly the files of {MANIFESTS}" + (
            f"; missing: {brief(missing)}" if missing else ""
        )
        yield Finding(KUSTOMIZATION, "Kustomization", "resources", message)
