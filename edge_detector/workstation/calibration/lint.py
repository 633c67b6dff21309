"""Checks for the usual mistakes with calibration images; each finding is a sentence that says what to do.

A quantized model is only as good as the photographs that its ranges were taken from, and no error shows that these are
wrong: the file is written, loads, and detects badly. Two mistakes are the most common: x / 255 for a model that wants
[-1, 1], and `next(iter(dataset))` inside the loop, so that every sample is the same image.

The checks look at the input tensors as the model receives them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.calibration.scenes import MIN_SCENES
from edge_detector.workstation.calibration.statistics import CalibrationStatistics

MIN_DISTINCT = 16
CLIPPED_FRACTION = 0.5  # of a channel's values at one end of the range: only photographs at night have more
FLAT_CHANNEL = 0.01  # standard deviation as a fraction of the range: less is a constant channel
GREY_DIFFERENCE = 0.01  # between channels, as a fraction of the range; no grey JPEG has more
RANGE_SLACK = 0.05  # as a fraction of the range, for rounding and the border of a letterbox
UNUSED_RANGE = 0.25  # as a fraction of the range: an end that no pixel comes this near to is not used
# Photographs keep 0.5 to 0.7 of their variance in the coarse version (medians of nine sets and eleven films, night and
# infrared included; the least of 1,500 pictures had 0.07), noise 0.002, and noise enlarged three times 0.05.
NOISE_SHARE = 0.1
SWAPPED_T = -3.0  # Student's t of red minus blue; 64 photographs of seven sets gave +2.5 to +10


class LintSeverity(StrEnum):
    """Whether conversion stops."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One mistake: its name, whether it stops the conversion, and the sentence that says what to do."""

    name: str
    severity: LintSeverity
    sentence: str


def lint(statistics: CalibrationStatistics) -> tuple[LintFinding, ...]:
    """Everything found, errors first."""
    found = [finding for check in CHECKS for finding in check(statistics)]
    return tuple(sorted(found, key=lambda finding: finding.severity is not LintSeverity.ERROR))


