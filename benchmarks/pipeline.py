"""How much of the bare model's speed the whole pipeline keeps, what memory it takes, and how soon it sees something.

    python benchmarks/pipeline.py --model M.tflite --labels L.txt --source CLIP.mp4

Both sides of the ratio are measured in turns in one run, so that a noisy machine disturbs both alike.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil

from edge_detector import pipeline, registry
from edge_detector.config import Config
from edge_detector.detect.runtimes import open_runtime
from edge_detector.options import Spec
from edge_detector.running.context import Context
from edge_detector.sinks.base import Sink
from edge_detector.types import Result

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
WARM_UP = 10  # the first invocations pack weights and fill caches


def main() -> None:
    """Measure and print."""
    arguments = parse()
    config = Config(
        model=arguments.model,
        labels=arguments.labels,
        source=str(arguments.source),
        threads=arguments.threads,
        sinks=("clock", "telemetry"),
    )
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in ("ai-edge-litert", "opencv-python-headless", "numpy", "av")))
    print(f"{arguments.model.name}, {arguments.threads} thread(s), {arguments.source.name}, {arguments.rounds} rounds")
    ratios = [one_round(config) for _ in range(arguments.rounds)]
    print(
        f"pipeline / bare invoke: median {statistics.median(ratios):.3f}, best {max(ratios):.3f}, all {rounded(ratios)}"
    )
    costs = [tracking_cost(config) for _ in range(arguments.rounds)]
    print(f"time a frame with tracks, visits and zones over that without: median {statistics.median(costs):.3f}")
    starts = [first_detection_s(config) for _ in range(arguments.rounds)]
    print(f"process start to first detection: median {statistics.median(starts):.2f} s of {rounded(starts)}")
    print(f"resident memory, peak of a run in its own process: {peak_memory_mb(config):.0f} MB")


def parse() -> argparse.Namespace:
    """The arguments; without any, the default model on the clip beside the project."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    model = ROOT / "models" / "ssd_mobilenet_v2_fpnlite_320_coco_int8.tflite"
    parser.add_argument("--model", type=Path, default=model)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--source", type=Path, default=SHARED / "clips" / "woman-and-dog.mp4")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


class ClockSink(Sink, adds=("moments_s",)):
    """Notes when each result arrives."""

    moments_s: ClassVar[list[float]] = []

    def __init__(self, _spec: Spec, _context: Context) -> None:
        self.moments_s.clear()

    def write(self, _result: Result) -> None:
        self.moments_s.append(time.perf_counter())


def one_round(config: Config) -> float:
    """Frames per second of the pipeline over those of the bare model; bare runs before and after, the mean counts."""
    before = bare_invoke_s(config)
    per_frame = frame_s(config)
    bare = (before + bare_invoke_s(config)) / 2
    print(f"  bare {bare * 1e3:.2f} ms, pipeline {per_frame * 1e3:.2f} ms a frame: {bare / per_frame:.3f}")
    return bare / per_frame


def frame_s(config: Config) -> float:
    """Seconds between two results of the pipeline, on average over the film."""
    pipeline.run(config)
    moments = ClockSink.moments_s[WARM_UP:]
    return (moments[-1] - moments[0]) / (len(moments) - 1)


def tracking_cost(config: Config) -> float:
    """Time a frame as people run it over that with ``--no-track``, which runs before and after; the mean counts."""
    without = replace(config, track=False)
    before = frame_s(without)
    tracked = frame_s(config)
    cost = tracked / ((before + frame_s(without)) / 2)
    print(f"  with tracks {tracked * 1e3:.2f} ms a frame: {cost:.3f}")
    return cost


def bare_invoke_s(config: Config, count: int = 100) -> float:
    """Seconds of one invocation of the model alone, the median of ``count``."""
    assert config.model is not None
    with open_runtime(config.runtime, config.model, threads=config.threads) as runtime:
        tensor = np.random.default_rng(0).integers(0, 100, runtime.input.shape).astype(runtime.input.dtype)
        return statistics.median([timed_s(lambda: runtime.invoke(tensor)) for _ in range(WARM_UP + count)][WARM_UP:])


def timed_s(action: object) -> float:
    """Seconds that a call takes."""
    started = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - started


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
