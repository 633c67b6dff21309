"""Where a program keeps what must outlive it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def state_folder() -> Path:
    """The folder that systemd gives the service, else that of the XDG base directories; it may not exist yet."""
    service = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(service) if service else Path(base) / "edge-detector"


def queue_folder(kind: str, chosen: Path | None) -> Path:
    """Where what waits to be sent is kept: the folder that the user has ``chosen``, else ``kind`` in that of state."""
    return chosen.expanduser() if chosen else state_folder() / kind


def short_digest(text: str) -> str:
    """For names of files that tell destinations apart, and tell nothing of them."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]
