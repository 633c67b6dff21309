"""The picture, clips and snapshot of a visit, sent to a browser: a part of a film where it asks for a part."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

# The only kinds of files that are ever sent from a disk; a visit's other files are not.
CONTENT_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


def is_shown(path: Path) -> bool:
    """Whether a browser can show this file, and may have it."""
    return path.suffix in CONTENT_TYPES


def file_answer(path: Path) -> web.StreamResponse:
    """The file, or the part of it that the request's Range header names: so a film is played from any second on.

    aiohttp answers 206 and 416 as RFC 9110, section 14, says, and reads the file in a thread of its own.
    """
    return web.FileResponse(path, headers={"Content-Type": CONTENT_TYPES[path.suffix]})
