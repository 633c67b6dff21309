"""JPEG pictures of cameras: decoded when somebody looks, at a reduced scale for the model; broken ones left out."""

from __future__ import annotations

import zlib

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.errors import PictureError
from edge_detector.scaling import scaled
from edge_detector.sources import jpeg
from edge_detector.sources.jpeg import JpegPicture, reduction_for, size_in
from tests.sources.jpegs import encoded, smooth, without_tables


def opened(data: bytes) -> JpegPicture:
    size = size_in(data)
    assert size is not None
    return JpegPicture(np.frombuffer(data, np.uint8), size)


def test_the_size_is_known_without_decoding() -> None:
    assert size_in(encoded(smooth(1280, 720))) == (1280, 720)


def test_what_stands_behind_its_end_does_no_harm() -> None:
    assert size_in(encoded(smooth(64, 48)) + bytes(1000)) == (64, 48)


@pytest.mark.parametrize("kept", [0, 2, 10, 300, -2, -100])
def test_a_picture_that_is_cut_is_none(kept: int) -> None:
    assert size_in(encoded(smooth(640, 480))[:kept]) is None


def test_what_is_no_jpeg_is_none() -> None:
    assert size_in(b"\x89PNG\r\n" * 100) is None
    assert size_in(b"\xff\xd8" + b"\xff" * 100 + b"\xff\xd9") is None
    assert size_in(b"\xff\xd8\xff\xda\x00\x08 no size before the scan \xff\xd9") is None


def test_a_picture_without_the_standard_tables_is_decoded_as_many_cameras_send_it() -> None:
    data = encoded(smooth(640, 480), quality=85)
    bare = without_tables(data)
    assert len(bare) < len(data) - 400
    for size in ((640, 480), (320, 240)):
        assert np.array_equal(opened(bare).scaled(size), opened(data).scaled(size))


def test_a_picture_that_cannot_be_decoded_is_an_error_with_a_name() -> None:
    data = bytearray(encoded(smooth(64, 48)))
    data[data.index(b"\xff\xdb") + 3] = 200  # a table longer than it is
    with pytest.raises(PictureError, match=r"damaged JPEG of \d+ bytes"):
        JpegPicture(np.frombuffer(bytes(data), np.uint8), (64, 48)).image  # noqa: B018 - made on first use


@pytest.mark.parametrize(
    ("picture", "needed", "by"),
    [
        ((1280, 720), (320, 320), 2),  # stretched: twice as wide, and still high enough
        ((1280, 720), (320, 180), 2),  # letterbox: a quarter would be just as large, which is too soft
        ((1920, 1080), (320, 320), 2),
        ((2560, 1440), (320, 320), 4),
        ((3840, 2160), (320, 180), 4),
        ((640, 480), (320, 320), 1),
        ((640, 480), (320, 240), 1),
        ((5120, 2880), (320, 320), 8),
        ((1278, 720), (320, 320), 1),
        ((320, 320), (320, 320), 1),
        ((160, 120), (320, 320), 1),
    ],
)
def test_it_is_reduced_as_far_as_the_model_loses_nothing(
    picture: tuple[int, int], needed: tuple[int, int], by: int
) -> None:
    assert reduction_for(picture, needed) == by


def test_the_models_picture_is_decoded_at_a_reduced_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[int] = []
    decode = cv2.imdecode
    monkeypatch.setattr(jpeg.cv2, "imdecode", lambda data, how: (flags.append(how), decode(data, how))[1])
    picture = opened(encoded(smooth(1280, 720)))
    assert (picture.size, flags) == ((1280, 720), [])  # a frame that is dropped is never decoded
    assert picture.scaled((320, 320)).shape == (320, 320, 3)
    assert flags == [cv2.IMREAD_REDUCED_COLOR_2 | cv2.IMREAD_IGNORE_ORIENTATION]


def test_a_small_picture_is_decoded_once_for_the_model_and_for_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    flags: list[int] = []
    decode = cv2.imdecode
    monkeypatch.setattr(jpeg.cv2, "imdecode", lambda data, how: (flags.append(how), decode(data, how))[1])
    picture = opened(encoded(smooth(640, 480)))
    assert np.array_equal(picture.scaled((320, 320)), scaled(picture.image, (320, 320)))
    assert flags == [cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION]


def test_the_models_picture_is_the_same_whether_somebody_looks_or_not() -> None:
    looked_at, other = (opened(encoded(smooth(1280, 720))) for _ in range(2))
    assert looked_at.image.shape == (720, 1280, 3)
    assert np.array_equal(looked_at.scaled((320, 320)), other.scaled((320, 320)))


@pytest.mark.parametrize("size", [(320, 320), (320, 180)])
def test_the_reduced_picture_is_the_scaled_image_but_for_rounding(size: tuple[int, int]) -> None:
    picture = opened(encoded(smooth(1280, 720), quality=95))
    assert np.abs(picture.scaled(size).astype(int) - scaled(picture.image, size)).mean() < 2


def noisy(width: int, height: int) -> NDArray[np.uint8]:
    flat = np.arange(height * width * 3, dtype=np.uint32)
    noise = ((flat * 2_654_435_761 >> 20) % 64).astype(np.uint8).reshape(height, width, 3)
    return smooth(width, height) // 2 + noise


def crc_of(array: NDArray[np.uint8]) -> int:
    return zlib.crc32(array.tobytes())


@pytest.mark.parametrize(
    ("size", "model", "jpeg_sum", "image_sum", "models_sum"),
    [
        ((1280, 720), (320, 320), 0xDEBEDEDB, 0x0BFDEA8A, 0x31413EAC),
        ((2560, 1440), (320, 320), 0x0F17C776, 0xBE7B541D, 0x13C372E6),
        ((320, 240), (160, 160), 0x4072C6CA, 0x938A834E, 0x6D824549),
    ],
)
def test_it_is_decoded_to_the_same_bytes_on_every_machine(
    size: tuple[int, int], model: tuple[int, int], jpeg_sum: int, image_sum: int, models_sum: int
) -> None:
    """As OpenCV 5.0 does it on x86 and on arm64 (a Cortex-A72, emulated), whole, at a half and at a quarter.

    libjpeg-turbo promises it: its accurate DCT is of whole numbers, those of reduced scales too, and its own tests hold
    one check sum for all processors.
    """
    data = encoded(noisy(*size))
    picture = opened(data)
    assert zlib.crc32(data) == jpeg_sum  # else it is the encoder that differs
    assert crc_of(picture.scaled(model)) == models_sum
    assert crc_of(picture.image) == image_sum
