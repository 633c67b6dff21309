"""User and password of a network camera, from a file: addresses are seen in process lists and configurations."""

from __future__ import annotations

import logging
import re
import stat
from pathlib import Path
from urllib.parse import quote

from edge_detector.errors import ConfigError
from edge_detector.masking import MASK, masked_value

log = logging.getLogger(__name__)

SCHEMES = ("http", "https", "rtsp", "rtsps")
EXPECTED = "expected one line, user:password, as the camera knows them, without percent signs for special characters"


def complete(url: str, path: Path | None) -> str:
    """``url`` with user and password of the file ``path``, encoded; unchanged if there is none.

    Raises `ConfigError` for an address that was copied from a printed configuration, and as `with_credentials` does.
    """
    if f":{MASK}@" in url:
        raise ConfigError(
            f"{url}: {MASK} stands for a password that was not printed; remove user and password there, and write "
            "user:password into a file that source_credentials names"
        )
    return with_credentials(url, path) if path else url


def with_credentials(url: str, path: Path) -> str:
    """Raises `ConfigError` for a file that cannot be used, and an address that has a user or takes none."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in SCHEMES:
        raise ConfigError(f"{masked_value(url)}: source_credentials are for addresses with {', '.join(SCHEMES)}")
    if "@" in re.split("[/?#]", rest, maxsplit=1)[0]:
        raise ConfigError(f"{masked_value(url)}: has a user already; remove it there, or remove source_credentials")
    user, password = read_credentials(path)
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{rest}"


def read_credentials(path: Path) -> tuple[str, str]:
    """User and password; a file that others may read is used, with a warning.

    Raises `ConfigError` for a file that cannot be read or has another form; it never shows what the file holds.
    """
    try:
        text = path.read_text("utf-8")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot read source_credentials: {reason}; {EXPECTED}") from None
    user, colon, password = text.rstrip("\r\n").partition(":")
    if not (user and colon) or set(text.rstrip("\r\n")) & set("\r\n"):
        raise ConfigError(f"{path}: source_credentials are not user:password; {EXPECTED}")
    if mode & stat.S_IROTH:
        log.warning("%s: every user of this machine may read these credentials; chmod o-r %s", path, path)
    return user, password
