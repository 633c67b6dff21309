"""What a picture of 1280x720 on the screen costs, beside what ``cv2.imshow`` takes for it.

    python -m venv gui && gui/bin/pip install opencv-python
    python benchmarks/window.py --imshow-python gui/bin/python

``cv2.imshow`` needs an OpenCV that is not headless, hence the second Python; without it only the window is measured.
Both sides take turns in one run. Without a display, and with Xvfb installed, the benchmark starts one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from edge_detector.sinks.window.display import X11, Display, find_displays
from edge_detector.sinks.window.screen import Screen, open_screen

SIZE = (1280, 720)
WARM_UP = 20

# cv2.pollKey draws and does not wait, so this is the least that imshow can cost.
IMSHOW = """
import json, sys, time
import cv2, numpy as np
count, warm_up = int(sys.argv[1]), int(sys.argv[2])
pictures = [np.random.default_rng(seed).integers(0, 256, (720, 1280, 3), np.uint8) for seed in (0, 1)]
cv2.namedWindow("imshow", cv2.WINDOW_NORMAL); cv2.resizeWindow("imshow", 1280, 720)
times_ms = []
for number in range(count + warm_up):
    if number == warm_up:
        cpu_s = time.process_time()
    start = time.perf_counter()
    cv2.imshow("imshow", pictures[number % 2]); cv2.pollKey()
    times_ms.append((time.perf_counter() - start) * 1e3)
cpu_ms = (time.process_time() - cpu_s) * 1e3 / count
print(json.dumps({"times_ms": times_ms[warm_up:], "cpu_ms": cpu_ms, "version": cv2.__version__}))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one picture in one round, in milliseconds."""

    wall_ms: float  # median, until the picture has been handed to the display
    cpu_ms: float  # mean, of every process of ours


def main() -> None:
    """Measure and print."""
    arguments = parse()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, pygame-ce {version('pygame-ce')}"
    )
    with a_display() as environ:
        rounds = [one_round(arguments, environ) for _ in range(arguments.rounds)]
    ours, theirs = zip(*rounds, strict=True)
    report("window", list(ours))
    if arguments.imshow_python:
        report("imshow", list(theirs))
        print(f"window / imshow: median {statistics.median(a.wall_ms / b.wall_ms for a, b in rounds):.2f}")
    else:
        print("imshow: not measured; name a Python with opencv-python by --imshow-python")


def parse() -> argparse.Namespace:
    """The arguments; without any, the window alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imshow-python", type=Path, help="a Python that has opencv-python, not the headless one")
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


@contextmanager
def a_display() -> Iterator[dict[str, str]]:
    """The environment of a display: the one there is, else of an Xvfb for the time being."""
    if any(isinstance(finding, Display) for finding in find_displays(os.environ)):
        yield dict(os.environ)
        return
    if not shutil.which("Xvfb"):
        raise SystemExit("no display here, and no Xvfb (apt install xvfb) to make one")
    reading, writing = os.pipe()
    command = ["Xvfb", ":93", "-displayfd", str(writing), "-screen", "0", "1600x1000x24"]
    with subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL) as server:
        os.close(writing)
        with os.fdopen(reading) as pipe:
            number = pipe.readline().strip()
        print(f"on Xvfb :{number}")
        yield {**os.environ, **X11, "DISPLAY": f":{number}"}
        server.terminate()


def one_round(arguments: argparse.Namespace, environ: dict[str, str]) -> tuple[Cost, Any]:
    """What a picture costs us, then what it costs ``imshow``."""
    with closing(open_screen(environ, fullscreen=False)) as screen:
        ours = window_cost(screen, arguments.pictures)
    if not arguments.imshow_python:
        return ours, None
    command = [arguments.imshow_python, "-c", IMSHOW, str(arguments.pictures), str(WARM_UP)]
    qt = {"QT_QPA_PLATFORM": "xcb", "QT_LOGGING_RULES": "*=false"}
    said = subprocess.run(command, env={**environ, **qt}, stdout=subprocess.PIPE, check=True, timeout=120.0)
    answer = json.loads(said.stdout)
    return ours, Cost(statistics.median(answer["times_ms"]), answer["cpu_ms"])


def window_cost(screen: Screen, pictures: int) -> Cost:
    """Of pictures shown one after the other, each waited for."""
    noise = [np.random.default_rng(seed).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8) for seed in (0, 1)]
    screen.open(SIZE)
    wait_until_free(screen)
    times_ms = []
    for number in range(pictures + WARM_UP):
        if number == WARM_UP:
            before_s = cpu_s(screen)
        start = time.perf_counter()
        screen.show(noise[number % 2], title="benchmark")
        wait_until_free(screen)
        times_ms.append((time.perf_counter() - start) * 1e3)
    if screen.size != SIZE:
        raise SystemExit(f"the window is {screen.size}: a display larger than {SIZE} is needed")
    return Cost(statistics.median(times_ms[WARM_UP:]), (cpu_s(screen) - before_s) * 1e3 / pictures)


def wait_until_free(screen: Screen) -> None:
    """Until the last picture has been handed to the display."""
    while not screen.free:
        screen.events(timeout_s=10.0)


def cpu_s(screen: Screen) -> float:
    """Processor time of this process and the window's."""
    window = psutil.Process(screen.pid).cpu_times()
    return time.process_time() + window.user + window.system


def report(name: str, costs: list[Cost]) -> None:
    """One line about one side."""
    wall_ms = statistics.median(cost.wall_ms for cost in costs)
    cpu_ms = statistics.median(cost.cpu_ms for cost in costs)
    each = ", ".join(f"{cost.wall_ms:.2f}" for cost in costs)
    print(f"{name}: {wall_ms:.2f} ms a picture (rounds: {each}), {cpu_ms:.2f} ms of processor time")


if __name__ == "__main__":
    main()
