"""Small pieces for tests: frames, detections and results with chosen contents."""

from __future__ import annotations

import numpy as np

from edge_detector.types import Detections, Frame, Result, Timings

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
