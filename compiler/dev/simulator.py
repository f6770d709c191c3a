"""Simulated providers for `interlock dev`: one loopback port each, and one more to control them.

The control port speaks JSON:

    GET    /control             the providers, their ports and faults
    POST   /control/<provider>  set faults: {"status": 500}, {"refused": true}, {"model": "x", "status": 429}
    DELETE /control/<provider>  healthy again
    GET    /control/requests    the last 1,000 requests received, oldest first
    DELETE /control/requests    forget them
"""

import asyncio
import json
from collections import deque
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Thread
from typing import Any

from compiler.dev.faults import FaultError, UnknownProviderError
from compiler.dev.listener import Listener
from compiler.dev.provider import Provider, Record

_REMEMBERED = 1000  # requests
_CALL_DEADLINE_S = 10


class Simulator:
    """The providers by name; a mapping also gives the upstream model ids each lists and accepts faults for.

    Needs the extra `interlock-llm[proxy]`. Everything asynchronous runs in the event loop of `start`.
    """

    def __init__(self, providers: Sequence[str] | Mapping[str, Sequence[str]]) -> None:
        models = providers if isinstance(providers, Mapping) else dict.fromkeys(providers, ())
        if "requests" in models:
            raise ValueError("a provider named 'requests' would hide /control/requests")
        self._received: deque[Record] = deque(maxlen=_REMEMBERED)
        self._providers = {name: Provider(name, ids, self._received.append) for name, ids in models.items()}
        self._control = Listener(self._app())

    async def start(self) -> None:
        await asyncio.gather(self._control.open(), *(one.start() for one in self._providers.values()))

    async def stop(self) -> None:
        await asyncio.gather(self._control.stop(), *(one.stop() for one in self._providers.values()))

    @property
    def providers(self) -> list[str]:
        return list(self._providers)

    @property
    def control_url(self) -> str:
        """Without `/control`."""
        return self._control.url

    def base_url(self, provider: str) -> str:
        """Without `/v1`. Raises UnknownProviderError, as everything that takes a name does."""
        return self._provider(provider).listener.url

    async def set_fault(self, provider: str, /, **fault: object) -> None:
        """The fields of `faults.Fault`, and `model` for one upstream model only. Raises FaultError."""
        await self._provider(provider).set_fault(fault)

    async def clear(self, provider: str) -> None:
        await self._provider(provider).clear()

    def requests(self) -> list[Record]:
        """What was received, oldest first: provider, path, model, stream, forbidden, time (UTC), status."""
        return [dict(record) for record in list(self._received)]

    def _provider(self, name: str) -> Provider:
        if name not in self._providers:
            raise UnknownProviderError(f"unknown provider {name!r}; legal: {', '.join(self._providers)}")
        return self._providers[name]

    def _app(self) -> Any:
        from starlette.applications import Starlette  # noqa: PLC0415  # the extra: only for those who listen
        from starlette.routing import Route  # noqa: PLC0415

        return Starlette(
            routes=[
                Route("/control", self._show, methods=["GET"]),
                Route("/control/requests", self._show_requests, methods=["GET"]),
                Route("/control/requests", self._forget_requests, methods=["DELETE"]),
                Route("/control/{provider}", self._change, methods=["POST", "DELETE"]),
            ]
        )

    async def _show(self, _: Any) -> Any:
        return _json({"providers": {name: one.as_json() for name, one in self._providers.items()}})

    async def _show_requests(self, _: Any) -> Any:
        return _json({"requests": self.requests()})

    async def _forget_requests(self, _: Any) -> Any:
        self._received.clear()
        return _json({"requests": []})

    async def _change(self, request: Any) -> Any:
        try:
            provider = self._provider(request.path_params["provider"])
            if request.method == "DELETE":
                await provider.clear()
            else:
                await provider.set_fault(await _fields(request))
        except UnknownProviderError as error:
            return _json({"error": {"message": str(error)}}, 404)
        except FaultError as error:
            return _json({"error": {"message": str(error)}}, 400)
        return _json(provider.as_json())


async def _fields(request: Any) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise FaultError("the body is not JSON") from error


def _json(data: Any, status: int = 200) -> Any:
    from starlette.responses import Response  # noqa: PLC0415  # the extra

    # not JSONResponse: that one cannot send a lone surrogate, which a request's JSON may hold
    return Response(json.dumps(data), status, media_type="application/json")


@contextmanager
def in_thread(simulator: Simulator) -> Iterator[Callable[[Coroutine[Any, Any, None]], None]]:
    """Runs the simulator in an event loop of its own; yields what runs a coroutine there."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="simulator", daemon=True)
    thread.start()

    def call(work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(_CALL_DEADLINE_S)

    try:
        call(simulator.start())
        yield call
    finally:
        call(simulator.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
