"""Pauses between attempts."""

from __future__ import annotations

from itertools import islice

from edge_detector.backoff import doubling_pauses


def test_pauses_double_up_to_the_longest() -> None:
    assert list(islice(doubling_pauses(first_s=0.5, longest_s=3), 5)) == [0.5, 1.0, 2.0, 3, 3]
