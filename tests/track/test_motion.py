from __future__ import annotations

import numpy as np
import pytest

from edge_detector.track.motion import VELOCITY_HALF_LIFE_S, Motion

SEEN = np.array([False])
UNSEEN = np.array([True])


def box(x: float, y: float = 50.0, side: float = 40.0) -> np.ndarray:
    return np.array([[x, y, x + side, y + side]], np.float32)


def following(speed: float, *, frames: int, step_s: float) -> Motion:
    """After ``frames`` of an object that moves to the right at ``speed`` pixels a second."""
    motion = Motion()
    motion.append(box(0))
    for number in range(1, frames):
        motion.predict(step_s, SEEN)
        motion.correct(np.array([0]), box(speed * step_s * number))
    return motion


def test_a_box_alone_stays_where_it_is() -> None:
    motion = Motion()
    motion.append(box(10))
    motion.predict(0.5, SEEN)
    assert motion.boxes.tolist() == box(10).tolist()


@pytest.mark.parametrize("step_s", [1 / 30, 1 / 8, 1 / 4])
def test_a_steady_object_is_expected_where_it_will_be_whatever_the_rate(step_s) -> None:
    frames = round(3 / step_s)
    motion = following(60, frames=frames, step_s=step_s)
    motion.predict(step_s, SEEN)
    assert motion.boxes[0, 0] == pytest.approx(60 * step_s * frames, abs=2)


@pytest.mark.parametrize("step_s", [1 / 30, 1 / 8])
def test_smoothing_does_not_lag(step_s) -> None:
    """Less than a fiftieth of the object's size behind, once its speed is known."""
    frames = round(3 / step_s)
    motion = following(60, frames=frames, step_s=step_s)
    assert motion.boxes[0, 0] == pytest.approx(60 * step_s * (frames - 1), abs=40 / 50)


def test_jitter_of_a_resting_object_is_smoothed() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 2, 120)
    motion = Motion()
    motion.append(box(100))
    shown = []
    for each in noise:
        motion.predict(1 / 30, SEEN)
        motion.correct(np.array([0]), box(100 + each))
        shown.append(motion.boxes[0, 0])
    assert np.abs(np.diff(shown)).mean() < np.abs(np.diff(noise)).mean() / 2


def test_an_object_that_is_not_found_slows_down() -> None:
    motion = following(60, frames=90, step_s=1 / 30)
    before = motion.velocity[0, 0]
    motion.predict(VELOCITY_HALF_LIFE_S, UNSEEN)
    assert motion.velocity[0, 0] == pytest.approx(before / 2)


def test_selecting_keeps_the_rows_together() -> None:
    motion = Motion()
    motion.append(np.vstack([box(0), box(200)]))
    motion.select(np.array([False, True]))
    motion.correct(np.array([0]), box(200))
    assert (len(motion), motion.boxes.tolist()) == (1, box(200).tolist())
