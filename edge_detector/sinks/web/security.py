"""Who may ask for what. Every request passes here before anything else looks at it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from edge_detector.sinks.web.pages import FOR_ALL, login
from edge_detector.sinks.web.rate_limiter import RateLimiter, client_of
from edge_detector.sinks.web.token import Token

COOKIE_AGE_S = 180 * 24 * 3600
PRIVATE_DOMAINS = ("local", "lan", "home.arpa", "internal")  # no outsider can own a name in them

HEADERS = {
    "Server": "edge-detector",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",  # no other site's <img> shows the camera
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # the first visit's address holds the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may look."""

    hosts: frozenset[str]  # names under which the page may be asked for, besides IP addresses
    local: bool  # True: of IP addresses only the loopback ones, for nobody else can reach the port
    token: Token | None  # None: everybody who reaches the port
    cookie: str  # its name; browsers tell hosts apart, but not ports
    requests: RateLimiter
    guesses: RateLimiter  # of wrong tokens


def guard(policy: Policy) -> Middleware:
    """The middleware that holds the policy: the checks from the cheapest to the dearest, the first to fail answers."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not policy.requests.spend(client_of(request)):
            raise too_many_requests()
        if not known_host(policy, request.headers.getall("Host", [])):
            raise web.HTTPMisdirectedRequest(text="not under this name; the sink's option ?host=NAME adds one\n")
        if foreign(request):
            raise web.HTTPForbidden(text="not from another site\n")
        if policy.token is None or request.path in FOR_ALL or shows_token(policy, policy.token, request):
            return await handler(request)
        if request.path == "/":
            return login()
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"}, text="show the token\n")

    return guarded


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Gives every answer the headers that keep browsers careful."""
    response.headers.update(HEADERS)


def known_names(extra: Iterable[str] = ()) -> frozenset[str]:
    """The names of this machine, and ``extra`` ones."""
    name = socket.gethostname().lower().partition(".")[0]
    names = {"localhost", name, *(f"{name}.{domain}" for domain in PRIVATE_DOMAINS)}
    return frozenset(names | {each.lower() for each in extra})


def known_host(policy: Policy, headers: list[str]) -> bool:
    """Whether the Host header is one we answer to.

    A page of another site can point its own name at our address (DNS rebinding); the browser then takes us for that
    site and lets it read everything, but it still sends that site's name here. IP addresses cannot be rebound.
    """
    name = _host_name(headers[0]) if len(headers) == 1 else None
    if name is None or name in policy.hosts:
        return name is not None
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not policy.local


def foreign(request: web.Request) -> bool:
    """Whether a page of another site asks, as far as the browser tells; going to the page by a link is fine."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.headers["Host"]:
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
        return False
    return not (request.path == "/" and request.method == "GET" and request.headers.get("Sec-Fetch-Dest") == "document")


def shows_token(policy: Policy, token: Token, request: web.Request) -> bool:
    """Whether the request carries the token, as a header or in the page's address, or the cookie got for it.

    Raises 429 after too many wrong ones.
    """
    if token.matches_cookie(request.cookies.get(policy.cookie, "")):
        return True
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return guess(policy, token, request, bearer.strip())
    return request.path == "/" and "token" in request.query and guess(policy, token, request, request.query["token"])


def guess(policy: Policy, token: Token, request: web.Request, shown: str) -> bool:
    """Whether ``shown`` is the token.

    Raises 429 after too many wrong ones.
    """
    client = client_of(request)
    if policy.guesses.left(client) < 1:
        raise too_many_requests()
    if token.matches(shown):
        return True
    policy.guesses.spend(client)
    return False


def too_many_requests() -> web.HTTPTooManyRequests:
    return web.HTTPTooManyRequests(headers={"Retry-After": "1"}, text="too many requests; try again in a moment\n")


def give_cookie(policy: Policy, token: Token, response: web.StreamResponse) -> None:
    """Spares the viewer the token from now on. Not Secure: the page is served without TLS."""
    response.set_cookie(policy.cookie, token.cookie, max_age=COOKIE_AGE_S, httponly=True, samesite="Strict")


def _host_name(header: str) -> str | None:
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018 - raises ValueError for a port that is none
    except ValueError:
        return None
    return parts.hostname.rstrip(".") if parts.hostname and parts.netloc == header and "@" not in header else None
