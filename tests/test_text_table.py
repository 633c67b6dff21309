from __future__ import annotations

import pytest

from edge_detector.text_table import aligned


def test_cells_stand_below_each_other_and_nothing_trails() -> None:
    assert aligned([("time", "class"), ("1", "person"), ("12:30", "")]) == ["time   class", "1      person", "12:30"]


def test_no_rows_are_no_lines() -> None:
    assert aligned([]) == []


def test_rows_of_different_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        aligned([("a", "b"), ("c",)])
