"""Whether two files of JSON lines show the same objects: equal labels, near scores, boxes that overlap."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

LEAST_IOU = 0.95
LARGEST_SCORE_DIFFERENCE = 0.04  # between two runtimes, which round differently; within one, scores were equal


def main() -> int:
    """Print the pairs; 1 if they differ or there are none."""
    ours, theirs = ([json.loads(line) for line in Path(name).read_text().splitlines()] for name in sys.argv[1:3])
    mine_all, others = ([found for line in lines for found in line["detections"]] for lines in (ours, theirs))
    if len(mine_all) != len(others):
        print(f"{len(mine_all)} objects here, {len(others)} there")
        return 1
    pairs = [(mine, max(others, key=lambda other: likeness(mine, other))) for mine in mine_all]
    for mine, other in pairs:
        overlap = iou(mine["box"], other["box"])
        print(f"{mine['label']} {mine['score']:.3f}, {other['label']} {other['score']:.3f}, IoU {overlap:.4f}")
    return int(not pairs or not all(same(mine, other) for mine, other in pairs))


def likeness(mine: dict[str, Any], other: dict[str, Any]) -> tuple[bool, float]:
    return mine["label"] == other["label"], iou(mine["box"], other["box"])


def same(mine: dict[str, Any], other: dict[str, Any]) -> bool:
    near = abs(mine["score"] - other["score"]) <= LARGEST_SCORE_DIFFERENCE
    return mine["label"] == other["label"] and near and iou(mine["box"], other["box"]) > LEAST_IOU


def iou(one: list[float], other: list[float]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return shared / (sum(areas) - shared)


if __name__ == "__main__":
    sys.exit(main())
