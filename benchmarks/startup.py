"""How long it takes from starting the process to the first detection, and how long imports take.

    python benchmarks/startup.py --rounds 10 --json startup.json

Each of the starts is a new process; they take turns, and the median counts. Python and numpy alone are measured, too:
so much no program of ours can save. Processor time is that of the process until it was ended. Modules are compiled
before the first round, as pip compiles what it installs, into a folder of their own: an environment that forbids Python
to write bytecode, as many containers do, would let each start compile all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import ROOT, first_detection_s

from edge_detector.config import Config
from edge_detector.model_store.find import default_model
from edge_detector.system.conditions import conditions, in_words


@dataclass(frozen=True)
class Start:
    """What one kind of start takes, in seconds."""

    name: str
    seconds: float  # median of the rounds
    fastest_s: float
    cpu_s: float  # median of the processor time
    goal_s: float | None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", type=Path, default=ROOT / "demo" / "demo.mp4")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    arguments = parser.parse_args()
    found = conditions()
    print(in_words(found))
    with compiled():
        starts = measure(Config(model=default_model(), source=str(arguments.source), threads=1), arguments.rounds)
    for each in starts:
        goal = "" if each.goal_s is None else f", goal {each.goal_s:.1f}"
        print(f"  {each.name:<32} {each.seconds:.3f} s (least {each.fastest_s:.3f}), {each.cpu_s:.3f} s of CPU{goal}")
    if arguments.json:
        figures = {"conditions": found, "rounds": arguments.rounds, "starts": [asdict(each) for each in starts]}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


@contextmanager
def compiled() -> Iterator[None]:
    """Processes that are started here keep the bytecode of what they import, and find it again."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = folder
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


def measure(config: Config, rounds: int) -> list[Start]:
    """Every kind of start, in turns; one round before them fills the caches of files."""
    kinds: dict[str, tuple[Callable[[], float], float | None]] = {
        "python": (lambda: run_s("pass"), None),
        "import numpy": (lambda: run_s("import numpy"), None),
        "import edge_detector": (lambda: run_s("import edge_detector"), 0.1),
        "import edge_detector.cli": (lambda: run_s("import edge_detector.cli"), 0.1),
        "edge-detector --version": (lambda: run_s("from edge_detector import cli; cli.main(['--version'])"), None),
        "process start to first detection": (lambda: first_detection_s(config), 0.3),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(rounds + 1):
        for name, (start, _goal_s) in kinds.items():
            before_s = children_s()
            times[name].append((start(), children_s() - before_s))
    return [summary(name, times[name][1:], goal_s) for name, (_, goal_s) in kinds.items()]


def summary(name: str, times: list[tuple[float, float]], goal_s: float | None) -> Start:
    """Of (seconds, seconds of processor time) of each round."""
    wall_s, cpu_s = zip(*times, strict=True)
    return Start(name, statistics.median(wall_s), min(wall_s), statistics.median(cpu_s), goal_s)


def run_s(code: str) -> float:
    """Seconds until a new process has run ``code`` and ended."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def children_s() -> float:
    """Processor time of all processes that were started here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
