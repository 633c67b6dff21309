"""How well the tracker keeps each object's number, and what it costs: HOTA, IDF1, ID switches, milliseconds a frame.

    python benchmarks/tracking.py --gt DIR --det DIR --output DIR [--fps FILE] [--rate native 8 4] [--python PYTHON]

--gt and --det hold one file in MOT text format for each sequence, as of MOTChallenge 2015: one class, people. The fps
file has lines of a name and a number; without --fps it is fps.txt beside the folders. For --rate 8 every k-th frame is
taken, k the nearest to native / 8, and both detections and ground truth are numbered 1, 2, 3 ... again, so that the
evaluator sees a film of that rate; the time stamps are those of the frames in the native film.

--output gets RATE/tracks/NAME.txt and RATE/gt/NAME.txt, the ground truth as it was measured against: columns 8 and 9
(class and visibility) are 1, for the evaluator takes other classes out, and rows of which column 7 is 0 are left out.
Tracks hold only objects that were found in the frame, as is usual with MOTChallenge; --held adds those that are only
expected there, as they are shown on the screen.

The figures are those of ``python -m trackers.scripts eval`` (pip install trackers; it follows TrackEval), best in a
virtual environment of its own, whose interpreter is --python. Without it the files are written and only the times are
printed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edge_detector.track.tracker import Tracker
from edge_detector.types import Detections, Size

Rows = NDArray[np.float64]  # (N, columns) of a MOT file: frame, id, left, top, width, height, score or flag, ...

LABELS = ("person",)
START = 0.7  # score that begins a track, as in ByteTrack for such detections; those below may continue one
NATIVE = "native"
METRICS = ("HOTA", "IDF1", "IDSW")
OBJECTS = 20  # in the synthetic scene in which time is measured


class Sequence(NamedTuple):
    """One film: its detections and ground truth, numbered from 1, each with the frames that are taken."""

    name: str
    detections: Rows
    truth: Rows
    timestamps_ns: list[int]  # of frames 1, 2, 3 ...
    size: Size  # of the picture, as far as boxes reach: the files do not say it


def main() -> None:
    args = arguments()
    fps = read_fps(args.fps or args.det.parent / "fps.txt")
    for rate in args.rate:
        sequences = [thinned(one, fps[one.name], rate) for one in read_sequences(args.gt, args.det)]
        folder = args.output / rate
        times_ms = {one.name: write_tracks(one, folder, start=args.start, held=args.held) for one in sequences}
        print_table(rate, evaluate(args.python, folder), times_ms)
    print(f"\n{OBJECTS} objects (synthetic): {synthetic_ms(OBJECTS, args.start):.3f} ms a frame")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gt", type=Path, required=True, help="folder of ground truth, NAME.txt")
    parser.add_argument("--det", type=Path, required=True, help="folder of detections, NAME.txt")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tracks")
    parser.add_argument("--fps", type=Path, help="file of the native rates (fps.txt beside --det)")
    parser.add_argument("--rate", nargs="+", default=[NATIVE, "8", "4"], help="frames per second, or native")
    parser.add_argument("--start", type=float, default=START, help=f"score that begins a track ({START})")
    parser.add_argument("--held", action="store_true", help="write also what is only expected in a frame")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with the package trackers")
    args = parser.parse_args()
    if which(args.python) is None:
        parser.error(f"--python {args.python}: no such program; expected the interpreter of an environment")
    if missing := [path.name for path in args.det.glob("*.txt") if not (args.gt / path.name).is_file()]:
        parser.error(f"--gt {args.gt}: no ground truth for {', '.join(sorted(missing))}")
    return args


def read_fps(path: Path) -> dict[str, float]:
    lines = (line.split() for line in path.read_text().splitlines() if line.strip())
    return {name: float(rate) for name, rate in lines}


def read_sequences(gt: Path, det: Path) -> Iterator[Sequence]:
    for path in sorted(det.glob("*.txt")):
        truth = read_mot(gt / path.name)
        yield Sequence(path.stem, read_mot(path), truth[truth[:, 6] != 0], [], (0, 0))


def read_mot(path: Path) -> Rows:
    return np.loadtxt(path, delimiter=",", ndmin=2, usecols=range(7))


def thinned(sequence: Sequence, fps: float, rate: str) -> Sequence:
    """Every k-th frame, k so that ``rate`` is met as nearly as can be, numbered 1, 2, 3 ... again."""
    step = 1 if rate == NATIVE else max(1, round(fps / float(rate)))
    last = int(max(sequence.detections[:, 0].max(), sequence.truth[:, 0].max()))
    timestamps_ns = [round(frame * 1e9 / fps) for frame in range(0, last, step)]
    detections, truth = every(sequence.detections, step), every(sequence.truth, step)
    return Sequence(sequence.name, detections, truth, timestamps_ns, extent(sequence.detections))


def extent(rows: Rows) -> Size:
    width, height = (rows[:, 2:4] + rows[:, 4:6]).max(axis=0)
    return int(width), int(height)


def every(rows: Rows, step: int) -> Rows:
    """The rows of frames 1, 1 + step, 1 + 2 * step ..., as frames 1, 2, 3 ..."""
    taken = rows[(rows[:, 0] - 1) % step == 0].copy()
    taken[:, 0] = (taken[:, 0] - 1) // step + 1
    return taken


def write_tracks(sequence: Sequence, folder: Path, *, start: float, held: bool) -> float:
    """Track the sequence into ``folder``/tracks, and its ground truth into ``folder``/gt; gives ms a frame."""
    tracker, lowest = Tracker(), np.array([start], np.float32)
    rows, times_ms = [], []
    for number, timestamp_ns in enumerate(sequence.timestamps_ns, start=1):
        found = detections(sequence.detections[sequence.detections[:, 0] == number])
        began = time.perf_counter()
        shown = tracker.update(found, timestamp_ns, lowest, sequence.size)
        times_ms.append((time.perf_counter() - began) * 1000)
        rows.append(as_mot(number, shown if held else shown[~shown.held]))
    write_mot(folder / "tracks" / f"{sequence.name}.txt", np.vstack(rows))
    write_mot(folder / "gt" / f"{sequence.name}.txt", sequence.truth)
    return float(np.mean(times_ms))


def detections(rows: Rows) -> Detections:
    """The rows of one frame, the best score first."""
    rows = rows[np.argsort(-rows[:, 6], kind="stable")]
    boxes = np.hstack([rows[:, 2:4], rows[:, 2:4] + rows[:, 4:6]]).astype(np.float32)
    return Detections(boxes, rows[:, 6].astype(np.float32), np.zeros(len(rows), np.int32), LABELS)


def as_mot(frame: int, tracks: Detections) -> Rows:
    corner, size = tracks.boxes[:, :2], tracks.boxes[:, 2:] - tracks.boxes[:, :2]
    return np.column_stack([np.full(len(tracks), frame), tracks.track_ids, corner, size, tracks.scores])


def write_mot(path: Path, rows: Rows) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (",".join(f"{number:.6g}" for number in row) + ",1,1,-1\n" for row in rows.tolist())
    path.write_text("".join(lines))


def evaluate(python: str, folder: Path) -> dict[str, dict[str, float]]:
    """`METRICS` by sequence, and of all as COMBINED; empty if ``python`` has no package trackers."""
    report = folder / "metrics.json"
    command = [python, "-m", "trackers.scripts", "eval", "--metrics", "CLEAR", "HOTA", "Identity"]
    command += ["--gt-dir", str(folder / "gt"), "--tracker-dir", str(folder / "tracks"), "--output", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"no metrics: {done.stderr.strip().splitlines()[-1]}; see --python", file=sys.stderr)
        return {}
    read = json.loads(report.read_text())
    return {name: metrics(one) for name, one in {**read["sequences"], "COMBINED": read["aggregate"]}.items()}


def metrics(result: dict[str, dict[str, float]]) -> dict[str, float]:
    percent = {"HOTA": 100 * result["HOTA"]["HOTA"], "IDF1": 100 * result["Identity"]["IDF1"]}
    return {**percent, "IDSW": result["CLEAR"]["IDSW"]}


def print_table(rate: str, figures: dict[str, dict[str, float]], times_ms: dict[str, float]) -> None:
    print(f"\n{'rate ' + rate:16}" + "".join(f"{name:>7}" for name in METRICS) + "  ms a frame")
    times_ms = {**times_ms, "COMBINED": sum(times_ms.values()) / len(times_ms)}
    for name, time_ms in times_ms.items():
        cells = (f"{figures[name][metric]:7.{0 if metric == 'IDSW' else 1}f}" for metric in METRICS if figures)
        print(f"{name:16}" + "".join(cells) + f"  {time_ms:10.3f}")


def synthetic_ms(objects: int, start: float, frames: int = 300) -> float:
    """Median time of a frame with so many objects, each on its own way, each missed in one frame of ten."""
    rng = np.random.default_rng(1)
    places, speeds = rng.uniform(0, 1000, (objects, 2)), rng.uniform(-5, 5, (objects, 2))
    tracker, lowest = Tracker(), np.array([start], np.float32)
    times_ms = []
    for number in range(frames):
        found = scene(rng, places + number * speeds)
        began = time.perf_counter()
        tracker.update(found, number * 33_000_000, lowest, (2600, 2600))
        times_ms.append((time.perf_counter() - began) * 1000)
    return median(times_ms)


def scene(rng: np.random.Generator, corners: Rows) -> Detections:
    """People of 40 x 100 pixels at ``corners`` (N, 2), a pixel off, nine of ten found."""
    corners = corners[rng.random(len(corners)) < 0.9]
    corners = corners + rng.normal(0, 1, corners.shape)
    scores = np.sort(rng.uniform(0.5, 1, len(corners)))[::-1]
    boxes = np.hstack([corners, corners + np.array([40, 100])])
    return Detections(boxes.astype(np.float32), scores.astype(np.float32), np.zeros(len(boxes), np.int32), LABELS)


if __name__ == "__main__":
    main()
