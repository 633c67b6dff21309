"""Pictures of decoded frames: made when somebody looks, and the model's own without that."""

from __future__ import annotations

import threading
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edge_detector.mask import Masks
from edge_detector.scaling import scaled
from edge_detector.sources.decoding import DecodedPicture, PictureMaker
from edge_detector.track.places import Mask
from edge_detector.types import Frame, LazyPicture
from tests.sources import films


def smooth(width: int, height: int) -> av.VideoFrame:
    """Waves in all three planes, as a decoder gives them."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = (rows + columns) % 256, abs(rows * 2 - columns) % 200, 255 - columns % 256
    image = cv2.GaussianBlur(np.stack(channels, axis=-1).astype(np.uint8), (9, 9), 0)
    i420 = cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420)
    return av.VideoFrame.from_ndarray(i420, format="yuv420p")


def test_an_image_is_made_once_however_many_look_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made, make = [], DecodedPicture.make
    monkeypatch.setattr(DecodedPicture, "make", lambda picture: made.append(1) or make(picture))
    frame = Frame(PictureMaker()(smooth(640, 480)), 0, 0)
    assert (frame.size, made) == ((640, 480), [])
    seen: list[np.ndarray] = []
    viewers = [threading.Thread(target=lambda: seen.append(frame.image)) for _ in range(8)]
    for viewer in viewers:
        viewer.start()
    for viewer in viewers:
        viewer.join(20)
    assert made == [1]
    assert all(image is frame.image for image in seen)
    assert not frame.image.flags.writeable


@pytest.mark.parametrize("size", [(320, 320), (320, 180), (300, 300), (161, 121)])
def test_scaled_planes_are_the_scaled_image_but_for_rounding(size: tuple[int, int]) -> None:
    picture = PictureMaker()(smooth(2 * size[0], 2 * size[1]))
    planes, image = picture.scaled(size), scaled(picture.image, size)
    assert planes.shape == (size[1], size[0], 3)
    assert np.abs(planes.astype(int) - image).mean() < 3  # most of it where colours change


def test_the_models_picture_is_the_same_whether_somebody_looks_or_not() -> None:
    looked_at, other = (PictureMaker()(smooth(640, 640)) for _ in range(2))
    assert looked_at.image.shape == (640, 640, 3)
    assert np.array_equal(looked_at.scaled((320, 320)), other.scaled((320, 320)))


@pytest.mark.parametrize(("size", "same"), [((320, 180), False), ((320, 182), True), ((322, 180), True)])
def test_a_picture_whose_colors_would_be_enlarged_is_made_from_the_image(size: tuple[int, int], same: bool) -> None:
    picture = PictureMaker()(smooth(640, 360))
    assert np.array_equal(picture.scaled(size), scaled(picture.image, size)) == same


def test_planes_are_scaled_to_the_same_bytes_on_every_machine() -> None:
    flat = np.arange(720 * 3 // 2 * 1280, dtype=np.uint32)
    i420 = ((flat * 2_654_435_761 >> 20) % 256).astype(np.uint8).reshape(-1, 1280)
    picture = PictureMaker()(av.VideoFrame.from_ndarray(i420, format="yuv420p"))
    assert zlib.crc32(picture.scaled((320, 320)).tobytes()) == 0xEC059B37  # as OpenCV 5.0 does it on x86


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_film_taken_sideways_is_upright_for_the_model_too(tmp_path: Path, degrees: int) -> None:
    with av.open(str(films.turned(films.film(tmp_path / "film.mp4", frames=1), degrees))) as container:
        picture = PictureMaker()(next(container.decode(video=0)))
    size = (60, 80) if degrees != 180 else (80, 60)
    assert picture.size == (size[0] * 2, size[1] * 2)
    assert np.abs(picture.scaled(size).astype(int) - scaled(picture.image, size)).mean() < 8  # its noise is coloured


def test_a_picture_outlives_its_film(tmp_path: Path) -> None:
    with av.open(str(films.film(tmp_path / "film.mp4", frames=3))) as container:
        pictures: list[LazyPicture] = [PictureMaker()(frame) for frame in container.decode(video=0)]
    assert [round((picture.image[:60].mean() - 20) / 8) for picture in pictures] == [0, 1, 2]


def test_memory_of_one_picture_is_used_for_the_next_but_never_while_somebody_holds_it() -> None:
    maker = PictureMaker()
    first, second = (maker(smooth(64, 48)).image for _ in range(2))
    assert not np.shares_memory(first, second)
    address = first.__array_interface__["data"]
    del first
    assert maker(smooth(64, 48)).image.__array_interface__["data"] == address


@pytest.mark.parametrize("size", [(640, 640), (400, 300)], ids=["from planes", "from the image"])
def test_under_a_privacy_mask_the_image_without_it_is_not_kept(size: tuple[int, int]) -> None:
    left_half = Mask(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)), "privacy")
    picture = PictureMaker()(smooth(*size))
    frame = Masks.of([left_half]).privacy(Frame(picture, 0, 0))
    assert isinstance(frame.picture, LazyPicture)
    models = frame.picture.scaled((320, 320))
    assert frame.image is frame.image
    assert picture._image is None
    assert not frame.image[:, : size[0] // 2 - 1].any()
    assert not models[:, :159].any()
    assert frame.image[:, size[0] // 2 + 1 :].any()
    assert np.array_equal(frame.picture.scaled((320, 320)), models)
