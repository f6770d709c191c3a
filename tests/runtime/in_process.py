"""The real LiteLLM proxy and every provider in one process: what it calls, in which order, for random pairs.

    python tests/runtime/in_process.py SEED COUNT [FIRST]

Started by test_online_is_offline.py: LiteLLM takes seconds to import and keeps its state in its modules.
Prints one JSON object: what was compared, and every pair that differs, as a catalog and a request.
"""

import asyncio
import contextlib
import gc
import json
import logging
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import random_catalogs
import yaml

from compiler import facts, schema, source
from compiler.dev.rewrite import Local, rewrite
from compiler.diagnostics import Diagnostic, has_errors
from compiler.render import litellm as rendered
from compiler.resolve import resolve
from compiler.runtime.decision import Decision, decide

GATEWAY = "llm-router"
_RELOAD_DEADLINE_S = 10
Json = dict[str, Any]


# --- the providers -------------------------------------------------------------------------------------


class Upstream:
    """Answers every call with a 500 or a 503, and keeps (provider, upstream id) in the order of arrival.

    HTTP by hand: uvicorn would take as long as the rest of a pair.
    """

    def __init__(self) -> None:
        self.called: list[tuple[str, str]] = []
        self.leaked: list[Json] = []
        self.url = ""

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
                length = next(
                    int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:")
                )
                writer.write(
                    self._answer(head.split(" ", 2)[1], json.loads(await reader.readexactly(length)))
                )
                await writer.drain()
        writer.close()

    def _answer(self, path: str, body: Json) -> bytes:
        self.called.append((path.split("/")[1], body["model"]))
        if "routing_strategy" in body or "requirements" in body:
            self.leaked.append(body)
        status = (500, 503)[len(self.called) % 2]
        text = b'{"error":{"message":"simulated","type":"server_error","param":null,"code":null}}'
        # The last header keeps OpenAI's SDK from trying again by itself, as it does for embeddings.
        about = f"content-type: application/json\r\ncontent-length: {len(text)}\r\nx-should-retry: false"
        return f"HTTP/1.1 {status} X\r\n{about}\r\n\r\n".encode() + text


# --- compiling -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compiled:
    """A catalog's gateway as LiteLLM gets it here; `upstream_of` maps deployments to upstream ids."""

    files: Mapping[str, str]
    config: Json
    table: Json
    upstream_of: Mapping[str, str]


def compiled(data: Json, known: facts.CostMap, url: str) -> Compiled:
    """The compiler's own way from a catalog to a gateway's files, without interlocks: few would pass."""
    document = source.parse(json.dumps(data).encode(), "random")
    assert not isinstance(document, Diagnostic), document
    problems = schema.check(document)
    assert not has_errors(problems), problems
    catalog, problems = resolve(document, known)
    assert catalog is not None
    assert not has_errors(problems), problems
    made = rendered.files(catalog, catalog.gateways[GATEWAY])
    config = local(yaml.load(made.config["config.yaml"], Loader=yaml.CSafeLoader), url)
    upstream_of = {
        row["model_info"]["id"]: row["litellm_params"]["model"].partition("/")[2]
        for row in config["model_list"]
    }
    return Compiled(made.all(), config, made.table, upstream_of)


def local(config: Json, url: str) -> Json:
    """The config as `interlock dev` runs it, and nothing rests: a pair must not depend on the one before."""
    providers = {name: f"{url}/{name}" for name in random_catalogs.PROVIDERS}
    result = rewrite(config, Local(providers, {}))
    result["router_settings"]["disable_cooldowns"] = True
    return result


# --- the proxy -----------------------------------------------------------------------------------------


class Proxy:
    """LiteLLM's app in this process, started as its command starts it, with one catalog after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._config = folder / "config.yaml"
        self.client: httpx.AsyncClient

    @contextlib.asynccontextmanager
    async def running(self, first: Compiled) -> AsyncIterator[None]:
        from litellm.proxy import proxy_server

        for name, content in first.files.items():
            (self._folder / name).parent.mkdir(exist_ok=True)
            (self._folder / name).write_text(content, encoding="utf-8")
        self._write_config(first.config)
        proxy_server.save_worker_config(config=str(self._config))
        transport = httpx.ASGITransport(app=proxy_server.app, raise_app_exceptions=False)
        yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[misc,assignment]  # the same data, in a tenth of the time
        logging.disable()  # a traceback for every failure, and every call fails here
        async with proxy_server.app.router.lifespan_context(proxy_server.app):
            gc.freeze()
            async with httpx.AsyncClient(
                transport=transport, base_url="http://proxy", timeout=60
            ) as self.client:
                yield

    async def load(self, new: Compiled) -> None:
        """Another router in the place of the one before; another table by the plugin's own hot reload."""
        from litellm.proxy import proxy_server

        settings = {key: value for key, value in new.config["litellm_settings"].items() if key != "callbacks"}
        self._write_config({**new.config, "litellm_settings": settings})
        loaded = await proxy_server.proxy_config.load_config(None, str(self._config))
        proxy_server.llm_router, proxy_server.llm_model_list, proxy_server.general_settings = loaded
        for name in set(new.files) - {"config.yaml"}:
            beside = self._folder / f"{name}.new"
            beside.write_text(new.files[name], encoding="utf-8")
            beside.replace(self._folder / name)
        table = _handler().file
        async with asyncio.timeout(_RELOAD_DEADLINE_S):
            table.poll()
            while table.current.table["digest"] != new.table["digest"]:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.01)  # the plugin's own watch may have seen the file first, and reads it

    def _write_config(self, config: Json) -> None:
        self._config.write_text(yaml.dump(config, Dumper=yaml.CSafeDumper), encoding="utf-8")


