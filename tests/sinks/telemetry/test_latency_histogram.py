"""Percentiles in a fixed amount of memory."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_detector.sinks.telemetry.latency_histogram import LEAST_MS, LatencyHistogram


@given(
    st.lists(st.floats(LEAST_MS, 1e6), min_size=1, max_size=200),
    st.sampled_from([0, 50, 95, 99, 100]),
)
def test_a_percentile_is_right_to_within_half_a_percent(durations_ms: list[float], percent: int) -> None:
    histogram = LatencyHistogram()
    for duration_ms in durations_ms:
        histogram.add(duration_ms)
    exact = np.percentile(durations_ms, percent, method="inverted_cdf")
    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.0051)


def test_nothing_has_no_percentiles() -> None:
    assert LatencyHistogram().percentile(50) is None


def test_zero_and_a_year_are_counted_too() -> None:
    histogram = LatencyHistogram()
    histogram.add(0.0)
    histogram.add(-3.0)  # clocks that disagree
    histogram.add(3e10)
    assert len(histogram) == 3
