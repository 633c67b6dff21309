"""Where a program keeps what must outlive it."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """The folder that systemd gives the service, else that of the XDG base directories; it may not exist yet."""
    service = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(service) if service else Path(base) / "edge-detector"
