"""What a crowd before the web page costs the detector: frames per second and memory, without and with viewers.

    python benchmarks/web.py --viewers 50 --seconds 60

A whole detector runs in a process of its own, once behind a camera of 30 frames a second and once flat out, and both
sides are measured in one run: alone, with the crowd, alone again. Each viewer is an open page: it takes the picture,
listens to the detections and asks for the status every second. All of them are one cheap process that reads and
discards; what it takes of the processor comes off the same machine and is printed, for a real crowd brings its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import selectors
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared" / "clips" / "woman-and-dog.mp4"
WARM_UP_S = 10.0  # until the meter's window is full, the clip has looped and buffers have their size
SETTLE_S = 5.0  # until all viewers have their first pictures
START_S = 30.0
SAMPLE_S = 1.0
BOUNDARY = b"\r\n--frame\r\n"
RECEIVE_BYTES = 1 << 18


@dataclass(frozen=True)
class Window:
    """One stretch of the run."""

    fps: float  # results a second
    cpu: float  # of the detector's process: 1.0 is one core
    machine_cpu: float  # of everything on the machine
    rss_mb: list[float]  # one a second


def main() -> None:
    """Measure and print."""
    arguments = parse()
    if arguments.watch:
        watch(arguments.watch, arguments.viewers, arguments.seconds)
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{machine}, Python {platform.python_version()}")
    print(", ".join(f"{name} {version(name)}" for name in ("aiohttp", "ai-edge-litert", "opencv-python-headless")))
    for name, source in (("camera, 30 fps", ["synthetic"]), ("flat out", [str(arguments.clip), "--loop"])):
        with detector(source, arguments) as (process, port):
            measure(name, process, port, arguments)


def parse() -> argparse.Namespace:
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60.0, help="with viewers; half of it alone, before and after")
    parser.add_argument("--rounds", type=int, default=1, help="many short ones tell more on a busy machine")
    parser.add_argument("--threads", type=int, default=1, help="of the model")
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--watch", metavar="PORT", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


@contextlib.contextmanager
def detector(source: list[str], arguments: argparse.Namespace) -> Iterator[tuple[psutil.Process, int]]:
    """A detector with a page on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "edge_detector", "--sink", f"web:{port}", "--threads", str(arguments.threads)]
    with subprocess.Popen([*command, "--source", *source], stderr=subprocess.DEVNULL, cwd=ROOT) as process:
        try:
            wait_until_healthy(port)
            yield psutil.Process(process.pid), port
        finally:
            process.terminate()


def wait_until_healthy(port: int) -> None:
    """Wait for the first result."""
    deadline = time.monotonic() + START_S
    while True:
        try:
            ask(port, "/healthz")
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def measure(name: str, process: psutil.Process, port: int, arguments: argparse.Namespace) -> None:
    """Alone, with the crowd, alone again, and so on."""
    time.sleep(WARM_UP_S)
    print(f"\n{name}, {arguments.threads} thread(s), {arguments.viewers} viewers for {arguments.seconds:g} s")
    alone, ratios = [observe(process, port, arguments.seconds / 2)], []
    for _ in range(arguments.rounds):
        with crowd(port, arguments) as viewers:
            time.sleep(SETTLE_S)
            crowded = observe(process, port, arguments.seconds)
        alone.append(observe(process, port, arguments.seconds / 2))
        ratios.append(crowded.fps / statistics.mean(window.fps for window in alone[-2:]))
        report(alone[-2], crowded, alone[-1], json.loads(viewers[0]))
    fall = 100 * (1 - statistics.median(ratios))
    print(f"  with / alone: {', '.join(f'{ratio:.3f}' for ratio in ratios)}; median: a fall of {fall:.1f} %")