def value_range(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """Values outside what the model expects, or in a part of it only."""
    seen, expected, span = statistics.observed, statistics.expected, statistics.span
    outside = max(expected.minimum - seen.minimum, seen.maximum - expected.maximum) > RANGE_SLACK * span
    unused = max(seen.minimum - expected.minimum, expected.maximum - seen.maximum) > UNUSED_RANGE * span
    if outside or unused:
        yield LintFinding(
            "value-range",
            LintSeverity.ERROR,
            f"the calibration values lie in [{seen.minimum:.3g}, {seen.maximum:.3g}] but the model expects "
            f"[{expected.minimum:.3g}, {expected.maximum:.3g}]: {_range_advice(seen)}",
        )


def repeated_image(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """The same photograph more than once."""
    count = len(statistics.samples)
    (_, most), *_ = Counter(s.digest for s in statistics.samples).most_common(1)
    if statistics.distinct == 1 and count > 1:
        yield LintFinding(
            "repeated-image",
            LintSeverity.ERROR,
            f"all {count} calibration samples are the same image; a loop that calls next(iter(dataset)) does "
            "this: make the iterator once, before the loop",
        )
    elif most > 1:
        yield LintFinding(
            "repeated-image",
            LintSeverity.WARNING,
            f"only {statistics.distinct} of {count} calibration samples are different images, one comes {most} "
            "times; the repeated ones add nothing",
        )


def too_few(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """Fewer than `MIN_DISTINCT` different photographs."""
    if statistics.distinct < MIN_DISTINCT:
        yield LintFinding(
            "too-few",
            LintSeverity.ERROR,
            f"{statistics.distinct} different calibration images; at least {MIN_DISTINCT} are needed, 64 to 128 "
            "diverse ones are plenty",
        )


def noise(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """Pictures whose pixels have nothing to do with their neighbours."""
    like_noise = sum(s.coarse_share < NOISE_SHARE for s in statistics.samples)
    if 2 * like_noise > len(statistics.samples):
        yield LintFinding(
            "noise",
            LintSeverity.ERROR,
            f"{like_noise} of {len(statistics.samples)} calibration images look like random noise: neighbouring pixels "
            "have nothing in common; use photographs such as the camera will take",
        )


def few_scenes(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """Frames of the same film: many pictures, but little to see."""
    scenes = len(statistics.scenes)
    if scenes < MIN_SCENES <= statistics.distinct:
        yield LintFinding(
            "few-scenes",
            LintSeverity.WARNING,
            f"the {statistics.distinct} different calibration images show {_scenes(scenes)}, as frames of one film do, "
            f"and count as {scenes}; the ranges fit no other place: use photographs of {MIN_SCENES} or more scenes",
        )


def greyscale_only(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """No colour in any photograph."""
    if all(s.channel_difference < GREY_DIFFERENCE for s in statistics.samples):
        yield LintFinding(
            "greyscale-only",
            LintSeverity.WARNING,
            "every calibration image is greyscale, so ranges for colour are never seen; use colour photographs "
            "unless the camera itself is monochrome",
        )


def saturated_channels(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """A colour channel that is constant, or at one end of its range in most pixels."""
    flat = statistics.channel_deviation < FLAT_CHANNEL * statistics.span
    low = np.mean([s.low_fraction for s in statistics.samples], axis=0)
    high = np.mean([s.high_fraction for s in statistics.samples], axis=0)
    clipped = np.maximum(low, high)
    for channel, name in enumerate(statistics.color):
        if flat[channel] or clipped[channel] > CLIPPED_FRACTION:
            yield LintFinding(
                "saturated-channel",
                LintSeverity.ERROR if flat[channel] else LintSeverity.WARNING,
                f"channel {channel} ({name}) {_saturation(flat[channel], clipped[channel])}; look at the images: "
                "an overflow when they were converted does this",
            )


def swapped_colors(statistics: CalibrationStatistics) -> Iterator[LintFinding]:
    """Red and blue exchanged, as far as averages can show it.

    Photographs are warmer than grey on average: red exceeds blue by 5 to 12 % of the range in COCO, ImageNet,
    Open Images and pet photographs. A set of photographs that are clearly bluer than red is suspicious.
    """
    red, blue = statistics.color.index("r"), statistics.color.index("b")
    warmth = np.array([s.channel_means[red] - s.channel_means[blue] for s in statistics.scenes])
    if len(warmth) >= MIN_DISTINCT and _student_t(warmth) < SWAPPED_T:
        yield LintFinding(
            "swapped-colors",
            LintSeverity.WARNING,
            f"the calibration images are bluer than photographs are (Student's t of red minus blue "
            f"{_student_t(warmth):.1f}): are RGB and BGR swapped? OpenCV and picamera2 give BGR",
        )


CHECKS: tuple[Callable[[CalibrationStatistics], Iterator[LintFinding]], ...] = (
    value_range,
    repeated_image,
    too_few,
    few_scenes,
    noise,
    greyscale_only,
    saturated_channels,
    swapped_colors,
)


def _student_t(values: NDArray[np.float64]) -> float:
    return float(values.mean() / (values.std(ddof=1) / np.sqrt(len(values)) + 1e-12))


def _saturation(flat: bool, clipped: float) -> str:
    return "is constant" if flat else f"is at one end of its range in {clipped:.0%} of the pixels"


def _scenes(count: int) -> str:
    return "one scene" if count == 1 else f"only {count} scenes"


def _range_advice(seen: Range) -> str:
    if seen.minimum >= -0.01 and seen.maximum <= 1.01:
        return "they look divided by 255; set the mean and std of the model's manifest instead"
    if seen.maximum > 2.0 and seen.minimum >= 0:
        return "they look like pixels from 0 to 255 that were not normalised; set mean and std"
    return "check mean and std"
