"""A result as plain values: the content of JSON lines, of snapshots' JSON files and of MQTT messages."""

from __future__ import annotations

from typing import Any

from edge_detector.types import Detection, Result


def record(result: Result) -> dict[str, Any]:
    """One frame and its detections; boxes are x1, y1, x2, y2 in pixels of the frame."""
    frame = result.frame
    width, height = frame.size
    return {
        "sequence": frame.sequence,
        "timestamp_ns": frame.timestamp_ns,
        **({"file": str(frame.file)} if frame.file else {}),
        "width": width,
        "height": height,
        "latency_ms": round(result.timings.latency_ms, 3),
        "detections": [row(detection) for detection in result.detections],
    }


def row(detection: Detection) -> dict[str, Any]:
    """One detection."""
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "score": round(detection.score, 4),
        "box": [round(edge, 2) for edge in detection.box],
    }
