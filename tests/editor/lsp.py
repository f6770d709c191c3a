"""A small client of a language server: JSON-RPC over its standard streams, one request at a time."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

TIMEOUT_S = 60  # a server that says nothing for so long is ended, and what waits for it fails


@contextmanager
def language_server(command: list[str], settings: Mapping[str, Any], log: Path) -> Iterator["Client"]:
    """A server, from `initialize` to `exit`; what it writes to its standard error is in `log`.

    `settings` are what an editor's user sets, by section: `{"yaml": {…}}`. The server asks for them.
    """
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):  # fmt: skip
        assert process.stdin
        assert process.stdout
        kill = process.kill
        try:
            client = Client(process.stdin, process.stdout, settings, kill)
            client.initialize()
            yield client
            client.shut_down()
            process.wait(TIMEOUT_S)
        finally:
            kill()


class Client:
    """An editor, as the server sees it. Lines and characters count from 0."""

    def __init__(
        self, requests: IO[bytes], answers: IO[bytes], settings: Mapping[str, Any], kill: Callable[[], None]
    ) -> None:
        self._requests, self._answers = requests, answers
        self._settings = settings
        self._kill = kill
        self._last_id = 0
        self._opened = 0
        self._diagnostics: dict[str, list[dict[str, Any]]] = {}

    def initialize(self) -> None:
        capabilities = {
            "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
            "textDocument": {
                "hover": {"contentFormat": ["markdown"]},
                "completion": {"completionItem": {"documentationFormat": ["markdown"]}},
            },
        }
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": capabilities})
        self.notify("initialized", {})

    def shut_down(self) -> None:
        self.request("shutdown", None)
        self.notify("exit", None)

    @contextmanager
    def document(self, folder: Path, text: str) -> Iterator[str]:
        """A document that is open and not on the disk, its URI in a folder.

        No two have the same: the server keeps what it has parsed, and clears the diagnostics of a closed
        document whenever it likes.
        """
        self._opened += 1
        uri = (folder / f"{self._opened}.yaml").as_uri()
        item = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        yield uri
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def diagnostics(self, folder: Path, text: str) -> list[dict[str, Any]]:
        """What the server finds wrong with a document."""
        with self.document(folder, text) as uri:
            while uri not in self._diagnostics:
                self._take(self._receive())
            return self._diagnostics[uri]

    def completion(self, uri: str, line: int, character: int) -> list[dict[str, Any]]:
        """The items offered at a place."""
        found = self._at("textDocument/completion", uri, line, character)
        items: list[dict[str, Any]] = found["items"] if isinstance(found, dict) else found or []
        return items

    def hover(self, uri: str, line: int, character: int) -> str:
        """The Markdown shown over a place; empty where nothing is."""
        found = self._at("textDocument/hover", uri, line, character)
        return str(found["contents"]["value"]) if found else ""

    def _at(self, method: str, uri: str, line: int, character: int) -> Any:
        position = {"line": line, "character": character}
        return self.request(method, {"textDocument": {"uri": uri}, "position": position})

    def request(self, method: str, params: Any) -> Any:
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        while True:
            message = self._receive()
            if message.get("id") == self._last_id and "method" not in message:
                assert "error" not in message, message["error"]
                return message["result"]
            self._take(message)

    def notify(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _take(self, message: dict[str, Any]) -> None:
        """What the server says of its own accord: diagnostics are kept, its questions are answered."""
        params: dict[str, Any] = message.get("params") or {}
        if message.get("method") == "textDocument/publishDiagnostics":
            self._diagnostics[params["uri"]] = params["diagnostics"]
        elif "id" in message and "method" in message:
            asked = message["method"] == "workspace/configuration"
            result = [self._settings.get(item["section"]) for item in params["items"]] if asked else None
            self._send({"id": message["id"], "result": result})

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._requests.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._requests.flush()

    def _receive(self) -> dict[str, Any]:
        overdue = threading.Timer(TIMEOUT_S, self._kill)
        overdue.start()
        try:
            length = 0
            while header := self._answers.readline().strip():
                name, _, value = header.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            assert length, "the language server has ended, or said nothing for a minute"
            message: dict[str, Any] = json.loads(self._answers.read(length))
            return message
        finally:
            overdue.cancel()
