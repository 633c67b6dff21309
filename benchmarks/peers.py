"""The same film, model and threads through the loops that people copy: frames a second, processor time, memory, age.

    python benchmarks/peers.py --json peers.json
    python benchmarks/peers.py --model M.tflite --labels L.txt --source FILM.mp4 --threads 2
    python benchmarks/peers.py --edjeelectronics FOLDER/TFLite_detection_video.py

The loops are written again here in a few lines each, after their kind and not copied from anybody: ``plain`` reads a
frame, scales it, runs the model; ``threaded`` keeps the newest frame of a reading thread, as imutils' VideoStream does.
EdjeElectronics' script runs unchanged as a process, where it is given; only its drawing on a screen does nothing.
All take turns, each in a process of its own, and the median of the rounds counts. The model must be one with fused
post-processing (boxes, classes, scores, count), because these loops know no other.

A film that is read as fast as the model works has no age. So there is a second table: the same film is played at its
own rate, as a camera plays, and the age of a result is the time since its frame was due. The threaded loop uses one
frame several times or none; its frames a second count results, and distinct frames are shown beside them. The plain
loop drops nothing: with a model slower than the film it falls behind, where a camera's driver would drop frames.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from pipeline import SHARED, V1

from edge_detector.system.conditions import conditions, in_words

SCRIPT = SHARED / "peers" / "TFLite_detection_video.py"
WARM_UP = 10  # results before the clocks are looked at
LOOK_S = 0.02  # between two looks at the memory of a process
SCORE = 0.5


@dataclass(frozen=True)
class Job:
    """What each loop is given."""

    source: str
    model: str
    labels: str
    threads: int
    frames: int  # results after which the round ends
    paced: bool  # frames come at the film's rate, and what is late is dropped where the loop can


@dataclass(frozen=True)
class Outcome:
    """What one loop did in one round."""

    results: int
    distinct: int  # different frames among them
    seconds: float
    cpu_s: float
    ages_ms: list[float]  # of each result since its frame was due; empty unless paced
    peak_mb: float = 0.0


class Film:
    """A film as cv2.VideoCapture reads it; ``paced``: a frame comes when it is due, as from a camera."""

    def __init__(self, job: Job) -> None:
        import cv2

        self._capture = cv2.VideoCapture(job.source)
        self._interval_s = 1 / self._capture.get(cv2.CAP_PROP_FPS)
        self._paced = job.paced
        self._count = 0
        self._started = time.monotonic()

    def read(self) -> tuple[Any, int, float] | None:
        """The image, its number and when it was due; None at the end."""
        got, image = self._capture.read()
        if not got:
            return None
        due = self._started + self._count * self._interval_s
        if self._paced:
            time.sleep(max(0.0, due - time.monotonic()))
        self._count += 1
        return image, self._count, due


class Newest:
    """A thread that reads and keeps only the newest frame, as imutils' VideoStream."""

    def __init__(self, film: Film) -> None:
        self._film = film
        self._frame = film.read()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def read(self) -> tuple[Any, int, float] | None:
        """The newest frame, whether it is new or not; None after the end."""
        return self._frame

    def _run(self) -> None:
        while self._frame is not None:
            self._frame = self._film.read()


def looped(job: Job, frames: Film | Newest) -> Outcome:
    """Read, scale, set, invoke, get, and look at each score in Python: the loop of most tutorials."""
    import cv2
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=job.model, num_threads=job.threads)
    interpreter.allocate_tensors()
    picture, outputs = interpreter.get_input_details()[0], interpreter.get_output_details()
    _, height, width, _ = picture["shape"]
    clocks = Clocks()
    while (frame := frames.read()) is not None:
        image, number, due = frame
        scaled = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), (width, height))
        interpreter.set_tensor(picture["index"], np.expand_dims(scaled, axis=0))
        interpreter.invoke()
        boxes, classes, scores = (interpreter.get_tensor(outputs[index]["index"])[0] for index in range(3))
        found = [(boxes[row], int(classes[row])) for row in range(len(scores)) if scores[row] > SCORE]
        if clocks.note(number, due, len(found)) == job.frames:
            break
    return clocks.outcome(job)


