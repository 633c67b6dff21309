"""What a USB camera costs, and how old results are: 30 frames of motion JPEG a second, a model slower and one faster.

    python benchmarks/camera.py --json camera.json
    python benchmarks/camera.py --size 1280x720 --still --seconds 10

The camera is a source that plays buffers: real photographs, encoded as a camera encodes them and panned over a little,
each due at its time. There is no driver in it. In each round the ways to read it take turns: `before` decodes every
frame at full size as it arrives, as OpenCV does by default; `now` is what the program does; `similar` is that with
--skip-similar. The slow model is the default one and a sleep, so that it takes a third of the frames.

Age is that of a frame when its detections are ready, without the wait for a sink. Processor time is of the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pipeline import SHARED, bare

from edge_detector import pipeline, registry
from edge_detector.config import Config
from edge_detector.detect.detector import Detector, Inferred, Prepared
from edge_detector.image_files import read_image
from edge_detector.model_store.find import default_model
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks.base import Sink
from edge_detector.sources.base import Source
from edge_detector.sources.jpeg import jpeg_picture
from edge_detector.system.conditions import conditions, in_words
from edge_detector.types import Frame, Result, Size

STILLS = SHARED / "stills"
FPS = 30
PERIOD_MS = 1000 / FPS
BUFFERS = 30  # different pictures, played again and again
BUFFERED = 2  # as many as the program asks a driver for
QUALITY = 85
NOISE = 2.0  # of the sensor, in levels
SLOW_MS = 3 * PERIOD_MS - 5  # the slow model takes every third frame
WARM_UP_S = 1.0


@dataclass(frozen=True)
class Cell:
    """One run."""

    size: str
    model: str
    way: str
    looked_at: bool
    invoke_ms: float
    seconds: float
    cpu_share: float  # processor seconds a second
    beside_share: float  # the same without the model's
    results_fps: float
    inferences_fps: float
    age_p50_ms: float
    age_p95_ms: float
    age_p99_ms: float

    @property
    def goal_ms(self) -> float:
        """What the 95th percentile of the age is allowed to be."""
        return self.invoke_ms + PERIOD_MS + 5


class BufferCamera(Source, adds=("size", "still", "decodes_all")):
    """A camera of which frame n arrives at n / `FPS`.

    One that is not taken in time waits, as in the driver's `BUFFERED`; more are lost.
    """

    size: ClassVar[Size] = (1280, 720)
    still: ClassVar[bool] = False
    decodes_all: ClassVar[bool] = False

    def __init__(self, _spec: Spec, _config: Config, _model_size: Size) -> None:
        self._buffers = buffers(self.size, self.still)
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def __iter__(self) -> Iterator[Frame]:
        start_ns = time.monotonic_ns()
        number = 0
        while True:
            due_ns = start_ns + round(number * 1e9 / FPS)
            if self._stopped.wait(max(0, due_ns - time.monotonic_ns()) / 1e9):
                return
            yield self._frame(self._buffers[number % BUFFERS], number, due_ns)
            late = int((time.monotonic_ns() - due_ns) * FPS / 1e9)
            number += max(1, late - BUFFERED + 1)

    def _frame(self, data: NDArray[np.uint8], number: int, due_ns: int) -> Frame:
        data = data.copy()  # as out of a driver's buffer
        if self.decodes_all:
            image = cv2.imdecode(data, cv2.IMREAD_COLOR)
            assert image is not None
            return Frame(image.astype(np.uint8, copy=False), number, due_ns)
        picture = jpeg_picture(data)
        assert picture is not None
        return Frame(picture, number, due_ns)


@cache
def buffers(size: Size, still: bool) -> list[NDArray[np.uint8]]:
    """`BUFFERS` JPEGs (N,) of a part of a photograph that moves by a few pixels, or stands still; each with noise."""
    width, height = size
    photograph = read_image(STILLS / "dog.jpg").image
    wide = cv2.resize(photograph, (width + 4 * BUFFERS, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    rng = np.random.default_rng(0)
    return [as_jpeg(wide[:, (left := 0 if still else 4 * number) : left + width], rng) for number in range(BUFFERS)]


def as_jpeg(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """With colours of half the width, as USB cameras have them."""
    noisy = np.clip(image + NOISE * rng.standard_normal(image.shape, np.float32), 0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422]
    return cv2.imencode(".jpg", noisy, options)[1].astype(np.uint8, copy=False)


class AgeSink(Sink, adds=("seconds", "looks", "ages_ms", "skipped", "measured")):
    """Notes the age of each result, and the clocks after the warm-up and at the end, when it stops the run."""

    seconds: ClassVar[float] = 10.0
    looks: ClassVar[bool] = False
    ages_ms: ClassVar[list[float]] = []
    skipped: ClassVar[int] = 0
    measured: ClassVar[tuple[float, float]] = 0.0, 0.0  # seconds, processor seconds

    def __init__(self, _spec: Spec, context: Context) -> None:
        self._stop = context.stop
        self._begin: tuple[float, float] | None = None
        self._started_s = time.monotonic()
        type(self).skipped = 0
        self.ages_ms.clear()

    def write(self, result: Result) -> None:
        if self.looks:
            _ = result.frame.image
        now = time.monotonic(), time.process_time()
        if self._begin is None:
            self._begin = now if now[0] - self._started_s >= WARM_UP_S else None
            return
        self.ages_ms.append(result.timings.latency_ms)
        type(self).skipped += result.skipped
        type(self).measured = now[0] - self._begin[0], now[1] - self._begin[1]
        if self.measured[0] >= self.seconds:
            self._stop()


@contextmanager
def model_of(milliseconds: float) -> Iterator[None]:
    """Inferences take at least so long: the rest of the time is slept."""
    infer = Detector.infer

    def slow(self: Detector, prepared: Prepared) -> Inferred:
        started = time.monotonic()
        inferred = infer(self, prepared)
        time.sleep(max(0.0, milliseconds / 1e3 - (time.monotonic() - started)))
        return replace(inferred, inference_ms=(time.monotonic() - started) * 1e3)

    Detector.infer = slow  # type: ignore[method-assign]
    try:
        yield
    finally:
        Detector.infer = infer  # type: ignore[method-assign]


FIGURES = (
    "cpu_share",
    "beside_share",
    "results_fps",
    "inferences_fps",
    "age_p50_ms",
    "age_p95_ms",
    "age_p99_ms",
    "goal_ms",
)
WAYS = {"before": {"decodes_all": True}, "now": {"decodes_all": False}, "similar": {"decodes_all": False}}
MODELS = {"slower": SLOW_MS, "faster": 0.0}


def main() -> None:
    """Measure and print."""
    arguments = parse()
    found = conditions()
    print(in_words(found))
    print(f"a source that plays {BUFFERS} buffers at {FPS} fps; {arguments.rounds} rounds, in turns; medians")
    print(
        f"{'size':<10} {'model':<7} {'way':<8} CPU s/s ratio beside ratio   fps infer  age p50   p95   p99  (goal) ms"
    )
    rows = [row for size in arguments.size for row in table(size, arguments)]
    if arguments.json:
        arguments.json.write_text(json.dumps({"conditions": found, "rows": rows}, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--size", nargs="+", default=["1280x720", "1920x1080"], metavar="WIDTHxHEIGHT")
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--way", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each run, after a second of warming up")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--still", action="store_true", help="nothing moves before the camera but noise")
    parser.add_argument("--looked-at", action="store_true", help="somebody looks at every result's picture")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def table(size: str, arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    """The rows of one size, printed as they come; the first way is what the others are compared with."""
    for model in arguments.model:
        rounds = [[measured(size, model, way, arguments) for way in arguments.way] for _ in range(arguments.rounds)]
        first = tuple(cells[0] for cells in rounds)
        for cells in zip(*rounds, strict=True):
            yield {**printed(cells, first), "rounds": [asdict(cell) for cell in cells]}


def printed(cells: tuple[Cell, ...], first: tuple[Cell, ...]) -> dict[str, object]:
    """The medians of the rounds of one row, and of the ratios to ``first`` of the same rounds."""
    cell = cells[0]
    row = {name: statistics.median(getattr(each, name) for each in cells) for name in FIGURES}
    for name in ("cpu_share", "beside_share"):
        row[f"{name}_ratio"] = statistics.median(
            getattr(each, name) / getattr(base, name) for each, base in zip(cells, first, strict=True)
        )
    print(
        f"{cell.size:<10} {cell.model:<7} {cell.way:<8} {row['cpu_share']:7.3f} {row['cpu_share_ratio']:5.2f} "
        f"{row['beside_share']:6.3f} {row['beside_share_ratio']:5.2f} {row['results_fps']:5.1f} "
        f"{row['inferences_fps']:5.1f} {row['age_p50_ms']:8.1f} {row['age_p95_ms']:5.1f} {row['age_p99_ms']:5.1f} "
        f"({row['goal_ms']:.1f})",
        flush=True,
    )
    return {"size": cell.size, "model": cell.model, "way": cell.way, "looked_at": cell.looked_at, **row}


def measured(size: str, model: str, way: str, arguments: argparse.Namespace) -> Cell:
    """One run."""
    width, height = map(int, size.split("x"))
    BufferCamera.size, BufferCamera.still = (width, height), arguments.still
    BufferCamera.decodes_all = WAYS[way]["decodes_all"]
    AgeSink.seconds, AgeSink.looks = arguments.seconds, arguments.looked_at
    config = Config(
        model=default_model(),
        source="buffers:",
        sinks=("ages",),
        threads=arguments.threads,
        skip_similar=way == "similar",
    )
    buffers((width, height), arguments.still)  # not while the clock runs
    bare_ms, bare_cpu_ms = bare(config, count=30)
    with model_of(MODELS[model]):
        pipeline.run(config)
    seconds, cpu_s = AgeSink.measured
    count = len(AgeSink.ages_ms)
    inferences_fps = (count - AgeSink.skipped) / seconds
    p50, p95, p99 = np.percentile(AgeSink.ages_ms, (50, 95, 99)).tolist()
    return Cell(
        size,
        model,
        way,
        arguments.looked_at,
        max(bare_ms, MODELS[model]),
        seconds,
        cpu_s / seconds,
        cpu_s / seconds - inferences_fps * bare_cpu_ms / 1e3,
        count / seconds,
        inferences_fps,
        p50,
        p95,
        p99,
    )


if __name__ == "__main__":
    registry.SOURCES["buffers"] = "__main__:BufferCamera"
    registry.SINKS["ages"] = "__main__:AgeSink"
    main()
