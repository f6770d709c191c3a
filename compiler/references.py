"""The names that do not exist, in a catalog that the schema refused.

`resolve` needs data that the schema accepted. This looks at the same references in any data, so that a
wrong name is said in the same run as a wrong type elsewhere; its tests hold the two together.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from compiler.diagnostics import UNKNOWN_REFERENCE, Diagnostic
from compiler.redact import may_hold_secret
from compiler.resolve import DEFAULT_GATEWAY
from compiler.scope import Scope
from compiler.source import Document, Path_

MAX_SHOWN = 100  # names listed in one run
_MAX_NAME = 128

# Where a name stands, by what it is the name of. `*` is every entry of a mapping, `[]` of a list.
REFERENCES: tuple[tuple[str, str], ...] = (
    ("gateway", "providers.*.gateway"),
    ("provider", "models.*.provider"),
    ("provider", "models.*.deployments.[].provider"),
    ("model", "models.*.fallbacks.[]"),
    ("model", "strategies.*.candidates.[]"),
    ("model", "strategies.*.canary.model"),
    ("provider", "strategies.*.select.providers.[]"),
    ("provider", "strategies.*.requirements.providers.[]"),
    ("provider", "strategies.*.requirements.exclude_providers.[]"),
    ("provider", "requirements.providers.[]"),
    ("provider", "requirements.exclude_providers.[]"),
    ("provider", "fallback.providers.[]"),
    ("gateway", "tests.[].gateway"),
    ("provider", "tests.[].down.[]"),
    ("model", "tests.[].expect.model"),
    ("model", "tests.[].expect.fallbacks.[]"),
    ("provider", "tests.[].expect.provider"),
)


def unknown_names(document: Document, faults: list[Diagnostic]) -> list[Diagnostic]:
    """IL301 for every name that refers to nothing, at most `MAX_SHOWN`. Works on any data.

    Args:
        document: data that the schema refused. The names of its faulty entries count as known, and nothing
            is said of a kind whose section is missing or no mapping.
        faults: what was said of it already; a name that is itself wrong is not reported again.
    """
    known = _known(document.data)
    gateways, providers, models = (dict.fromkeys(filter(_fit_to_say, names)) for names in known.values())
    scope = Scope(document, gateways, providers, models, {})
    said = {fault.where for fault in faults}
    missing = (
        (kind, name, path)
        for kind, name, path in _references(document.data)
        if known[kind] and name not in known[kind] and _fit_to_say(name) and document.span(path) not in said
    )
    for kind, name, path in islice(missing, MAX_SHOWN):
        scope.known(kind, name, path)
    rest = next(missing, None)
    if rest:
        where = document.span(rest[2])
        what, hint = "more names that do not exist follow", "mend those above and run it again"
        scope.found.append(UNKNOWN_REFERENCE.at(where, what, hint))
    return scope.found


def _known(data: Any) -> dict[str, dict[str, Any]]:
    """The names of each kind; none where their section cannot be read."""
    gateways, providers = _mapping(data, "gateways"), _mapping(data, "providers")
    owned = {p["gateway"] for p in providers.values() if isinstance(p, dict) and _is_name(p.get("gateway"))}
    if not set(gateways) - owned and (gateways or not _written(data, "gateways")):
        gateways = {**gateways, DEFAULT_GATEWAY: None}  # as `resolve` adds it
    return {"gateway": gateways, "provider": providers, "model": _mapping(data, "models")}


def _mapping(data: Any, section: str) -> dict[str, Any]:
    found = data.get(section) if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _written(data: Any, section: str) -> bool:
    return isinstance(data, dict) and bool(data.get(section))


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _MAX_NAME


def _fit_to_say(name: str) -> bool:
    return not may_hold_secret(name)


def _references(data: Any) -> Iterator[tuple[str, str, Path_]]:
    """(kind, name, path) of everything that stands where a name belongs and could be one."""
    for kind, pattern in REFERENCES:
        for path, name in _at(data, pattern.split("."), ()):
            if _is_name(name):
                yield kind, name, path


def _at(node: Any, pattern: list[str], path: Path_) -> Iterator[tuple[Path_, Any]]:
    if not pattern:
        yield path, node
    elif pattern[0] not in ("*", "[]"):
        if isinstance(node, dict) and pattern[0] in node:
            yield from _at(node[pattern[0]], pattern[1:], (*path, pattern[0]))
    elif isinstance(node, dict if pattern[0] == "*" else list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _at(value, pattern[1:], (*path, key))
