"""The last stage before `write`: is the bundle what Kubernetes and LiteLLM accept, and read as meant?

A finding here is a defect of Interlock, not of the catalog: what a catalog can get wrong is said earlier.
"""

from collections.abc import Iterator, Mapping, Sequence

from compiler.source import no_garbage_collection
from compiler.targets.litellm import DEFAULT, line_for
from compiler.verify import layout, litellm, monitoring_files, references, values
from compiler.verify.documents import Document, read_json, read_yaml
from compiler.verify.finding import Finding
from compiler.verify.objects import as_object
from compiler.verify.schema import KubernetesSchema

__all__ = ["Finding", "verify"]

SECRETS = "SECRETS.md"


def verify(
    bundle: Mapping[str, bytes], *, kubernetes: str, litellm_version: str | None = None
) -> list[Finding]:
    """What is wrong with a rendered bundle (relative path → bytes); an empty list means nothing is.

    `kubernetes` is the target's minor version ("1.34"), `litellm_version` its LiteLLM ("1.106.2"); without
    it, what LiteLLM would read is not judged. A stage is only as good as the one before it, so each waits:
    readable files, then layout and schema, then the values of what the schema accepts, references once every
    value is right (a name with a typo would otherwise be told by all who refer to it), what LiteLLM reads.

    Raises:
        FileNotFoundError: there is no schema for that Kubernetes version.
    """
    with no_garbage_collection():
        documents = list(read_yaml({path: raw for path, raw in bundle.items() if path.endswith(".yaml")}))
        return list(_unreadable(bundle, documents)) or list(
            _judged(bundle, documents, kubernetes, litellm_version)
        )


def _unreadable(bundle: Mapping[str, bytes], documents: Sequence[Document]) -> Iterator[Finding]:
    for document in documents:
        for problem in document.problems:
            yield as_object(document).finding(*problem)
    for path, raw in bundle.items():
        if path.endswith(".json") and (message := read_json(raw)):
            yield Finding(path, "", "", message)


def _judged(
    bundle: Mapping[str, bytes], documents: Sequence[Document], kubernetes: str, litellm_version: str | None
) -> Iterator[Finding]:
    yield from layout.check(list(bundle), documents)
    yield from layout.check_report(bundle)
    schema = KubernetesSchema(kubernetes)
    items = layout.objects(documents)
    findings = [finding for item in items for finding in schema.check(item) or values.check(item)]
    if not findings:
        secrets = bundle[SECRETS].decode("utf-8", "replace") if SECRETS in bundle else None
        findings += references.check(items, secrets)
        findings += monitoring_files.check(bundle, documents, items)
    if not findings and litellm_version is not None:
        findings += litellm.check(bundle, documents, items, line_for(litellm_version) or DEFAULT)
    yield from findings
