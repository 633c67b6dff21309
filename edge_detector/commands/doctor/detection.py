"""Checks of what the detector will do: its configuration, its model and labels, and how fast they are here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from edge_detector import config
from edge_detector.commands.doctor import isolated
from edge_detector.commands.doctor.finding import Finding, error, ok, warning
from edge_detector.commands.doctor.isolated import ProcessOutcome
from edge_detector.errors import ConfigError
from edge_detector.masking import masked_value

SLOW_FPS = 2.0  # below this, a person can pass between two frames
SELF_TEST_S = 2.0

# Runs in a child process: opens the configured detector and feeds it grey pictures for two seconds.
SELF_TEST = """
import json, statistics, sys, time
from pathlib import Path
import numpy as np
from edge_detector import config
from edge_detector.detect import open_detector
from edge_detector.errors import EdgeDetectorError
from edge_detector.track.places import check_classes
from edge_detector.types import Frame
try:
    path, seconds = sys.argv[1], float(sys.argv[2])
    wanted = config.load(Path(path) if path else None, {})
    with open_detector(wanted) as detector:
        check_classes(wanted.all_places, detector.labels)
        image = np.full((480, 640, 3), 128, np.uint8)
        detector.detect(Frame(image, 0, time.monotonic_ns()))
        times, end = [], time.monotonic() + seconds
        while not times or time.monotonic() < end:
            timings = detector.detect(Frame(image, 0, time.monotonic_ns())).timings
            times.append(timings.preprocess_ms + timings.inference_ms + timings.postprocess_ms)
        found = {"name": detector.name, "labels": len(detector.labels), "ms": statistics.median(times)}
except EdgeDetectorError as error:
    found = {"error": str(error)}
print("\\n" + json.dumps(found))
"""

Run = Callable[..., ProcessOutcome]


def check_configuration(path: Path | None) -> Finding:
    """The configuration file can be read and is valid."""
    if path is None:
        return ok("no file: the defaults, as --print-config shows them")
    try:
        found = config.load(path, {})
    except ConfigError as problem:
        return error(str(problem), "correct that line; edge-detector --print-config shows every option")
    sinks = ", ".join(map(masked_value, found.sinks)) or "the best display"
    return ok(f"{path}: {', '.join(map(masked_value, found.all_sources))} to {sinks}")


def run_self_test(path: Path | None, run: Run = isolated.run_code) -> Finding:
    """Model, labels, classes of zones and lines, and runtime work together, for two seconds."""
    outcome = run(SELF_TEST, str(path or ""), str(SELF_TEST_S))
    if not outcome.succeeded:
        return error(f"the detector does not run: {outcome.problem}", "install again with deploy.sh, or pip")
    found = json.loads(outcome.output.splitlines()[-1])
    if "error" in found:
        return error(found["error"], "edge-detector inspect MODEL says what a model is")
    fps = 1000 / found["ms"]
    why = f"{found['name']}: {found['ms']:.1f} ms a frame, {fps:.0f} fps, {found['labels']} labels"
    if fps < SLOW_FPS:
        return warning(f"{why}: slow", "use an int8 model, more threads, or a smaller model")
    return ok(why)
