"""The page's picture as an RTSP stream, by the script that uses GStreamer's server; opened by FFmpeg's client."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import pytest

pytest.importorskip("aiohttp", reason="needs the extra [web]")

from tests import make
from tests.free_port import free_port
from tests.sinks.conftest import MakeContext
from tests.sinks.web.pages import TOKEN, Page, open_page

SCRIPT = Path(__file__).parents[3] / "scripts" / "rtsp_server.py"
PERSON = ((20.0, 20.0, 200.0, 200.0), 0.9, 0)


@contextmanager
def served(page: Page, token: Path) -> Iterator[str]:
    """The stream's address."""
    python = shutil.which("python3", path="/usr/bin")
    if python is None:
        pytest.skip("needs Debian's Python")
    port = free_port()
    where = ["--page", f"http://127.0.0.1:{page.port}", "--token-file", str(token), "--port", str(port)]
    process = subprocess.Popen([python, str(SCRIPT), *where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("rtsp://"):
            pytest.skip("needs python3-gst-1.0, gir1.2-gst-rtsp-server-1.0 and gstreamer1.0-plugins-{good,ugly}")
        yield f"rtsp://127.0.0.1:{port}/detector"
    finally:
        process.kill()
        process.communicate(timeout=10)


@contextmanager
def pictures(page: Page) -> Iterator[None]:
    """The detector gives the page a picture every 50 ms."""
    over = threading.Event()

    def feed() -> None:
        number = 0
        while not over.wait(0.05):
            page.sink.write(make.result(number, PERSON))
            number += 1

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_another_program_can_watch_over_rtsp(make_context: MakeContext, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    context = make_context(live=True)
    with open_page(context, f"web:127.0.0.1:0?token_file={token}") as page, pictures(page), served(page, token) as url:
        options = {"rtsp_transport": "tcp", "timeout": "30000000"}
        with av.open(url, options=options, timeout=60) as stream:
            frames = [frame for frame, _ in zip(stream.decode(video=0), range(5), strict=False)]
    assert {(frame.width, frame.height) for frame in frames} == {(320, 240)}
