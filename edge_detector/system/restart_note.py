"""A note from one start of the service to the next."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)


class RestartNote:
    """An empty file in the service's runtime folder.

    With ``RuntimeDirectoryPreserve=restart`` systemd keeps that folder while it restarts the service by itself, and
    removes it when the service is stopped: a start that finds the note follows a failure. Without such a folder,
    that is outside systemd, nothing is noted and nothing is found.
    """

    def __init__(self, path: Path | None) -> None:
        """``path`` is the file; None: there is nowhere to write one."""
        self._path = path

    @classmethod
    def from_environment(cls, name: str, environ: Mapping[str, str] = os.environ) -> Self:
        """The note ``name`` in the folder that RUNTIME_DIRECTORY names (systemd.exec(5))."""
        folder = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        return cls(Path(folder, name) if folder else None)

    def __repr__(self) -> str:
        return f"<RestartNote {self._path}>"

    def leave(self) -> None:
        """Write the note. Where it cannot be written, the next start does not know; that is no error."""
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            log.debug("%s: cannot be written: %s", self._path, error.strerror)

    def take(self) -> bool:
        """Whether the note is there. It is gone afterwards."""
        if self._path is None:
            return False
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
