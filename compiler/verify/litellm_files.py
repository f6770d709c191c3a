"""What one gateway of the bundle gives its LiteLLM: configuration, routing table, mounts, variables."""

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from compiler.verify.documents import Document
from compiler.verify.finding import Finding
from compiler.verify.index import Index
from compiler.verify.objects import Object

FOLDER = "litellm/"
CONFIG = "config.yaml"
TABLE = "routing_table.json"


class Entry(NamedTuple):
    """One model of the configuration, and where it stands. Any data at all until its shape is judged."""

    path: str
    place: int
    data: Any

    def finding(self, gateway: str, below: str, message: str) -> Finding:
        pointer = f"model_list[{self.place}]" + (f".{below}" if below else "")
        return Finding(self.path, f"gateway {gateway}", pointer, message)


@dataclass(frozen=True, slots=True)
class Files:
    """One gateway's files. `texts` are its own by their name, `mounted` those its pods see beside `config`.

    `parts` are the included files of config.yaml by name; a name without a file has None. `pointless` has, by
    the same names, a number that YAML 1.1 takes for text: `1e-07` has no point. `table` is whole,
    also where it is written in parts; None when it cannot be put together. `variables` are those of the
    container; both they and `mounted` are empty when no Deployment starts the gateway.
    """

    name: str
    texts: Mapping[str, bytes]
    config: Any
    parts: Mapping[str, Any]
    pointless: Mapping[str, str]
    entries: Sequence[Entry]
    table: Any
    deployment: Object | None
    mounted: Mapping[str, str]
    variables: frozenset[str]

    @property
    def path(self) -> str:
        return f"{FOLDER}{self.name}/{CONFIG}"

    def finding(self, pointer: str, message: str, file: str = CONFIG) -> Finding:
        return Finding(f"{FOLDER}{self.name}/{file}", f"gateway {self.name}", pointer, message)


def gateways(
    bundle: Mapping[str, bytes], documents: Sequence[Document], items: Sequence[Object]
) -> list[Files]:
    """Every gateway of the bundle. `items` are its objects; JSON and YAML are readable; no more is sure."""
    index = Index(items)
    grouped: dict[str, dict[str, bytes]] = {}
    for path, raw in bundle.items():
        if path.startswith(FOLDER):
            name, _, file = path.removeprefix(FOLDER).partition("/")
            grouped.setdefault(name, {})[file] = raw
    configs = {document.path: document.data for document in documents if document.path.startswith(FOLDER)}
    pods = {item.name: item for item in items if item.kind == "Deployment"}
    return [
        _files(name, texts, configs.get(f"{FOLDER}{name}/{CONFIG}"), pods.get(name), index)
        for name, texts in grouped.items()
    ]


def _files(
    name: str, texts: Mapping[str, bytes], config: Any, deployment: Object | None, index: Index
) -> Files:
    included = config.get("include") if isinstance(config, dict) else None
    names = [part for part in included if isinstance(part, str)] if isinstance(included, list) else []
    pointless: dict[str, str] = {}
    parts = {part: _part(part, texts[part], pointless) if part in texts else None for part in names}
    return Files(
        name,
        texts,
        config,
        parts,
        pointless,
        [*_entries(name, CONFIG, config), *(e for n, part in parts.items() for e in _entries(name, n, part))],
        _table(texts),
        deployment,
        _mounted(deployment, index) if deployment else {},
        _variables(deployment) if deployment else frozenset(),
    )


def _part(name: str, raw: bytes, pointless: dict[str, str]) -> Any:
    def number(text: str) -> float:
        if "." not in text:
            pointless[name] = text
        return float(text)

    return json.loads(raw, parse_float=number)


def _entries(gateway: str, file: str, data: Any) -> list[Entry]:
    rows = data.get("model_list") if isinstance(data, dict) else None
    path = f"{FOLDER}{gateway}/{file}"
    return [Entry(path, place, row) for place, row in enumerate(rows)] if isinstance(rows, list) else []


def _table(texts: Mapping[str, bytes]) -> Any:
    """The routing table as the plugin puts it together."""
    try:
        table = json.loads(texts[TABLE])
        for name in table.get("parts", ()):
            for kind, row, content in json.loads(texts[name]):
                _add(table, kind, row, content)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return table


def _add(table: dict[str, Any], kind: str, name: str, content: Any) -> None:
    if kind == "model":
        table["models"][name] = content
    elif kind == "provider":
        dict(table["provider_order"])[name].extend(content)
    else:
        table["strategies"][name]["candidates"].extend(content)


def _container(deployment: Object) -> dict[str, Any]:
    """The one that starts LiteLLM: the first that is told of a configuration, else the first."""
    found: list[dict[str, Any]] = deployment.pod_spec.get("containers", [])
    return next((one for one in found if "--config" in one.get("args", [])), found[0] if found else {})


def _variables(deployment: Object) -> frozenset[str]:
    return frozenset(entry["name"] for entry in _container(deployment).get("env", []))


def _mounted(deployment: Object, index: Index) -> dict[str, str]:
    """The files beside the configuration that LiteLLM is started with, which must be config.yaml."""
    container = _container(deployment)
    args = ["", *container.get("args", []), "", ""]
    folder, file = posixpath.split(args[args.index("--config") + 1] if "--config" in args else "")
    volumes = {volume["name"]: volume for volume in deployment.pod_spec.get("volumes", [])}
    found = {
        path: text
        for mount in container.get("volumeMounts", [])
        if mount["mountPath"] == folder and "subPath" not in mount
        for path, text in _content(volumes.get(mount["name"], {}), deployment.namespace, index)
    }
    return found if file == CONFIG else {}


def _content(volume: Mapping[str, Any], namespace: str, index: Index) -> Iterator[tuple[str, str]]:
    sources = [volume, *volume.get("projected", {}).get("sources", [])]
    for source in (one["configMap"] for one in sources if "configMap" in one):
        item = index.find("ConfigMap", namespace, source.get("name", ""))
        data: Mapping[str, str] = item.data.get("data", {}) if item else {}
        if "items" in source:
            yield from ((one["path"], data[one["key"]]) for one in source["items"] if one["key"] in data)
        else:
            yield from data.items()
