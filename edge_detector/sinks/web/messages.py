"""What is in the picture, as text for programs and for the page."""

from __future__ import annotations

import json
from typing import NamedTuple

from edge_detector.sinks.web.feed import Feed
from edge_detector.sinks.web.pictures import Pace
from edge_detector.types import Detection, Result


class Seen(NamedTuple):
    """The detections of one result."""

    rows: str  # JSON; the same text for the same detections
    event: bytes  # as a server-sent event


class Observer:
    """Writes down the newest result's detections, so often and no oftener."""

    def __init__(self, feed: Feed, *, pace: Pace) -> None:
        self._feed = feed
        self._pace = pace

    async def next(self, number: int) -> tuple[int, Seen]:
        """What is seen in a result after ``number``, and that result's number."""
        await self._pace.wait()
        arrival = await self._feed.after(number)
        return arrival.number, look(arrival.result)


def look(result: Result) -> Seen:
    """``result`` as an event with the keys sequence, width, height and detections."""
    rows = json.dumps([_row(detection) for detection in result.detections])
    width, height = result.frame.size
    data = f'{{"sequence": {result.frame.sequence}, "width": {width}, "height": {height}, "detections": {rows}}}'
    return Seen(rows, f"data: {data}\n\n".encode())


def _row(detection: Detection) -> dict[str, object]:
    return {
        "label": detection.label,
        "class_id": detection.class_id,
        "score": round(detection.score, 3),
        "box": [round(edge, 1) for edge in detection.box],
    }
