"""A listening socket that limits how many connections are open at once, in all and from each client."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from edge_detector.sinks.web.rate_limiter import IpAddress, client_at, ip_address

MOST_CONNECTIONS = 256
MOST_OF_ONE_CLIENT = 64  # a browser opens up to 6 for each of its tabs; a household may share one address


class LimitedListener(socket.socket):
    """Closes a connection that is one too many as soon as it is accepted.

    A connection counts from then until it is closed, whether or not it ever finishes a TLS handshake or sends a
    request. Source: OWASP, Denial of Service Cheat Sheet, "Limit connections per IP address".
    """

    def __init__(self, listener: socket.socket, *, unlimited: Collection[IpAddress] = ()) -> None:
        """Takes ``listener`` over. The addresses ``unlimited`` (of proxies) have only the limit of all together."""
        super().__init__(listener.family, listener.type, listener.proto, fileno=listener.detach())
        self._unlimited = unlimited
        self._open: Counter[str] = Counter()  # connections by client

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection and its address.

        Raises `ConnectionAbortedError`, which asyncio takes for a client who has left, if it is one too many.
        """
        connection, address = super().accept()
        ip = ip_address(address[0])
        client = client_at(ip)
        if self._is_full(ip, client):
            connection.close()
            raise ConnectionAbortedError("too many connections")
        self._open[client] += 1
        return _Connection(connection, closed=partial(self._forget, client)), address

    def _is_full(self, ip: IpAddress, client: str) -> bool:
        if self._open.total() >= MOST_CONNECTIONS:
            return True
        return ip not in self._unlimited and self._open[client] >= MOST_OF_ONE_CLIENT

    def _forget(self, client: str) -> None:
        self._open[client] -= 1
        if self._open[client] == 0:
            del self._open[client]


class _Connection(socket.socket):
    """Calls ``closed`` once, when it is closed."""

    def __init__(self, connection: socket.socket, *, closed: Callable[[], None]) -> None:
        super().__init__(connection.family, connection.type, connection.proto, fileno=connection.detach())
        self._on_close: Callable[[], None] | None = closed

    def close(self) -> None:
        super().close()
        if self._on_close is not None:
            self._on_close()
            self._on_close = None
