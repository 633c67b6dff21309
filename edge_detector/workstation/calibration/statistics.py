"""What the calibration images look like to the model, measured on the input tensors themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_detector.workstation.calibration.ranges import Range
from edge_detector.workstation.calibration.scenes import first_of_each_scene, outline

COARSE_CELLS = 8  # along each side; a cell of a detector's input has hundreds of pixels
AT_THE_END = 0.01  # values within this fraction of the range count as its end


@dataclass(frozen=True, slots=True, eq=False)
class SampleStatistics:
    """What the checks need from one input tensor, so that the tensor itself is not kept."""

    minimum: float
    maximum: float
    digest: str  # equal for equal tensors
    channel_means: NDArray[np.float64]  # (3,)
    channel_squares: NDArray[np.float64]  # (3,) mean of the squared values
    low_fraction: NDArray[np.float64]  # (3,) of the values at the low end of the expected range
    high_fraction: NDArray[np.float64]  # (3,) of the values at the high end
    channel_difference: float  # mean absolute difference between the channels, as a fraction of the range
    coarse_share: float  # of the variance, what is left in a coarse version of the middle; noise averages out
    outline: NDArray[np.float32]  # of the picture, to tell scenes apart


@dataclass(frozen=True, slots=True)
class CalibrationStatistics:
    """All samples together, beside what the model expects."""

    expected: Range  # the real values of pixels 0 and 255
    color: str  # "rgb" or "bgr": the order of the channels
    samples: tuple[SampleStatistics, ...]

    @property
    def observed(self) -> Range:
        return Range(min(s.minimum for s in self.samples), max(s.maximum for s in self.samples))

    @property
    def distinct(self) -> int:
        return len({s.digest for s in self.samples})

    @property
    def scenes(self) -> tuple[SampleStatistics, ...]:
        """One sample of each scene, for what needs independent samples."""
        return tuple(self.samples[place] for place in first_of_each_scene([s.outline for s in self.samples]))

    @property
    def span(self) -> float:
        return self.expected.maximum - self.expected.minimum

    @property
    def channel_means(self) -> NDArray[np.float64]:
        """(3,) over all pixels of all samples."""
        means: NDArray[np.float64] = np.mean([s.channel_means for s in self.samples], axis=0)
        return means

    @property
    def channel_deviation(self) -> NDArray[np.float64]:
        """(3,) standard deviation over all pixels of all samples."""
        squares = np.mean([s.channel_squares for s in self.samples], axis=0)
        deviation: NDArray[np.float64] = np.sqrt(np.maximum(squares - self.channel_means**2, 0.0))
        return deviation


def measure(tensors: Iterable[NDArray[Any]], *, expected: Range, color: str) -> CalibrationStatistics:
    """The statistics of input tensors, each (1, H, W, 3) float32."""
    samples = tuple(_measure_one(tensor[0], expected) for tensor in tensors)
    return CalibrationStatistics(expected, color, samples)


def _measure_one(image: NDArray[Any], expected: Range) -> SampleStatistics:
    span = expected.maximum - expected.minimum
    return SampleStatistics(
        minimum=float(image.min()),
        maximum=float(image.max()),
        digest=hashlib.sha256(image.tobytes()).hexdigest(),
        channel_means=image.mean((0, 1), np.float64),
        channel_squares=np.square(image, dtype=np.float64).mean((0, 1)),
        low_fraction=(image <= expected.minimum + AT_THE_END * span).mean((0, 1)),
        high_fraction=(image >= expected.maximum - AT_THE_END * span).mean((0, 1)),
        channel_difference=float(np.abs(image - image.mean(2, keepdims=True)).mean() / span),
        coarse_share=_coarse_share(image),
        outline=outline(image, span=span),
    )


def _coarse_share(image: NDArray[Any]) -> float:
    """The variance between `COARSE_CELLS` x `COARSE_CELLS` cells, over all variance; 1 if there is none.

    Only the middle counts: a letterbox has borders.
    """
    height, width = image.shape[:2]
    middle = image[height // 4 : height - height // 4, width // 4 : width - width // 4].astype(np.float32).mean(2)
    coarse = cv2.resize(middle, (COARSE_CELLS, COARSE_CELLS), interpolation=cv2.INTER_AREA)
    return float(coarse.var() / middle.var()) if middle.var() > 0 else 1.0
