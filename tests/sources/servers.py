"""Network cameras on this machine: motion JPEG over HTTP in a thread, RTSP by GStreamer in a process."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

FRAME_S = 0.01
BOUNDARY = "frame"

RTSP_SERVER = """
import sys, gi
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
Gst.init(None)
factory = GstRtspServer.RTSPMediaFactory(shared=True)
factory.set_launch(sys.argv[2])
server = GstRtspServer.RTSPServer(service=sys.argv[1])
server.get_mount_points().add_factory("/camera", factory)
assert server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""

TEST_PICTURE = (
    "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 "
    "! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=10 ! rtph264pay name=pay0 )"
)


def recording(film: Path) -> str:
    """What the RTSP server plays: an MP4 of H.264, whose length it announces."""
    return f"( filesrc location={film} ! qtdemux ! h264parse ! rtph264pay name=pay0 )"


def grey(level: int) -> bytes:
    """A JPEG of 64 x 48 pixels."""
    return cv2.imencode(".jpg", np.full((48, 64, 3), level, np.uint8))[1].tobytes()


class _Handler(BaseHTTPRequestHandler):
    server: MotionJpeg

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={BOUNDARY}")
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the reader has gone
            self._send_pictures()

    def _send_pictures(self) -> None:
        count = 0
        silent = self.server.silent  # of this connection: the next may have another
        while count != self.server.pictures and not self.server.closing.wait(FRAME_S):
            if silent.is_set():
                continue
            jpeg = self.server.jpegs[count % len(self.server.jpegs)]
            head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            count += 1

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Tests are quiet."""


class MotionJpeg(ThreadingHTTPServer):
    """A camera of the kind that every browser shows. Leaving the ``with`` block closes every connection."""

    daemon_threads = False  # so that closing joins them

    def __init__(self, port: int, *, pictures: int | None = None, jpegs: Sequence[bytes] = ()) -> None:
        """``pictures``: it hangs up after so many, each time; ``jpegs`` come in turns, left out: twenty greys."""
        super().__init__(("127.0.0.1", port), _Handler)
        self.pictures = pictures
        self.jpegs = jpegs or [grey(10 * number) for number in range(20)]
        self.url = f"http://127.0.0.1:{self.server_port}/stream.mjpg"
        self.closing = threading.Event()
        self.silent = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def fall_silent(self) -> None:
        """Those connected hear nothing more; those that connect from now on do."""
        silent, self.silent = self.silent, threading.Event()
        silent.set()

    def server_close(self) -> None:
        self.closing.set()
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
        super().server_close()


@contextmanager
def rtsp_camera(port: int, launch: str = TEST_PICTURE) -> Iterator[subprocess.Popen[str]]:
    """GStreamer's RTSP server with what ``launch`` makes at rtsp://127.0.0.1:PORT/camera; skips where it is missing."""
    python = shutil.which("python3", path="/usr/bin") or sys.executable
    try:
        process = subprocess.Popen(
            [python, "-c", RTSP_SERVER, str(port), launch], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout
        ready = process.stdout.readline()
        if ready != "ready\n":
            process.wait(10)
            pytest.skip("needs python3-gst-1.0, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-{good,ugly}")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=10)