def report(before: Window, crowded: Window, after: Window, seen: dict[str, float]) -> None:
    """Print one round."""
    rss = crowded.rss_mb
    edge = max(1, len(rss) // 6)
    first, last = statistics.mean(rss[:edge]), statistics.mean(rss[-edge:])
    busy = ", ".join(f"{window.machine_cpu:.2f}" for window in (before, crowded, after))
    print(f"  results a second: alone {before.fps:.2f} and {after.fps:.2f}, with viewers {crowded.fps:.2f}")
    print(f"  memory: alone {before.rss_mb[-1]:.1f} MB; with viewers first {first:.1f}, last {last:.1f} MB")
    print(f"  cores taken: detector alone {before.cpu:.2f}, with viewers {crowded.cpu:.2f}, ", end="")
    print(f"viewers {seen['cpu']:.2f}; by all on this machine: {busy}")
    print(f"  each viewer: {seen['pictures_per_s']:.2f} pictures a second (least {seen['least']:.2f}), ", end="")
    print(f"all {seen['mb_per_s']:.1f} MB/s, {seen['answers_per_s']:.1f} answers a second")


def observe(process: psutil.Process, port: int, seconds: float) -> Window:
    """Watch the detector's process from outside for a while."""
    process.cpu_percent()
    psutil.cpu_percent()
    count, begin, rss = results(port), time.monotonic(), []
    while time.monotonic() - begin < seconds:
        time.sleep(SAMPLE_S)
        rss.append(process.memory_info().rss / 1e6)
    elapsed = time.monotonic() - begin
    machine_cpu = psutil.cpu_percent() / 100 * (os.cpu_count() or 1)
    return Window((results(port) - count) / elapsed, process.cpu_percent() / 100, machine_cpu, rss)


def results(port: int) -> float:
    """Frames on which detection has run."""
    lines = ask(port, "/metrics").splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("edge_detector_results_total "))


def ask(port: int, path: str) -> str:
    """The text of one answer."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text


@contextlib.contextmanager
def crowd(port: int, arguments: argparse.Namespace) -> Iterator[list[str]]:
    """Viewers in a process of their own; what they saw stands in the list once they have left."""
    seconds = arguments.seconds + SETTLE_S
    command = [sys.executable, __file__, "--watch", str(port), "--viewers", str(arguments.viewers)]
    seen: list[str] = []
    with subprocess.Popen([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True) as process:
        yield seen
        seen.append(process.communicate()[0])


def watch(port: int, viewers: int, seconds: float) -> None:
    """Be ``viewers`` open pages for ``seconds``, and print what came."""
    pages = selectors.DefaultSelector()
    pictures = dict.fromkeys((connect(pages, port, "/stream.mjpg", viewer) for viewer in range(viewers)), 0)
    for viewer in range(viewers):
        connect(pages, port, "/api/detections", viewer)
    polls = [connect(pages, port, None, viewer) for viewer in range(viewers)]
    buffer = bytearray(RECEIVE_BYTES)
    received, answers, begin = 0, 0, time.monotonic()
    while (elapsed := time.monotonic() - begin) < seconds:
        while answers < min(elapsed, seconds) * viewers:  # spread over the second, as a crowd is
            send(polls[answers % viewers], port, "/api/status")
            answers += 1
        for key, _ in pages.select(timeout=1 / viewers):
            connection = key.fileobj
            if not (size := connection.recv_into(buffer)):
                raise SystemExit("the page has closed a viewer's connection; these figures would be those of fewer")
            received += size
            if connection in pictures:
                pictures[connection] += buffer.count(BOUNDARY, 0, size)
    cpu = time.process_time() / elapsed
    rates = [count / elapsed for count in pictures.values()]
    print(
        json.dumps(
            {
                "cpu": cpu,
                "pictures_per_s": statistics.mean(rates),
                "least": min(rates),
                "mb_per_s": received / elapsed / 1e6,
                "answers_per_s": answers / elapsed,
            }
        )
    )


def connect(pages: selectors.BaseSelector, port: int, path: str | None, viewer: int) -> socket.socket:
    """A connection that asks for ``path``, read from whenever something comes.

    Each viewer has a loopback address of its own, because the page limits the connections of one address.
    """
    connection = socket.create_connection(("127.0.0.1", port), source_address=(f"127.0.1.{viewer + 1}", 0))
    if path:
        send(connection, port, path)
    pages.register(connection, selectors.EVENT_READ)
    return connection


def send(connection: socket.socket, port: int, path: str) -> None:
    """Ask for ``path``."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())


if __name__ == "__main__":
    main()
