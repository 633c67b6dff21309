"""The live web page as a sink: safe by default, and no burden to the detector."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack

from edge_detector.errors import ConfigError
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks import sink_options
from edge_detector.sinks.base import Sink
from edge_detector.sinks.web.app import WebOptions, make_app
from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.listen import Address, is_loopback, listen, resolve
from edge_detector.sinks.web.rate_limiter import Rate, RateLimiter
from edge_detector.sinks.web.security import Policy, known_names
from edge_detector.sinks.web.server import Server
from edge_detector.sinks.web.token import HOW_TO_MAKE, Token, read_token
from edge_detector.types import Result

log = logging.getLogger(__name__)

# A page asks for some ten things when it opens and two a second after that; many may share one address.
REQUESTS = Rate(burst=300, per_s=100.0)
GUESSES = Rate(burst=5, per_s=0.1)


class WebSink(Sink, adds=("url",)):
    """``web[:HOST:PORT][?token_file=FILE&fps=15&quality=80&viewers=64&host=NAME,...]``.

    `write` only notes the newest result; drawing and encoding happen beside it, and only while somebody watches.
    """

    def __init__(self, spec: Spec, context: Context, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises `ConfigError` for an impossible address or option."""
        self._options = _checked(sink_options(WebOptions, spec, argument="address"))
        self._address = Address.parse(self._options.address)
        self._context = context
        self._clock = clock
        self._feed = Feed(clock=clock)
        self._stack = ExitStack()
        self._server: Server | None = None

    def __repr__(self) -> str:
        return f"<WebSink {self.url} {'open' if self._server else 'closed'}>"

    @property
    def url(self) -> str:
        """Where the page is; the port is the real one once the sink is open."""
        return f"http://{self._address}/"

    def open(self) -> None:
        """Listens from here on.

        Raises `ConfigError` without the token that other machines' viewers need, `SinkError` for a taken port.
        """
        resolved = resolve(self._address)
        token = self._token(is_loopback(resolved))
        with ExitStack() as stack:
            listener = stack.enter_context(listen(resolved))
            self._address = Address(self._address.host, listener.getsockname()[1])
            policy = self._policy(token, is_loopback(resolved))
            self._server = stack.enter_context(
                Server(lambda: make_app(self._context, self._feed, self._options, policy), listener)
            )
            self._stack = stack.pop_all()
        log.info("web page: %s%s", self.url, "" if token is None else "?token=... (the one in the token file)")

    def close(self) -> None:
        self._server = None
        self._stack.close()

    def write(self, result: Result) -> None:
        """Show ``result`` to whoever watches.

        Raises `SinkError` if the server has broken down.
        """
        if self._server is not None:
            self._server.check()
        self._feed.put(result)

    def _token(self, local: bool) -> Token | None:
        if self._options.token_file is not None:
            return read_token(self._options.token_file)
        if not local:
            raise ConfigError(
                f"sink web: {self._address} can be reached from other machines, so viewers must show a token; "
                f"make one: {HOW_TO_MAKE}  then write --sink 'web:{self._address}?token_file=web-token'"
            )
        return None

    def _policy(self, token: Token | None, local: bool) -> Policy:
        requests, guesses = (RateLimiter(rate, clock=self._clock) for rate in (REQUESTS, GUESSES))
        cookie = f"edge-detector-{self._address.port}"
        return Policy(known_names(self._options.host), local, token, cookie, requests, guesses)


def _checked(options: WebOptions) -> WebOptions:
    for name, value, least, most in (
        ("fps", options.fps, 0.1, 60),
        ("quality", options.quality, 1, 100),
        ("viewers", options.viewers, 1, 1000),
    ):
        if not least <= value <= most:
            raise ConfigError(f"sink web: {name} is {value:g}; expected {least:g} to {most:g}")
    return options
