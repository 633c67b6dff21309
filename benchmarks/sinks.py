"""What it costs to draw, film and keep a picture: medians in milliseconds, on this machine.

    python benchmarks/sinks.py [--frames 120]

The picture is made of smooth shapes that move before a little noise, as a camera's does; ten objects are drawn on it.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np

from edge_detector.image_files import encode_jpeg
from edge_detector.overlay import Image, annotate
from edge_detector.sinks.recording.encoder import HARDWARE, SOFTWARE, Codec, encodes
from edge_detector.sinks.recording.mp4_writer import Mp4Writer
from edge_detector.types import Detections, Frame, Result, Size, Timings

SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
LABELS = ("person", "bicycle", "car", "dog", "cat")
OBJECTS = 10
FRAME_NS = 1_000_000_000 // 30
LINE = "14.9 fps  67 ms  drops 12  48 C"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=120, help="measured for each figure")
    arguments = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python "
        f"{platform.python_version()}, OpenCV {cv2.__version__}, PyAV {av.__version__}; {OBJECTS} objects, "
        f"median of {arguments.frames}"
    )
    print(f"{'size':>11}  {'copy':>6}  {'overlay':>7}  {'JPEG 90':>7}  {'film, ' + SOFTWARE.name:>13}  {'Mbit/s':>6}")
    for size in SIZES:
        print(row(size, arguments.frames))
    print(f"{HARDWARE.name}: {'works here' if encodes(HARDWARE) else 'not on this machine'}")


def row(size: Size, frames: int) -> str:
    results = [result(size, number) for number in range(min(frames, 30))]  # 30 of them hold 187 MB at 1920x1080
    pictures = [annotate(one, line=LINE) for one in results]
    copy_ms = measured(lambda number: pictures[number % len(pictures)].copy(), frames)
    overlay_ms = measured(lambda number: annotate(results[number % len(results)], line=LINE), frames)
    jpeg_ms = measured(lambda number: encode_jpeg(pictures[number % len(pictures)], quality=90), frames)
    film_ms, megabits_per_s = filmed(pictures, frames, SOFTWARE)
    cells = f"{copy_ms:6.2f}  {overlay_ms:7.2f}  {jpeg_ms:7.2f}  {film_ms:13.2f}  {megabits_per_s:6.2f}"
    return f"{size[0]:>6}x{size[1]:<4}  {cells}"


def measured(action: Callable[[int], object], times: int) -> float:
    """The median duration of ``action`` in milliseconds."""
    return median(durations_ms(action, times))


def durations_ms(action: Callable[[int], object], times: int) -> Iterator[float]:
    for number in range(times):
        start_ns = time.perf_counter_ns()
        action(number)
        yield (time.perf_counter_ns() - start_ns) / 1e6


def filmed(pictures: list[Image], frames: int, codec: Codec) -> tuple[float, float]:
    """Milliseconds for a picture, with the disk, and megabits for a second of film."""
    with tempfile.TemporaryDirectory() as folder:
        written: list[int] = []
        writer = Mp4Writer(Path(folder) / "film.mp4", codec, count=written.append)
        film_ms = measured(lambda number: writer.add(pictures[number % len(pictures)], number * FRAME_NS), frames)
        writer.close()
        return film_ms, sum(written) * 8 / 1e6 / (frames * FRAME_NS / 1e9)


def result(size: Size, number: int) -> Result:
    """Frame ``number`` of a scene with ten moving objects."""
    width, height = size
    rng = np.random.default_rng(number)
    x, y = np.meshgrid(np.linspace(0, 4, width), np.linspace(0, 3, height))
    scene = 120 + 60 * np.sin(x * 5 + number / 10) * np.cos(y * 7) + rng.normal(0, 2, (height, width))
    image = np.repeat(scene.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    corners = np.random.default_rng(0).uniform(0, 0.7, (OBJECTS, 2)) + 0.002 * number
    boxes = np.hstack([corners, corners + 0.2]) * [width, height, width, height]
    class_ids = np.arange(OBJECTS, dtype=np.int32) % len(LABELS)
    scores = np.linspace(0.95, 0.5, OBJECTS, dtype=np.float32)
    return Result(
        Frame(image, number, number * FRAME_NS),
        Detections(boxes.astype(np.float32), scores, class_ids, LABELS),
        Timings(2.0, 1.0, 60.0, 1.0),
    )


if __name__ == "__main__":
    main()
