"""How many requests one client may make: a token bucket for each client, for a limited number of clients.

https://en.wikipedia.org/wiki/Token_bucket
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from aiohttp import web

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

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


def client_of(request: web.Request, *, proxies: Collection[IpAddress] = ()) -> str:
    """Who sends the request: `client_at` the other end of the connection.

    Behind one of ``proxies`` it is the last address in X-Forwarded-For, which that proxy has added. Those before it are
    the sender's own words. Source: developer.mozilla.org/docs/Web/HTTP/Reference/Headers/X-Forwarded-For.
    """
    peer = peer_of(request)
    forwarded = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    if peer not in proxies:
        return client_at(peer)
    try:
        return client_at(ip_address(forwarded))
    except ValueError:
        return client_at(peer)


def peer_of(request: web.Request) -> IpAddress:
    """The other end of the connection."""
    return ip_address(request.remote or "0.0.0.0")


def ip_address(text: str) -> IpAddress:
    """The address in ``text``, as an IPv4 address if it is one written as IPv6 (``::ffff:192.168.1.5``).

    Raises `ValueError` for what is no IP address.
    """
    ip = ipaddress.ip_address(text.partition("%")[0])
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip


def client_at(ip: IpAddress) -> str:
    """The client with this address: an IPv4 address, or the /64 network of an IPv6 address.

    A household gets a whole IPv6 network, so its members could use a new address for every request.
    """
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    return str(ipaddress.ip_network((ip, IPV6_HOME), strict=False))
