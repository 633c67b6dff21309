"""The secret that viewers must show: read from a file and compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import shlex
import stat
from pathlib import Path

from edge_detector.errors import ConfigError

log = logging.getLogger(__name__)

SHORTEST = 16  # characters
LONGEST = 1024
# A secret of so many random bits cannot be guessed, at whatever rate a server lets people try. `how_to_make` gives 192.
# Source: NIST SP 800-63B, section 5.1.2.2: below 64 bits, guesses must be limited.
STRONG_BITS = 64


class Token:
    """Compares what viewers show with the secret, and never reveals the secret."""

    def __init__(self, secret: str) -> None:
        self._digest = _digest(secret)

    def __repr__(self) -> str:
        return "<Token>"

    def matches(self, shown: str) -> bool:
        """Whether ``shown`` is the secret; takes the same time wherever they differ."""
        return hmac.compare_digest(_digest(shown), self._digest)

    def is_same(self, other: Token) -> bool:
        """Whether both are the same secret."""
        return hmac.compare_digest(self._digest, other._digest)


def read_token(path: Path) -> Token:
    """The token in the file ``path``.

    Raises `ConfigError` if the file cannot be read or is empty, or if the token is too short, too long or more than
    one line.
    """
    try:
        secret = path.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the web token: {error.strerror}; {how_to_make(path)}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the web token is not text; {how_to_make(path)}") from None
    if not SHORTEST <= len(secret) <= LONGEST or not secret.isascii() or not secret.isprintable() or " " in secret:
        expected = f"expected one line of {SHORTEST} or more letters and digits as web token"
        raise ConfigError(f"{path}: {'' if secret else 'the file is empty; '}{expected}; {how_to_make(path)}")
    _warn_of_risks(path, secret)
    return Token(secret)


def how_to_make(path: Path) -> str:
    """The command that makes a token in the file ``path``."""
    file = shlex.quote(str(path))
    return f"make one: python3 -c 'import secrets; print(secrets.token_urlsafe(24))' > {file} && chmod 600 {file}"


def _warn_of_risks(path: Path, secret: str) -> None:
    if path.stat().st_mode & stat.S_IROTH:
        log.warning("%s: every user of this machine can read the web token; chmod 640 fixes it", path)
    if len(secret) * math.log2(len(set(secret))) < STRONG_BITS:
        log.warning("%s: the web token may be easy to guess; %s", path, how_to_make(path))


def _digest(text: str) -> bytes:
    return hashlib.sha256(
        text.encode("utf-8", "surrogateescape")
    ).digest()  # of equal length, so that not even the length shows
