"""A result as plain values: the content of JSON lines, of snapshots' JSON files and of MQTT messages."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from edge_detector.types import Detection, Frame, Result, Visit, VisitChange


def record(result: Result, *, live: bool = False) -> dict[str, Any]:
    """One frame and its detections; boxes are x1, y1, x2, y2 in pixels of the frame.

    ``live``: with the ``time`` at which the picture was taken. A film's frame has its ``position_s`` in the film.
    """
    frame = result.frame
    width, height = frame.size
    return {
        **({"camera": frame.camera} if frame.camera else {}),
        "sequence": frame.sequence,
        "timestamp_ns": frame.timestamp_ns,
        **({"time": wall_clock(frame.timestamp_ns)} if live else {}),
        **({"position_s": round(frame.position_s, 3)} if frame.position_s is not None else {}),
        **({"file": str(frame.file)} if frame.file else {}),
        "width": width,
        "height": height,
        **({"skipped": True} if result.skipped else {}),
        **({"model": result.model} if result.model else {}),
        "latency_ms": round(result.timings.latency_ms, 3),
        "detections": [row(detection) for detection in result.detections],
    }


def visit_record(change: VisitChange, frame: Frame, *, live: bool = False) -> dict[str, Any]:
    """What has changed of one visit with ``frame``; times ending in ``_ns`` are those of frames.

    ``live``: with the ``time`` at which the frame was taken. In a film, with the frame's ``position_s``.
    """
    return {
        **({"camera": frame.camera} if frame.camera else {}),
        "kind": change.kind,
        **({"place": change.place} if change.place else {}),
        **({"direction": change.direction} if change.direction else {}),
        **({"was": change.was} if change.was else {}),
        "sequence": frame.sequence,
        "timestamp_ns": frame.timestamp_ns,
        **({"time": wall_clock(frame.timestamp_ns)} if live else {}),
        **({"position_s": round(frame.position_s, 3)} if frame.position_s is not None else {}),
        **visit_row(change.visit),
    }


def visit_row(visit: Visit) -> dict[str, Any]:
    """One visit, as far as it is known now."""
    return {
        "id": visit.id,
        "track_id": visit.track_id,
        "label": visit.label,
        "class_id": visit.class_id,
        "score": round(visit.score, 4),
        "box": [round(edge, 2) for edge in visit.box],
        "started_ns": visit.started_ns,
        "seen_ns": visit.seen_ns,
        "duration_s": round(visit.duration_s, 3),
        "stationary": visit.stationary,
        "ended": visit.ended,
        "zones": {name: round(seconds, 3) for name, seconds in visit.zones.items()},
        "path": [[round(seconds, 1), round(x, 4), round(y, 4)] for seconds, x, y in visit.path],
    }


def wall_clock(timestamp_ns: int) -> str:
    """The date and time (RFC 3339, UTC) of a moment on the monotonic clock, as the machine's clock tells it now."""
    return datetime.fromtimestamp(wall_clock_s(timestamp_ns), UTC).isoformat(timespec="milliseconds")


def wall_clock_s(timestamp_ns: int) -> float:
    """The same in seconds since 1970."""
    return time.time() - (time.monotonic_ns() - timestamp_ns) / 1e9


def duration(seconds: float) -> str:
    """``12 s``, ``3 min 5 s``, ``2 h 10 min``"""
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_min = divmod(minutes, 60)
    if hours:
        return f"{hours} h {rest_min} min"
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"


def stay_duration(seconds: float) -> str:
    """The same of a stay: ``under 1 s`` instead of ``0 s``, for what was there was there."""
    return "under 1 s" if seconds < 1 else duration(seconds)


def row(detection: Detection) -> dict[str, Any]:
    """One detection."""
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "score": round(detection.score, 4),
        "box": [round(edge, 2) for edge in detection.box],
        **({"track_id": detection.track_id} if detection.track_id is not None else {}),
        **({"held": True} if detection.held else {}),
    }
