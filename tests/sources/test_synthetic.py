"""Shapes whose truth is exact, paced without drift, the same for the same seed."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from edge_detector.config import Config
from edge_detector.errors import ConfigError, SourceTimeout
from edge_detector.options import Spec
from edge_detector.sources.synthetic import COLORS, SyntheticSource

SECOND_NS = 1_000_000_000


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now_ns = 5 * SECOND_NS

    def __call__(self) -> int:
        return self.now_ns

    def wait(self, seconds: float) -> bool:
        self.now_ns += round(seconds * SECOND_NS)
        return False


def shapes(query: str = "live=false", **options: object) -> SyntheticSource:
    config = Config(**{"size": (320, 240), "fps": 30.0, **options})
    return SyntheticSource(Spec.parse(f"synthetic:?{query}"), config, (320, 320))


def paced(clock: Clock, query: str = "live=true", **options: object) -> SyntheticSource:
    config = Config(**{"size": (64, 48), "fps": 30.0, **options})
    return SyntheticSource(Spec.parse(f"synthetic:?{query}"), config, (64, 64), clock_ns=clock, wait=clock.wait)


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (97, 61)])
@pytest.mark.parametrize("objects", [0, 1, 3, 5])
def test_the_truth_is_exact_to_the_pixel(size: tuple[int, int], objects: int) -> None:
    source = shapes(f"live=false&objects={objects}&seed=7", size=size)
    for sequence in (0, 1, 57, 1000):
        image, truth = source.draw(sequence), source.truth(sequence)
        assert len(truth) == objects
        for x1, y1, x2, y2 in truth.boxes.astype(int):
            rows, columns = np.nonzero((np.sort(image[y1:y2, x1:x2], axis=2) == (0, 0, 255)).all(axis=2))
            assert (rows.min(), rows.max(), columns.min(), columns.max()) == (0, y2 - y1 - 1, 0, x2 - x1 - 1)
        outside = image.copy()
        for x1, y1, x2, y2 in truth.boxes.astype(int):
            outside[y1:y2, x1:x2] = 0
        assert not any((outside == color).all(axis=2).any() for color in COLORS)


def test_the_class_is_the_channel_that_leads() -> None:
    source = shapes("live=false&objects=6")
    image, truth = source.draw(0), source.truth(0)
    for (x1, y1, x2, y2), class_id in zip(truth.boxes.astype(int), truth.class_ids, strict=True):
        middle = image[(y1 + y2) // 2 + 1, (x1 + x2) // 2]
        assert middle[::-1].argmax() == class_id


def test_the_background_has_no_colour_that_could_be_taken_for_a_shape() -> None:
    background = shapes("live=false&objects=0").draw(0)
    assert int(np.ptp(background.astype(int), axis=2).max()) <= 11


def test_the_same_seed_gives_the_same_frames() -> None:
    for first, second in zip(shapes("live=false&frames=5&seed=3"), shapes("live=false&frames=5&seed=3"), strict=True):
        np.testing.assert_array_equal(first.image, second.image)
    assert (shapes("live=false&seed=3").draw(0) != shapes("live=false&seed=4").draw(0)).any()


def test_the_shapes_move() -> None:
    source = shapes("live=false")
    assert (source.truth(0).boxes != source.truth(20).boxes).any(axis=1).all()


def test_a_file_like_one_has_the_frames_asked_for() -> None:
    with shapes("live=false&frames=4") as source:
        assert source.frame_count == 4
        assert [frame.sequence for frame in source] == [0, 1, 2, 3]


def test_a_live_one_is_paced_by_deadlines_and_never_drifts() -> None:
    clock = Clock()
    start_ns = clock.now_ns
    stamps = []
    for frame in islice(paced(clock, fps=25.0), 100):
        clock.now_ns += 7_000_000  # the consumer takes 7 ms of the 40: the next frame is on time all the same
        stamps.append(frame.timestamp_ns - start_ns)
    assert stamps == [number * 40_000_000 for number in range(100)]


def test_a_consumer_too_slow_for_a_live_one_misses_frames() -> None:
    clock = Clock()
    sequences = []
    for frame in islice(paced(clock, fps=25.0), 4):
        clock.now_ns += 100_000_000  # two and a half frames
        sequences.append(frame.sequence)
    assert sequences == [0, 2, 5, 7]


def test_a_live_one_ends_with_the_frames_asked_for() -> None:
    clock = Clock()
    assert [frame.sequence for frame in paced(clock, "frames=3")] == [0, 1, 2]


def test_it_can_hang_like_a_camera() -> None:
    clock = Clock()
    seen = []
    with pytest.raises(SourceTimeout, match="silent for 5 s"):
        seen.extend(frame.sequence for frame in paced(clock, "silent_after=2"))
    assert clock.now_ns >= 5 * SECOND_NS + 5 * SECOND_NS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("synthetic:?sped=3", "unknown option 'sped'; did you mean 'seed'"),
        ("synthetic:?frames=many", "frames = 'many': expected a whole number"),
        ("synthetic:?objects=-1", "objects is -1; expected 0 or more"),
        ("synthetic:?seed=-1", "seed is -1; expected 0 or more"),
        ("synthetic:30", "takes no argument; got '30'"),
    ],
)
def test_wrong_options_are_errors(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        SyntheticSource(Spec.parse(text), Config(), (320, 320))
