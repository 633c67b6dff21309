"""What each step of a frame costs beside the model, in milliseconds and against the goals.

    python benchmarks/stages.py --json stages.json

Each figure is the median of many calls one after the other, so that everything is in the caches: the least that the
step costs on this machine. On a busy machine the best of some runs tells more.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray
from tracking import OBJECTS, START, synthetic_ms

from edge_detector.detect import open_detector
from edge_detector.detect.postprocess import MOST_CANDIDATES, Candidates, nms
from edge_detector.sources.decoding import PictureMaker
from edge_detector.system.conditions import conditions, in_words
from edge_detector.types import Frame

SIZE = (1280, 720)
CLASSES = 80
PASSING = 40  # scores that reach half of the threshold in a usual frame of the default model


class Step(NamedTuple):
    """What one step costs."""

    name: str
    milliseconds: float
    goal_ms: float | None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=200, help="of each step")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    found = conditions()
    print(in_words(found))
    measured = steps(arguments.calls)
    for step in measured:
        goal = "" if step.goal_ms is None else f", goal {step.goal_ms:.2f}"
        print(f"  {step.name:<44} {step.milliseconds:7.3f} ms{goal}")
    if arguments.json:
        figures = [step._asdict() for step in measured]
        arguments.json.write_text(json.dumps({"conditions": found, "steps": figures}, indent=2) + "\n")


def steps(calls: int) -> list[Step]:
    """Every step, in the order in which a frame passes them."""
    rng = np.random.default_rng(0)
    image = Frame(rng.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8), 0, 0)
    planes = Frame(
        PictureMaker()(av.VideoFrame.from_ndarray(image.image, format="bgr24").reformat(format="yuv420p")), 0, 0
    )
    crowd = candidates(MOST_CANDIDATES, rng)
    with open_detector(threads=1) as detector:
        prepared = detector.prepare(image)
        invoke_ms = median_ms(lambda: detector.infer(prepared), calls)
        inferred = detector.infer(prepared)
        inferred.outputs["scores"][:] = usual_scores(rng)
        goal_ms = 0.02 * invoke_ms
        return [
            Step("invoke, default model, 1 thread", invoke_ms, None),
            Step("pre-processing of an image of 1280x720", median_ms(lambda: detector.prepare(image), calls), goal_ms),
            Step("pre-processing of planes of 1280x720", median_ms(lambda: detector.prepare(planes), calls), goal_ms),
            Step(
                "post-processing of 12,804 x 80 int8 scores",
                median_ms(lambda: detector.decode(inferred, with_unsure=True), calls),
                0.1,
            ),
            Step(
                f"suppression of {MOST_CANDIDATES:,} boxes",
                median_ms(lambda: nms(crowd, iou_threshold=0.6, limit=100), calls),
                0.5,
            ),
            Step(f"tracker at {OBJECTS} objects", synthetic_ms(OBJECTS, START), 0.3),
        ]


def usual_scores(rng: np.random.Generator) -> NDArray[np.int8]:
    """(1, 12804, `CLASSES`) of which `PASSING` count, on neighbouring anchors of a few objects."""
    scores = np.full((1, 12804, CLASSES), -128, np.int8)
    rows = rng.integers(0, 12, PASSING) * 1000 + rng.integers(0, 8, PASSING)
    scores[0, rows, rng.integers(0, 3, PASSING)] = rng.integers(-60, 100, PASSING)
    return scores


def candidates(count: int, rng: np.random.Generator) -> Candidates:
    """Boxes of 50 objects of `CLASSES` classes, each found many times."""
    objects = rng.integers(0, 50, count)
    middle = rng.uniform(0.1, 0.9, (50, 2))[objects] + rng.normal(0, 0.02, (count, 2))
    sides = rng.uniform(0.05, 0.3, (50, 2))[objects] * rng.uniform(0.8, 1.2, (count, 2))
    boxes = np.hstack([middle - sides / 2, middle + sides / 2]).astype(np.float32)
    class_ids = rng.integers(0, CLASSES, 50)[objects].astype(np.int32)
    return Candidates(boxes, rng.uniform(0.25, 1, count).astype(np.float32), class_ids)


def median_ms(action: Callable[[], object], calls: int) -> float:
    """Of ``calls`` calls, after some to warm up."""
    times_ms = []
    for _ in range(10 + calls):
        started = time.perf_counter()
        action()
        times_ms.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times_ms[10:])


if __name__ == "__main__":
    main()
