"""One POST or PUT request, and what its failure means for the message."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from edge_detector.errors import ConfigError
from edge_detector.secret_files import read_secret
from edge_detector.sinks.notify.delivery import DeliveryFailed, Refused
from edge_detector.version import __version__

TIMEOUT_S = 10.0  # for each step of a connection
LONGEST_WAIT_S = 3600.0  # that a server may ask for
MOST_ANSWER_BYTES = 4096

# The server would answer the same to the same message for ever. What is not here may pass: a wrong token is put right,
# a server that is missing comes back.
NEVER = (400, 405, 406, 411, 413, 414, 415, 422, 431)


class _NoRedirects(HTTPRedirectHandler):
    """A redirect would send the token and the picture to a server that nobody has chosen."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = build_opener(_NoRedirects)


def check_url(url: str, *, where: str) -> None:
    """Raises `ConfigError` that begins with ``where`` for what is no address of a web server. The text is not shown."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        good = good and url.isascii() and url.isprintable() and " " not in url and parts.username is None
    except ValueError:
        good = False
    if not good:
        raise ConfigError(f"{where}: this is no address; expected http(s)://HOST/PATH, without a user's name or spaces")


def address(url: str, file: Path | None, *, where: str) -> str:
    """The address that is given, as text or in a file. Raises `ConfigError` for none, both, and what is no address."""
    if bool(url) == bool(file):
        raise ConfigError(f"{where}: expected the address as argument, or url_file=FILE, and not both")
    url = read_secret(file, what=f"{where}: the address") if file else url
    check_url(url, where=where)
    return url


def post(url: str, body: bytes, headers: Mapping[str, str], *, method: str = "POST") -> bytes:
    """Send ``body``; returns the beginning of the answer.

    Raises `DeliveryFailed` and `Refused`; what they say holds the host, and nothing else of the address.
    """
    host = urlsplit(url).netloc
    request = Request(url, body, {"User-Agent": f"edge-detector/{__version__}", **headers}, method=method)
    try:
        with _opener.open(request, timeout=TIMEOUT_S) as answer:
            return answer.read(MOST_ANSWER_BYTES)
    except HTTPError as error:
        raise _failure(host, error) from None
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DeliveryFailed(f"{host}: {getattr(reason, 'strerror', None) or reason}") from None


def _failure(host: str, error: HTTPError) -> DeliveryFailed | Refused:
    with error:
        said = f"{host} answers {error.code} {error.reason}{_hint(error.code)}{_details(error)}"
    if error.code in NEVER:
        return Refused(said)
    return DeliveryFailed(said, wait_s=_wait_s(error.headers.get("Retry-After")))


def _hint(code: int) -> str:
    if code in (401, 403):
        return " (is the token or password right?)"
    if code == 404:
        return " (is the address right?)"
    return " (a redirect is not followed: write the address it leads to)" if 300 <= code < 400 else ""


def _details(answer: IO[bytes]) -> str:
    """The first line of what the server says, if it is short."""
    try:
        text = answer.read(MOST_ANSWER_BYTES).decode("utf-8", "replace").strip()
    except (OSError, http.client.HTTPException):
        return ""
    first = text.splitlines()[0] if text else ""
    return f": {first}" if 0 < len(first) <= 200 and first.isprintable() and not first.startswith("<") else ""


def _wait_s(retry_after: str | None) -> float:
    """Seconds of the header Retry-After (RFC 9110, section 10.2.3): a number or a date; 0 for none."""
    if not retry_after:
        return 0.0
    try:
        wait_s = float(retry_after)
    except ValueError:
        try:
            wait_s = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return 0.0
    return min(max(wait_s, 0.0), LONGEST_WAIT_S) if wait_s == wait_s else 0.0


def header_text(text: str) -> str:
    """``text`` for a header: what is not ASCII is encoded as RFC 2047 says, which ntfy understands."""
    from email.header import Header

    flat = " ".join(text.split())
    return flat if flat.isascii() else Header(flat, "utf-8", maxlinelen=10**6).encode()


def form(fields: Mapping[str, tuple[str, bytes]], *, file: tuple[str, bytes] | None = None) -> tuple[bytes, str]:
    """A body as multipart/form-data (RFC 7578) and its Content-Type.

    ``fields``: (content type, value) by name; "" for plain text. ``file``: the field's name and a JPEG.
    """
    boundary = secrets.token_hex(16)
    parts = [_part(name, value, kind) for name, (kind, value) in fields.items()]
    if file is not None:
        parts.append(_part(file[0], file[1], "image/jpeg", file_name="visit.jpg"))
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def _part(name: str, value: bytes, kind: str, *, file_name: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{quote(name)}"' + (f'; filename="{file_name}"' if file_name else "")
    return head.encode() + (f"\r\nContent-Type: {kind}".encode() if kind else b"") + b"\r\n\r\n" + value
