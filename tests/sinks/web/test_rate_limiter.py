"""How many requests each client may make."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from edge_detector.sinks.web.rate_limiter import MOST_CLIENTS, Rate, RateLimiter, client_of, ip_address
from tests.sinks.web.pages import Clock


def test_a_burst_is_allowed_and_not_one_more() -> None:
    limiter = RateLimiter(Rate(burst=3, per_s=1.0), clock=Clock())
    assert [limiter.try_acquire("a") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.try_acquire("b")


def test_requests_come_back_with_time_and_never_exceed_the_burst() -> None:
    clock = Clock()
    limiter = RateLimiter(Rate(burst=3, per_s=0.5), clock=clock)
    for _ in range(4):
        limiter.try_acquire("a")
    assert limiter.available("a") == 0
    clock.now += 1.9
    assert not limiter.try_acquire("a")
    clock.now += 0.2
    assert limiter.try_acquire("a")
    assert not limiter.try_acquire("a")
    clock.now += 1000
    assert limiter.available("a") == 3


def test_a_whole_request_is_enough() -> None:
    clock = Clock()
    limiter = RateLimiter(Rate(burst=1, per_s=0.5), clock=clock)
    assert limiter.try_acquire("a")
    clock.now += 2
    assert limiter.available("a") == 1
    assert limiter.try_acquire("a")


def test_asking_what_is_available_takes_nothing() -> None:
    limiter = RateLimiter(Rate(burst=1, per_s=1.0), clock=Clock())
    assert [limiter.available("a") for _ in range(3)] == [1, 1, 1]


def test_the_client_whose_last_request_is_oldest_is_forgotten_first() -> None:
    limiter = RateLimiter(Rate(burst=1, per_s=0.0), clock=Clock())
    for number in range(MOST_CLIENTS):
        limiter.try_acquire(str(number))
    limiter.try_acquire("0")  # is the newest now
    assert [limiter.available(client) for client in ("0", "1", "2")] == [0, 0, 0]
    limiter.try_acquire("new")
    assert [limiter.available(client) for client in ("0", "1", "2", "new")] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("remote", "client"),
    [
        ("192.168.1.5", "192.168.1.5"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_an_ipv6_household_is_one_client(remote: str, client: str) -> None:
    assert client_of(make_mocked_request("GET", "/").clone(remote=remote)) == client


@pytest.mark.parametrize(
    ("remote", "forwarded", "client"),
    [
        ("127.0.0.1", "192.168.1.5", "192.168.1.5"),
        ("127.0.0.1", "10.0.0.1, 192.168.1.5", "192.168.1.5"),  # the proxy has added the last one
        ("127.0.0.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("127.0.0.1", "unknown", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("::ffff:127.0.0.1", "192.168.1.5", "192.168.1.5"),
        ("2001:db8::1", "192.168.1.5", "192.168.1.5"),
        ("2001:db8::2", "192.168.1.5", "2001:db8::/64"),  # a neighbour of a proxy
        ("127.0.0.2", "192.168.1.5", "127.0.0.2"),  # is no proxy and may say anything
    ],
)
def test_only_a_proxy_says_for_whom_it_asks(remote: str, forwarded: str, client: str) -> None:
    request = make_mocked_request("GET", "/", headers={"X-Forwarded-For": forwarded}).clone(remote=remote)
    assert client_of(request, proxies={ip_address("127.0.0.1"), ip_address("2001:db8::1")}) == client
