"""What a comparison keeps in its folder, so that it can be continued: each thing with the key that it was made for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_detector.workstation.graph.model_files import write_whole, writing

KEY = "key"


class Store:
    """A folder of JSON records. What is interrupted while it is written leaves the old record, or none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str, suffix: str = ".json") -> Path:
        """Where a record lies, or a file that belongs to it."""
        return self.folder / f"{name}{suffix}"

    def find(self, name: str, key: str) -> dict[str, Any] | None:
        """The record of this name, if it was made for this key; else None, also if it is damaged."""
        try:
            record = json.loads(self.path(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) and record.get(KEY) == key else None

    def keep(self, name: str, key: str, record: dict[str, Any]) -> dict[str, Any]:
        """Write the record; the record. Raises `SinkError` if it cannot be written."""
        text = json.dumps({KEY: key, **record}, indent=2) + "\n"
        write_whole(self.path(name), lambda path: path.write_text(text, encoding="utf-8"))
        return record

    def forget(self, name: str) -> None:
        """The record of this name is not true any more."""
        with writing(self.path(name)):
            self.path(name).unlink(missing_ok=True)
