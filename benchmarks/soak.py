"""The whole program for hours, while things around it fail at random: does it grow, leak, stop or lose frames?

    python benchmarks/soak.py --minutes 30

A network camera plays a looping film; results go to every output: a film, clips that open once a second, snapshots,
JSON lines, words, telemetry, a window, the web page and an MQTT broker. Every half minute or so the camera falls silent
or hangs up, the disk fills, a viewer vanishes in the middle of a picture, or the broker is killed. The disk is a small
tmpfs, which needs root; the broker is mosquitto; the screen is Xvfb; what is missing is left out and said. Exit code 1
if the program ended, or its memory grew by 0.5 MB an hour or more after the first ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import psutil

from edge_detector.image_files import encode_jpeg

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared" / "clips" / "residential-street.mp4"
FILM_FRAMES = 200
DISK_BYTES = 48 * 10**6
FILL_BYTES_PER_S = 2 * 10**6
SAMPLE_S = 5.0
SETTLE_MINUTES = 10.0  # caches, the first films, allocator pools
LARGEST_SLOPE_MB_PER_H = 0.5
PAUSES_S = (15.0, 45.0)  # between faults
SILENT_S = (8.0, 20.0)  # longer than the source's own deadline of five seconds
START_TIMEOUT_S = 60.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--fps", type=float, default=10.0, help="of the camera")
    parser.add_argument("--clip", type=Path, default=CLIP)
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--samples", type=Path, help="write every sample to this CSV file")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        soak = Soak(stack, arguments)
        soak.run(60 * arguments.minutes)
    if arguments.samples:
        soak.write_samples(arguments.samples)
    return soak.report()


# ---- the world around the program ------------------------------------------------------------------------------------


class Camera:
    """A network camera (motion JPEG over HTTP) that can fall silent and hang up."""

    def __init__(self, clip: Path, fps: float) -> None:
        self.sent = 0
        self.talking = threading.Event()
        self.talking.set()
        self.hang_up = threading.Event()
        self._pictures = film(clip)
        self._period_s = 1 / fps
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with suppress(OSError):  # the program went away, or was told to
                    camera.serve(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/stream.mjpg"

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        handler.end_headers()
        due = time.monotonic()
        while not self.hang_up.is_set():
            self.talking.wait()
            picture = self._pictures[self.sent % len(self._pictures)]
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            handler.wfile.write(head.encode() + picture + b"\r\n")
            self.sent += 1
            due = max(due + self._period_s, time.monotonic() - self._period_s)
            time.sleep(max(0.0, due - time.monotonic()))
        self.hang_up.clear()

    def __enter__(self) -> Camera:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def film(clip: Path) -> list[bytes]:
    """The first pictures of ``clip`` as JPEG, or noise where there is no clip."""
    if not clip.is_file():
        noise = np.random.default_rng(0).integers(0, 255, (20, 36, 64, 3), np.uint8)
        return [encode_jpeg(cv2.resize(picture, (640, 360)), quality=80) for picture in noise]
    pictures, reader = [], cv2.VideoCapture(str(clip))
    while len(pictures) < FILM_FRAMES:
        there, picture = reader.read()
        if not there:
            break
        pictures.append(encode_jpeg(picture, quality=80))
    reader.release()
    return pictures


class Broker:
    """Mosquitto, killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        self._process = subprocess.Popen([str(program), "-c", str(self._configuration)], stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Broker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A tmpfs of `DISK_BYTES` on ``folder``. Needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "soak", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def screen() -> Iterator[str]:
    """An X server without a monitor; gives its name, which is in the environment meanwhile."""
    server = subprocess.Popen(["Xvfb", "-displayfd", "1", "-screen", "0", "1280x800x24"], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        os.environ["DISPLAY"] = f":{server.stdout.readline().decode().strip()}"
        yield os.environ["DISPLAY"]
    finally:
        server.kill()
        server.wait()


class Viewer:
    """A browser that takes the live picture, until it vanishes in the middle of one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: socket.socket | None = None
        self.pictures_bytes = 0

    def watch(self) -> None:
        """Connect, and read in the background."""
        self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self._connection.sendall(f"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
        threading.Thread(target=self._read, args=(self._connection,), daemon=True).start()

    def vanish(self) -> None:
        """Go without a word: a reset, not an orderly end."""
        if self._connection:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self._connection.close()

    def _read(self, connection: socket.socket) -> None:
        with suppress(OSError):  # it vanished
            while data := connection.recv(1 << 16):
                self.pictures_bytes += len(data)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# ---- the program under test ------------------------------------------------------------------------------------------


@dataclass
class Program:
    """``edge-detector`` as a user starts it; its JSON lines are counted as they come."""

    words: list[str]
    log: Path
    results: int = 0
    longest_silence_s: float = 0.0
    started: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Program:
        command = [sys.executable, "-m", "edge_detector", *self.words]
        self._log = self.log.open("wb")
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, cwd=ROOT)
        self._reader = threading.Thread(target=self._count, daemon=True)
        self._reader.start()
        self.self = psutil.Process(self.process.pid)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self._log.close()

    def _count(self) -> None:
        assert self.process.stdout is not None
        newest_s = time.monotonic()
        for line in self.process.stdout:
            if not line.startswith(b"{"):  # the words of the print sink
                continue
            json.loads(line)
            now_s = time.monotonic()
            if self.results:
                self.longest_silence_s = max(self.longest_silence_s, now_s - newest_s)
            newest_s = now_s
            self.results += 1
            self.started.set()


@dataclass(frozen=True)
class Sample:
    minutes: float
    rss_mb: float
    fds: int
    threads: int


class Soak:
    """The run: the world, the program in it, the faults, and what was measured."""

    def __init__(self, stack: ExitStack, arguments: argparse.Namespace) -> None:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        self.samples: list[Sample] = []
        self.faults: Counter[str] = Counter()
        self.left_out: list[str] = []
        self._random = random.Random(arguments.seed)
        self._stop = threading.Event()
        self._camera = stack.enter_context(Camera(arguments.clip, arguments.fps))
        self._broker = self._open_broker(stack, folder)
        self._disk = self._open_disk(stack, folder)
        self._screen = self._open_screen(stack)
        page_port = free_port()
        self._viewers = [Viewer(page_port) for _ in range(2)]
        words = ["--source", self._camera.url, "--confidence", "0.3", "--sink", f"web:127.0.0.1:{page_port}"]
        words += ["--sink", "jsonl:-", "--sink", f"video:{self._disk}?segment=1m&keep=20MB&reserve=4MB"]
        clips = "before=500ms&after=200ms&longest=1s&keep=5&memory=4MB&reserve=4MB"
        words += ["--sink", f"clips:{self._disk}/clips?{clips}"]
        words += ["--sink", f"snapshots:{self._disk}/snapshots?cooldown=1s&keep=10&reserve=4MB"]
        words += ["--sink", "print", "--sink", f"telemetry?csv={self._disk}/telemetry.csv"]
        words += ["--sink", "window"] if self._screen else []
        words += ["--sink", f"mqtt:127.0.0.1:{self._broker.port}?topic=soak"] if self._broker else []
        self._log = Path(f"/tmp/soak-{arguments.seed}.log")
        self._program = stack.enter_context(Program(words, self._log))

    def run(self, seconds: float) -> None:
        """Let it run, and let things fail."""
        if not self._program.started.wait(START_TIMEOUT_S):
            sys.exit(f"no result within {START_TIMEOUT_S:g} s: see {self._log}")
        self._start_s = time.monotonic()
        sent_before = self._camera.sent
        for viewer in self._viewers:
            viewer.watch()
        saboteur = threading.Thread(target=self._sabotage, daemon=True)
        saboteur.start()
        while time.monotonic() - self._start_s < seconds and self._program.process.poll() is None:
            self._sample()
            self._stop.wait(SAMPLE_S)
        self._stop.set()
        saboteur.join(2 * SILENT_S[1])
        self.minutes = (time.monotonic() - self._start_s) / 60
        self.exit_code = self._program.process.poll()
        self.sent = self._camera.sent - sent_before
        self.results = self._program.results
        self.longest_silence_s = self._program.longest_silence_s

    def _sample(self) -> None:
        with suppress(psutil.NoSuchProcess):
            process = self._program.self
            minutes = (time.monotonic() - self._start_s) / 60
            rss_mb = process.memory_info().rss / 1e6
            self.samples.append(Sample(minutes, rss_mb, process.num_fds(), process.num_threads()))

    # ---- faults

    def _sabotage(self) -> None:
        faults: dict[str, Callable[[], None]] = {
            "camera falls silent": self._silent_camera,
            "camera hangs up": self._camera.hang_up.set,
            "viewer vanishes": self._vanishing_viewer,
        }
        if self._disk_is_small:
            faults["disk is full"] = self._full_disk
        if self._broker:
            faults["broker dies"] = self._dead_broker
        while not self._stop.wait(self._random.uniform(*PAUSES_S)):
            name = self._random.choice(list(faults))
            self.faults[name] += 1
            print(f"{(time.monotonic() - self._start_s) / 60:6.1f} min  {name}", flush=True)
            faults[name]()

    def _silent_camera(self) -> None:
        self._camera.talking.clear()
        self._stop.wait(self._random.uniform(*SILENT_S))
        self._camera.talking.set()

    def _vanishing_viewer(self) -> None:
        viewer = self._random.choice(self._viewers)
        viewer.vanish()
        viewer.watch()

    def _full_disk(self) -> None:
        """Another program fills it, at the speed of an SD card's small writes."""
        filler = self._disk / "filler"
        with suppress(OSError), filler.open("wb", buffering=0) as file:  # ENOSPC is the aim
            while not self._stop.wait(0.1):
                file.write(bytes(FILL_BYTES_PER_S // 10))
        self._stop.wait(self._random.uniform(*SILENT_S))
        filler.unlink()

    def _dead_broker(self) -> None:
        assert self._broker is not None
        self._broker.kill()
        self._stop.wait(self._random.uniform(*SILENT_S))
        self._broker.start()

    def _open_broker(self, stack: ExitStack, folder: Path) -> Broker | None:
        if shutil.which("mosquitto", path="/usr/sbin:/usr/bin"):
            return stack.enter_context(Broker(folder))
        self.left_out.append("broker dies (no mosquitto)")
        return None

    def _open_screen(self, stack: ExitStack) -> str:
        if not shutil.which("Xvfb"):
            self.left_out.append("a window (no Xvfb)")
            return ""
        return stack.enter_context(screen())

    def _open_disk(self, stack: ExitStack, folder: Path) -> Path:
        disk = folder / "disk"
        disk.mkdir()
        try:
            stack.enter_context(small_disk(disk))
        except subprocess.CalledProcessError:
            self.left_out.append("disk is full (no right to mount)")
            self._disk_is_small = False
        else:
            self._disk_is_small = True
        return disk

    # ---- what came of it

    def write_samples(self, path: Path) -> None:
        rows = (f"{s.minutes:.3f},{s.rss_mb:.3f},{s.fds},{s.threads}" for s in self.samples)
        path.write_text("\n".join(("minutes,rss_mb,fds,threads", *rows)) + "\n")

    def report(self) -> int:
        """Print the figures; 1 if the program ended or grew."""
        settled = [s for s in self.samples if s.minutes >= min(SETTLE_MINUTES, self.minutes / 3)]
        slope = slope_mb_per_h(settled)
        first, last = settled[0], settled[-1]
        print(f"\n{self.minutes:.1f} minutes, {sum(self.faults.values())} faults: {dict(self.faults)}")
        if self.left_out:
            print(f"left out: {', '.join(self.left_out)}")
        ended = "still running" if self.exit_code is None else f"ENDED with {self.exit_code}, see {self._log}"
        print(f"program          {ended}")
        print(f"frames           {self.sent} sent, {self.results} results, {self.sent - self.results} lost")
        print(f"longest silence  {self.longest_silence_s:.1f} s between two results")
        print(f"viewers took     {sum(viewer.pictures_bytes for viewer in self._viewers) / 1e6:.0f} MB of pictures")
        print(f"RSS              {first.rss_mb:.1f} to {last.rss_mb:.1f} MB, slope {slope:+.2f} MB/h")
        for name in ("fds", "threads"):
            values = [getattr(s, name) for s in settled]
            print(f"{name:<16} {values[0]} to {values[-1]}, {min(values)} to {max(values)} meanwhile")
        return int(self.exit_code is not None or slope >= LARGEST_SLOPE_MB_PER_H)


def slope_mb_per_h(samples: list[Sample]) -> float:
    """Least squares through the samples' memory."""
    hours = np.array([s.minutes for s in samples]) / 60
    return float(np.polyfit(hours, [s.rss_mb for s in samples], 1)[0])


if __name__ == "__main__":
    sys.exit(main())
