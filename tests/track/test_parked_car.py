"""A parked car is one visit, whatever the light does and the detector misses, and is told of again when it leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.config import Config
from edge_detector.detect import open_detector
from edge_detector.track.scene import Scene
from edge_detector.types import Frame, Result
from tests.make import detections, frame, result

PHOTOGRAPH = "stills/33887522274_eebd074106.jpg"
PART = slice(250, 535), slice(0, 380)  # rows and columns with one car and nothing else
CAR = (160, 105, 318, 225)  # x1, y1, x2, y2: the car and a little around it
FRAME_S = 0.2

Picture = NDArray[np.float64]  # (H, W, 3) BGR, 0 to 255


class Road:
    """A photograph of a car, and what time and weather make of it."""

    def __init__(self, photograph: Path) -> None:
        self.day: Picture = cv2.imread(str(photograph))[PART].astype(np.float64)
        x1, y1, x2, y2 = CAR
        hole = np.zeros(self.day.shape[:2], np.uint8)
        hole[y1:y2, x1:x2] = 255
        self.empty: Picture = cv2.inpaint(self.day.astype(np.uint8), hole, 5, cv2.INPAINT_TELEA).astype(np.float64)

    def headlights(self, share: float) -> Picture:
        """A pair of lamps that passes before the car three times, and hides what is behind it."""
        height, width = self.day.shape[:2]
        y, x = np.mgrid[:height, :width]
        middle = width * (1.4 * (share * 3 % 1) - 0.2)
        lamps = (np.exp(-(((x - middle - side) / 60) ** 2) - ((y - 160) / 45) ** 2) for side in (-40, 40))
        return self.day + 700 * sum(lamps)[..., np.newaxis]

    def night(self, _share: float) -> Picture:
        """The infra-red picture of a camera: grey, and dark."""
        grey = cv2.cvtColor(self.day.astype(np.uint8), cv2.COLOR_BGR2GRAY)
        return np.repeat(grey[..., np.newaxis] * 0.12, 3, axis=2)

    def leaving(self, share: float) -> Picture:
        """The car drives out of the picture to the left."""
        (x1, y1, x2, y2), shift = CAR, round(330 * share)
        picture = self.empty.copy()
        shown = max(0, x1 - shift), max(0, x2 - shift)
        picture[y1:y2, shown[0] : shown[1]] = self.day[y1:y2, shown[0] + shift : shown[1] + shift]
        return picture

    def film(self) -> Iterator[tuple[str, float, NDArray[np.uint8]]]:
        """What happens, the time in seconds, and the picture, with the noise of a camera."""
        random, now_s = np.random.default_rng(1), 0.0
        acts: list[tuple[str, float, float, float, Callable[[float], Picture]]] = [
            ("parked", 8, FRAME_S, 4, lambda _: self.day),
            ("headlights", 10, FRAME_S, 4, self.headlights),
            ("night", 10, FRAME_S, 10, self.night),
            ("missed", 10, FRAME_S, 4, lambda _: self.day),
            ("dark", 60, 1.0, 2, lambda _: 0 * self.day),
            ("again", 8, FRAME_S, 4, lambda _: self.day),
            ("leaving", 4, FRAME_S, 4, self.leaving),
            ("empty", 5, FRAME_S, 4, lambda _: self.empty),
        ]
        for name, seconds, step_s, noise, picture in acts:
            count = round(seconds / step_s)
            for number in range(count):
                seen = picture(number / count) + random.normal(0, noise, self.day.shape)
                yield name, now_s, np.clip(seen, 0, 255).astype(np.uint8)
                now_s += step_s


def test_a_parked_car_is_one_visit_through_lights_night_misses_and_darkness(shared: Path) -> None:
    random = np.random.default_rng(2)
    told: list[tuple[str, str]] = []
    found: dict[str, list[bool]] = {}
    with open_detector(Config()) as detector:
        scene = Scene(lambda: detector.lowest)
        for number, (act, now_s, picture) in enumerate(Road(shared / PHOTOGRAPH).film()):
            seen = detector.detect(Frame(picture, number, round(now_s * 1e9)), with_unsure=True)
            if act == "missed" and random.random() < 0.2:
                seen = replace(seen, detections=seen.detections[:0])
            sure = seen.detections.scores >= detector.lowest[seen.detections.class_ids]
            found.setdefault(act, []).append(bool(sure.any()))
            told += [(act, change.kind) for change in scene.update(seen).visits if change.kind != "updated"]
    assert told == [("parked", "started"), ("parked", "stopped"), ("leaving", "moved"), ("empty", "ended")]
    # The simulation is of use only as long as it is hard for the detector:
    assert not all(found["headlights"])
    assert not any(found["dark"])
    assert 5 <= found["missed"].count(False) <= 15


WHOLE = (100.0, 100.0, 200.0, 180.0)


def run(*boxes: tuple[float, float, float, float] | list[tuple[float, float, float, float]]) -> list[tuple[int, str]]:
    """Ten seconds of one parked object, then the ``boxes`` of one frame each: which frame of those told what."""
    scene = Scene(lambda: np.full(3, 0.5, np.float32))
    told = []
    for number, shown in enumerate([WHOLE] * 50 + list(boxes)):
        rows = [(box, 0.9 - 0.1 * place, 0) for place, box in enumerate(shown if isinstance(shown, list) else [shown])]
        at = frame(number, timestamp_ns=round(number * FRAME_S * 1e9))
        seen: Result = replace(result(number), frame=at, detections=detections(*rows))
        told += [(number - 50, each.kind) for each in scene.update(seen).visits if number >= 50]
    return [each for each in told if each[1] != "updated"]


def test_an_object_of_which_a_part_is_hidden_has_not_moved() -> None:
    assert run(*[(160.0, 100.0, 200.0, 180.0)] * 20) == []


def test_a_part_of_an_object_at_rest_is_no_second_object() -> None:
    assert run(*[[(160.0, 100.0, 200.0, 180.0), (100.0, 100.0, 140.0, 180.0)]] * 20) == []


def test_an_object_beside_it_is_a_second_one() -> None:
    assert "started" in [kind for _, kind in run(*[[WHOLE, (190.0, 100.0, 290.0, 180.0)]] * 20)]


def test_an_object_that_moves_on_is_told_of() -> None:
    assert [kind for _, kind in run(*[(100.0 + 4 * n, 100.0, 200.0 + 4 * n, 180.0) for n in range(20)])] == ["moved"]


def test_an_object_that_leaves_at_the_border_is_told_of() -> None:
    """Only one of its edges moves within the picture."""
    scene = Scene(lambda: np.full(3, 0.5, np.float32))
    kinds = []
    for number in range(75):
        box = (100.0, 120.0 + max(0, number - 50) * 4, 200.0, 240.0)
        at = frame(number, timestamp_ns=round(number * FRAME_S * 1e9))
        seen = replace(result(number), frame=at, detections=detections((box, 0.9, 0)))
        kinds += [each.kind for each in scene.update(seen).visits if each.kind != "updated"]
    assert kinds == ["started", "stopped", "moved"]
