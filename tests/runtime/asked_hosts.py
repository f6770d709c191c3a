"""Which host names the real LiteLLM asks for: every look-up of a name is recorded, and refused.

    python tests/runtime/asked_hosts.py ENTRIES.json

Started by test_provider_hosts.py: what is patched here would stay so for other tests. ENTRIES.json is a list
of entries of a rendered config's `model_list`. Prints JSON: `model_info.id` of an entry → kind of call → the
names and addresses, sorted. Nothing leaves the machine: no name is resolved, nothing connected to.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

import litellm
from litellm.llms.vertex_ai.vertex_llm_base import VertexBase

Json = dict[str, Any]
_DEADLINE_S = 60
asked: set[str] = set()


def _refused(host: Any, *args: Any, **kwargs: Any) -> NoReturn:
    asked.add(host.decode() if isinstance(host, bytes) else str(host))
    raise socket.gaierror(socket.EAI_NONAME, "no name is resolved in this test")


def _unconnected(self: socket.socket, address: Any) -> NoReturn:
    asked.add(str(address[0]))
    raise ConnectionRefusedError("nothing is connected to in this test")


def _token(self: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """In place of the metadata server's: without it no call of Vertex AI is ever made."""
    return "a-token", "a-project"


async def _token_later(self: Any, *args: Any, **kwargs: Any) -> tuple[str, str]:
    return _token(self)


def _params(entry: Json) -> Json:
    """With a value for every variable, as the proxy would have them."""
    literal = {
        name: "europe-west4" if name == "vertex_location" else "sk-a-value"
        for name, value in entry["litellm_params"].items()
        if str(value).startswith("os.environ/")
    }
    unused = {"rpm", "tpm", "weight"}
    return {k: v for k, v in {**entry["litellm_params"], **literal}.items() if k not in unused}


def _calls(entry: Json) -> dict[str, Callable[[], Coroutine[Any, Any, Any]]]:
    common = {**_params(entry), "max_retries": 0, "num_retries": 0, "timeout": 5}
    messages = [{"role": "user", "content": "hello"}]
    if entry["model_info"]["mode"] == "embedding":
        return {"embedding": lambda: litellm.aembedding(input=["hello"], **common)}
    return {
        "chat": lambda: litellm.acompletion(messages=messages, **common),
        "stream": lambda: litellm.acompletion(messages=messages, stream=True, **common),
        "completion": lambda: litellm.atext_completion(prompt="hello", **common),
        "responses": lambda: litellm.aresponses(input="hello", **common),
    }


async def _names_of(call: Callable[[], Coroutine[Any, Any, Any]]) -> list[str]:
    asked.clear()
    try:
        answer = await asyncio.wait_for(call(), _DEADLINE_S)
        async for _ in answer:
            pass
    except Exception as error:  # noqa: BLE001  # every call fails; only how far it came matters
        print(type(error).__name__, str(error)[:300].replace("\n", " "), file=sys.stderr)
    return sorted(asked)


async def _main(entries: list[Json]) -> Json:
    return {
        entry["model_info"]["id"]: {kind: await _names_of(call) for kind, call in _calls(entry).items()}
        for entry in entries
    }


if __name__ == "__main__":
    litellm.suppress_debug_info = True
    socket.getaddrinfo = _refused
    socket.socket.connect = _unconnected  # type: ignore[method-assign]
    VertexBase._ensure_access_token = _token
    VertexBase._ensure_access_token_async = _token_later
    rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(json.dumps(asyncio.run(_main(rows))))
