"""From ``HOST:PORT`` to a listening socket, with one clear error if that fails."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from edge_detector.errors import ConfigError, SinkError

LOOPBACK = "127.0.0.1"
PORT = 8080
BACKLOG = 64


@dataclass(frozen=True, slots=True)
class Address:
    """A host name or IP address, and a port (0: any free port)."""

    host: str = LOOPBACK
    port: int = PORT

    @classmethod
    def parse(cls, text: str) -> Address:
        """``""``, ``8080``, ``0.0.0.0``, ``0.0.0.0:8080`` or ``[::1]:8080``; a missing part has its default.

        Raises `ConfigError` for anything else.
        """
        try:
            parts = urlsplit(f"//{LOOPBACK}:{text}" if text.isdigit() else f"//{text}")
            port = parts.port
        except ValueError:
            parts, port = None, None
        if parts is None or "".join(parts[2:]) or "@" in parts.netloc:
            raise ConfigError(
                f"sink web: {text!r} is not an address; expected HOST:PORT such as 127.0.0.1:8080 or [::1]:8080"
            )
        return cls(parts.hostname or LOOPBACK, PORT if port is None else port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def resolve_host(address: Address) -> Address:
    """``address`` with its host as an IP address.

    Raises `SinkError` if the name is unknown.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise SinkError(f"sink web: the host name {address.host!r} cannot be found: {error.strerror}") from None
    return Address(str(found[0][4][0]), address.port)


def is_loopback(address: Address) -> bool:
    """Whether only programs on this machine can reach the resolved ``address``."""
    return ipaddress.ip_address(address.host.partition("%")[0]).is_loopback


def listen(address: Address) -> socket.socket:
    """A socket listening on the resolved ``address``.

    Raises `SinkError` if the port is in use or not allowed, or if the address belongs to another machine.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server(
            (address.host, address.port),
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=address.host == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()  # the error's own text repeats the address
        raise SinkError(f"sink web: cannot listen on {address}: {reason}; choose another with web:HOST:PORT") from None
