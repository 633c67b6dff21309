"""Small pieces for tests: frames, detections and results with chosen contents."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from edge_detector.types import Detections, Frame, Result, Timings, Visit, VisitChange

LABELS = ("person", "dog", "cat")


def frame(sequence: int = 0, *, size: tuple[int, int] = (320, 240), timestamp_ns: int = 0) -> Frame:
    """A black frame."""
    width, height = size
    return Frame(np.zeros((height, width, 3), np.uint8), sequence, timestamp_ns)


def detections(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    """Detections from (box, score, class_id) rows, labelled with `LABELS`."""
    if not rows:
        return Detections.empty(LABELS)
    boxes, scores, class_ids = zip(*rows, strict=True)
    return Detections(np.float32(boxes), np.float32(scores), np.int32(class_ids), LABELS)


def result(sequence: int = 0, *rows: tuple[tuple[float, float, float, float], float, int]) -> Result:
    """A result on a black frame, 10 ms old."""
    return Result(frame(sequence), detections(*rows), Timings(2.0, 1.0, 6.0, 1.0))


WALKED_Y = 200  # on this line stands the object of `walking`


def walking(second: int) -> Result:
    """A result on a black frame with track 1, which comes from the left with 70 pixels a second."""
    box = (10.0 + 70 * second, 100.0, 50.0 + 70 * second, float(WALKED_Y))
    found = replace(detections((box, 0.9, 0)), track_ids=np.array([1], np.int32))
    return Result(frame(second, timestamp_ns=second * 10**9), found, Timings(2.0, 1.0, 6.0, 1.0))


def visit(
    number: int = 1, label: str = "person", *, started_s: float = 0.0, seen_s: float | None = None, **fields: Any
) -> Visit:
    """The visit of track ``number``, first found at ``started_s`` and last at ``seen_s``, with the best score now."""
    seen_ns = round((started_s if seen_s is None else seen_s) * 1e9)
    chosen = {
        "score": 0.9,
        "best_ns": seen_ns,
        "box": (10.0, 20.0, 110.0, 220.0),
        "best_box": (10.0, 20.0, 110.0, 220.0),
        **fields,
    }
    return Visit(f"3f9a1c2e-{number}", number, label, LABELS.index(label), round(started_s * 1e9), seen_ns, **chosen)


def visit_change(
    kind: str,
    number: int = 1,
    label: str = "person",
    *,
    started_s: float = 0.0,
    seen_s: float | None = None,
    place: str = "",
    direction: str = "",
    **fields: Any,
) -> VisitChange:
    """A change of that `visit`, which is stationary after "stopped" and over after "ended"."""
    state = {"ended": kind == "ended", "stationary": kind == "stopped", **fields}
    return VisitChange(kind, visit(number, label, started_s=started_s, seen_s=seen_s, **state), place, direction)


def moment(at_s: float, *changes: VisitChange, score: float = 0.9) -> Result:
    """A result at that time: a black frame, the visits that changed, and a detection for each of those."""
    rows = [(change.visit.box, score, change.visit.class_id) for change in changes]
    taken = Frame(np.zeros((240, 320, 3), np.uint8), round(at_s * 10), round(at_s * 1e9))
    return Result(taken, detections(*rows), Timings(2.0, 1.0, 6.0, 1.0), visits=changes)
