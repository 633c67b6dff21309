"""What can be given as a picture: a frame, a photograph's path, an array; and what is said of everything else."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector import open_detector
from edge_detector.config import Config
from edge_detector.errors import EdgeDetectorError, PictureError, SourceError
from edge_detector.image_files import as_frame, decode_image
from edge_detector.options import Spec
from edge_detector.sources.synthetic import LABELS, SyntheticSource
from tests.make import frame


@pytest.fixture
def shapes() -> NDArray[np.uint8]:
    """A circle, a square and a triangle, which the fake runtime finds."""
    return SyntheticSource(Spec("synthetic"), Config(), (320, 180)).draw(0)


def labels_in(picture: Any) -> list[str]:
    with open_detector(runtime="fake") as detector:
        return sorted(found.label for found in detector.detect(picture).detections)


def test_an_array_is_looked_at(shapes) -> None:
    assert labels_in(shapes) == sorted(LABELS)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_photograph_is_looked_at_by_its_path(shapes, tmp_path, kind) -> None:
    cv2.imwrite(str(tmp_path / "shapes.png"), shapes)
    assert labels_in(kind(tmp_path / "shapes.png")) == sorted(LABELS)


def test_the_result_names_the_file(shapes, tmp_path) -> None:
    cv2.imwrite(str(tmp_path / "shapes.png"), shapes)
    assert as_frame(str(tmp_path / "shapes.png")).file == tmp_path / "shapes.png"


def test_a_frame_is_itself() -> None:
    one = frame(7)
    assert as_frame(one) is one


@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::-1],
        lambda image: image[:, ::-1],
        lambda image: image[..., ::-1],
        lambda image: image[10:50, 20:60],
        np.asfortranarray,
    ],
    ids=["upside down", "mirrored", "colours reversed", "a part", "column by column"],
)
def test_an_array_that_is_not_contiguous_is_looked_at(shapes, view) -> None:
    picture = view(shapes)
    image = as_frame(picture).image
    assert image.flags.c_contiguous
    assert np.array_equal(image, picture)
    assert labels_in(picture) == labels_in(np.ascontiguousarray(picture))


def test_a_read_only_array_is_looked_at(shapes) -> None:
    shapes.flags.writeable = False
    assert labels_in(shapes) == sorted(LABELS)


def test_the_array_stays_its_owners(shapes) -> None:
    kept = as_frame(shapes)
    before = shapes.copy()
    shapes[:] = 0  # as the next picture of a camera does, in the same memory
    assert np.array_equal(kept.image, before)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(SourceError, match=r"none\.jpg: No such file"):
        as_frame(tmp_path / "none.jpg")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((4, 6), np.uint8), r"shape \(4, 6\).*cv2\.cvtColor\(image, cv2\.COLOR_GRAY2BGR\)"),
        (np.zeros((4, 6, 1), np.uint8), r"shape \(4, 6, 1\).*cv2\.COLOR_GRAY2BGR"),
        (np.zeros((4, 6, 4), np.uint8), r"shape \(4, 6, 4\).*cv2\.cvtColor\(image, cv2\.COLOR_BGRA2BGR\)"),
        (np.zeros((1, 4, 6, 3), np.uint8), r"shape \(1, 4, 6, 3\); expected \(height, width, 3\), blue, green, red$"),
        (np.zeros((0, 6, 3), np.uint8), r"shape \(0, 6, 3\); expected \(height, width, 3\)"),
        (np.zeros((4, 6, 3), np.float32), r"holds float32; expected uint8, 0 to 255: image.*\* 255"),
        (None, r"cv2\.imread gives None for a file it cannot read"),
        (b"\xff\xd8", "the picture is of type bytes; expected a Frame, the path of a photograph, or an array"),
    ],
    ids=["grey", "one channel", "BGRA", "a batch", "empty", "float", "None", "bytes"],
)
def test_what_is_no_picture_says_what_was_expected(picture, message) -> None:
    for kind in (PictureError, ValueError, EdgeDetectorError):
        with pytest.raises(kind, match=message):
            as_frame(picture)


@pytest.mark.parametrize("code", ["GRAY2BGR", "BGRA2BGR"])
def test_the_advice_for_other_colours_works(shapes, code) -> None:
    other = cv2.cvtColor(shapes, {"GRAY2BGR": cv2.COLOR_BGR2GRAY, "BGRA2BGR": cv2.COLOR_BGR2BGRA}[code])
    assert as_frame(cv2.cvtColor(other, getattr(cv2, f"COLOR_{code}"))).image.shape == shapes.shape


def png(width: int, height: int) -> bytes:
    """A black picture of one bit a pixel: a few kilobytes for hundreds of megapixels."""
    rows = zlib.compress(bytes(height * (1 + (width + 7) // 8)))
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def encoded(suffix: str, width: int, height: int) -> bytes:
    return cv2.imencode(suffix, np.zeros((height, width, 3), np.uint8))[1].tobytes()


DECODE = """
import resource, sys
from edge_detector import decode_image
from edge_detector.errors import SourceError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    print(decode_image(sys.stdin.buffer.read()).size)
except SourceError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def decoded_in_a_child(data: bytes) -> tuple[str, float]:
    """What `decode_image` says of ``data`` in a new process, and by how many megabytes that process grows."""
    child = subprocess.run([sys.executable, "-c", DECODE], input=data, capture_output=True, check=True, timeout=120)
    said, grown_kb = child.stdout.decode().splitlines()
    return said, int(grown_kb) / 1e3


@pytest.mark.parametrize(
    "data",
    [
        png(20_000, 20_000),
        encoded(".jpg", 12_000, 8_000),
        encoded(".bmp", 12_000, 6_000),
        encoded(".webp", 16_000, 5_000),
        encoded(".tif", 12_000, 6_000),
    ],
    ids=["PNG", "JPEG", "BMP", "WebP", "TIFF"],
)
def test_a_huge_picture_is_refused_before_it_is_decoded(data) -> None:
    said, grown_mb = decoded_in_a_child(data)
    assert said == "picture: too large; expected at most 67 megapixels; scale it down first"
    assert grown_mb < 100 + len(data) / 1e6


def test_the_picture_of_the_largest_camera_is_decoded() -> None:
    assert decoded_in_a_child(png(9248, 6944))[0] == "(9248, 6944)"


def test_an_empty_file_is_no_image() -> None:
    with pytest.raises(SourceError, match=r"^picture: empty; expected a JPEG"):
        decode_image(b"")
