"""Loopback ports that stay ours from the moment they are chosen."""

import socket
import sys
from dataclasses import dataclass

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Port:
    """A port held for one listener, ours or a child's, whether or not it listens at the moment."""

    number: int
    _holder: socket.socket

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.number}"

    def release(self) -> None:
        self._holder.close()


def bound(number: int = 0) -> socket.socket:
    """A socket on the port (0: one the OS chooses), not listening yet. Raises OSError when it is taken."""
    # the protocol in full: asyncio turns off Nagle's delay (40 ms an answer) only where it sees TCP
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((HOST, number))
    except OSError as error:
        sock.close()
        raise OSError(error.errno, f"port {number} on {HOST} is taken: {error.strerror}") from error
    return sock


def hold(number: int = 0) -> Port:
    """Chooses a port and keeps others off it until `release`. Raises OSError when it is taken."""
    holder = bound(number)
    port = Port(holder.getsockname()[1], holder)
    # On Linux a bound socket that does not listen lets our listener share the port and refuses callers
    # itself; elsewhere it would be in the listener's way, so there the number is only a good guess.
    if sys.platform != "linux":
        holder.close()
    return port
