"""The detections of a result as a server-sent event, for the page and for programs."""

from __future__ import annotations

import json
from typing import NamedTuple

from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.pictures import Pace
from edge_detector.types import Detection, Result


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
    rows = json.dumps([_row(detection) for detection in result.detections])
    width, height = result.frame.size
    data = f'{{"sequence": {result.frame.sequence}, "width": {width}, "height": {height}, "detections": {rows}}}'
    return DetectionsEvent(rows, f"data: {data}\n\n".encode())


def _row(detection: Detection) -> dict[str, object]:
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "score": round(detection.score, 3),
        "box": [round(edge, 1) for edge in detection.box],
    }
