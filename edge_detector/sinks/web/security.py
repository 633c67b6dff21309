"""The security rules. Every request is checked here before anything else reads it.

Each rule is one function that names its source.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from edge_detector.sinks.web.pages import PUBLIC_PATHS, login_page
from edge_detector.sinks.web.rate_limiter import IpAddress, RateLimiter, client_of, peer_of
from edge_detector.sinks.web.sessions import LONGEST_S, Sessions
from edge_detector.sinks.web.token import Token

LOOK_ONLY = "this token may look at everything, and change nothing; the token in the file token_file= may"
SAFE_METHODS = ("GET", "HEAD")  # they change nothing (RFC 9110, section 9.2.1)

FORM_PATHS = ("/", "/history", "/logout", "/review")  # here people without the token get the form that asks for it
PRIVATE_DOMAINS = ("local", "lan", "home.arpa", "internal")  # no name on the public internet ends in them

# https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
# Without Strict-Transport-Security, under TLS too: it would bind every port of this host to TLS for months, also those
# of other programs and a second detector, and browsers then refuse a self-signed certificate without a way round it
# (RFC 6797, sections 8.3 and 8.4). A proxy whose name and certificate last may add it.
SECURITY_HEADERS = {
    "Server": "edge-detector",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
        "connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",  # no other site's <img> shows the camera
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # the address of the first visit contains the token
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Access(Enum):
    """What somebody may do."""

    LOOK = "look"  # at everything
    CHANGE = "change"  # everything, too


@dataclass(frozen=True, slots=True)
class Policy:
    """What the rules compare a request with."""

    host_names: frozenset[str]  # the Host header may be one of these, or an IP address
    loopback_only: bool  # True: of the IP addresses only loopback ones; no other machine can reach the port
    token: Token | None  # None: everybody who reaches the port may look, and change everything
    cookie: str  # its name contains the port: browsers send cookies of one host to all its ports
    tls: bool
    proxies: frozenset[IpAddress]  # their X-Forwarded headers are true
    requests: RateLimiter
    wrong_tokens: RateLimiter
    sessions: Sessions
    viewer_token: Token | None = None  # who shows this one may look, and change nothing

    def access(self, shown: str) -> Access | None:
        """What the token ``shown`` lets its owner do; None: it is no token of ours. Takes the same time for all."""
        may_change = self.token is not None and self.token.matches(shown)
        may_look = self.viewer_token is not None and self.viewer_token.matches(shown)
        return Access.CHANGE if may_change else Access.LOOK if may_look else None


def guard(policy: Policy) -> Middleware:
    """The middleware that applies the rules, the cheapest first. The first rule that fails gives the answer."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        session = session_of(policy, request)
        # Each session has a limit of its own, which nobody else at the same address (a household, a proxy) uses up.
        if not policy.requests.try_acquire(session or client_of(request, proxies=policy.proxies)):
            return too_many_requests()
        if not is_allowed_host(policy, request.headers.getall("Host", [])):
            text = "this host name is not allowed; the option ?host=NAME of the web sink allows it\n"
            raise web.HTTPMisdirectedRequest(text=text)
        if is_cross_origin_request(request):
            raise web.HTTPForbidden(text="requests from another site are not allowed\n")
        access = access_of(policy, request, session)
        if access is None and request.path not in PUBLIC_PATHS:
            return refuse(policy, request)
        if access is Access.LOOK and changes_something(request):
            return look_only()
        return await handler(request)

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


def session_of(policy: Policy, request: web.Request) -> str | None:
    """The name of the session whose cookie the request has; None if it has none, or one that has ended."""
    return policy.sessions.use(request.cookies[policy.cookie]) if policy.cookie in request.cookies else None


def access_of(policy: Policy, request: web.Request, session: str | None) -> Access | None:
    """What who sends the request may do: everything without tokens, else as the ``session`` or a token says; or None.

    The token is in a header (RFC 6750, section 2.1) or in the page's address.
    """
    if policy.token is None:
        return Access.CHANGE
    if session is not None:
        return Access.CHANGE if policy.sessions.may_change(session) else Access.LOOK
    shown = [policy.access(token) for token in _shown_tokens(request)]
    return next((access for access in (Access.CHANGE, Access.LOOK) if access in shown), None)


