"""Passwords, tokens and secret addresses, each in a file of its own, so that no list of processes shows them."""

from __future__ import annotations

from pathlib import Path

from edge_detector.errors import ConfigError

LARGEST_BYTES = 64 * 1024


def read_secret(path: Path, *, what: str) -> str:
    """The one line that ``path`` holds, without the end of the line; ``what`` begins the error and names the secret.

    Raises `ConfigError` for a file that cannot be read, is empty, has more than one line, or is no text.
    """
    try:
        with path.expanduser().open("rb") as file:
            text = file.read(LARGEST_BYTES + 1).decode("utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise ConfigError(f"{what} cannot be read from {path}: {reason}") from None
    if not text or "\n" in text or len(text) > LARGEST_BYTES:
        raise ConfigError(f"{what}: {path} is empty or has several lines; expected one line and nothing else")
    return text
