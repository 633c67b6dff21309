"""How many requests one client may make: a token bucket for each client, for a limited number of clients.

https://en.wikipedia.org/wiki/Token_bucket
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

MOST_CLIENTS = 1024  # remembered; beyond that, the client whose last request is oldest is forgotten
IPV6_HOME = 64  # leading bits of an IPv6 address that one household shares


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` requests at once, then ``per_s`` a second."""

    burst: int
    per_s: float


class RateLimiter:
    """Allows every client the same rate."""

    def __init__(self, rate: Rate, *, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> (requests left, at what time)

    def try_acquire(self, client: str) -> bool:
        """Take one request from what the client has left; False if nothing is left."""
        available = self.available(client)
        allowed = available >= 1
        self._buckets[client] = (available - allowed, self._clock())
        self._buckets.move_to_end(client)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return allowed

    def available(self, client: str) -> float:
        """The number of requests that the client may make now."""
        now_s = self._clock()
        available, then_s = self._buckets.get(client, (float(self._rate.burst), now_s))
        return min(self._rate.burst, available + (now_s - then_s) * self._rate.per_s)


def client_of(request: web.Request) -> str:
    """Who sends the request: an IPv4 address, or the /64 network of an IPv6 address.

    A household gets a whole IPv6 network, so its members could use a new address for every request.
    """
    ip = ipaddress.ip_address((request.remote or "0.0.0.0").partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ip.ipv4_mapped or ipaddress.ip_network((ip, IPV6_HOME), strict=False))
