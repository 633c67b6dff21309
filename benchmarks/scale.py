"""How the cost of a frame grows: with its size, with what is found in it, with viewers of the page, and with sinks.

    python benchmarks/scale.py --json scale.json --plot docs/scale.svg
    python benchmarks/scale.py --only size detections

What is counted is processor time, because it means the same on a busy machine:

- size: from VGA to 4K, H.264 films of moving noise: decoding, and the model's picture made of the planes;
- detections: 0 to 100 objects: post-processing, tracker and visits;
- viewers: 0 to 50 that look at the page: everything that the server does, of a film that is played at its own rate;
- sinks: 1 to 6 that write each result as JSON.

``growth`` is how many times the cost of the first place the last one has, beside how many times the thing itself grew.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pipeline
from numpy.typing import NDArray
from pipeline import ROOT

from edge_detector import registry
from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.detect.postprocess import Candidates, nms
from edge_detector.model_store.find import default_model
from edge_detector.sources import open_source
from edge_detector.system.conditions import conditions, in_words
from edge_detector.track.scene import Scene
from edge_detector.types import Detections, Frame, Result, Size, Timings

SIZES: dict[str, Size] = {
    "VGA": (640, 480),
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "4K": (3840, 2160),
}
OBJECTS = (0, 1, 5, 10, 20, 50, 100)
VIEWERS = (0, 1, 3, 10, 25, 50)
SINKS = (1, 2, 3, 4, 5, 6)
LOOKS = 5  # at the clocks in a run, each after `pipeline.STEP` frames
FRAMES = 60  # of the films that are made here
RATE = 25
LABELS = tuple(f"class {number}" for number in range(80))


@dataclass(frozen=True)
class Curve:
    """What something costs at some places."""

    name: str
    of: str  # what grows
    unit: str
    places: list[float]
    shown: list[str]  # the places in words
    cost_ms: list[float]

    @property
    def growth(self) -> tuple[float, float]:
        """How many times larger the last place is than the first that is not 0, and how many times it costs."""
        first = next(index for index, place in enumerate(self.places) if place)
        return self.places[-1] / self.places[first], self.cost_ms[-1] / self.cost_ms[first]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", choices=CURVES, default=list(CURVES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the curves there")
    arguments = parser.parse_args()
    found = conditions()
    print(in_words(found))
    curves = []
    for name in arguments.only:
        curves.append(CURVES[name](arguments.rounds))
        print("\n".join(lines(curves[-1])), flush=True)
    if arguments.json:
        figures = {"conditions": found, "curves": [asdict(each) | {"growth": each.growth} for each in curves]}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")
    if arguments.plot:
        arguments.plot.write_text(drawn(curves))


def lines(curve: Curve) -> Iterator[str]:
    """The curve as text."""
    times, cost = curve.growth
    yield f"\n{curve.name}: {curve.unit}; {curve.of} x {times:.1f} costs x {cost:.2f}"
    for shown, each in zip(curve.shown, curve.cost_ms, strict=True):
        yield f"  {shown:>8} {each:8.2f}"


def in_turns(actions: list[Callable[[], float]], rounds: int) -> list[float]:
    """The medians of what the actions give, which take turns."""
    table = [[action() for action in actions] for _ in range(rounds)]
    return [statistics.median(column) for column in zip(*table, strict=True)]


def by_size(rounds: int) -> Curve:
    """Decoding and preparing, the model left out."""
    with tempfile.TemporaryDirectory() as folder, open_detector(threads=1) as detector:

        def cost_ms(path: Path) -> float:
            started = time.process_time()
            with open_source(Config(source=str(path)), model_size=(320, 320)) as frames:
                count = sum(1 for _ in map(detector.prepare, frames))
            return (time.process_time() - started) / count * 1e3

        films = [film(Path(folder) / f"{name}.mp4", size) for name, size in SIZES.items()]
        costs = in_turns([lambda path=path: cost_ms(path) for path in films], rounds)  # type: ignore[misc]
    megapixels = [width * height / 1e6 for width, height in SIZES.values()]
    return Curve("size", "megapixels", "ms of processor time to decode and prepare", megapixels, list(SIZES), costs)


def film(path: Path, size: Size) -> Path:
    """An H.264 film of coarse noise that moves."""
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height // 16, width // 16 + FRAMES, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE), options={"preset": "ultrafast", "crf": "28"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(FRAMES):
            image = noise[:, number : number + width // 16].repeat(16, axis=0).repeat(16, axis=1)
            padded = np.zeros((height, width, 3), np.uint8)
            padded[: image.shape[0], : image.shape[1]] = image[:height, :width]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(padded, format="bgr24")))
        container.mux(stream.encode())
    return path


def by_detections(rounds: int) -> Curve:
    """Suppression, tracks and visits of objects that move a little."""
    costs = in_turns([lambda count=count: found_ms(count) for count in OBJECTS], rounds)  # type: ignore[misc]
    return Curve(
        "detections", "objects", "ms of processor time after the model", list(OBJECTS), list(map(str, OBJECTS)), costs
    )


def found_ms(count: int, frames: int = 200) -> float:
    """Milliseconds a frame with so many objects."""
    rng = np.random.default_rng(1)
    corners, speeds = rng.uniform(0, 0.8, (count, 2)), rng.uniform(-0.0005, 0.0005, (count, 2))
    class_ids = rng.integers(0, len(LABELS), count).astype(np.int32)
    lowest = np.full(len(LABELS), 0.5, np.float32)
    scene, picture = Scene(lambda: lowest), np.zeros((720, 1280, 3), np.uint8)
    scales = np.float32([1280, 720, 1280, 720])
    used_s = 0.0
    for number in range(frames):
        candidates = several(corners + number * speeds, class_ids, rng)
        frame = Frame(picture, number, number * 40_000_000)
        started = time.process_time()
        kept = candidates.at(nms(candidates, iou_threshold=0.6, limit=100))
        found = Detections(kept.boxes * scales, kept.scores, kept.class_ids, LABELS)
        scene.update(Result(frame, found, Timings(0, 0, 0, 0)))
        used_s += time.process_time() - started
    return used_s / frames * 1e3


def several(corners: NDArray[np.float64], class_ids: NDArray[np.int32], rng: np.random.Generator) -> Candidates:
    """Three boxes of each object, as a model finds it."""
    rows = np.repeat(np.arange(len(corners)), 3)
    boxes = np.hstack([corners[rows], corners[rows] + 0.1]) + rng.normal(0, 0.003, (len(rows), 4))
    scores = rng.uniform(0.6, 0.9, len(rows))
    return Candidates(boxes.astype(np.float32), scores.astype(np.float32), class_ids[rows])


def by_viewers(rounds: int) -> Curve:
    """The page with a film at its own rate; what nobody looks at is not drawn."""

    def cost_ms(count: int) -> float:
        if not count:
            return run_ms(("web:127.0.0.1:0",), realtime=True)
        pipeline.VIEWERS = count
        with pipeline.page() as sinks:
            return run_ms(sinks, realtime=True)

    costs = in_turns([lambda count=count: cost_ms(count) for count in VIEWERS], rounds)  # type: ignore[misc]
    return Curve("viewers", "viewers", "ms of processor time a frame", list(VIEWERS), list(map(str, VIEWERS)), costs)


def by_sinks(rounds: int) -> Curve:
    """Files of JSON, each with a thread of its own."""

    def cost_ms(count: int) -> float:
        with ExitStack() as stack:
            folders = [stack.enter_context(tempfile.TemporaryDirectory()) for _ in range(count)]
            return run_ms(tuple(f"jsonl:{folder}/out.jsonl" for folder in folders))

    costs = in_turns([lambda count=count: cost_ms(count) for count in SINKS], rounds)  # type: ignore[misc]
    return Curve("sinks", "sinks", "ms of processor time a frame", list(SINKS), list(map(str, SINKS)), costs)


def run_ms(sinks: tuple[str, ...], *, realtime: bool = False) -> float:
    """Milliseconds of processor time of a frame of the demo clip, the model's included."""
    config = Config(model=default_model(), source=str(ROOT / "demo" / "demo.mp4"), threads=1)
    config = replace(config, loop=True, realtime=realtime, sinks=(f"clock:{LOOKS}", *sinks))
    return pipeline.frame(config)[1]


