from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("tqdm", reason="needs the extra [workstation]")

from edge_detector.workstation.calibration.ranges import (
    BINS,
    CERTAIN,
    Range,
    ValueHistogram,
    calibrate,
    head_tensors,
    histograms,
    kl_range,
    mse_range,
    observed_ranges,
    percentile_range,
)
from tests.workstation.graphs import run, tiny_detector

RANDOM = np.random.default_rng(0)
IMAGES = [RANDOM.uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32) for _ in range(4)]
MODEL = tiny_detector().to_bytes()


def test_ranges_hold_the_extremes_of_all_samples() -> None:
    ranges = observed_ranges(MODEL, IMAGES)
    scores = np.concatenate([run(MODEL, image)["scores"] for image in IMAGES])
    pixels = np.concatenate(IMAGES)
    assert ranges["scores"] == Range(float(scores.min()), float(scores.max()))
    assert ranges["image"] == Range(float(pixels.min()), float(pixels.max()))


def test_every_activation_has_a_range_and_no_constant_has_one() -> None:
    assert observed_ranges(MODEL, IMAGES).keys() == {
        *("image", "features", "boxes/raw", "raw_boxes", "logits/raw", "logits", "scores"),
    }


def test_a_histogram_counts_every_value_once() -> None:
    full = observed_ranges(MODEL, IMAGES)
    assert histograms(MODEL, IMAGES, full)["image"].counts.sum() == len(IMAGES) * 16 * 16 * 3


def test_a_percentile_leaves_out_rare_extremes() -> None:
    counts = np.zeros(BINS, np.int64)
    counts[BINS // 2] = 1_000_000  # around 0
    counts[0] = counts[-1] = 1  # one value each at -1 and 1
    clipped = percentile_range(ValueHistogram(Range(-1.0, 1.0), counts))
    assert -0.01 < clipped.minimum <= 0.0 <= clipped.maximum < 0.01


def test_the_least_error_clips_a_lone_extreme_and_keeps_an_even_spread() -> None:
    even = np.ones(BINS, np.int64) * 1000
    assert mse_range(ValueHistogram(Range(-1.0, 1.0), even)) == Range(-1.0, 1.0)
    lonely = np.zeros(BINS, np.int64)
    lonely[BINS * 2 // 5 : BINS * 3 // 5] = 1_000_000
    lonely[-1] = 1
    assert mse_range(ValueHistogram(Range(-1.0, 1.0), lonely)).maximum < 0.5


def test_the_least_divergence_clips_a_long_tail_and_keeps_an_even_spread() -> None:
    even = np.ones(BINS, np.int64) * 1000
    assert kl_range(ValueHistogram(Range(-1.0, 1.0), even)) == Range(-1.0, 1.0)
    falling = np.round(1e6 * np.exp(-np.arange(BINS) / 60)).astype(np.int64)  # from 0 on; hardly any beyond a third
    clipped = kl_range(ValueHistogram(Range(0.0, 1.0), falling))
    assert clipped.minimum == 0.0
    assert clipped.maximum < 0.6


def test_values_of_zero_do_not_narrow_the_range() -> None:
    relu = np.ones(BINS, np.int64) * 1000
    relu[0] = 1_000_000_000
    assert kl_range(ValueHistogram(Range(0.0, 6.0), relu)) == Range(0.0, 6.0)


def test_a_tensor_of_nothing_but_zeros_keeps_its_range() -> None:
    zeros = np.zeros(BINS, np.int64)
    zeros[0] = 1000
    assert kl_range(ValueHistogram(Range(0.0, 0.0), zeros)) == Range(0.0, 0.0)


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse", "kl"])
def test_each_method_stays_inside_what_was_seen(method: str) -> None:
    full = observed_ranges(MODEL, IMAGES)
    for name, each in calibrate(tiny_detector(), IMAGES, method).items():
        assert full[name].minimum <= each.minimum <= each.maximum <= full[name].maximum


def test_heads_keep_their_full_range_but_for_logits_that_are_certain() -> None:
    graph = tiny_detector(certain=True)
    heads, logits = head_tensors(graph), {"logits", "logits/raw"}
    assert heads == {"raw_boxes", "boxes/raw", "scores", *logits}
    full, clipped = observed_ranges(graph.to_bytes(), IMAGES), calibrate(graph, IMAGES, "mse")
    assert all(clipped[name] == full[name] for name in heads - logits)
    assert full["logits"].minimum < -30
    assert {clipped[name] for name in logits} == {Range(-CERTAIN, full["logits"].maximum)}


def test_a_certain_logit_still_becomes_the_same_int8_probability() -> None:
    steps = 256 / (1 + np.exp([CERTAIN, -CERTAIN]))
    assert np.clip(np.round(steps), 0, 255).tolist() == [0, 255]


def test_features_are_clipped() -> None:
    full, clipped = observed_ranges(MODEL, IMAGES), calibrate(tiny_detector(), IMAGES, "mse")
    assert clipped["features"] != full["features"]


def test_the_scale_of_a_range_always_includes_zero() -> None:
    assert Range(0.5, 2.55).scale() == pytest.approx(0.01)
    assert Range(-2.55, -0.5).scale() == pytest.approx(0.01)
    assert Range(0.0, 0.0).scale() > 0


def test_the_int16_scale_reaches_the_end_that_is_further_from_zero() -> None:
    assert Range(-3.2767, 1.0).int16_scale() == pytest.approx(1e-4)
    assert Range(0.5, 3.2767).int16_scale() == pytest.approx(1e-4)
    assert Range(0.0, 0.0).int16_scale() > 0
