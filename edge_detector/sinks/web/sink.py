"""The live web page as a sink: only this machine can reach it by default, and it does not slow detection down."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from aiohttp import web

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Cameras, Sink
from edge_detector.sinks.web.app import Site, WebOptions
from edge_detector.sinks.web.last_seen import LastSeen
from edge_detector.sinks.web.limited_listener import LimitedListener
from edge_detector.sinks.web.listen import Address, is_loopback, listen, resolve_host
from edge_detector.sinks.web.marking import Marking
from edge_detector.sinks.web.rate_limiter import IpAddress, Rate, RateLimiter, ip_address
from edge_detector.sinks.web.security import Policy, allowed_host_names, cookie_name
from edge_detector.sinks.web.server import Server
from edge_detector.sinks.web.sessions import Sessions
from edge_detector.sinks.web.tls import server_context
from edge_detector.sinks.web.token import Token, how_to_make, read_token
from edge_detector.sinks.web.totals import Totals
from edge_detector.sinks.web.views import Feeds
from edge_detector.types import Result

log = logging.getLogger(__name__)

# A page sends about ten requests when it opens and two a second after that; many viewers may share one address.
REQUESTS = Rate(burst=300, per_s=100.0)
WRONG_TOKENS = Rate(burst=5, per_s=0.1)
LEAST_SIZE_BYTES = 10**7  # of the folder of mistakes: a few dozen pictures


class WebSink(Sink, options=WebOptions, cameras=Cameras.TOGETHER, adds=("url",)):
    """Serves a page with the live picture, what is in view, and the settings.

    `write` only stores the newest result. Other threads draw and encode it, and only while somebody watches.
    """

    def __init__(self, spec: Spec, context: Context, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `ConfigError` for an invalid address or option, and an address that another web sink has, too."""
        self._options = _checked(sink_options(WebOptions, spec))
        self._address = Address.parse(self._options.address)
        _check_alone(self._address, context.config.sinks)
        self._proxies = _proxies(self._options)
        self._context = context
        self._clock = clock
        self._feeds = Feeds(context, clock=clock)
        self._totals = Totals()
        self._last_seen = LastSeen()
        self._marking = _marking(self._options, context)
        self._stack = ExitStack()
        self._server: Server | None = None

    def __repr__(self) -> str:
        return f"<WebSink {self.url} {'open' if self._server else 'closed'}>"

    @property
    def url(self) -> str:
        """The page's address; its port is the real one as soon as the sink is open."""
        return f"{'http' if self._options.certificate is None else 'https'}://{self._address}/"

    def open(self) -> None:
        """Starts to serve the page.

        Raises `ConfigError` if other machines can reach the page and there is no token, or if the token or the
        certificate cannot be used, `SinkError` if the port is in use.
        """
        resolved = resolve_host(self._address)
        token = self._token(is_loopback(resolved))
        viewer_token = self._viewer_token(token)
        tls = self._tls()
        with ExitStack() as stack:
            listener = LimitedListener(stack.enter_context(listen(resolved)), unlimited=self._proxies)
            stack.enter_context(listener)
            self._address = Address(self._address.host, listener.getsockname()[1])
            if self._marking is not None:
                stack.enter_context(self._marking)
            policy = self._policy(token, viewer_token, is_loopback(resolved))
            self._server = stack.enter_context(Server(lambda: self._app(policy), listener, tls=tls))
            self._stack = stack.pop_all()
        log.info("web page: %s%s", self.url, "" if token is None else "?token=... (the token in the token file)")

    def close(self) -> None:
        self._server = None
        self._stack.close()

    def write(self, result: Result) -> None:
        """Show ``result`` to the viewers.

        Raises `SinkError` if the server has failed.
        """
        if self._server is not None:
            self._server.check()
        self._totals.add(result)
        self._last_seen.add(result)
        self._feeds.put(result)
        if self._marking is not None:
            self._marking.see(result)

    def _app(self, policy: Policy) -> web.Application:
        site = Site(self._context, self._feeds, self._totals, self._last_seen, self._options, policy, self._marking)
        return site.application()

    def _token(self, loopback_only: bool) -> Token | None:
        if self._options.token_file is not None:
            return read_token(self._options.token_file)
        if not loopback_only or self._proxies:
            raise ConfigError(
                f"sink web: other machines can reach {self._address}, so viewers must show a token; "
                f"{how_to_make(Path('web-token'))}  then write --sink 'web:{self._address}?token_file=web-token'"
            )
        return None

    def _tls(self) -> ssl.SSLContext | None:
        certificate, key = self._options.certificate, self._options.key
        if certificate is None:
            return None
        return server_context(certificate, certificate if key is None else key)

    def _viewer_token(self, token: Token | None) -> Token | None:
        path = self._options.viewer_token_file
        if path is None:
            return None
        if token is None:
            raise ConfigError(
                "sink web: viewer_token_file is given without token_file, so nobody could change anything; write "
                f"token_file=web-token&viewer_token_file={path}"
            )
        viewer_token = read_token(path)
        if viewer_token.is_same(token):
            raise ConfigError(f"{path}: viewers have the token that may change everything; {how_to_make(path)}")
        return viewer_token

    def _policy(self, token: Token | None, viewer_token: Token | None, loopback_only: bool) -> Policy:
        tls = self._options.certificate is not None
        return Policy(
            host_names=allowed_host_names(self._options.host),
            loopback_only=loopback_only,
            token=token,
            viewer_token=viewer_token,
            cookie=cookie_name(self._address.port, tls=tls),
            tls=tls,
            proxies=self._proxies,
            requests=RateLimiter(REQUESTS, clock=self._clock),
            wrong_tokens=RateLimiter(WRONG_TOKENS, clock=self._clock),
            sessions=Sessions(clock=self._clock),
        )


def _checked(options: WebOptions) -> WebOptions:
    for name, value, least, most in (
        ("fps", options.fps, 0.1, 60),
        ("quality", options.quality, 1, 100),
        ("viewers", options.viewers, 1, 1000),
        ("unsure", options.unsure, 0, 1000),
    ):
        if not least <= value <= most:
            raise ConfigError(f"sink web: {name} is {value:g}; expected {least:g} to {most:g}")
    if options.mistakes_size < LEAST_SIZE_BYTES:
        raise ConfigError(f"sink web: mistakes_size is {options.mistakes_size} bytes; expected 10MB or more")
    if options.key is not None and options.certificate is None:
        raise ConfigError("sink web: key is given without certificate; write certificate=FILE&key=FILE")
    return options


def _marking(options: WebOptions, context: Context) -> Marking | None:
    if options.mistakes is None:
        return None
    return Marking(context, options.mistakes, size_bytes=options.mistakes_size, a_day=options.unsure)


def _check_alone(address: Address, sinks: Iterable[str]) -> None:
    """Raises `ConfigError` if two web sinks of the run have this ``address``; port 0 is another one for each."""
    specs = [spec for spec in map(Spec.parse, sinks) if spec.name == "web"]
    if address.port and [Address.parse(spec.argument) for spec in specs].count(address) > 1:
        raise ConfigError(f"sink web: two web sinks have the address {address}; give one another port: web:HOST:PORT")


def _proxies(options: WebOptions) -> frozenset[IpAddress]:
    try:
        return frozenset(ip_address(address) for address in options.proxy)
    except ValueError as error:
        raise ConfigError(f"sink web: proxy: {error}; expected IP addresses such as 127.0.0.1") from None