CURVES: dict[str, Callable[[int], Curve]] = {
    "size": by_size,
    "detections": by_detections,
    "viewers": by_viewers,
    "sinks": by_sinks,
}

# The plot: one small picture for each curve, beside each other.
WIDTH, HEIGHT, MARGIN = 240, 150, 40


def drawn(curves: list[Curve]) -> str:
    """The curves as an SVG."""
    parts = [panel(curve, number * (WIDTH + 2 * MARGIN)) for number, curve in enumerate(curves)]
    width, height = len(curves) * (WIDTH + 2 * MARGIN), HEIGHT + 2 * MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'font-size="11"><rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def panel(curve: Curve, left: float) -> str:
    """One curve, from 0 at the bottom and at the left."""
    most_x, most_y = max(curve.places), max(curve.cost_ms)
    points = [
        (left + MARGIN + x / most_x * WIDTH, MARGIN + HEIGHT * (1 - y / most_y))
        for x, y in zip(curve.places, curve.cost_ms, strict=True)
    ]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#06c"/>' for x, y in points)
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = left + MARGIN, MARGIN + HEIGHT
    return (
        f'<polyline points="{x},{MARGIN} {x},{y} {x + WIDTH},{y}" fill="none" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#06c" stroke-width="1.5"/>{dots}'
        f'<text x="{x}" y="{MARGIN - 22}" font-weight="bold">{curve.name}</text>'
        f'<text x="{x}" y="{MARGIN - 8}" fill="#444">{curve.unit}</text>'
        f'<text x="{x - 4}" y="{MARGIN + 4}" text-anchor="end">{most_y:.1f}</text>'
        f'<text x="{x - 4}" y="{y}" text-anchor="end">0</text>'
        f'<text x="{x + WIDTH}" y="{y + 14}" text-anchor="end">{curve.shown[-1]} ({most_x:.3g} {curve.of})</text>'
    )


if __name__ == "__main__":
    registry.SINKS["clock"] = "pipeline:ClockSink"
    main()
