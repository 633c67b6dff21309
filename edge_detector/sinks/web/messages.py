"""The detections of a result: as a server-sent event for programs, and together with the picture for the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from edge_detector.image_files import encode_jpeg
from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.pictures import Pace
from edge_detector.types import Detection, Result

PICTURES = "multipart/mixed; boundary=frame"


class DetectionsEvent(NamedTuple):
    """The detections of one result."""

    rows: str  # JSON; equal detections give equal text
    data: bytes  # the server-sent event


class LatestDetections:
    """Emits the detections of the newest result, at most as often as ``pace`` allows."""

    def __init__(self, feed: Feed, *, pace: Pace) -> None:
        self._feed = feed
        self._pace = pace

    async def next(self, number: int) -> tuple[int, DetectionsEvent]:
        """The event of a result after ``number``, and that result's number."""
        await self._pace.wait()
        arrival = await self._feed.after(number)
        return arrival.number, detections_event(arrival.result)


def detections_event(result: Result) -> DetectionsEvent:
    """``result`` as an event with the keys sequence, width, height and detections."""
    rows = _rows(result)
    return DetectionsEvent(rows, f"data: {_as_json(result, rows)}\n\n".encode())


def picture_part(result: Result, *, quality: int, remember: Callable[[Result, bytes], None] | None = None) -> bytes:
    """The frame as the camera gave it, as one part of a `PICTURES` stream.

    The part's header X-Detections has the same JSON as `detections_event`. So whoever draws the boxes cannot draw them
    on the picture of another frame. ``remember`` gets the JPEG, too.
    """
    jpeg = encode_jpeg(result.frame.image, quality=quality)
    if remember is not None:
        remember(result, jpeg)
    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Detections: {_as_json(result, _rows(result))}"
    return b"--frame\r\n" + head.encode("ascii") + b"\r\n\r\n" + jpeg + b"\r\n"


def _as_json(result: Result, rows: str) -> str:
    """One line of ASCII."""
    width, height = result.frame.size
    return f'{{"sequence": {result.frame.sequence}, "width": {width}, "height": {height}, "detections": {rows}}}'


def _rows(result: Result) -> str:
    return json.dumps([_row(detection) for detection in result.detections])


def _row(detection: Detection) -> dict[str, object]:
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "score": round(detection.score, 3),
        "box": [round(edge, 1) for edge in detection.box],
        **({"track_id": detection.track_id} if detection.track_id is not None else {}),
        **({"held": True} if detection.held else {}),
    }