def ours(job: Job) -> Outcome:
    """This project, as `watch` gives results."""
    from edge_detector import watch

    clocks = Clocks()
    options = {"model": job.model, "labels": job.labels, "threads": job.threads, "realtime": job.paced}
    for result in watch(job.source, **options):
        frame = result.frame
        if clocks.note(frame.sequence, frame.timestamp_ns / 1e9, len(result.detections)) == job.frames:
            break
    return clocks.outcome(job)


class Clocks:
    """Looks at the clocks at each result, after the first ones."""

    def __init__(self) -> None:
        self._moments: list[tuple[float, float, int, float]] = []

    def note(self, number: int, due: float, _found: int) -> int:
        """A result of frame ``number`` is there; returns how many there are."""
        now = time.monotonic()
        self._moments.append((now, time.process_time(), number, (now - due) * 1e3))
        return len(self._moments)

    def outcome(self, job: Job) -> Outcome:
        """Of what came after the warm-up."""
        kept = self._moments[WARM_UP:]
        (begun_s, begun_cpu_s, *_), (ended_s, ended_cpu_s, *_) = kept[0], kept[-1]
        numbers = {number for _, _, number, _ in kept[1:]}
        ages_ms = [age for *_, age in kept[1:]] if job.paced else []
        return Outcome(len(kept) - 1, len(numbers), ended_s - begun_s, ended_cpu_s - begun_cpu_s, ages_ms)


LOOPS = {
    "edge-detector": ours,
    "plain": lambda job: looped(job, Film(job)),
    "threaded": lambda job: looped(job, Newest(Film(job))),
}
LABELLED = {
    "edge-detector": "edge-detector (watch)",
    "plain": "plain loop (written again here)",
    "threaded": "threaded loop (written again here)",
    "edjeelectronics": "EdjeElectronics' script (unchanged)",
}

# In front of the script on the path: its old runtime is the same as ours, and what needs a screen notes the time.
RUNTIME = """
from functools import partial
from ai_edge_litert.interpreter import Interpreter as _Interpreter
Interpreter = partial(_Interpreter, num_threads={threads})
def load_delegate(*_): raise SystemExit("no delegate here")
"""
WITHOUT_SCREEN = """
import atexit, json, runpy, sys, time
import cv2
moments = []
script, output, frames, *words = sys.argv[1:]
def show(*_):
    moments.append((time.monotonic(), time.process_time()))
    if len(moments) == int(frames):
        raise SystemExit
cv2.imshow = show
cv2.waitKey = lambda *_: -1
cv2.destroyAllWindows = lambda: None
def write():
    open(output, "w").write(json.dumps(moments))
atexit.register(write)
sys.argv = [script, *words]
runpy.run_path(script, run_name="__main__")
"""


def edjeelectronics(job: Job, script: Path) -> Outcome:
    """The script as a process of its own, as its README in the folder says."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "tflite_runtime").mkdir()
        (place / "tflite_runtime/__init__.py").touch()
        (place / "tflite_runtime/interpreter.py").write_text(RUNTIME.format(threads=job.threads))
        (place / "detect.tflite").symlink_to(job.model)
        (place / "labelmap.txt").symlink_to(job.labels)
        words = [str(script), str(place / "out.json"), str(job.frames), "--modeldir", folder, "--video", job.source]
        environ = os.environ | {"PYTHONPATH": folder}
        process = psutil.Popen(
            [sys.executable, "-c", WITHOUT_SCREEN, *words],
            env=environ,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        peak_mb = watched(process)
        if not (place / "out.json").is_file():
            raise SystemExit(f"{script} failed: {process.stderr.read().decode().strip().splitlines()[-1]}")
        moments = json.loads((place / "out.json").read_text())[WARM_UP:]
    seconds, cpu_s = (moments[-1][column] - moments[0][column] for column in (0, 1))
    return Outcome(len(moments) - 1, len(moments) - 1, seconds, cpu_s, [], peak_mb)


def in_a_process(name: str, job: Job) -> Outcome:
    """One of `LOOPS` in a process of its own, so that each has its own memory."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.json"
        words = [sys.executable, __file__, "--one", name, str(output), json.dumps(asdict(job))]
        process = psutil.Popen(words, stderr=subprocess.PIPE)
        peak_mb = watched(process)
        if process.returncode:
            raise SystemExit(f"{name}: {process.stderr.read().decode().strip()}")
        return Outcome(**{**json.loads(output.read_text()), "peak_mb": peak_mb})


