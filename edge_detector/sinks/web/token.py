"""The secret that viewers must show: read from a file and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import logging
import stat
from pathlib import Path

from edge_detector.errors import ConfigError

log = logging.getLogger(__name__)

SHORTEST = 16  # characters; 96 bits when made as HOW_TO_MAKE says
LONGEST = 1024
HOW_TO_MAKE = "python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > web-token && chmod 600 web-token"


class Token:
    """Compares what viewers show with the secret, and never reveals the secret."""

    def __init__(self, secret: str) -> None:
        self._digest = _digest(secret)
        # The browser stores this instead of the secret. Whoever reads it can open the page, but learns no secret that
        # may be in use elsewhere, too.
        self.cookie = hmac.new(secret.encode(), b"edge-detector web page", hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return "<Token>"

    def matches(self, shown: str) -> bool:
        """Whether ``shown`` is the secret; takes the same time wherever they differ."""
        return hmac.compare_digest(_digest(shown), self._digest)

    def matches_cookie(self, shown: str) -> bool:
        """Whether ``shown`` is the cookie that somebody got for the secret."""
        return hmac.compare_digest(_digest(shown), _digest(self.cookie))


def read_token(path: Path) -> Token:
    """The token in the file ``path``.

    Raises `ConfigError` if the file cannot be read, or if the token is too short, too long or more than one line.
    """
    try:
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the web token: {error.strerror}; make one: {HOW_TO_MAKE}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the web token is not text; make one: {HOW_TO_MAKE}") from None
    if not SHORTEST <= len(secret) <= LONGEST or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise ConfigError(
            f"{path}: expected one line of {SHORTEST} or more letters and digits as web token; make one: {HOW_TO_MAKE}"
        )
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("%s: every user of this machine can read the web token; chmod 640 fixes it", path)
    return Token(secret)


def _digest(text: str) -> bytes:
    return hashlib.sha256(
        text.encode("utf-8", "surrogateescape")
    ).digest()  # of equal length, so that not even the length shows
