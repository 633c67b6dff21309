"""What a model's scores become for people: probabilities that mean what they say, by temperature scaling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ONE = np.float32(1).view(np.uint32)  # the bits of 1.0; those of floats that are not negative have the floats' order


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """``shown = sigmoid(logit(raw) / temperature)``: below 1 it makes a model surer of itself, above 1 less sure.

    Guo et al. 2017, "On Calibration of Modern Neural Networks"; for detectors Kueppers et al. 2020, "Multivariate
    Confidence Calibration for Object Detection". The order of the scores stays as it is, and so does 0.5.
    """

    temperature: float = 1.0  # 1.0: the scores stay as they are

    def shown(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """What people see in place of the ``raw`` scores, of any shape, from 0 to 1."""
        return raw if self.temperature == 1 else _scaled(raw, 1 / self.temperature)

    def raw(self, lowest: NDArray[np.float32]) -> NDArray[np.float32]:
        """The lowest raw scores that are shown as at least ``lowest``, of any shape; above 1, nothing passes.

        Exact to the last bit: a score that is shown as x passes the threshold x.
        """
        return lowest if self.temperature == 1 else self._lowest_raw(lowest)

    def _lowest_raw(self, lowest: NDArray[np.float32]) -> NDArray[np.float32]:
        # By bisection: the inverse formula is off by the rounding of both directions.
        low, high = np.zeros(lowest.shape, np.uint32), np.full(lowest.shape, ONE)
        for _ in range(int(ONE).bit_length()):
            middle = (low + high) // 2
            reached = self.shown(middle.view(np.float32)) >= lowest
            low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
        return np.where(lowest <= 1, high.view(np.float32), lowest)


def _scaled(probability: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """sigmoid(logit(probability) * factor), in double precision, so that neighbours keep their order."""
    exact = np.clip(probability.astype(np.float64), 0.0, 1.0)
    with np.errstate(divide="ignore"):
        logit = np.log(exact) - np.log1p(-exact)
    return (0.5 * (1 + np.tanh(0.5 * factor * logit))).astype(np.float32)
