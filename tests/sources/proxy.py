"""A network camera seen through a proxy that changes what the camera says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def replacing(port: int, before: bytes, after: bytes) -> Iterator[int]:
    """Another port for one connection to the server on ``port``, which says ``after`` where it says ``before``."""
    assert len(before) == len(after), "RTSP tells the length of its answers"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, port, before, after))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listener: socket.socket, port: int, before: bytes, after: bytes) -> None:
    with suppress(OSError), listener.accept()[0] as client, socket.create_connection(("127.0.0.1", port)) as server:
        asking = threading.Thread(target=_copy, args=(client, server, b"", b""))
        asking.start()
        _copy(server, client, before, after)
        asking.join()


def _copy(origin: socket.socket, target: socket.socket, before: bytes, after: bytes) -> None:
    with suppress(OSError):
        while data := origin.recv(65536):
            target.sendall(data.replace(before, after) if before else data)
    for end in (origin, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
