"""What another camera costs: results a second, their age, processor time and memory, in turns.

    python benchmarks/cameras.py [--model FILE.tflite] [--seconds 8] [--rounds 3] [--fps 40]

Every case is a process of its own with synthetic cameras of 640x360; the model has one thread. ``--fps`` should be more
than the model can take, so that cameras wait for it. Cases are measured in turns, and the medians are printed beside
their ratios to one camera: on a machine with other work only those of the
results for a second of processor time and of the memory mean something.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import NamedTuple

from edge_detector.cameras import Camera
from edge_detector.config import Config
from edge_detector.pipeline import Watch

WARM_UP_S = 1.0
Figures = dict[str, float]


class Case(NamedTuple):
    """So many cameras, each at a share of --fps, and one that falls silent."""

    cameras: int
    share: float = 1.0
    silent: bool = False

    def __str__(self) -> str:
        rate = "" if self.share == 1.0 else f" at {self.share:g} of the rate"
        return f"{self.cameras} camera{'s' * (self.cameras > 1)}{rate}{' and a silent one' if self.silent else ''}"


CASES = (Case(1), Case(2, 0.5), Case(1, silent=True), Case(2), Case(3), Case(4))


def main() -> None:
    args = arguments()
    if args.case is not None:
        print(json.dumps(measured(CASES[args.case], args)))
        return
    found: dict[Case, list[Figures]] = {case: [] for case in CASES}
    for _ in range(args.rounds):
        for number, case in enumerate(CASES):
            found[case].append(in_a_process(number))
    print_table({case: middle(rounds) for case, rounds in found.items()})


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="the default one, if it is left out")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fps", type=float, default=40.0, help="of each camera")
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def in_a_process(number: int) -> Figures:
    command = [sys.executable, __file__, *sys.argv[1:], "--case", str(number)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def measured(case: Case, args: argparse.Namespace) -> Figures:
    cameras = [Camera(f"synthetic:?seed={number}", fps=args.fps * case.share) for number in range(case.cameras)]
    if case.silent:
        cameras.append(Camera("synthetic:?silent_after=3", name="silent", fps=args.fps))
    config = Config(cameras=tuple(cameras), model=args.model, threads=1, size=(640, 360), timeout=1.0)
    numbers: Counter[str] = Counter()
    ages_ms: list[float] = []
    started_s = cpu_s = 0.0
    with Watch(config) as results:
        begin_s = time.monotonic()
        for result in results:
            now_s = time.monotonic()
            if now_s - begin_s < WARM_UP_S:
                started_s, cpu_s = now_s, time.process_time()
                continue
            numbers[result.camera] += 1
            ages_ms.append(result.timings.latency_ms)
            if now_s - started_s >= args.seconds:
                break
        elapsed_s, used_s = time.monotonic() - started_s, time.process_time() - cpu_s
    numbers.pop("silent", None)
    return {
        "results a second": numbers.total() / elapsed_s,
        "results a processor second": numbers.total() / used_s,
        "fewest / most of a camera": min(numbers.values()) / max(numbers.values()),
        "age p50, ms": median(ages_ms),
        "processor, s a second": used_s / elapsed_s,
        "memory, MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def middle(rounds: list[Figures]) -> Figures:
    return {name: median(each[name] for each in rounds) for name in rounds[0]}


def print_table(found: dict[Case, Figures]) -> None:
    one = found[CASES[0]]
    print("| case | " + " | ".join(one) + " |\n|---|" + "---|" * len(one))
    for case, figures in found.items():
        cells = (f"{value:.3g} ({value / one[name]:.2f})" for name, value in figures.items())
        print(f"| {case} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
