from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("tqdm", reason="needs the extra [workstation]")

from edge_detector.config import Config
from edge_detector.detect.manifest import InputSpec
from edge_detector.sources import open_source
from edge_detector.types import Frame
from edge_detector.workstation.calibration.lint import LintFinding, LintSeverity, lint
from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.calibration.statistics import measure
from edge_detector.workstation.data.images import InputTensors, find_images, spread
from tests.workstation.graphs import photograph

PLUS_MINUS_ONE = Range(-1.0, 1.0)
Pictures = Sequence[NDArray[np.uint8]]  # RGB


def pictures(count: int = 20) -> Pictures:
    random = np.random.default_rng(0)
    return [cv2.cvtColor(photograph(random), cv2.COLOR_BGR2RGB) for _ in range(count)]


def findings(
    images: Pictures, *, mean: float = 127.5, std: float = 127.5, expected: Range = PLUS_MINUS_ONE, color: str = "rgb"
) -> dict[str, LintFinding]:
    tensors = [((image.astype(np.float32) - mean) / std)[np.newaxis] for image in images]
    return {finding.name: finding for finding in lint(measure(tensors, expected=expected, color=color))}


def test_good_photographs_have_no_findings() -> None:
    assert findings(pictures()) == {}


def test_pixels_divided_by_255_into_a_model_of_minus_one_to_one_are_refused() -> None:
    found = findings(pictures(), mean=0, std=255)
    assert found.keys() == {"value-range"}
    assert found["value-range"].severity is LintSeverity.ERROR
    assert found["value-range"].sentence.startswith(
        "the calibration values lie in [0, 1] but the model expects [-1, 1]"
    )
    assert "divided by 255" in found["value-range"].sentence


def test_raw_pixels_into_a_model_of_minus_one_to_one_are_refused() -> None:
    found = findings(pictures(), mean=0, std=1)
    assert "not normalised" in found["value-range"].sentence


def test_minus_one_to_one_into_a_model_of_zero_to_one_is_refused() -> None:
    assert "value-range" in findings(pictures(), expected=Range(0.0, 1.0))


def test_the_same_image_every_time_is_refused_and_explained() -> None:
    found = findings([pictures()[0]] * 20)
    assert found["repeated-image"].severity is LintSeverity.ERROR
    assert "all 20 calibration samples are the same image" in found["repeated-image"].sentence
    assert "next(iter(dataset))" in found["repeated-image"].sentence


def test_some_repetition_is_a_warning_that_counts() -> None:
    found = findings([*pictures(17), *pictures(3)])
    assert found.keys() == {"repeated-image"}
    assert found["repeated-image"].severity is LintSeverity.WARNING
    assert "only 17 of 20" in found["repeated-image"].sentence


def test_fewer_than_sixteen_different_images_are_refused() -> None:
    assert findings(pictures(15))["too-few"].severity is LintSeverity.ERROR
    assert findings(pictures(15))["too-few"].sentence.startswith("15 different calibration images")
    assert findings(pictures(16)) == {}


def test_greyscale_only_is_a_warning() -> None:
    grey = [np.repeat(image.mean(2, keepdims=True), 3, 2).astype(np.uint8) for image in pictures()]
    found = findings(grey)
    assert found.keys() == {"greyscale-only"}
    assert found["greyscale-only"].severity is LintSeverity.WARNING
    assert findings([*grey[:19], pictures()[0]]) == {}


def test_a_constant_channel_is_refused_and_named() -> None:
    broken = [image.copy() for image in pictures()]
    for image in broken:
        image[..., 1] = 255
    found = findings(broken)
    assert found["saturated-channel"].severity is LintSeverity.ERROR
    assert "channel 1 (g) is constant" in found["saturated-channel"].sentence


def test_a_channel_mostly_at_its_end_is_a_warning() -> None:
    bright = [image.copy() for image in pictures()]
    for image in bright:
        image[..., 2] = np.clip(image[..., 2].astype(int) + 160, 0, 255)
    found = findings(bright)
    assert found["saturated-channel"].severity is LintSeverity.WARNING
    assert "channel 2 (b) is at one end of its range in" in found["saturated-channel"].sentence


def test_swapped_red_and_blue_are_a_warning() -> None:
    swapped = [image[..., ::-1] for image in pictures()]
    assert findings(swapped)["swapped-colors"].severity is LintSeverity.WARNING
    assert findings(swapped, color="bgr") == {}


