from __future__ import annotations

import pytest

from edge_detector.workstation.classification.share import Share


def test_a_share_is_hits_by_count() -> None:
    assert Share(3, 4).value == 0.75


@pytest.mark.parametrize(
    ("share", "interval"),
    [(Share(81, 100), (0.722, 0.875)), (Share(0, 10), (0.0, 0.278)), (Share(10, 10), (0.722, 1.0))],
)
def test_the_interval_is_wilson_s(share: Share, interval: tuple[float, float]) -> None:
    assert share.interval == pytest.approx(interval, abs=5e-4)


def test_of_no_pictures_nothing_is_known() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval) == (0.0, (0.0, 1.0))
