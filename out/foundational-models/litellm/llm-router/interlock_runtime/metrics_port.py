"""The metrics page on a port of its own, and no longer on the one that clients call.

That port asks for no key: who may reach it is the network's to say. It serves this one page.
"""

import logging
import os
import socket
import socketserver
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

# Where to serve it: a port, and an address in place of all interfaces.
PORT, HOST = "INTERLOCK_METRICS_PORT", "INTERLOCK_METRICS_HOST"
_PAGE = "/metrics"
_SPELLINGS = (_PAGE, f"{_PAGE}/")
_THREAD = "interlock-metrics"
_NOT_FOUND = b'{"detail":"Not Found"}'
_SILENCE_S = 10  # how long a caller may say nothing

log = logging.getLogger("interlock")

App = Callable[[Any, Any, Any], Awaitable[None]]


def serve_if_asked() -> None:
    """Serves the page where the environment says so. A port that cannot be had is logged, no more.

    Of several workers in one pod the first gets the port; LiteLLM lets each see the counters of all.
    """
    port = os.environ.get(PORT)
    if not port:
        return
    _hide()
    if any(thread.name == _THREAD for thread in threading.enumerate()):
        return  # LiteLLM may load the plugin twice
    try:
        server = _listening(os.environ.get(HOST), int(port))
    except (ImportError, OSError, OverflowError, ValueError) as error:
        log.error("%s=%s: no metrics are served there (%s)", PORT, port, error)  # noqa: TRY400
        return
    threading.Thread(target=server.serve_forever, name=_THREAD, daemon=True).start()


# --- the page -------------------------------------------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    """Not `http.server`'s own: that one looks its name up, and waits for a DNS that may not answer."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, host: str, port: int, page: Any) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), page)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        log.debug("metrics: a caller was not answered: %r", sys.exc_info()[1])


def _listening(host: str | None, port: int) -> _Server:
    """On all interfaces where no host is given: IPv6 and IPv4, or IPv4 where there is nothing else."""
    page = _page()
    if host:
        return _Server(host, port, page)
    try:
        return _Server("::", port, page)
    except OSError:
        return _Server("0.0.0.0", port, page)  # noqa: S104  # the pod's own address is not known here


def _page() -> Any:
    """A handler of HTTP requests for the registry, with LiteLLM's metrics and ours."""
    from prometheus_client import REGISTRY, CollectorRegistry, MetricsHandler, multiprocess

    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # several workers: LiteLLM has set it
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)

    class Page(MetricsHandler.factory(registry)):  # type: ignore[misc]
        timeout = _SILENCE_S
        server_version, sys_version = "interlock", ""

        def do_GET(self) -> None:  # noqa: N802  # the name is http.server's
            if self.path.partition("?")[0] in _SPELLINGS:
                super().do_GET()
            else:
                self.send_error(404)

    return Page


# --- the port that clients call -------------------------------------------------------------------------


class WithoutMetrics:
    """LiteLLM's application less its metrics page, which it may mount later and guards by a key: 404."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or not _is_page(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_NOT_FOUND))]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": _NOT_FOUND})


def _is_page(scope: Any) -> bool:
    """As Starlette finds the application that is mounted there."""
    from starlette.routing import get_route_path

    path: str = get_route_path(scope)
    return path == _PAGE or path.startswith(_PAGE + "/")


def _hide() -> None:
    # Around everything: LiteLLM's own middleware would ask for the key before anything is looked for.
    app = getattr(sys.modules.get("litellm.proxy.proxy_server"), "app", None)
    if app is None:
        return
    if app.middleware_stack is None:  # nothing has been asked of it yet
        app.add_middleware(WithoutMetrics)
    elif not isinstance(app.middleware_stack, WithoutMetrics):
        app.middleware_stack = WithoutMetrics(app.middleware_stack)
