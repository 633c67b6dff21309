"""Motion JPEG of network cameras: real servers, whose pictures are decoded only if somebody needs them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.mask import Masks
from edge_detector.options import Spec
from edge_detector.sources import decoding, jpeg
from edge_detector.sources.jpeg import JpegPicture
from edge_detector.sources.stream import StreamSource
from edge_detector.track.places import Mask
from edge_detector.types import Frame, LazyPicture
from tests.free_port import free_port
from tests.sources.films import RATE
from tests.sources.jpegs import encoded, smooth, without_tables
from tests.sources.servers import MotionJpeg, rtsp_camera

SIZE = (640, 360)


@contextmanager
def camera(jpegs: Sequence[bytes]) -> Iterator[StreamSource]:
    with (
        MotionJpeg(free_port(), jpegs=jpegs) as server,
        StreamSource(Spec("stream", server.url), Config(), (320, 320)) as source,
    ):
        yield source


def frames_of(jpegs: Sequence[bytes], count: int) -> list[Frame]:
    """The first frames of a camera that sends these pictures in turns."""
    with camera(jpegs) as source:
        frames = iter(source)
        taken = list(islice(frames, count))
        frames.close()
    return taken


def picture_of(frame: Frame) -> LazyPicture:
    assert isinstance(frame.picture, LazyPicture)
    return frame.picture


def as_sent(data: bytes) -> NDArray[np.uint8]:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).astype(np.uint8)


def test_the_picture_is_that_which_the_camera_has_sent() -> None:
    data = encoded(smooth(*SIZE))
    frames = frames_of([data], 3)
    assert [(frame.sequence, frame.size) for frame in frames] == [(number, SIZE) for number in range(3)]
    assert all(np.array_equal(frame.image, as_sent(data)) for frame in frames)


def test_a_frame_that_nobody_takes_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[int] = []
    decode = cv2.imdecode
    monkeypatch.setattr(jpeg.cv2, "imdecode", lambda data, how: (flags.append(how), decode(data, how))[1])
    monkeypatch.setattr(decoding.DecodedPicture, "__init__", None)  # FFmpeg decodes nothing
    *_, newest = frames_of([encoded(smooth(*SIZE))], 10)
    assert flags == []
    assert picture_of(newest).scaled((160, 160)).shape == (160, 160, 3)
    assert flags == [cv2.IMREAD_REDUCED_COLOR_2 | cv2.IMREAD_IGNORE_ORIENTATION]


def test_pictures_without_the_standard_tables_are_kept_too() -> None:
    data = encoded(smooth(*SIZE))
    (frame,) = frames_of([without_tables(data)], 1)
    assert isinstance(frame.picture, JpegPicture)
    assert np.array_equal(frame.image, as_sent(data))


def test_jpeg_over_rtsp_is_kept_too() -> None:
    port = free_port()
    launch = (
        "( videotestsrc is-live=true pattern=white ! video/x-raw,format=I420,width=320,height=240,framerate=30/1 "
        "! jpegenc ! rtpjpegpay name=pay0 )"
    )
    url = f"rtsp://127.0.0.1:{port}/camera"
    with rtsp_camera(port, launch), StreamSource(Spec("stream", url), Config(), (320, 320)) as source:
        frames = iter(source)
        frame = next(frames)
        frames.close()
    assert isinstance(frame.picture, JpegPicture)
    assert (frame.size, frame.image.min() > 230) == ((320, 240), True)


def test_a_cut_picture_is_left_out_and_is_a_gap(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    whole = encoded(smooth(*SIZE))
    frames = frames_of([whole, whole, whole[:-2000]], 6)
    assert [frame.sequence for frame in frames] == [0, 1, 3, 4, 6, 7]
    assert caplog.messages[-1].endswith("stream.mjpg: 2 damaged pictures left out")


def test_a_picture_that_its_exif_data_turn_is_upright() -> None:
    upright = smooth(*SIZE)
    data = turned_by_exif(encoded(cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE).astype(np.uint8)))
    (frame,) = frames_of([data], 1)
    assert frame.size == SIZE
    assert np.abs(frame.image.astype(int) - upright).mean() < 3


def turned_by_exif(data: bytes) -> bytes:
    """The JPEG with Exif data that say: turn it clockwise by a quarter (orientation 6 of TIFF 6.0)."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    exif = b"Exif\0\0MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + bytes(4)
    return data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + data[2:]


def test_a_camera_that_changes_its_size_goes_on() -> None:
    frames = frames_of([encoded(smooth(*SIZE))] * 40 + [encoded(smooth(320, 180))] * 40, 80)
    assert {frame.size for frame in frames} == {SIZE, (320, 180)}
    assert np.abs(frames[-1].image.astype(int) - smooth(320, 180)).mean() < 3


def test_two_fields_in_one_packet_are_one_picture(tmp_path: Path) -> None:
    film = with_fields(tmp_path / "film.avi", encoded(smooth(64, 48)))
    with StreamSource(Spec("stream", f"file://{film}"), Config(), (320, 320)) as source:
        assert [frame.size for frame in source] == [(64, 96)] * 3


def with_fields(path: Path, field: bytes) -> Path:
    """An AVI of pictures twice as high as the two JPEGs in each packet: what old capture cards give."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 96, "yuvj422p"
        stream.codec_context.open()
        for number in range(3):
            packet = av.Packet(field + field)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, RATE)
            container.mux(packet)
    return path


@pytest.mark.parametrize("size", [(320, 180), (160, 90)])
def test_privacy_masks_hide_a_part_of_all_that_is_made_of_it(size: tuple[int, int]) -> None:
    (frame,) = frames_of([encoded(np.full((360, 640, 3), 200, np.uint8))], 1)
    masks = Masks.of([Mask(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), "privacy")])
    hidden = masks.privacy(frame)
    for image in (picture_of(hidden).scaled(size), hidden.image, picture_of(hidden).glance()):
        assert image is not None
        half = image.shape[1] // 2
        assert image[:, : half - 1].max() == 0
        assert image[:, half + 1 :].min() > 190
