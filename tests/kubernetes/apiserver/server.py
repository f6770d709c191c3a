"""The stand-in's HTTP: which path is which object, which method and content type is which write."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.kubernetes.apiserver import discovery
from tests.kubernetes.apiserver.kinds import KINDS, Kind, of_path
from tests.kubernetes.apiserver.patches import json_merge, json_patch, strategic
from tests.kubernetes.apiserver.store import Object, Place, RefusedError, Store, Write
from tests.kubernetes.apiserver.types import Types

APPLY = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Request:
    """A request as the store's verbs need it; `path` has no leading "/"."""

    method: str
    path: str
    query: dict[str, str]
    content_type: str
    accept: str
    agent: str
    body: bytes

    def write(self) -> Write:
        name = self.query.get("fieldManager") or self.agent.partition("/")[0]
        return Write(
            manager=(name, "Apply" if self.content_type == APPLY else "Update"),
            dry_run=self.query.get("dryRun") == "All",
            force=self.query.get("force") == "true",
            strict=self.query.get("fieldValidation") == "Strict",
        )

    def data(self) -> Any:
        """The body, of JSON or YAML; the protobuf that some verbs of kubectl send is refused."""
        if "protobuf" in self.content_type:
            what = f"the stand-in takes JSON and YAML, not {self.content_type}"
            raise RefusedError(415, "UnsupportedMediaType", what)
        text = self.body.decode("utf-8")
        return json.loads(text) if text.lstrip().startswith(("{", "[")) else yaml.safe_load(text)


@dataclass
class ApiServer:
    """The stand-in: its objects are in `store`, what was asked of it in `requests`."""

    store: Store
    documents: dict[str, Object]
    port: int = 0
    requests: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Request) -> tuple[int, str, Object]:
        """HTTP status, content type and body.

        Raises:
            RefusedError: the server refuses, with a Status.
        """
        if request.path in {"api", "apis"} and "g=apidiscovery.k8s.io;v=v2;" in request.accept:
            return 200, discovery.AGGREGATED, discovery.aggregated(request.path)
        if request.path in self.documents:
            return 200, "application/json", self.documents[request.path]
        kind, namespace, name = _resource(request.path)
        body = self._object(request, kind, namespace, name) if name else self._list(request, kind, namespace)
        return 201 if request.method == "POST" else 200, "application/json", body

    def _list(self, request: Request, kind: Kind, namespace: str) -> Object:
        if request.method == "POST":
            value = request.data()
            place = Place(kind, namespace, value["metadata"]["name"])
            return self.store.create(place, value, request.write())
        _only(request, "GET")
        found = [
            value
            for place, value in self.store.objects.items()
            if place.kind == kind and namespace in {"", place.namespace}
        ]
        metadata = {"resourceVersion": "1"}
        return {
            "kind": f"{kind.name}List",
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "items": found,
        }

    def _object(self, request: Request, kind: Kind, namespace: str, name: str) -> Object:
        place = Place(kind, namespace, name)
        if request.method == "GET":
            return self.store.get(place)
        if request.method == "DELETE":
            return self.store.delete(place)
        if request.method == "PUT":
            return self.store.change(place, lambda _: request.data(), request.write())
        _only(request, "PATCH")
        return self._patch(request, place)

    def _patch(self, request: Request, place: Place) -> Object:
        patch, write, node = request.data(), request.write(), self.store.types.node(place.kind)
        match request.content_type:
            case content_type if content_type == APPLY:
                return self.store.apply(place, patch, write)
            case "application/strategic-merge-patch+json" if not place.kind.crd:
                return self.store.change(place, lambda live: strategic(live, patch, node), write)
            case "application/merge-patch+json":
                return self.store.change(place, lambda live: json_merge(live, patch), write)
            case "application/json-patch+json":
                return self.store.change(place, lambda live: json_patch(live, patch), write)
        what = f"the server does not take a patch of {request.content_type} for {place.kind.resource}"
        raise RefusedError(415, "UnsupportedMediaType", what)


def _resource(path: str) -> tuple[Kind, str, str]:
    """The kind, namespace and name ("" where there is none) of a path as "api/v1/namespaces/x/services/y"."""
    for root in {kind.root for kind in KINDS}:
        if path.startswith(f"{root}/"):
            parts = path.removeprefix(f"{root}/").split("/")
            namespace = parts[1] if parts[0] == "namespaces" and len(parts) > 2 else ""
            plural, *name = parts[2:] if namespace else parts
            kind = of_path(root, plural)
            if kind is not None and len(name) <= 1:
                return kind, namespace, "".join(name)
    raise RefusedError(404, "NotFound", "the server could not find the requested resource")


def _only(request: Request, method: str) -> None:
    if request.method != method:
        raise RefusedError(405, "MethodNotAllowed", f"the server does not allow {request.method} here")


def _status(error: RefusedError) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        "details": error.details,
        "code": error.code,
    }


def _handler(server: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            request = self._request()
            server.requests.append(f"{self.command} {self.path} {request.content_type}".rstrip())
            try:
                status, content_type, body = server.answer(request)
            except RefusedError as error:
                status, content_type, body = error.code, "application/json", _status(error)
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 -- the names are http.server's

        def _request(self) -> Request:
            url = urlsplit(self.path)
            return Request(
                method=self.command,
                path=url.path.strip("/"),
                query={key: values[0] for key, values in parse_qs(url.query).items()},
                content_type=self.headers.get("Content-Type", ""),
                accept=self.headers.get("Accept", ""),
                agent=self.headers.get("User-Agent", ""),
                body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            )

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@contextmanager
def api_server(minor: str) -> Iterator[ApiServer]:
    """An empty cluster of a minor version ("1.34") at a free port of loopback."""
    types = Types(minor)
    server = ApiServer(Store(types), discovery.documents(types))
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(server)) as http:
        http.daemon_threads = True
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()