def _handler() -> Any:
    import litellm

    return next(one for one in litellm.callbacks if type(one).__name__ == "InterlockHandler")


# --- one pair ------------------------------------------------------------------------------------------


def expected(decision: Decision, made: Compiled) -> list[set[str]]:
    """The upstream ids in the order of the route; those in a set are of equal priority, in any order."""
    laps = made.table["retry"]["attempts"] + 1
    levels = [level for name in decision.route for level in decision.upstreams[name]]
    return [{made.upstream_of[one] for one in level} for _ in range(laps) for level in levels]


def follows(calls: list[str], levels: list[set[str]]) -> bool:
    """Each upstream of each level was called once, level by level, and nothing else."""
    left = list(calls)
    for level in levels:
        now, left = left[: len(level)], left[len(level) :]
        if len(now) != len(level) or set(now) != level:
            return False
    return not left


def difference(decision: Decision, made: Compiled, response: httpx.Response, calls: list[str]) -> str | None:
    """What the proxy did otherwise than `decide` says, in words."""
    if decision.refusal is None:
        levels = expected(decision, made)
        if not follows(calls, levels):
            return (
                f"called {calls}, decided {[sorted(level) for level in levels]}; answered {_short(response)}"
            )
        return None if response.status_code in {500, 503} else f"all failed, answered {_short(response)}"
    if calls:
        return f"called {calls}, decided to refuse: {decision.refusal}"
    error = response.json().get("error") or {}
    same = (response.status_code, error.get("message")) == (400, decision.refusal.message)
    return None if same else f"refused with {_short(response)}, decided {decision.refusal}"


def _short(response: httpx.Response) -> str:
    return f"{response.status_code} {response.text[:300]}"


def outside(data: Json, body: Json, calls: list[tuple[str, str]]) -> str | None:
    """A deployment that was called against the request's own requirements: `decide` is not asked here."""
    wanted = body.get("requirements") or {}
    for provider, upstream in calls:
        place = data["providers"][provider].get("residency")
        if wanted.get("residency") not in {None, place}:
            return f"{upstream} at {provider} is in {place}, not in {wanted['residency']}"
        if provider in wanted.get("exclude_providers", ()) or provider not in wanted.get(
            "providers", [provider]
        ):
            return f"{upstream} was called at {provider}: {wanted}"
    return None


async def compare(
    proxy: Proxy, upstream: Upstream, made: Compiled, data: Json, asked: Any
) -> tuple[Decision, str | None]:
    """The offline decision, and what the proxy did otherwise."""
    header = asked.headers.get("x-routing-strategy")
    decision = decide(made.table, asked.body, mode=asked.mode, header=header)
    upstream.called.clear()
    # a task of its own, as from a server: what a request leaves in its context is not the next one's
    response = await asyncio.create_task(
        proxy.client.post(asked.path, json=asked.body, headers=asked.headers)
    )
    calls = list(upstream.called)
    if upstream.leaked:
        return decision, f"a word of ours reached a provider: {upstream.leaked.pop()}"
    problem = difference(decision, made, response, [called for _, called in calls])
    return decision, problem or outside(data, asked.body, calls)


# --- all of them ---------------------------------------------------------------------------------------


async def main(seed: int, count: int, first: int = 0) -> Json:
    known = facts.load_cost_map()
    upstream = Upstream()
    seen: Counter[str] = Counter()
    wrong: list[Json] = []
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        proxy = Proxy(Path(folder))
        async with upstream.listening():
            made = compiled(random_catalogs.catalog(seed, first), known, upstream.url)
            async with proxy.running(made):
                for number in range(first, first + count):
                    data = random_catalogs.catalog(seed, number)
                    asked = random_catalogs.request(seed, number, data)
                    made = compiled(data, known, upstream.url)
                    await proxy.load(made)
                    decision, problem = await compare(proxy, upstream, made, data, asked)
                    seen.update(_marks(asked, decision, made, len(upstream.called)))
                    if problem:
                        wrong.append(_repro(number, problem, data, asked))
    return {"seconds": time.monotonic() - start, "seen": dict(seen), "wrong": wrong}


def _marks(asked: Any, decision: Decision, made: Compiled, calls: int) -> list[str]:
    """What a pair is counted under."""
    marks = [f"endpoint {asked.path}{' streaming' if asked.body.get('stream') else ''}", f"calls {calls:2}"]
    if decision.refusal is not None:
        return [*marks, f"refused {decision.refusal.code}"]
    several = any(len(level) > 1 for name in decision.route for level in decision.upstreams[name])
    extra = ["several deployments of one priority"] * several + ["a second lap"] * made.table["retry"][
        "attempts"
    ]
    return [*marks, f"routed {decision.reason}", *(f"with {name}" for name in extra)]


def _repro(number: int, problem: str, data: Json, asked: Any) -> Json:
    request = {"path": asked.path, "body": asked.body, "headers": asked.headers}
    return {"number": number, "problem": problem, "catalog": data, "request": request}


if __name__ == "__main__":
    # What LiteLLM prints at its start is not ours to answer with.
    answer, sys.stdout = sys.stdout, sys.stderr
    result = asyncio.run(main(*map(int, sys.argv[1:])))
    json.dump(result, answer)
    answer.flush()
    os._exit(0)  # LiteLLM's threads and pooled connections are in no hurry