@pytest.mark.parametrize("size", [(320, 320), (480, 640), (1080, 1920)])
def test_noise_is_refused(size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    found = findings([random.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(20)])
    assert found.keys() == {"noise"}
    assert found["noise"].severity is LintSeverity.ERROR
    assert found["noise"].sentence.startswith("20 of 20 calibration images look like random noise")


def test_noise_that_was_enlarged_is_still_noise() -> None:
    random = np.random.default_rng(0)
    small = [random.integers(0, 256, (100, 100, 3), dtype=np.uint8) for _ in range(20)]
    assert "noise" in findings([cv2.resize(image, (320, 320)) for image in small])


def test_a_few_pictures_of_noise_among_photographs_are_no_finding() -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (240, 320, 3), dtype=np.uint8) for _ in range(10)]
    assert findings([*places(10), *noise]) == {}
    assert "noise" in findings([*places(9), *noise])


def places(count: int) -> Pictures:
    """Different scenes, (240, 320, 3): warmer than grey, from black to white."""
    random = np.random.default_rng(1)
    patches = [random.uniform(-60, 315, (12, 16, 3)) + np.array([15, 0, -15]) for _ in range(count)]
    return [np.clip(cv2.resize(each, (320, 240)), 0, 255).astype(np.uint8) for each in patches]


def film(frames: int = 20) -> Pictures:
    """A bright square that moves through one scene, in light that changes."""
    scene = places(1)[0]
    found = []
    for frame in range(frames):
        image = np.clip(scene * (0.8 + 0.01 * frame), 0, 255).astype(np.uint8)
        image[100:160, 10 * frame : 10 * frame + 60] = 255
        found.append(image)
    return found


def test_the_frames_of_a_film_are_one_scene() -> None:
    found = findings(film())
    assert found.keys() == {"few-scenes"}
    assert found["few-scenes"].severity is LintSeverity.WARNING
    assert found["few-scenes"].sentence.startswith("the 20 different calibration images show one scene, as frames")


def test_eight_scenes_are_enough_and_seven_are_not() -> None:
    others = places(8)[1:]
    assert "few-scenes" not in findings([*film(), *others])
    assert findings([*film(), *others[:6]])["few-scenes"].sentence.startswith(
        "the 26 different calibration images show only 7 scenes"
    )


def test_a_blue_film_is_one_sample_and_no_proof_of_swapped_colours() -> None:
    blue = [image[..., ::-1] for image in film()]
    assert "swapped-colors" not in findings(blue)


def test_borders_of_a_letterbox_make_no_two_pictures_alike() -> None:
    boxed = [cv2.copyMakeBorder(image, 30, 30, 0, 0, cv2.BORDER_CONSTANT, value=(114,) * 3) for image in places(20)]
    assert findings(boxed) == {}


@pytest.mark.parametrize("name", ["coco_train_128", "pets_300"])
def test_real_photographs_pass_and_are_caught_when_swapped(shared: Path, name: str) -> None:
    paths = spread(find_images(shared / f"data/{name}.json"), 64)
    right, wrong = (
        lint(measure(InputTensors(paths, InputSpec((320, 320), color=color)), expected=PLUS_MINUS_ONE, color="rgb"))
        for color in ("rgb", "bgr")
    )
    assert right == ()
    assert [finding.name for finding in wrong] == ["swapped-colors"]


@pytest.mark.parametrize("name", ["ir_garden_car", "night_sheds"])
def test_films_of_the_night_are_one_scene_and_no_noise(shared: Path, name: str) -> None:
    tensors = ((frame.image[np.newaxis, ..., ::-1] / 127.5 - 1).astype(np.float32) for frame in frames(shared, name))
    found = {finding.name: finding for finding in lint(measure(tensors, expected=PLUS_MINUS_ONE, color="rgb"))}
    assert "noise" not in found
    assert "show one scene" in found["few-scenes"].sentence


def frames(shared: Path, name: str) -> list[Frame]:
    """Every tenth of the first 200 frames of a film."""
    config = Config(source=str(shared / f"seen/{name}.mp4"))
    with open_source(config, model_size=(320, 320)) as source:
        return list(itertools.islice(source, 0, 200, 10))
