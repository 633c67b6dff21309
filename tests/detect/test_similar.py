"""Frames that look like the last one on which the model ran: left out, unless something changes in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge_detector.detect.detector import Inferred, Prepared
from edge_detector.detect.preprocess import Placement
from edge_detector.detect.similar import SETTLED, SimilarFrames, glance_has_changed, has_changed
from edge_detector.mask import Masks
from edge_detector.sources.decoding import PictureMaker
from edge_detector.sources.jpeg import JpegPicture, size_in
from edge_detector.track.places import Mask
from edge_detector.types import Frame, LazyPicture
from tests.sources.jpegs import encoded

SIZE = (320, 320)
FRAME_SIZE = (1280, 720)
RATE = 30


def scene(*, seed: int = 1) -> NDArray[np.uint8]:
    """(H, W, 3) a yard: blurred blocks of many colours, with edges, and a dark corner."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(20, 220, (9, 16, 3)).astype(np.uint8)
    image = cv2.resize(coarse, FRAME_SIZE, interpolation=cv2.INTER_CUBIC)
    image[400:, :300] //= 6
    return image


def as_camera(image: NDArray[np.uint8], *, noise: float, seed: int) -> NDArray[np.uint8]:
    """The model's picture of it with a sensor's noise, in the light and the colours, and with that of its encoder."""
    rng = np.random.default_rng(seed)
    light, color = (rng.standard_normal((720, 1280, channels), np.float32) for channels in (1, 3))
    noisy = np.clip(image + noise * (light + 0.6 * color), 0, 255).astype(np.uint8)
    jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return cv2.resize(cv2.imdecode(jpeg, cv2.IMREAD_REDUCED_COLOR_2), SIZE, interpolation=cv2.INTER_LINEAR_EXACT)


def prepared(picture: NDArray[np.uint8], *, number: int = 0, placement: Placement | None = None) -> Prepared:
    frame = Frame(np.zeros((720, 1280, 3), np.uint8), number, round(number / RATE * 1e9))
    return Prepared(frame, picture[np.newaxis], placement or Placement.stretch(FRAME_SIZE), 1.0)


def with_object(image: NDArray[np.uint8], size: tuple[int, int], contrast: int) -> NDArray[np.uint8]:
    """Somebody of ``size`` (width, height), so many levels darker than what is behind him."""
    (width, height), changed = size, image.astype(int)
    changed[300 : 300 + height, 700 : 700 + width] -= contrast
    return np.clip(changed, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.0, 2.0, 12.0])
def test_noise_is_no_change(noise: float) -> None:
    pictures = [prepared(as_camera(scene(), noise=noise, seed=seed)) for seed in range(4)]
    assert not any(has_changed(pictures[0], other) for other in pictures[1:])


@pytest.mark.parametrize("noise", [0.0, 12.0])
@pytest.mark.parametrize(
    ("size", "contrast"), [((24, 40), 25), ((12, 24), 60), ((400, 500), 12)], ids=["far away", "small", "pale"]
)
def test_somebody_who_appears_is_a_change(noise: float, size: tuple[int, int], contrast: int) -> None:
    before = as_camera(scene(), noise=noise, seed=1)
    after = as_camera(with_object(scene(), size, contrast), noise=noise, seed=2)
    assert has_changed(prepared(before), prepared(after))


def test_a_lamp_that_is_switched_on_is_a_change() -> None:
    before, after = (as_camera(np.clip(scene() + light, 0, 255), noise=2.0, seed=light) for light in (0, 12))
    assert has_changed(prepared(before), prepared(after))


def test_a_change_of_colour_alone_is_a_change() -> None:
    before = np.full((*SIZE, 3), 90, np.uint8)
    after = before.copy()
    after[100:110, 100:110] = (110, 83, 98)  # as bright
    assert has_changed(prepared(before), prepared(after))


