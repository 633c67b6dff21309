"""How much of the bare model's speed the whole pipeline keeps with each output, and what a frame costs.

    python benchmarks/pipeline.py --json pipeline.json
    python benchmarks/pipeline.py --model M.tflite --labels L.txt --source CLIP.mp4 --output none --threads 1

Outputs: none, a window (on Xvfb without a display), a page that three viewers look at, a film. The bare model is
measured before and after each run and the mean counts, so that a noisy machine disturbs both alike. Processor time is
that of this process and those that it starts, without the viewers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import psutil
from window import a_display

from edge_detector import pipeline, registry
from edge_detector.config import Config
from edge_detector.detect.runtimes import open_runtime
from edge_detector.model_store.find import default_model
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks.base import Sink
from edge_detector.system.conditions import conditions, in_words
from edge_detector.types import Result

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
V1 = SHARED / "models" / "ssd_mobilenet_v1_coco_quant"
WARM_UP = 10  # the first invocations pack weights and fill caches
STEP = 40  # frames between two looks at the clocks; the first look comes after the first of them
VIEWERS = 3


class Moment(NamedTuple):
    """What the clocks say after a number of frames."""

    frames: int
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class Cell:
    """One run with one output, and the bare model before and after it."""

    model: str
    threads: int
    output: str
    bare_ms: float
    frame_ms: float
    bare_cpu_ms: float  # processor time of one invocation
    frame_cpu_ms: float  # processor time of one frame, the model's included

    @property
    def kept(self) -> float:
        """Frames a second over those of the bare model."""
        return self.bare_ms / self.frame_ms

    @property
    def beside_ms(self) -> float:
        """Processor time of a frame beside the model's."""
        return self.frame_cpu_ms - self.bare_cpu_ms


def main() -> None:
    """Measure and print."""
    arguments = parse()
    found = conditions()
    print(in_words(found))
    print(f"{arguments.source.name}, {arguments.rounds} rounds; ms of processor time")
    print(f"{'model':<40} threads output  pipeline/bare  best  CPU a frame  beside the model")
    cells = [cell for each in configs(arguments) for cell in table(each, arguments)]
    first = next(configs(arguments))
    figures = {"conditions": found, "cells": cells, **whole_run(first, arguments.rounds)}
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


