"""Network cameras: real servers, killed, silenced and started again in the middle."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path

import pytest

from edge_detector.config import Config
from edge_detector.errors import SourceError
from edge_detector.options import Seconds, Spec
from edge_detector.prefetch import Prefetch
from edge_detector.sources import stream
from edge_detector.sources.stream import StreamSource, pauses
from tests.free_port import free_port
from tests.sources import films
from tests.sources.proxy import replacing
from tests.sources.servers import MotionJpeg, recording, rtsp_camera

ENOUGH = 40  # pictures for FFmpeg to know the stream
MANY = 2000  # frames: a test that waits for something stops waiting
SILENCE_S = 2.0  # a stream silent for so long is given up: longer than a busy machine takes to connect


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_S", 0.02)


def open_stream(url: str, *, timeout: float = 5.0) -> StreamSource:
    return StreamSource(Spec("stream", url), Config(timeout=Seconds(timeout)), (320, 320))


def test_motion_jpeg_over_http_is_a_live_source() -> None:
    with MotionJpeg(free_port()) as server, open_stream(server.url) as source:
        frames = iter(source)
        assert [(frame.sequence, frame.size) for frame in islice(frames, 5)] == [(n, (64, 48)) for n in range(5)]
        assert source.live
        frames.close()


def test_a_server_killed_and_started_again_is_connected_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    port = free_port()
    server = MotionJpeg(port)
    with open_stream(server.url) as source, Prefetch(source, name="capture", live=True) as frames:
        before = next(frames).sequence
        server.server_close()
        with MotionJpeg(port):
            # Not the first frame after an attempt: that may have waited in the queue since before the loss.
            after = next(frame.sequence for frame in islice(frames, MANY) if "connected again" in caplog.text)
            source.stop()
            frames.stop()
    assert after > before
    assert "connection lost after" in caplog.text
    assert re.search(r"connected again, reconnect [1-9]", caplog.text)  # on a busy machine not always the first


def test_a_server_that_falls_silent_is_connected_to_again(caplog: pytest.LogCaptureFixture) -> None:
    with MotionJpeg(free_port()) as server, open_stream(server.url, timeout=SILENCE_S) as source:
        frames = iter(source)
        next(frames)
        server.fall_silent()
        next(frame for frame in islice(frames, MANY) if source.reconnects)
        frames.close()
    assert "silent for 2 s" in caplog.text


def noted(monkeypatch: pytest.MonkeyPatch, *, clock: Callable[[], float], losses: int, url: str) -> list[float]:
    """The pauses of a source that loses its connection so often, before each attempt."""
    taken: list[float] = []
    doubling = pauses

    def noting() -> Iterator[float]:
        for pause_s in doubling():
            if len(taken) == losses:
                source.stop()
            taken.append(pause_s)
            yield 0.0

    monkeypatch.setattr(stream, "pauses", noting)
    source = StreamSource(Spec("stream", url), Config(), (320, 320), clock=clock)
    with source:
        for _ in islice(source, MANY):
            pass
    return taken[:losses]


def test_a_camera_that_hangs_up_again_and_again_is_asked_ever_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    with MotionJpeg(free_port(), pictures=ENOUGH) as server:
        assert noted(monkeypatch, clock=lambda: 0.0, losses=4, url=server.url) == [0.02, 0.04, 0.08, 0.16]


def test_one_that_held_for_a_while_is_asked_at_once_again(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes = count(0.0, 60.0)
    with MotionJpeg(free_port(), pictures=ENOUGH) as server:
        assert noted(monkeypatch, clock=lambda: next(minutes), losses=3, url=server.url) == [0.02, 0.02, 0.02]


def test_a_camera_that_stays_away_is_no_news_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    with MotionJpeg(free_port()) as server:

        def closing() -> float:
            server.server_close()
            return 0.0

        assert len(noted(monkeypatch, clock=closing, losses=5, url=server.url)) == 5
    lost, *failed = [message.partition("mjpg: ")[2] for message in caplog.messages]
    assert lost.startswith("connection lost after ")
    assert failed == ["reconnect 1 failed: Connection refused"]


def test_rtsp_by_gstreamer_killed_and_started_again(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with rtsp_camera(port) as server, open_stream(f"rtsp://127.0.0.1:{port}/camera") as source:
        frames = iter(source)
        first = [frame.sequence for frame in islice(frames, 10)]
        server.kill()
        server.wait(10)
        with rtsp_camera(port):
            later = [frame.size for frame in islice(frames, 50)]
        frames.close()
    assert first == list(range(10))
    assert later == [(320, 240)] * 50
    assert source.reconnects >= 1
    assert "connected again" in caplog.text


def test_rtsp_that_falls_silent_is_lost_and_found_again(caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    with rtsp_camera(port) as server, open_stream(f"rtsp://127.0.0.1:{port}/camera", timeout=SILENCE_S) as source:
        waker = WakeOn("silent for 2 s", server)
        logging.getLogger(stream.__name__).addHandler(waker)
        frames = iter(source)
        next(frames)
        server.send_signal(signal.SIGSTOP)
        next(frame for frame in islice(frames, MANY) if source.reconnects)
        frames.close()
        logging.getLogger(stream.__name__).removeHandler(waker)
    assert "connection lost" in caplog.text


@pytest.mark.parametrize("name", ["Größe".encode("latin-1"), "摄像头".encode("gbk")], ids=["Latin-1", "GBK"])
def test_the_name_of_an_rtsp_session_may_be_in_any_encoding(name: bytes) -> None:
    before = b"Session streamed with GStreamer"
    port = free_port()
    with (
        rtsp_camera(port),
        replacing(port, before, name.ljust(len(before))) as proxy,
        open_stream(f"rtsp://127.0.0.1:{proxy}/camera") as source,
    ):
        frames = iter(source)
        assert next(frames).size == (320, 240)
        frames.close()


def test_an_rtsp_server_that_dies_within_a_recording_is_connected_to_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    launch = recording(films.film(tmp_path / "film.mp4", frames=600, options={"g": "10", "bf": "0"}))
    with rtsp_camera(port, launch) as server, open_stream(f"rtsp://127.0.0.1:{port}/camera") as source:
        frames = iter(source)
        next(frames)
        server.kill()
        server.wait(10)
        with rtsp_camera(port, launch):
            next(frame for frame in islice(frames, MANY) if source.reconnects)
        frames.close()
    assert re.search(r"connection lost after \d+ frames: it ended at \d+ of 20 s", caplog.text)


def test_an_rtsp_recording_ends_where_it_ends(tmp_path: Path) -> None:
    port = free_port()
    launch = recording(films.film(tmp_path / "film.mp4", frames=90, options={"g": "10", "bf": "0"}))
    with rtsp_camera(port, launch), open_stream(f"rtsp://127.0.0.1:{port}/camera") as source:
        assert len(list(source)) > 60
    assert source.reconnects == 0


class WakeOn(logging.Handler):
    """Lets a stopped process go on when a line is logged."""

    def __init__(self, text: str, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self.text, self.process = text, process

    def emit(self, record: logging.LogRecord) -> None:
        if self.text in record.getMessage():
            self.process.send_signal(signal.SIGCONT)


def test_a_camera_that_never_answered_is_an_error() -> None:
    port = free_port()
    with (
        pytest.raises(SourceError, match=rf"127\.0\.0\.1:{port}/camera: cannot connect .*is the camera on"),
        open_stream(f"rtsp://127.0.0.1:{port}/camera"),
    ):
        pass


def test_an_unknown_protocol_is_an_error() -> None:
    with pytest.raises(SourceError, match="foo://bar: cannot connect"), open_stream("foo://bar"):
        pass


def test_a_recording_behind_a_url_ends_where_it_ends(tmp_path: Path) -> None:
    path = films.film(tmp_path / "film.mp4", frames=12)
    with open_stream(f"file://{path}") as source:
        assert [frame.sequence for frame in source] == list(range(12))


def test_stopping_ends_the_pause_before_a_reconnect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_S", 3600.0)
    server = MotionJpeg(free_port())
    with open_stream(server.url) as source, Prefetch(source, name="capture", live=True) as frames:
        next(frames)
        server.server_close()
        source.stop()
    assert source.reconnects == 0


def test_the_pauses_double_up_to_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "FIRST_PAUSE_S", 0.5)
    assert list(islice(pauses(), 7)) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_what_is_no_url_at_all_is_said() -> None:
    with pytest.raises(SourceError, match=r"^rtsp://\[::1: cannot connect"), open_stream("rtsp://[::1"):
        pass
