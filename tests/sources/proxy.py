"""A network camera seen through a proxy that changes what the camera says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

CONNECT_S = 10.0


@contextmanager
def replacing(port: int, before: bytes, after: bytes) -> Iterator[int]:
    """Another port for one connection to the server on ``port``, which says ``after`` where it says ``before``."""
    assert len(before) == len(after), "RTSP tells the length of its answers"
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(("127.0.0.1", port)) as server:
        listener.settimeout(CONNECT_S)
        thread = threading.Thread(target=_serve, args=(listener, server, before, after))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            _hang_up(server)
            thread.join()


def _serve(listener: socket.socket, server: socket.socket, before: bytes, after: bytes) -> None:
    with suppress(TimeoutError), listener.accept()[0] as client:
        asking = threading.Thread(target=_copy, args=(client, server, b"", b""))
        asking.start()
        _copy(server, client, before, after)
        asking.join()


def _copy(origin: socket.socket, target: socket.socket, before: bytes, after: bytes) -> None:
    with suppress(OSError):
        while data := origin.recv(65536):
            target.sendall(data.replace(before, after) if before else data)
    _hang_up(origin)
    _hang_up(target)


def _hang_up(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
