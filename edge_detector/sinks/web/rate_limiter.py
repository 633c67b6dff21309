"""How often one client may ask: a token bucket for each, and room for only so many clients."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

MOST_CLIENTS = 1024  # remembered; the one not seen for longest is forgotten first
IPV6_HOME = 64  # leading bits of an IPv6 address that one household shares


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` requests at once, then ``per_s`` a second."""

    burst: int
    per_s: float


class RateLimiter:
    """The same rate for each client."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> (requests left, when)

    def spend(self, client: str) -> bool:
        """Take one of the client's requests; False when none is left."""
        left = self.left(client)
        allowed = left >= 1
        self._left[client] = (left - allowed, self._clock())
        self._left.move_to_end(client)
        if len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return allowed

    def left(self, client: str) -> float:
        """Requests the client may make right now."""
        now_s = self._clock()
        left, then_s = self._left.get(client, (float(self._rate.burst), now_s))
        return min(self._rate.burst, left + (now_s - then_s) * self._rate.per_s)


def client_of(request: web.Request) -> str:
    """Who is asking: an IPv4 address, or the network of an IPv6 household, where addresses cost nothing."""
    ip = ipaddress.ip_address((request.remote or "0.0.0.0").partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, IPV6_HOME), strict=False))