def may_change(policy: Policy, request: web.Request) -> bool:
    """Whether who sends the request may change something."""
    return access_of(policy, request, session_of(policy, request)) is Access.CHANGE


def changes_something(request: web.Request) -> bool:
    """Whether the request may change more than who is logged in at this browser.

    Source: OWASP, Authorization Cheat Sheet, "Enforce Least Privileges" and "Validate the Permissions on Every
    Request": it is checked here for every address, so that none can forget it.
    """
    return request.method not in SAFE_METHODS and request.path not in ("/login", "/logout")


def look_only() -> web.Response:
    """The answer to who may look, and wants to change something."""
    return web.json_response({"error": LOOK_ONLY}, status=403)


def refuse(policy: Policy, request: web.Request) -> web.Response:
    """The answer to a request without the token: 401, or 429 if it has one wrong token too many.

    The cookie of a session that has ended is a wrong token, too; the browser is told to forget it.
    """
    has_cookie = policy.cookie in request.cookies
    if (has_cookie or _shown_tokens(request)) and not count_wrong_token(policy, request):
        response = too_many_requests()
    elif request.path in FORM_PATHS:
        response = login_page(wanted=request.raw_path)
    else:
        response = web.Response(status=401, headers={"WWW-Authenticate": "Bearer"}, text="this needs the token\n")
    if has_cookie:
        forget_session(policy, response)
    return response


def count_wrong_token(policy: Policy, request: web.Request) -> bool:
    """Counts a wrong token of this client; False if it is one too many.

    Only wrong ones count, after the comparison: if five wrong ones refused the right one as well, anybody at the same
    address could lock its owner out. Source: OWASP, Authentication Cheat Sheet, "Account Lockout", on denial of
    service. So this does not stop who goes on guessing. What does is the limit of all requests, which comes before
    the comparison, and a token so long that this limit is enough: see `token.STRONG_BITS`. Right and wrong tokens are
    compared in the same time.
    """
    return policy.wrong_tokens.try_acquire(client_of(request, proxies=policy.proxies))


def too_many_requests() -> web.Response:
    """429 (RFC 6585, section 4)."""
    return web.Response(status=429, headers={"Retry-After": "1"}, text="too many requests; try again in a moment\n")


def cookie_name(port: int, *, tls: bool) -> str:
    """Under TLS, the name lets browsers take the cookie from this very host over TLS only.

    Source: RFC 6265bis, section 4.1.3.2.
    """
    return f"__Host-edge-detector-{port}" if tls else f"edge-detector-{port}"


def start_session(policy: Policy, request: web.Request, response: web.StreamResponse, access: Access) -> None:
    """Gives the browser a cookie that it sends instead of the token: HttpOnly, so that no script can read it,
    SameSite=Strict, so that no other site's request carries it, and Secure where the page is served with TLS.

    Source: RFC 6265bis, section 4.1.2.
    """
    response.set_cookie(
        policy.cookie,
        policy.sessions.start(may_change=access is Access.CHANGE),
        max_age=int(LONGEST_S),
        httponly=True,
        samesite="Strict",
        secure=is_secure(policy, request),
    )


def forget_session(policy: Policy, response: web.StreamResponse) -> None:
    """Tells the browser to delete its cookie."""
    response.del_cookie(policy.cookie, httponly=True, samesite="Strict", secure=policy.tls)


def is_secure(policy: Policy, request: web.Request) -> bool:
    """Whether the browser speaks TLS, to this program or to one of the proxies."""
    if policy.tls:
        return True
    return peer_of(request) in policy.proxies and request.headers.get("X-Forwarded-Proto") == "https"


def _shown_tokens(request: web.Request) -> list[str]:
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    shown = [bearer.strip()] if scheme.lower() == "bearer" else []
    # Of the query only the first: an address has room for hundreds of guesses.
    return [*shown, request.query["token"]] if request.path == "/" and "token" in request.query else shown


def _host_name(header: str) -> str | None:
    try:
        parts = urlsplit(f"//{header}")
        parts.port  # noqa: B018 - raises ValueError if the port is not a number up to 65535
    except ValueError:
        return None
    return parts.hostname.rstrip(".") if parts.hostname and parts.netloc == header and "@" not in header else None