def watched(process: psutil.Popen) -> float:
    """The largest resident memory of ``process`` until it ends, in megabytes."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, process.memory_info().rss)
        time.sleep(LOOK_S)
    return peak / 1e6


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--one"]:
        name, output, job = sys.argv[2:]
        Path(output).write_text(json.dumps(asdict(LOOPS[name](Job(**json.loads(job))))))
        os._exit(0)  # the reading thread of the threaded loop never ends, and OpenCV aborts when Python ends it
    arguments = parse()
    found = conditions()
    print(in_words(found))
    print(
        f"{Path(arguments.source).name}, {arguments.model.name}, threads {arguments.threads}, {arguments.rounds} rounds"
    )
    tables = {kind: measure(arguments, paced=kind == "paced") for kind in ("fast", "paced")}
    for kind, rows in tables.items():
        print("\n" + TITLES[kind])
        print("\n".join(lines(rows)))
    if arguments.json:
        arguments.json.write_text(json.dumps({"conditions": found, **tables}, indent=2) + "\n")


TITLES = {"fast": "as fast as it goes", "paced": "at the film's own rate, as from a camera"}


def parse() -> argparse.Namespace:
    """The arguments; without any, ssd_mobilenet_v1 and the clip beside the project."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=V1 / "detect.tflite")
    parser.add_argument("--labels", type=Path, default=V1 / "coco_labels.txt")
    parser.add_argument("--source", type=Path, default=SHARED / "clips" / "woman-and-dog.mp4")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=300, help="results of each loop in a round")
    parser.add_argument("--edjeelectronics", type=Path, default=SCRIPT, metavar="SCRIPT")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def measure(arguments: argparse.Namespace, *, paced: bool) -> list[dict[str, Any]]:
    """A row for each loop, of the medians of its rounds; the loops take turns."""
    job = Job(
        str(arguments.source), str(arguments.model), str(arguments.labels), arguments.threads, arguments.frames, paced
    )
    outcomes: dict[str, list[Outcome]] = {}
    for _ in range(arguments.rounds):
        for name, outcome in turn(job, arguments.edjeelectronics):
            outcomes.setdefault(name, []).append(outcome)
    return [row(name, each) for name, each in outcomes.items()]


def turn(job: Job, script: Path) -> Iterator[tuple[str, Outcome]]:
    """Each loop once. The script reads a film as fast as it goes, and so has no place in the second table."""
    for name in LOOPS:
        yield name, in_a_process(name, job)
    if job.paced:
        return
    if script.is_file():
        yield "edjeelectronics", edjeelectronics(job, script)
    else:
        print(f"EdjeElectronics' script is left out: {script} is not there; --edjeelectronics SCRIPT names it")


def row(name: str, outcomes: list[Outcome]) -> dict[str, Any]:
    """The medians over the rounds."""
    ages = [np.percentile(each.ages_ms, (50, 95)) for each in outcomes if each.ages_ms]
    return {
        "loop": LABELLED[name],
        "fps": statistics.median(each.results / each.seconds for each in outcomes),
        "distinct_fps": statistics.median(each.distinct / each.seconds for each in outcomes),
        "cpu_ms_per_result": statistics.median(each.cpu_s / each.results for each in outcomes) * 1e3,
        "cpu_percent": statistics.median(each.cpu_s / each.seconds for each in outcomes) * 100,
        "peak_mb": statistics.median(each.peak_mb for each in outcomes),
        "age_p50_ms": statistics.median(p50 for p50, _ in ages) if ages else None,
        "age_p95_ms": statistics.median(p95 for _, p95 in ages) if ages else None,
        "rounds": [{**asdict(each), "ages_ms": None} for each in outcomes],
    }


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The table for a terminal."""
    yield f"{'loop':<38} {'fps':>6} {'distinct':>8} {'CPU ms':>7} {'CPU %':>6} {'MB':>5} {'age p50':>7} {'p95 ms':>7}"
    for each in rows:
        ages = "".join(
            f" {'-' if each[key] is None else format(each[key], '.0f'):>7}" for key in ("age_p50_ms", "age_p95_ms")
        )
        yield (
            f"{each['loop']:<38} {each['fps']:>6.1f} {each['distinct_fps']:>8.1f} {each['cpu_ms_per_result']:>7.2f} "
            f"{each['cpu_percent']:>6.0f} {each['peak_mb']:>5.0f}{ages}"
        )


if __name__ == "__main__":
    main()
