"""Where tracked boxes are expected: a constant-velocity Kalman filter for many boxes at once, in real time.

R. E. Kalman 1960; the state of a box as in SORT (Bewley et al. 2016), with width and height (BoT-SORT, Aharon et al.
2022). Position and velocity of each of the four numbers are filtered apart from the other three, so a covariance is
2 x 2 and its inverse one division.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# Deviations, as a share of the box's size (the root of its area), so that near and far objects are treated alike.
MEASUREMENT = 0.08  # of one edge or centre as the detector finds it
ACCELERATION = 0.8  # of an object, in sizes per second squared
FIRST_VELOCITY = 1.0  # of an object of which one box is known, in sizes per second
VELOCITY_HALF_LIFE_S = 2.0  # without measurements an object is expected to slow down, rather than to run on


class Motion:
    """N boxes with their velocities; a row is one box. `select` and `append` change which there are."""

    def __init__(self) -> None:
        self.position = np.empty((0, 4))  # (N, 4) x and y of the centre, width, height, pixels
        self.velocity = np.empty((0, 4))  # (N, 4) the same per second
        self._variance = np.empty((3, 0, 4))  # of position, of position with velocity, of velocity

    def __len__(self) -> int:
        return len(self.position)

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(N, 4) x1, y1, x2, y2 in pixels, as expected now."""
        return boxes_at(self.position)

    def append(self, boxes: NDArray[np.float32]) -> None:
        """Follow further boxes (M, 4) x1, y1, x2, y2, whose velocity is not known."""
        measured = _as_position(boxes)
        size = size_of(measured)
        variance = np.stack([(MEASUREMENT * size) ** 2, np.zeros_like(size), (FIRST_VELOCITY * size) ** 2])
        self.position = np.vstack([self.position, measured])
        self.velocity = np.vstack([self.velocity, np.zeros_like(measured)])
        self._variance = np.concatenate([self._variance, np.repeat(variance, 4, axis=2)], axis=1)

    def select(self, rows: NDArray[np.bool_]) -> None:
        """Keep only some."""
        self.position, self.velocity = self.position[rows], self.velocity[rows]
        self._variance = self._variance[:, rows]

    def predict(self, elapsed_s: float, unseen: NDArray[np.bool_]) -> None:
        """Move on by ``elapsed_s``; those ``unseen`` (N,) in the frame before slow down."""
        slowing = np.where(unseen, 0.5 ** (elapsed_s / VELOCITY_HALF_LIFE_S), 1.0)[:, np.newaxis]
        self.velocity = self.velocity * slowing
        self.position = self.position + self.velocity * elapsed_s
        here, both, speed = self._variance
        noise = (ACCELERATION * size_of(self.position)) ** 2
        self._variance = np.stack(
            [
                here + 2 * elapsed_s * both + elapsed_s**2 * speed + noise * elapsed_s**4 / 4,
                both + elapsed_s * speed + noise * elapsed_s**3 / 2,
                speed + noise * elapsed_s**2,
            ]
        )

    def correct(self, rows: NDArray[np.intp], boxes: NDArray[np.float32]) -> None:
        """Take the measured ``boxes`` (M, 4) of ``rows`` (M,) into account."""
        measured = _as_position(boxes)
        here, both, speed = self._variance[:, rows]
        total = here + (MEASUREMENT * size_of(measured)) ** 2
        surprise = measured - self.position[rows]
        self.position[rows] += here / total * surprise
        self.velocity[rows] += both / total * surprise
        self._variance[:, rows] = here - here * here / total, both - here * both / total, speed - both * both / total


def _as_position(boxes: NDArray[np.float32]) -> Numbers:
    low, high = boxes[:, :2].astype(np.float64), boxes[:, 2:].astype(np.float64)
    return np.concatenate([(low + high) / 2, high - low], axis=1)


def boxes_at(position: Numbers) -> NDArray[np.float32]:
    """(N, 4) x1, y1, x2, y2 of positions (N, 4), at least a pixel wide and high."""
    centre, half = position[:, :2], np.maximum(position[:, 2:], 1.0) / 2
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)


def size_of(position: Numbers) -> Numbers:
    """(N, 1) the root of each box's area, at least one pixel."""
    return np.sqrt(np.maximum(position[:, 2:3], 1.0) * np.maximum(position[:, 3:4], 1.0))
