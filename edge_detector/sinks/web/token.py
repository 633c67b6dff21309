"""The secret that viewers show: read from a file, compared in constant time, kept in the browser as a cookie."""

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
    """Compares what viewers show with the secret; never shows it itself."""

    def __init__(self, secret: str) -> None:
        self._digest = _digest(secret)
        # A browser keeps this instead of the secret: it opens the page, and tells nothing of what else it is used for.
        self.cookie = hmac.new(secret.encode(), b"edge-detector web page", hashlib.sha256).hexdigest()

    def __repr__(self) -> str:
        return "<Token>"

    def matches(self, shown: str) -> bool:
        """Whether ``shown`` is the secret; takes the same time whatever differs."""
        return hmac.compare_digest(_digest(shown), self._digest)

    def matches_cookie(self, shown: str) -> bool:
        """Whether ``shown`` is the cookie of somebody who knew the secret."""
        return hmac.compare_digest(_digest(shown), _digest(self.cookie))


def read_token(path: Path) -> Token:
    """The token in the file ``path``.

    Raises `ConfigError` when it cannot be read, is too short, or does not fit one line.
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
        log.warning("%s: every user of this machine can read the web token; chmod 640 mends it", path)
    return Token(secret)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()  # equal lengths for the comparison
