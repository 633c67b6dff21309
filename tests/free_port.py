"""A port of this machine that nobody uses at the moment."""

from __future__ import annotations

import socket


def free_port() -> int:
    """Its number; another program may take it before the caller does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
