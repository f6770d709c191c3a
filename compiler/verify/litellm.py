"""Whether LiteLLM reads of each gateway's files what was meant: it ignores and misreads much without a word.

Runs on a bundle whose files are readable and whose objects the schema has accepted. Each stage waits for the
one before: the shape of every configuration, then what stands in it, and how it fits its table and its pods.
"""

from collections.abc import Iterator, Mapping, Sequence

from compiler.targets.litellm import Line
from compiler.verify import litellm_config, litellm_names, litellm_pods
from compiler.verify.documents import Document
from compiler.verify.finding import Finding
from compiler.verify.litellm_files import gateways
from compiler.verify.objects import Object


def check(
    bundle: Mapping[str, bytes], documents: Sequence[Document], items: Sequence[Object], line: Line
) -> Iterator[Finding]:
    """`items` are the objects of the bundle, `line` the LiteLLM that its gateways run."""
    found = gateways(bundle, documents, items)
    misshapen = [finding for files in found for finding in litellm_config.shape(files, line)]
    yield from misshapen
    if misshapen:
        return
    for files in found:
        yield from litellm_config.check(files, line)
        yield from litellm_names.check(files, found, items)
        yield from litellm_pods.check(files)
