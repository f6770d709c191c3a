"""A loopback HTTP listener that can be closed for real, and can cut a connection in the middle."""

import asyncio
import socket
import struct
from typing import Any

from compiler.dev.ports import Port, bound, hold

_SEND_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 seconds


class Listener:
    """Serves an ASGI app on a port of its own, with uvicorn's HTTP protocol.

    Not `uvicorn.Server`: that one takes over the process's signals and cannot stop listening and start again.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self._port: Port | None = None
        self._server: asyncio.Server | None = None
        self._state: Any = None

    @property
    def port(self) -> int:
        return self._held().number

    @property
    def url(self) -> str:
        return self._held().url

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        """Starts to listen, on the same port each time. Does nothing when it is open."""
        if self._server is not None:
            return
        import uvicorn  # noqa: PLC0415  # the extra, and 100 ms: only for those who listen
        from uvicorn.server import ServerState  # noqa: PLC0415

        self._port = self._port or hold()
        self._state = self._state or ServerState()
        config = uvicorn.Config(
            self._app, http="h11", lifespan="off", log_config=None, log_level="critical", access_log=False
        )
        config.load()
        self._server = await asyncio.get_running_loop().create_server(
            lambda: config.http_protocol_class(config=config, server_state=self._state, app_state={}),
            sock=bound(self._port.number),
        )

    def close(self) -> None:
        """New connections are refused from here on, and the open ones (kept alive or busy) are reset."""
        if self._server is not None:
            self._server.close()
            self._server = None
            for connection in list(self._state.connections):
                _cut(connection.transport, reset=True)

    async def stop(self) -> None:
        """Closes for good: cancels the requests still being answered and gives the port back."""
        self.close()
        tasks = list(self._state.tasks) if self._state else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._port is not None:
            self._port.release()

    async def hang_up(self, client: tuple[str, int], *, reset: bool) -> None:
        """Ends the connection of a client (host, port): with a reset, or as if the server had exited."""
        for connection in list(self._state.connections):
            if connection.client == client:
                _cut(connection.transport, reset=reset)
        await asyncio.sleep(0)  # uvicorn learns of it before the app returns, and does not complain

    def _held(self) -> Port:
        if self._port is None:
            raise RuntimeError("the listener has not been opened yet")
        return self._port


def _cut(transport: asyncio.Transport, *, reset: bool) -> None:
    if not reset:
        transport.close()
        return
    sock = transport.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _SEND_RESET_ON_CLOSE)
    transport.abort()