@pytest.mark.parametrize("step", [1.0, 2 / 255])
def test_what_the_model_makes_of_pixels_does_not_matter(step: float) -> None:
    def as_tensor(picture: NDArray[np.uint8]) -> Prepared:
        values = (picture.astype(np.float32) - 128) * np.float32(step)
        tensor = values.astype(np.int8) if step == 1.0 else values
        return replace(prepared(picture), tensor=tensor[np.newaxis], step=step)

    still = [as_tensor(as_camera(scene(), noise=4.0, seed=seed)) for seed in (1, 2)]
    moved = as_tensor(as_camera(with_object(scene(), (24, 40), 25), noise=4.0, seed=3))
    assert (has_changed(*still), has_changed(still[0], moved)) == (False, True)


def test_the_grey_beside_a_letterboxed_frame_does_not_make_the_noise_look_smaller() -> None:
    placement = Placement.letterbox(FRAME_SIZE, SIZE)
    still = []
    for seed in (1, 2):
        picture = np.full((*SIZE, 3), 114, np.uint8)
        picture[70:250] = cv2.resize(as_camera(scene(), noise=12.0, seed=seed), (320, 180))
        still.append(prepared(picture, placement=placement))
    assert not has_changed(*still)


class Counted:
    """A model that counts its runs, and says with its outputs which it was."""

    def __init__(self) -> None:
        self.runs = 0
        self.prepared = 0

    def prepare(self, frame: Frame) -> Prepared:
        self.prepared += 1
        picture = frame.picture.scaled(SIZE) if isinstance(frame.picture, LazyPicture) else frame.picture
        return Prepared(frame, picture[np.newaxis], Placement.stretch(frame.size), 1.0)

    def infer(self, prepared: Prepared) -> Inferred:
        self.runs += 1
        outputs = {"run": np.array([self.runs])}
        return Inferred(prepared.frame, outputs, prepared.placement, prepared.preprocess_ms, 5.0)


STILL = np.full((*SIZE, 3), 90, np.uint8)
MOVED = STILL.copy()
MOVED[100:112, 100:107] = 50


def frames(first: int, last: int, picture: NDArray[np.uint8] | LazyPicture = STILL) -> list[Frame]:
    return [Frame(picture, number, round(number / RATE * 1e9)) for number in range(first, last)]


def results_of(similar: SimilarFrames, frames: list[Frame]) -> list[Inferred]:
    return [similar.infer(similar.prepare(frame)) for frame in frames]


SOME_SKIPPED = [False] * (SETTLED + 1) + [True] * (9 - SETTLED)  # of ten frames


def test_a_skipped_frame_has_the_outputs_of_the_frame_before_and_says_so() -> None:
    similar = SimilarFrames(Counted(), longest_s=10.0)
    results = results_of(similar, frames(0, 10))
    assert [one.skipped for one in results] == SOME_SKIPPED
    assert [one.frame.sequence for one in results] == list(range(10))
    assert results[-1].outputs["run"] == SETTLED + 1
    assert (results[-1].inference_ms, similar.skipped) == (0.0, 9 - SETTLED)


def test_the_model_runs_on_the_very_frame_that_changes_and_on_the_next_few() -> None:
    similar = SimilarFrames(Counted(), longest_s=10.0)
    before = results_of(similar, frames(0, 10))
    after = results_of(similar, frames(10, 20, MOVED))
    assert before[-1].skipped
    assert [one.skipped for one in after] == SOME_SKIPPED


def test_frames_may_be_prepared_ahead_of_the_model() -> None:
    similar = SimilarFrames(Counted(), longest_s=10.0)
    ahead = [similar.prepare(frame) for frame in (*frames(0, 10), *frames(10, 20, MOVED))]
    assert [similar.infer(each).skipped for each in ahead] == SOME_SKIPPED * 2