def parse() -> argparse.Namespace:
    """The arguments; without any, every cell of the table on the clip beside the project."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, help="instead of the default model and ssd_mobilenet_v1")
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--source", type=Path, default=SHARED / "clips" / "woman-and-dog.mp4")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, len(os.sched_getaffinity(0))])
    parser.add_argument("--output", nargs="+", choices=OUTPUTS, default=list(OUTPUTS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def configs(arguments: argparse.Namespace) -> Iterator[Config]:
    """One for each model and number of threads."""
    models = [(default_model(), None), (V1 / "detect.tflite", V1 / "coco_labels.txt")]
    for model, labels in [(arguments.model, arguments.labels)] if arguments.model else models:
        for threads in arguments.threads:
            if model.is_file():
                yield Config(model=model, labels=labels, source=str(arguments.source), threads=threads)


class ClockSink(Sink, adds=("moments", "at_first", "are_alone")):
    """Looks at the clocks at each `STEP` frames."""

    moments: ClassVar[list[Moment]] = []
    at_first: ClassVar[Callable[[], object]] = int  # called with the first result
    are_alone: ClassVar[bool] = False  # whether a viewer had left at the last look

    def __init__(self, spec: Spec, context: Context) -> None:
        """``clock:N`` ends the run after N looks."""
        self.moments.clear()
        self._frames = 0
        self._most = int(spec.argument or 0)
        self._stop = context.stop

    def write(self, _result: Result) -> None:
        if not self._frames:
            type(self).at_first()
        self._frames += 1
        if self._frames % STEP == 0:
            self.moments.append(Moment(self._frames, time.perf_counter(), cpu_s()))
            type(self).are_alone = any(viewer.poll() is not None for viewer in VIEWING)
            if len(self.moments) == self._most:
                self._stop()


VIEWING: list[subprocess.Popen[bytes]] = []  # the processes that look at the page


def cpu_s() -> float:
    """Processor time of this process and of those that it has started, without viewers."""
    viewing = {viewer.pid for viewer in VIEWING}
    ours = [child for child in psutil.Process().children() if child.pid not in viewing]
    times = [child.cpu_times() for child in ours]
    return time.process_time() + sum(each.user + each.system for each in times)


Output = contextlib.AbstractContextManager[tuple[str, ...]]


@contextlib.contextmanager
def nothing() -> Iterator[tuple[str, ...]]:
    """Nobody looks."""
    yield ()


@contextlib.contextmanager
def window() -> Iterator[tuple[str, ...]]:
    """A window, on the display there is or on Xvfb."""
    before = dict(os.environ)
    with a_display() as environ:
        os.environ.update(environ)
        try:
            yield ("window",)
        finally:  # the next round's Xvfb is another one
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def page() -> Iterator[tuple[str, ...]]:
    """A page that viewers open with the first result."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, str(ROOT / "benchmarks" / "web.py"), "--watch", str(port), "--seconds", "3600"]

    def open_page() -> None:
        viewers = [*command, "--viewers", str(VIEWERS)]
        VIEWING.append(subprocess.Popen(viewers, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    ClockSink.at_first = open_page
    try:
        yield (f"web:{port}",)
    finally:
        ClockSink.at_first = int
        for viewer in VIEWING:
            viewer.kill()
            viewer.wait()
        VIEWING.clear()


@contextlib.contextmanager
def film() -> Iterator[tuple[str, ...]]:
    """A film on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        yield (f"video:{folder}/film.mp4",)


OUTPUTS: dict[str, Callable[[], Output]] = {"none": nothing, "window": window, "page": page, "film": film}


def table(config: Config, arguments: argparse.Namespace) -> Iterator[dict[str, object]]:
    """The cells of one model and number of threads, each the median of its rounds; printed as they come."""
    for output in arguments.output:
        cells = [measure(config, output) for _ in range(arguments.rounds)]
        kept, best = statistics.median(cell.kept for cell in cells), max(cell.kept for cell in cells)
        cpu_ms = statistics.median(cell.frame_cpu_ms for cell in cells)
        beside_ms = statistics.median(cell.beside_ms for cell in cells)
        name = cells[0].model
        print(
            f"{name:<40} {config.threads:>7} {output:<7} {kept:>13.3f} {best:>5.3f} {cpu_ms:>12.2f} {beside_ms:>17.2f}"
        )
        yield {**asdict(cells[0]), "kept": kept, "beside_ms": beside_ms, "rounds": [asdict(cell) for cell in cells]}


def measure(config: Config, output: str) -> Cell:
    """One round of one cell."""
    assert config.model is not None
    before = bare(config)
    with OUTPUTS[output]() as sinks:
        frame_ms, frame_cpu_ms = frame(replace(config, sinks=("clock", *sinks)))
    bare_ms, bare_cpu_ms = ((one + other) / 2 for one, other in zip(before, bare(config), strict=True))
    return Cell(config.model.stem, config.threads, output, bare_ms, frame_ms, bare_cpu_ms, frame_cpu_ms)


def frame(config: Config) -> tuple[float, float]:
    """Milliseconds between two results of the pipeline, and of processor time a frame; on average over the film."""
    pipeline.run(config)
    first, last = ClockSink.moments[0], ClockSink.moments[-1]
    count = last.frames - first.frames
    if ClockSink.are_alone:
        raise SystemExit("the viewers have left before the end, so this figure is that of a page without them")
    return (last.wall_s - first.wall_s) / count * 1e3, (last.cpu_s - first.cpu_s) / count * 1e3


def bare(config: Config, count: int = 100) -> tuple[float, float]:
    """Milliseconds of one invocation of the model alone, the median of ``count``; and of processor time, the mean."""
    assert config.model is not None
    with open_runtime(config.runtime, config.model, threads=config.threads) as runtime:
        tensor = np.random.default_rng(0).integers(0, 100, runtime.input.shape).astype(runtime.input.dtype)
        for _ in range(WARM_UP):
            runtime.invoke(tensor)
        begun_s = time.process_time()
        times_s = [timed_s(lambda: runtime.invoke(tensor)) for _ in range(count)]
        cpu_ms = (time.process_time() - begun_s) / count * 1e3
    return statistics.median(times_s) * 1e3, cpu_ms


def timed_s(action: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def whole_run(config: Config, rounds: int) -> dict[str, object]:
    """What tracks cost, how soon something is seen, and the memory that a run takes; printed."""
    costs = [tracking_cost(replace(config, sinks=("clock", "telemetry"))) for _ in range(rounds)]
    print(f"time a frame with tracks, visits and zones over that without: median {statistics.median(costs):.3f}")
    starts = [first_detection_s(config) for _ in range(rounds)]
    print(f"process start to first detection: median {statistics.median(starts):.2f} s of {rounded(starts)}")
    peak_mb = peak_memory_mb(config)
    print(f"resident memory, peak of a run in its own process: {peak_mb:.0f} MB")
    return {"tracking_cost": costs, "first_detection_s": starts, "peak_memory_mb": peak_mb}


def tracking_cost(config: Config) -> float:
    """Time a frame as people run it over that with ``--no-track``, which runs before and after; the mean counts."""
    without = replace(config, track=False)
    before, tracked, after = (frame(each)[0] for each in (without, config, without))
    cost = tracked / ((before + after) / 2)
    print(f"  with tracks {tracked:.2f} ms a frame: {cost:.3f}")
    return cost


def command(config: Config, sink: str) -> list[str]:
    """The same run as a process of its own."""
    words = [sys.executable, "-m", "edge_detector", "--source", config.source, "--sink", sink]
    words += ["--model", str(config.model), "--threads", str(config.threads)]
    return words + (["--labels", str(config.labels)] if config.labels else [])


def first_detection_s(config: Config) -> float:
    """Seconds from starting the process until its first line of JSON."""
    started = time.perf_counter()
    with subprocess.Popen(command(config, "jsonl:-"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        elapsed = time.perf_counter() - started
        process.terminate()
        process.stdout.read()
    return elapsed


def peak_memory_mb(config: Config) -> float:
    """The largest resident set seen while the process runs."""
    process = psutil.Popen(command(config, "jsonl:/dev/null"), stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        peak = max(peak, process.memory_info().rss)
        time.sleep(0.05)
    return peak / 1e6


def rounded(values: list[float]) -> list[float]:
    """For printing."""
    return [round(value, 3) for value in values]


if __name__ == "__main__":
    registry.SINKS["clock"] = "__main__:ClockSink"
    main()
