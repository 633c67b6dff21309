"""The security rules. Every request is checked here before anything else reads it.

Each rule is one function that names its source.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from edge_detector.sinks.web.pages import PUBLIC_PATHS, login_page
from edge_detector.sinks.web.rate_limiter import RateLimiter, client_of
from edge_detector.sinks.web.token import Token

COOKIE_AGE_S = 180 * 24 * 3600
PRIVATE_DOMAINS = ("local", "lan", "home.arpa", "internal")  # no name on the public internet ends in them

# https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
SECURITY_HEADERS = {
    "Server": "edge-detector",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",  # no other site's <img> shows the camera
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # the address of the first visit contains the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the rules compare a request with."""

    host_names: frozenset[str]  # the Host header may be one of these, or an IP address
    loopback_only: bool  # True: of the IP addresses only loopback ones; no other machine can reach the port
    token: Token | None  # None: everybody who reaches the port may look
    cookie: str  # its name contains the port: browsers send cookies of one host to all its ports
    requests: RateLimiter
    failed_logins: RateLimiter


def guard(policy: Policy) -> Middleware:
    """The middleware that applies the rules, the cheapest first. The first rule that fails gives the answer."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not policy.requests.try_acquire(client_of(request)):
            raise too_many_requests()
        if not is_allowed_host(policy, request.headers.getall("Host", [])):
            text = "this host name is not allowed; the option ?host=NAME of the web sink allows it\n"
            raise web.HTTPMisdirectedRequest(text=text)
        if is_cross_origin_request(request):
            raise web.HTTPForbidden(text="requests from another site are not allowed\n")
        if policy.token is None or request.path in PUBLIC_PATHS or is_authenticated(policy, policy.token, request):
            return await handler(request)
        if request.path == "/":
            return login_page()
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Bearer"}, text="this needs the token\n")

    return guarded


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers by which a browser protects the page and its viewer."""
    response.headers.update(SECURITY_HEADERS)


def allowed_host_names(extra: Iterable[str] = ()) -> frozenset[str]:
    """The names of this machine, and ``extra`` ones."""
    name = socket.gethostname().lower().partition(".")[0]
    names = {"localhost", name, *(f"{name}.{domain}" for domain in PRIVATE_DOMAINS)}
    return frozenset(names | {each.lower() for each in extra})


def is_allowed_host(policy: Policy, headers: list[str]) -> bool:
    """Whether ``headers``, the Host headers of a request, are one name or address of this machine: no DNS rebinding.

    In a DNS rebinding attack a page of another site points its own host name at our address. The browser then takes
    us for that site and lets the page read every answer, but the Host header still has the other site's name. An IP
    address cannot be rebound. Source: Jackson and others, "Protecting Browsers from DNS Rebinding Attacks" (ACM CCS
    2007), which advises servers to check the Host header. The answer is 421 (RFC 9110, section 15.5.20).
    """
    name = _host_name(headers[0]) if len(headers) == 1 else None
    if name is None or name in policy.host_names:
        return name is not None
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not policy.loopback_only


def is_cross_origin_request(request: web.Request) -> bool:
    """Whether a page of another origin sends the request, as far as the browser tells: no cross-site request forgery.

    A link to the page itself is allowed. Browsers send Origin (Fetch standard, fetch.spec.whatwg.org/#origin-header)
    and Sec-Fetch-Site (www.w3.org/TR/fetch-metadata), and no page can change either. Programs that are no browsers
    send neither. Source: OWASP, Cross-Site Request Forgery Prevention Cheat Sheet, on Fetch Metadata and Origin.
    """
    origin = request.headers.get("Origin")
    if origin is not None and origin.partition("://")[2] != request.headers["Host"]:
        return True
    if request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin"):
        return False
    return not (request.path == "/" and request.method == "GET" and request.headers.get("Sec-Fetch-Dest") == "document")


def is_authenticated(policy: Policy, token: Token, request: web.Request) -> bool:
    """Whether the request has the cookie, or the token in a header (RFC 6750, section 2.1) or in the page's address.

    Raises 429 after too many wrong tokens.
    """
    if token.matches_cookie(request.cookies.get(policy.cookie, "")):
        return True
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rate_limited_login(policy, token, request, bearer.strip())
    if request.path != "/" or "token" not in request.query:
        return False
    return rate_limited_login(policy, token, request, request.query["token"])


def rate_limited_login(policy: Policy, token: Token, request: web.Request, shown: str) -> bool:
    """Whether ``shown`` is the token. A wrong one counts as a failed login of this client.

    Raises 429 after too many failed logins, whatever is shown. Source: OWASP, Authentication Cheat Sheet, "Login
    Throttling".
    """
    client = client_of(request)
    if policy.failed_logins.available(client) < 1:
        raise too_many_requests()
    if token.matches(shown):
        return True
    policy.failed_logins.try_acquire(client)
    return False


def too_many_requests() -> web.HTTPTooManyRequests:
    """429 (RFC 6585, section 4)."""
    return web.HTTPTooManyRequests(headers={"Retry-After": "1"}, text="too many requests; try again in a moment\n")


def set_login_cookie(policy: Policy, token: Token, response: web.StreamResponse) -> None:
    """Gives the browser a cookie that it sends instead of the token: HttpOnly, so that no script can read it, and
    SameSite=Strict, so that no other site's request carries it.

    It cannot be Secure, because the page is served without TLS. Source: RFC 6265bis, section 4.1.2.
    """
    response.set_cookie(policy.cookie, token.cookie, max_age=COOKIE_AGE_S, httponly=True, samesite="Strict")


def _host_name(header: str) -> str | None:
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018 - raises ValueError if the port is not a number up to 65535
    except ValueError:
        return None
    return parts.hostname.rstrip(".") if parts.hostname and parts.netloc == header and "@" not in header else None