def test_the_model_runs_at_least_once_in_a_while() -> None:
    similar = SimilarFrames(Counted(), longest_s=1.0)
    runs = [one.frame.sequence for one in results_of(similar, frames(0, 100)) if not one.skipped]
    assert runs[SETTLED + 1 :] == [SETTLED + RATE, SETTLED + 2 * RATE, SETTLED + 3 * RATE]


def test_other_settings_count_at_once() -> None:
    settings = [(object(),)] * 10 + [(object(),)] * 10
    number = count()
    similar = SimilarFrames(Counted(), longest_s=10.0, settings=lambda: settings[next(number)])
    assert [one.skipped for one in results_of(similar, frames(0, 20))] == SOME_SKIPPED * 2


def test_a_frame_of_another_size_is_a_change() -> None:
    before = prepared(STILL)
    assert has_changed(before, replace(before, placement=Placement.stretch((640, 480))))
    assert has_changed(before, replace(before, tensor=np.zeros((1, 300, 300, 3), np.uint8)))


def test_photographs_are_never_skipped() -> None:
    similar = SimilarFrames(Counted(), longest_s=10.0)
    photographs = [replace(frame, file=Path("a.jpg")) for frame in frames(0, 10)]
    assert not any(one.skipped for one in results_of(similar, photographs))


def as_jpeg(image: NDArray[np.uint8], seed: int) -> LazyPicture:
    noisy = np.clip(image + 4 * np.random.default_rng(seed).standard_normal(image.shape, np.float32), 0, 255)
    data = encoded(noisy.astype(np.uint8))
    size = size_in(data)
    assert size is not None
    return JpegPicture(np.frombuffer(data, np.uint8), size)


def as_planes(image: NDArray[np.uint8], seed: int) -> LazyPicture:
    noisy = np.clip(image + 4 * np.random.default_rng(seed).standard_normal(image.shape, np.float32), 0, 255)
    i420 = cv2.cvtColor(noisy.astype(np.uint8), cv2.COLOR_BGR2YUV_I420)
    return PictureMaker()(av.VideoFrame.from_ndarray(i420, format="yuv420p"))


@pytest.mark.parametrize("received", [as_jpeg, as_planes])
@pytest.mark.parametrize(("size", "contrast"), [((24, 40), 25), ((12, 24), 60), ((400, 500), 12)])
def test_a_glance_sees_noise_and_changes_as_the_models_picture_does(
    received: Callable[[NDArray[np.uint8], int], LazyPicture], size: tuple[int, int], contrast: int
) -> None:
    before, same = (received(scene(), seed).glance() for seed in (1, 2))
    moved = received(with_object(scene(), size, contrast), 3).glance()
    assert before is not None
    assert same is not None
    assert moved is not None
    assert (glance_has_changed(before, same), glance_has_changed(before, moved)) == (False, True)


def test_what_is_skipped_at_a_glance_is_not_prepared() -> None:
    model = Counted()
    similar = SimilarFrames(model, longest_s=10.0)
    still, moved = as_jpeg(scene(), 1), as_jpeg(with_object(scene(), (24, 40), 25), 2)
    before, after = frames(0, 10, still), frames(10, 20, moved)
    assert [one.skipped for one in results_of(similar, before + after)] == SOME_SKIPPED * 2
    assert model.prepared == model.runs == 2 * (SETTLED + 1)


def test_what_moves_behind_a_privacy_mask_is_no_change() -> None:
    masks = Masks.of([Mask(((0.5, 0.3), (0.7, 0.3), (0.7, 0.6), (0.5, 0.6)), "privacy")])
    similar = SimilarFrames(Counted(), longest_s=10.0)
    still, moved = as_jpeg(scene(), 1), as_jpeg(with_object(scene(), (24, 40), 25), 1)
    both = map(masks.privacy, frames(0, 10, still) + frames(10, 20, moved))
    assert [one.skipped for one in results_of(similar, list(both))] == SOME_SKIPPED + [True] * 10
