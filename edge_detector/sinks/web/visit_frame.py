"""The whole frame of a past visit, without boxes, if the sink ``snapshots`` has kept one: to mark mistakes on."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from edge_detector.events.record import SNAPSHOT, VisitRecord
from edge_detector.mistakes.record import BY_HAND, Found, Marked

UNKNOWN_MODEL = "unknown"  # a snapshot does not say which model found what is on it


def clean_frame_path(visit: VisitRecord) -> Path | None:
    """The frame of its snapshot; None: there is none, as without ``snapshots:FOLDER?clean=true``."""
    snapshot = visit.files.get(SNAPSHOT)
    if snapshot is None:
        return None
    clean = snapshot.path.with_suffix(".clean.jpg")
    return clean if clean.exists() and snapshot.path.with_suffix(".json").exists() else None


def clean_frame(visit: VisitRecord) -> tuple[Marked, bytes] | None:
    """That frame with what was found on it, ready to be marked, and its JPEG.

    None if there is none, or its files are damaged.
    """
    path = clean_frame_path(visit)
    if path is None:
        return None
    try:
        found = json.loads(path.with_name(path.name.removesuffix(".clean.jpg") + ".json").read_text("utf-8"))
        return _described(found, visit.source), path.read_bytes()
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _described(found: Any, source: str) -> Marked:
    """Raises `ValueError`, `TypeError` or `KeyError` for what the sink ``snapshots`` has not written."""
    return Marked(
        id="",
        taken_s=datetime.fromisoformat(found["time"]).timestamp(),
        size=(int(found["width"]), int(found["height"])),
        model=UNKNOWN_MODEL,
        source=source,
        reason=BY_HAND,
        found=tuple(_found(each) for each in found["detections"]),
    )


def _found(row: Any) -> Found:
    x1, y1, x2, y2 = map(float, row["box"])
    return Found(str(row["label"]), float(row["score"]), (x1, y1, x2, y2))
