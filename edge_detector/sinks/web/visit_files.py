"""The picture, clips and snapshot of a visit, sent to a browser: a part of a film where it asks for a part."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import IO, Any

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

    _opened: IO[bytes] | None = None
    _left = False

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        try:
            return await super().prepare(request)
        except asyncio.CancelledError:
            self._left = True
            if self._opened is not None and not self.prepared:  # once it is sent, aiohttp closes it
                self._opened.close()
            raise

    def _make_response(self, *arguments: Any) -> Any:
        """In a thread: opens the file. Of this and the viewer's leaving, the later finds the other, and closes it."""
        answer = super()._make_response(*arguments)
        self._opened = answer[1]
        if self._opened is not None and self._left:
            self._opened.close()
        return answer
