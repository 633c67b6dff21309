"""The picture, clips and snapshot of a visit, sent to a browser: a part of a film where it asks for a part."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

# The only kinds of files that are ever sent from a disk; a visit's other files are not.
CONTENT_TYPES = {".mp4": "video/mp4", ".jpg": "image/jpeg"}


def is_shown(path: Path) -> bool:
    """Whether a browser can show this file, and may have it."""
    return path.suffix in CONTENT_TYPES


def file_answer(path: Path) -> web.StreamResponse:
    """The file, or the part of it that the request's Range header names: so a film is played from any second on.

    aiohttp answers 206 and 416 as RFC 9110, section 14, says, and reads the file in a thread of its own.
    """
    return _File(path, headers={"Content-Type": CONTENT_TYPES[path.suffix]})


class _File(web.FileResponse):
    """Is closed also where the viewer leaves while it is opened: aiohttp would forget that file."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        sending = asyncio.ensure_future(super().prepare(request))
        try:
            return await asyncio.shield(sending)
        except asyncio.CancelledError:
            with contextlib.suppress(Exception):  # it cannot be sent any more
                await sending
            raise
