"""Photographs: in people's order, upright, and one bad one spoils nothing."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_detector.config import Config
from edge_detector.errors import SourceError
from edge_detector.options import Spec
from edge_detector.sources.images import ImagesSource

SIZE = (60, 40)  # width, height


def open_images(path: Path, **options: object) -> ImagesSource:
    return ImagesSource(Spec("images", str(path)), Config(**options), (320, 320))


def photograph(path: Path, level: int = 100) -> Path:
    """A grey picture whose left third is white."""
    image = np.full((SIZE[1], SIZE[0], 3), level, np.uint8)
    image[:, :20] = 255
    assert cv2.imwrite(str(path), image)
    return path


def with_orientation(path: Path, orientation: int) -> Path:
    """The JPEG with an EXIF block of one entry, Orientation (tag 0x0112), behind its start marker."""
    tiff = b"II*\0\x08\0\0\0" + b"\x01\0" + b"\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0, 0, 0]) + bytes(4)
    payload = b"Exif\0\0" + tiff
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload + data[2:])
    return path


def test_a_folder_is_read_in_the_order_in_which_people_number(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name in ("shot10.jpg", "shot9.png", "shot100.bmp", "more/shot1.webp", "notes.txt"):
        file = tmp_path / name
        file.write_text("no image") if file.suffix == ".txt" else photograph(file)
    with open_images(tmp_path) as source:
        names = [str(frame.file.relative_to(tmp_path)) for frame in source if frame.file]
    assert names == ["more/shot1.webp", "shot9.png", "shot10.jpg", "shot100.bmp"]


def test_one_image_is_one_frame_that_knows_its_file(tmp_path: Path) -> None:
    file = photograph(tmp_path / "one.png")
    with open_images(file) as source:
        (frame,) = source
        assert source.frame_count == 1
    assert (frame.file, frame.sequence, frame.size) == (file, 0, SIZE)


@pytest.mark.parametrize(("orientation", "quarters_clockwise"), [(1, 0), (3, 2), (6, 1), (8, 3)])
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int, quarters_clockwise: int) -> None:
    plain, tagged = photograph(tmp_path / "plain.jpg"), with_orientation(photograph(tmp_path / "x.jpg"), orientation)
    with open_images(plain) as source:
        (upright,) = source
    with open_images(tagged) as source:
        (frame,) = source
    np.testing.assert_array_equal(frame.image, np.rot90(upright.image, -quarters_clockwise))


@pytest.mark.parametrize("mode", ["grey", "alpha", "16 bit"])
def test_every_kind_of_image_becomes_bgr(tmp_path: Path, mode: str) -> None:
    shape = {"grey": (8, 8), "alpha": (8, 8, 4), "16 bit": (8, 8, 3)}[mode]
    cv2.imwrite(str(tmp_path / "image.png"), np.ones(shape, np.uint16 if mode == "16 bit" else np.uint8))
    with open_images(tmp_path) as source:
        (frame,) = source
    assert (frame.image.shape, frame.image.dtype) == ((8, 8, 3), np.uint8)


@pytest.mark.parametrize("content", [b"no image", b"", b"\xff\xd8\xff\xe0 broken"])
def test_an_unreadable_image_is_named_and_counted_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    photograph(tmp_path / "1.jpg")
    (tmp_path / "2.jpg").write_bytes(content)
    photograph(tmp_path / "3.jpg")
    with open_images(tmp_path) as source:
        frames = list(source)
    assert [(frame.sequence, frame.file) for frame in frames] == [(0, tmp_path / "1.jpg"), (1, tmp_path / "3.jpg")]
    assert source.unreadable == 1
    assert [record.getMessage() for record in caplog.records if "2.jpg" in record.getMessage()]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_an_image_cut_in_the_middle_is_not_half_an_image(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    whole = tmp_path / f"whole{suffix}"
    cv2.imwrite(str(whole), noise)
    whole.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with open_images(tmp_path) as source, pytest.raises(SourceError, match="not one image can be read, of 1"):
        list(source)


def test_an_empty_folder_is_an_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no images in this folder; looked for \.jpg"), open_images(tmp_path):
        pass


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such image or folder"), open_images(tmp_path / "missing"):
        pass


def test_a_loop_names_an_unreadable_image_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    photograph(tmp_path / "1.jpg")
    (tmp_path / "2.jpg").write_bytes(b"no image")
    with open_images(tmp_path, loop=True) as source:
        for _ in islice(source, 4):
            pass
    assert source.unreadable == 3
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_loop_shows_the_folder_again(tmp_path: Path) -> None:
    for number in (1, 2):
        photograph(tmp_path / f"{number}.png")
    with open_images(tmp_path, loop=True) as source:
        names = [frame.file.name for frame in islice(source, 5) if frame.file]
        assert source.frame_count is None
    assert names == ["1.png", "2.png", "1.png", "2.png", "1.png"]
