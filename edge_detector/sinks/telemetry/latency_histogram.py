"""Percentiles of any number of durations in a fixed amount of memory."""

from __future__ import annotations

import math

import numpy as np

LEAST_MS = 0.01
GROWTH = 1.01  # each bin is 1 % wider than the one before: a percentile is wrong by 0.5 % at most
BINS = math.ceil(math.log(1e9) / math.log(GROWTH))  # up to LEAST_MS * 1e9, four months; 16 kB


class LatencyHistogram:
    """Counts durations in milliseconds; `percentile` is exact to half a percent."""

    def __init__(self) -> None:
        self._counts = np.zeros(BINS, np.int64)

    def __len__(self) -> int:
        return int(self._counts.sum())

    def __repr__(self) -> str:
        return f"<LatencyHistogram of {len(self)}>"

    def add(self, duration_ms: float) -> None:
        """Count one duration; a shorter one than 0.01 ms counts as 0.01 ms."""
        position = math.log(max(duration_ms, LEAST_MS) / LEAST_MS) / math.log(GROWTH)
        self._counts[min(int(position), BINS - 1)] += 1

    def percentile(self, percent: float) -> float | None:
        """The duration in milliseconds that ``percent`` of all do not exceed; None if there are none."""
        total = len(self)
        if total == 0:
            return None
        rank = max(1, math.ceil(total * percent / 100))
        position = int(np.searchsorted(np.cumsum(self._counts), rank))
        return float(LEAST_MS * GROWTH ** (position + 0.5))
